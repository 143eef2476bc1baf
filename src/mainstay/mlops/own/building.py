"""From a version's algorithm and parameters to what decides; an ONNX model's file comes from the artefacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.domain.errors import Corrupt
from mainstay.mlops.artefacts import Artefacts
from mainstay.mlops.own.decomposed import mstl
from mainstay.mlops.own.onnx import scoring_of
from mainstay.mlops.own.windows import WindowScores
from mainstay.models.catalogue import DETECTORS, JUDGES, build, source_of, state_of
from mainstay.models.checks import Pure, Streaming
from mainstay.models.forecast import Forecaster

ONNX = WindowScores.ALGORITHM


def built(algorithm: str, parameters: Mapping[str, Any], artefacts: Artefacts) -> Streaming | Pure:
    """An algorithm with its parameters, ready to decide.

    Raises:
        NotFound, Corrupt: No such algorithm, package or file, or it cannot be loaded.
        Refused: A library that it needs is not installed.
        ValueError: It does not accept these parameters.
    """
    if algorithm == Forecaster.ALGORITHM and parameters.get("mstl"):
        return Forecaster(parameters, mstl())
    if algorithm != ONNX:
        return build(algorithm, parameters)
    if not isinstance(parameters.get("file"), str):
        raise Corrupt(f"{ONNX} needs `file`, the digest of an ONNX model; `mainstay models import onnx` makes one")
    return WindowScores(parameters, scoring_of(artefacts.read(parameters["file"])))


def is_brought(algorithm: str) -> bool:
    """Whether a user brought it: what it learned from is not known here.

    >>> is_brought("onnx-windows"), is_brought("robust-season")
    (True, False)
    """
    return algorithm not in {*DETECTORS, *JUDGES}


def state_named(algorithm: str) -> str:
    """Name of the format of the algorithm's state; "" for a judge."""
    return WindowScores.STATE if algorithm == ONNX else state_of(algorithm)


def source_named(algorithm: str) -> str:
    """The package and version that an algorithm comes from; "" for ours."""
    return "" if algorithm == ONNX else source_of(algorithm)

"""Registering what a user brings: a version of an algorithm, of the right kind and name, signed like ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mainstay.domain.errors import BadInput, Corrupt
from mainstay.domain.models import ModelKind, ModelVersion
from mainstay.mlops.own.building import ONNX
from mainstay.mlops.own.kit import candidate, has_what_is_asked
from mainstay.mlops.own.onnx import EXPECTED, LONGEST, SHORTEST, scoring_of, tried
from mainstay.mlops.own.windows import WindowScores
from mainstay.mlops.registry import KINDS, Registry
from mainstay.models.catalogue import class_named, defaults_of, kind_of

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class OwnModels:
    """The door through which models of the user's own come into the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def register(
        self, name: str, kind: ModelKind, algorithm: str, parameters: Mapping[str, Any], *, by: str, why: str
    ) -> ModelVersion:
        """A version of an algorithm, ours or of an installed package; nothing serves it until it is deployed.

        Raises:
            NotFound: Neither ours nor offered by a package that is installed where the platform runs.
            BadInput: Another kind, a name that is taken by one, a class that lacks something, or such parameters.
            Corrupt: The package cannot be imported.
        """
        check_name(self._registry, name, kind)
        said = kind_of(algorithm)
        if said and said != kind:
            raise BadInput(f"{algorithm} is made for {said}, not for {kind}")
        missing = has_what_is_asked(candidate(class_named(algorithm), kind))
        if missing:
            raise BadInput(f"{algorithm}: {missing}; `mainstay models check {algorithm} --kind {kind}` tells all")
        whole = {**defaults_of(algorithm), **parameters}
        try:
            return self._registry.register(kind, algorithm, whole, by=by, why=why, model=name)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{algorithm} does not accept these parameters: {error}") from None

    def import_onnx(self, name: str, body: bytes, parameters: Mapping[str, Any], *, by: str, why: str) -> ModelVersion:
        """A detector of metrics from an ONNX file; its bytes are kept and signed for.

        Raises:
            BadInput: The file is no ONNX model, reaches for other files, has other inputs or outputs, or gives what is
                no score; and what was expected.
            Refused: onnxruntime is not installed where the platform runs.
        """
        check_name(self._registry, name, "metrics")
        try:
            scoring = scoring_of(body)
        except Corrupt as error:
            raise BadInput(f"{error}; {EXPECTED}") from None
        window = scoring.window or parameters.get("window")
        if not isinstance(window, int) or not SHORTEST <= window <= LONGEST:
            raise BadInput(f"the model takes windows of any length: say which, --set window={SHORTEST}…{LONGEST}")
        whole = {**WindowScores.DEFAULTS, "window": window, **parameters, "file": self._registry.artefacts.keep(body)}
        tried(scoring, window, str(whole["reads"]))
        try:
            return self._registry.register("metrics", ONNX, whole, by=by, why=why, model=name)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{ONNX} does not accept these parameters: {error}") from None


def check_name(registry: Registry, name: str, kind: ModelKind) -> None:
    """Whether a model may have this name.

    Raises:
        BadInput: It may not, and why.
    """
    if kind not in KINDS:
        raise BadInput(f"there is no kind of model {kind!r}; give one of {', '.join(KINDS)}")
    if not NAME.fullmatch(name):
        raise BadInput(f"{name[:80]!r} is no name of a model: up to 64 of a-z, 0-9, '.', '_', '-'")
    others = {version.kind for version in registry.versions(name)} | ({name} if name in KINDS else set())
    if others - {kind}:
        raise BadInput(f"{name!r} is a model for {others.pop()}; give a model for {kind} another name")

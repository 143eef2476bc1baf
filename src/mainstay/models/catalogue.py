"""Algorithm name → class. A new algorithm is one file and one line here, or a package of the user's own.

A package offers a class under the entry point group `mainstay.models`, by its ALGORITHM name. It is imported when a
version of it is built and not before; a name that stands here is never looked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mainstay.domain.errors import NotFound
from mainstay.domain.models import ModelKind
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.checks import Pure, Streaming
from mainstay.models.correlation import Correlator
from mainstay.models.entered import class_of_entry, made_by_entry, source_of_entry
from mainstay.models.entity.watch import EntityRelations
from mainstay.models.forecast import Forecaster
from mainstay.models.impact import ChangeRisk, ImpactJudge
from mainstay.models.logs.templates import TemplateWatch
from mainstay.models.planning import Planner
from mainstay.models.prediction import Predictor
from mainstay.models.predictions import PredictionWatch
from mainstay.models.rca import Diagnoser
from mainstay.models.similarity import Resemblance
from mainstay.models.suppression import Dependency
from mainstay.models.traces.edges import EdgeShift

DETECTORS: dict[str, type[Streaming]] = {
    cls.ALGORITHM: cls for cls in (RobustSeason, TemplateWatch, EdgeShift, EntityRelations, PredictionWatch)
}
JUDGES: dict[str, type[Pure]] = {
    cls.ALGORITHM: cls
    for cls in (Correlator, Diagnoser, Dependency, Planner, Forecaster, ImpactJudge, ChangeRisk, Predictor, Resemblance)
}
SHIPPED: dict[ModelKind, str] = {
    "metrics": RobustSeason.ALGORITHM,
    "logs": TemplateWatch.ALGORITHM,
    "edges": EdgeShift.ALGORITHM,
    "entities": EntityRelations.ALGORITHM,
    "predictions": PredictionWatch.ALGORITHM,
    "correlator": Correlator.ALGORITHM,
    "diagnoser": Diagnoser.ALGORITHM,
    "suppressor": Dependency.ALGORITHM,
    "planner": Planner.ALGORITHM,
    "forecaster": Forecaster.ALGORITHM,
    "impact": ImpactJudge.ALGORITHM,
    "change-risk": ChangeRisk.ALGORITHM,
    "predictor": Predictor.ALGORITHM,
    "similarity": Resemblance.ALGORITHM,
}
"""Which algorithm decides at first start, per kind."""


def defaults_of(algorithm: str) -> dict[str, Any]:
    """The hand-set parameters that an algorithm ships with."""
    return dict(class_named(algorithm).DEFAULTS)


def state_of(algorithm: str) -> str:
    """Name of the format of the algorithm's state; "" for a judge, which has none."""
    return str(getattr(class_named(algorithm), "STATE", ""))


def source_of(algorithm: str) -> str:
    """The package and version that an algorithm of the user's own comes from; "" for ours."""
    return "" if algorithm in DETECTORS or algorithm in JUDGES else source_of_entry(algorithm)


def build(algorithm: str, parameters: Mapping[str, Any]) -> Streaming | Pure:
    """An algorithm with its parameters, ready to decide.

    Raises:
        NotFound: Neither ours nor offered by an installed package.
        Corrupt: The package that offers it cannot be imported, or its class not be made.
        ValueError: It does not accept these parameters.
    """
    cls = class_named(algorithm)
    if algorithm in DETECTORS or algorithm in JUDGES:
        return cls(parameters)
    made: Streaming | Pure = made_by_entry(cls, parameters)
    return made


def kind_of(algorithm: str) -> str:
    """The kind that an algorithm is made for, when it says so; "" when it does not."""
    ours = {shipped: kind for kind, shipped in SHIPPED.items()}
    return ours.get(algorithm) or str(getattr(class_named(algorithm), "KIND", ""))


def build_together(
    algorithm: str, versions: Sequence[Mapping[str, Any]], which: Callable[[str], int], mark: str
) -> Streaming | None:
    """Several versions as one detector, a call a batch; None when the algorithm has no way to do that."""
    return RobustSeason.together(versions, which, mark) if algorithm == RobustSeason.ALGORITHM else None


def class_named(algorithm: str) -> type[Streaming | Pure]:
    """The class of an algorithm, ours or of an installed package."""
    found = DETECTORS.get(algorithm) or JUDGES.get(algorithm) or class_of_entry(algorithm)
    if found is None:
        known = ", ".join(sorted({*DETECTORS, *JUDGES}))
        raise NotFound(f"there is no algorithm {algorithm[:80]!r}, and no package offers it; known: {known}")
    return found

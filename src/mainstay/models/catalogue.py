"""Algorithm name → class. A new algorithm is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mainstay.domain.errors import NotFound
from mainstay.domain.models import ModelKind
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.checks import Pure, Streaming
from mainstay.models.correlation import Correlator
from mainstay.models.entity.watch import EntityRelations
from mainstay.models.forecast import Forecaster
from mainstay.models.logs.templates import TemplateWatch
from mainstay.models.planning import Planner
from mainstay.models.predictions import PredictionWatch
from mainstay.models.rca import Diagnoser
from mainstay.models.traces.edges import EdgeShift

DETECTORS: dict[str, type[Streaming]] = {
    cls.ALGORITHM: cls for cls in (RobustSeason, TemplateWatch, EdgeShift, EntityRelations, PredictionWatch)
}
JUDGES: dict[str, type[Pure]] = {cls.ALGORITHM: cls for cls in (Correlator, Diagnoser, Planner, Forecaster)}
SHIPPED: dict[ModelKind, str] = {
    "metrics": RobustSeason.ALGORITHM,
    "logs": TemplateWatch.ALGORITHM,
    "edges": EdgeShift.ALGORITHM,
    "entities": EntityRelations.ALGORITHM,
    "predictions": PredictionWatch.ALGORITHM,
    "correlator": Correlator.ALGORITHM,
    "diagnoser": Diagnoser.ALGORITHM,
    "planner": Planner.ALGORITHM,
    "forecaster": Forecaster.ALGORITHM,
}
"""Which algorithm decides at first start, per kind."""


def defaults_of(algorithm: str) -> dict[str, Any]:
    """The hand-set parameters that an algorithm ships with."""
    return dict(_class_of(algorithm).DEFAULTS)


def state_of(algorithm: str) -> str:
    """Name of the format of the algorithm's state; "" for a judge, which has none."""
    cls = DETECTORS.get(algorithm)
    return cls.STATE if cls else ""


def build(algorithm: str, parameters: Mapping[str, Any]) -> Streaming | Pure:
    """An algorithm with its parameters, ready to decide."""
    return _class_of(algorithm)(parameters)


def build_together(
    algorithm: str, versions: Sequence[Mapping[str, Any]], which: Callable[[str], int], mark: str
) -> Streaming | None:
    """Several versions as one detector, a call a batch; None when the algorithm has no way to do that."""
    return RobustSeason.together(versions, which, mark) if algorithm == RobustSeason.ALGORITHM else None


def _class_of(algorithm: str) -> type[Streaming | Pure]:
    found = DETECTORS.get(algorithm) or JUDGES.get(algorithm)
    if found is None:
        raise NotFound(f"there is no algorithm {algorithm!r}; known: {', '.join(sorted({*DETECTORS, *JUDGES}))}")
    return found

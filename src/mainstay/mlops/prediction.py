"""The predictor's training and its judge: weights from the past, judged on what came after, beside the baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import F64
from mainstay.mlops.registry import Registry
from mainstay.mlops.serving import Serving
from mainstay.models.prediction.fit import Alarms, Looks, alarms, fit, threshold_for

__all__ = ["Looks", "Seen", "judged", "register", "scores_of"]
DAY_MS = 86_400_000.0
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Seen:
    """Looks at services, with what the baseline said at each, and how they are judged.

    Attributes:
        usual: f64[looks]: the repeat-offender baseline.
        split_ms: What is older is learned from, what is newer is judged by.
        false_per_day: False alarms that are accepted.
        days: How long the newer part was watched.
    """

    looks: Looks
    usual: F64
    features: Sequence[str]
    horizon_s: float
    split_ms: int
    days: float
    past_days: float
    false_per_day: float = 1.0


def register(registry: Registry, seen: Seen) -> ModelVersion | None:
    """A version with weights learned before `split_ms`, and a threshold within the budget there; None: too few cases.

    The same looks give the same artefact.
    """
    past = seen.looks.part(seen.looks.at_ms < seen.split_ms)
    truth = past.leads_to(seen.horizon_s * 1000)
    found = fit(past.rows, truth, seen.features)
    if not found:
        return None
    log_odds = past.rows @ np.array([found["weights"][name] for name in seen.features]) + found["bias"]
    scores = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    most = seen.false_per_day * seen.past_days
    threshold = threshold_for(past, scores, seen.horizon_s * 1000, most)
    parameters = {**found, "threshold": round(min(threshold, 1.0), 6), "horizon_s": seen.horizon_s}
    return registry.register(
        "predictor",
        "leading-logistic",
        parameters,
        by="mainstay",
        why=f"learned from {len(past.at_ms)} looks of {seen.past_days:.2f} days",
        dataset=hashlib.sha256(past.rows.tobytes() + past.at_ms.tobytes() + truth.tobytes()).hexdigest(),
    )


def scores_of(serving: Serving, ref: VersionRef, looks: Looks, features: Sequence[str]) -> F64:
    """What a version says of each look, through its deployment."""
    if serving.deployment("predictor").live != ref:
        live = {"kind": "predictor", "live": str(ref)}
        serving.apply(Command(kind="deploy", by="evaluate", at_ms=0, subject="predictor", arguments=live), Effects())
    found = []
    for first in range(0, len(looks.at_ms), AT_ONCE):
        rows = looks.rows[first : first + AT_ONCE].tolist()
        names = [str(at) for at in range(len(rows))]
        inputs = {"features": list(features), "services": names, "rows": rows}
        said = serving.decide("predictor", inputs).output["probability"]
        found += [said[name] for name in names]
    return np.array(found)


def judged(serving: Serving, registry: Registry, seen: Seen) -> dict[str, Any]:
    """Recall, false alarms and lead on what came after the split: learned weights, shipped ones, and the baseline.

    Each has its threshold from before the split (within the budget there); beside it the best that any threshold
    would have given within the budget afterwards, which nobody can know beforehand.
    """
    shipped = serving.deployment("predictor").live
    learned = register(registry, seen)
    after = seen.looks.at_ms >= seen.split_ms
    figures: dict[str, Any] = {}
    for name, ref in (("learned", None if learned is None else learned.ref), ("shipped", shipped)):
        if ref is not None:
            figures[name] = _figures(seen, scores_of(serving, ref, seen.looks, seen.features), after)
    figures["repeat_offender"] = _figures(seen, seen.usual, after)
    if learned is not None:
        figures["weights"] = {name: round(weight, 3) for name, weight in learned.parameters["weights"].items()}
    return figures


def _figures(seen: Seen, scores: F64, after: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    horizon_ms = seen.horizon_s * 1000
    before = seen.looks.part(~after)
    threshold = threshold_for(before, scores[~after], horizon_ms, seen.false_per_day * seen.past_days)
    later, theirs = seen.looks.part(after), scores[after]
    best = threshold_for(later, theirs, horizon_ms, seen.false_per_day * seen.days)
    at_best = alarms(later, theirs, best, horizon_ms)
    return {
        **_told(alarms(later, theirs, threshold, horizon_ms), seen.days),
        "recall_best": _share(at_best.caught, at_best.incidents),
        "lead_s_best": _middle(at_best),
    }


def _told(found: Alarms, days: float) -> dict[str, Any]:
    return {
        "recall": _share(found.caught, found.incidents),
        "caught": found.caught,
        "incidents": found.incidents,
        "false_per_day": round(found.false / days, 3),
        "precision": _share(found.true, found.true + found.false),
        "lead_s": _middle(found),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _middle(found: Alarms) -> float | None:
    return round(median(found.leads_s), 1) if found.leads_s else None

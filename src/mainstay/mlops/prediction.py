"""The predictor's training and its judge: weights from the past, judged on what came after, beside the baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import F64
from mainstay.mlops.registry import Registry
from mainstay.mlops.serving import Serving
from mainstay.mlops.training.foretelling.learning import Seen, held, learned, middle, share, told
from mainstay.models.prediction.fit import Looks, threshold_for

__all__ = ["Looks", "Seen", "judged", "register", "scores_of"]
AT_ONCE = 5_000


def register(registry: Registry, seen: Seen) -> ModelVersion | None:
    """A version with weights learned before `split_ms`, and a threshold within the budget there; None: too few cases.

    The same looks give the same artefact.
    """
    found = learned(seen)
    if found is None:
        return None
    past = seen.past
    return registry.register(
        "predictor",
        "leading-logistic",
        found.parameters,
        by="mainstay",
        why=f"learned from {len(past.at_ms)} looks of {seen.past_days:.2f} days",
        dataset=hashlib.sha256(past.rows.tobytes() + past.at_ms.tobytes() + repr(past.begins).encode()).hexdigest(),
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
    version = register(registry, seen)
    figures: dict[str, Any] = {}
    if version is not None:
        scores = scores_of(serving, version.ref, seen.looks, seen.features)
        figures["learned"] = _figures(seen, scores, version.parameters["threshold"])
    figures["shipped"] = _figures(seen, scores_of(serving, shipped, seen.looks, seen.features))
    figures["repeat_offender"] = _figures(seen, seen.usual)
    if version is not None:
        figures["weights"] = {name: round(weight, 3) for name, weight in version.parameters["weights"].items()}
    return figures


def _figures(seen: Seen, scores: F64, threshold: float | None = None) -> dict[str, Any]:
    if threshold is None:
        threshold = seen.threshold(scores[seen.is_past])
    later, theirs = seen.looks.part(seen.is_later), scores[seen.is_later]
    best = threshold_for(later, theirs, seen.horizon_s * 1000, seen.false_per_day * seen.days)
    at_best = held(seen, theirs, best, seen.is_later)
    return {
        **told(held(seen, theirs, threshold, seen.is_later), seen.days),
        "recall_best": share(at_best.caught, at_best.incidents),
        "lead_s_best": middle(at_best),
    }

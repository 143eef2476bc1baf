"""The predictor's training and its judge: weights from the past, judged on what came after, beside the baseline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import F64
from mainstay.mlops.registry import Registry
from mainstay.mlops.serving import Serving
from mainstay.mlops.training.foretelling.learning import Seen, held, learned, middle, share, told
from mainstay.models.prediction.fit import Alarms, Looks, threshold_for

__all__ = ["Looks", "Outcome", "Seen", "judged", "outcomes", "register", "said", "scores_of"]
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came after the split.

    Attributes:
        told: With the threshold from before the split. best: with the best of any afterwards, which nobody can know.
        looks: How many were judged. came: before an incident. expected: the sum of what was said of them.
        missed: The sum of squares of what was said less what came (Brier).
    """

    told: Alarms
    best: Alarms
    looks: int
    came: int
    expected: float
    missed: float

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            _both(self.told, other.told), _both(self.best, other.best), self.looks + other.looks,
            self.came + other.came, self.expected + other.expected, self.missed + other.missed,
        )  # fmt: skip


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
    found, weights = outcomes(serving, registry, seen)
    figures = {who: said(one, seen.days) for who, one in found.items()}
    return {**figures, **({"weights": weights} if weights else {})}


def outcomes(serving: Serving, registry: Registry, seen: Seen) -> tuple[dict[str, Outcome], Mapping[str, float]]:
    """The same to be added up: what came of `learned`, `shipped` and `repeat_offender`, and the learned weights."""
    shipped = serving.deployment("predictor").live
    version = register(registry, seen)
    found: dict[str, Outcome] = {}
    if version is not None:
        scores = scores_of(serving, version.ref, seen.looks, seen.features)
        found["learned"] = _outcome(seen, scores, version.parameters["threshold"])
    found["shipped"] = _outcome(seen, scores_of(serving, shipped, seen.looks, seen.features))
    found["repeat_offender"] = _outcome(seen, seen.usual)
    weights = version.parameters["weights"] if version is not None else {}
    return found, {name: round(weight, 3) for name, weight in weights.items()}


def said(one: Outcome, days: float) -> dict[str, Any]:
    """Figures of an outcome, for people. `brier_skill`: 0 is the share of looks that an incident follows, 1 knows."""
    usual = one.came / one.looks if one.looks else 0.0
    chance = one.looks * usual * (1 - usual)
    return {
        **told(one.told, days),
        "recall_best": share(one.best.caught, one.best.incidents),
        "lead_s_best": middle(one.best),
        "expected_by_came": round(one.expected / one.came, 3) if one.came else None,
        "brier_skill": round(1 - one.missed / chance, 3) if chance else None,
    }


def _outcome(seen: Seen, scores: F64, threshold: float | None = None) -> Outcome:
    if threshold is None:
        threshold = seen.threshold(scores[seen.is_past])
    later, theirs = seen.looks.part(seen.is_later), scores[seen.is_later]
    best = threshold_for(later, theirs, seen.horizon_s * 1000, seen.false_per_day * seen.days)
    truth = later.leads_to(seen.horizon_s * 1000)
    return Outcome(
        held(seen, theirs, threshold, seen.is_later), held(seen, theirs, best, seen.is_later), len(truth),
        int(truth.sum()), float(theirs.sum()), float(((theirs - truth) ** 2).sum()),
    )  # fmt: skip


def _both(one: Alarms, other: Alarms) -> Alarms:
    return Alarms(
        one.true + other.true, one.false + other.false, one.caught + other.caught, one.incidents + other.incidents,
        one.leads_s + other.leads_s, one.foretold + other.foretold,
    )  # fmt: skip

"""A predictor from the platform's own past: looks at services that were kept, and the incidents that followed.

What is learned from is what was seen: the rows are those that the predictor was asked with. Weights and threshold come
from the older part, judgement from the newer; looks whose horizon reaches over the border are in neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from mainstay.domain.models import ModelKind
from mainstay.domain.shares import Z, counts, wilson
from mainstay.domain.signals import F64
from mainstay.models.prediction.fit import Alarms, Bools, Looks, alarms, fit, threshold_for

FITTED: frozenset[ModelKind] = frozenset({"predictor"})
"""Kinds that are fitted whole; nothing of them is turned by a factor."""
FALSE_PER_DAY = 1.0
"""False alarms that are accepted, of the whole estate."""
NINE_OF_TEN = 1.28
"""Standard deviations of a count (Poisson: its root) by which nine of ten draws lie below."""
PART = 0.6
"""Of the incidents, the older ones are learned from."""
FOLDS = 4
LEAST_LEADS = 6
"""Of fewer no two bound their median with 95 %."""
RIDGES = (3.0, 1.0, 10.0, 30.0)
Scores = Callable[[F64], F64]


@dataclass(frozen=True, slots=True)
class Seen:
    """Looks at services, with what the baseline said at each, and how they are judged.

    Attributes:
        usual: f64[looks]: the repeat-offender baseline.
        split_ms: What is older is learned from, what is newer is judged by.
        false_per_day: False alarms that are accepted.
        days: How long the newer part was watched; past_days: the older one.
    """

    looks: Looks
    usual: F64
    features: Sequence[str]
    horizon_s: float
    split_ms: int
    days: float
    past_days: float
    false_per_day: float = FALSE_PER_DAY

    @property
    def is_past(self) -> Bools:
        """What is learned from: its horizon ends before the split."""
        return np.asarray(self.looks.at_ms + self.horizon_s * 1000 < self.split_ms)

    @property
    def is_later(self) -> Bools:
        """What is judged by."""
        return np.asarray(self.looks.at_ms >= self.split_ms)

    @property
    def past(self) -> Looks:
        """The looks that are learned from."""
        return self.looks.part(self.is_past)

    def threshold(self, scores: F64) -> float:
        """The lowest one by which the past keeps within the budget with room for chance; `scores` are of past looks.

        An equal stretch to come has at most the budget in nine of ten cases: both counts are chance, the one of the
        past and the one to come, so their difference varies as two of them.
        """
        budget = self.false_per_day * self.past_days
        most_false = max(budget - NINE_OF_TEN * math.sqrt(2 * budget), 0.0)
        return threshold_for(self.past, scores, self.horizon_s * 1000, most_false)


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned of the past.

    Attributes:
        parameters: Of a version. scores: f64[past looks]: of each, by weights that had not seen its stretch of time.
    """

    parameters: dict[str, Any]
    scores: F64


def learned(seen: Seen, ridge: float = RIDGES[0]) -> Learned | None:
    """Weights, and a threshold from looks that the weights had not seen; None: too few cases.

    In-sample scores flatter: a threshold from them gives more false alarms than the budget on what comes after. So the
    past is cut into four stretches, and each is scored by weights from the other three.
    """
    past = seen.past
    truth = past.leads_to(seen.horizon_s * 1000)
    found = fit(past.rows, truth, seen.features, ridge)
    if not found:
        return None
    scores = scored(found, seen.features, past.rows)
    edges = np.quantile(past.at_ms, np.linspace(0, 1, FOLDS + 1))[1:-1]
    fold = np.searchsorted(edges, past.at_ms, side="right")
    border = seen.horizon_s * 1000
    for number in range(FOLDS):
        held = fold == number
        first, last = past.at_ms[held].min(initial=1 << 62), past.at_ms[held].max(initial=0)
        near = (past.at_ms > first - border) & (past.at_ms < last + border)
        others = fit(past.rows[~near], truth[~near], seen.features, ridge)
        if others:
            scores[held] = scored(others, seen.features, past.rows[held])
    threshold = min(seen.threshold(scores), 1.0)
    return Learned({**found, "threshold": round(threshold, 6), "horizon_s": seen.horizon_s}, scores)


def scored(parameters: dict[str, Any], features: Sequence[str], rows: F64) -> F64:
    """What weights say of rows; the predictor's own formula."""
    log_odds = rows @ np.array([parameters["weights"].get(name, 0.0) for name in features]) + parameters["bias"]
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))


def held(seen: Seen, scores: F64, threshold: float, which: Bools) -> Alarms:
    """What would have been told of some of the looks; `scores` are of these."""
    return alarms(seen.looks.part(which), scores, threshold, seen.horizon_s * 1000)


def told(found: Alarms, days: float) -> dict[str, Any]:
    """Figures of alarms, for people; `_within`: the 95 % interval (Wilson; Poisson; order statistics)."""
    return {
        "recall": share(found.caught, found.incidents),
        "recall_within": within(found.caught, found.incidents),
        "caught": found.caught,
        "incidents": found.incidents,
        "false_per_day": round(found.false / days, 3),
        "false_per_day_within": [round(end / days, 3) for end in counts(found.false)],
        "precision": share(found.true, found.true + found.false),
        "lead_s": middle(found),
        "lead_s_within": middle_within(found),
    }


def within(part: int, whole: int) -> list[float] | None:
    """The 95 % interval of a share to three digits; None of nothing."""
    return [round(end, 3) for end in wilson(part, whole)] if whole else None


def middle_within(found: Alarms) -> list[float] | None:
    """The 95 % interval of the median lead by order statistics; None of fewer than six.

    >>> middle_within(Alarms(9, 0, 9, 9, tuple(float(n) for n in range(9))))
    [1.0, 7.0]
    """
    leads = sorted(found.leads_s)
    if len(leads) < LEAST_LEADS:
        return None
    first = math.floor(len(leads) / 2 - Z * math.sqrt(len(leads)) / 2)
    return [round(leads[first], 1), round(leads[-1 - first], 1)]


def share(part: int, whole: int) -> float | None:
    """A share to three digits; None of nothing."""
    return round(part / whole, 3) if whole else None


def middle(found: Alarms) -> float | None:
    """Median lead in seconds; None when nothing was caught."""
    return round(median(found.leads_s), 1) if found.leads_s else None

"""Weights from what happened: logistic regression with a ridge, and a threshold for a budget of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64, I64
from mainstay.models.prediction.predictor import chance

RIDGE = 3.0
STEPS = 50
TRIES, HALVINGS = 60, 12
LEAST_CASES = 5
"""With fewer incidents nothing is learned: the priors stay."""
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alarms:
    """What came of a threshold.

    Attributes:
        true, false: Alarms. caught, incidents: Incidents that an alarm came before, and all of them.
        leads_s: Of each caught incident, the time between its first alarm and it.
        foretold: (service, when it began) of each caught incident, beside `leads_s`.
    """

    true: int
    false: int
    caught: int
    incidents: int
    leads_s: tuple[float, ...]
    foretold: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Looks:
    """Rows of one service each, in the order of time.

    Attributes:
        service, at_ms: i64[n]. rows: f64[n, features].
        begins: By service, when its incidents began, in order.
    """

    service: I64
    at_ms: I64
    rows: F64
    begins: dict[int, list[int]]

    def leads_to(self, horizon_ms: float) -> Bools:
        """Whether an incident of the service begins within the horizon."""
        found = np.zeros(len(self.at_ms), np.bool_)
        for service, begins in self.begins.items():
            mine = np.flatnonzero(self.service == service)
            following = np.searchsorted(np.array(begins), self.at_ms[mine], side="right")
            is_more = following < len(begins)
            soon = np.array([*begins, 0])[np.minimum(following, len(begins))] - self.at_ms[mine] <= horizon_ms
            found[mine] = is_more & soon
        return found

    def part(self, which: Bools) -> Looks:
        """Some of the rows; the incidents stay."""
        return Looks(self.service[which], self.at_ms[which], self.rows[which], self.begins)


def fit(rows: F64, truth: Bools, features: Sequence[str], ridge: float = RIDGE) -> dict[str, Any]:
    """Weights and bias of the predictor by Newton's method, deterministic; empty when there are too few cases.

    Neighbouring looks at one coming incident are not cases of their own: rows are weighted so that the positive ones
    count as many as there are runs of them.

    >>> x = np.array([[0.0], [0.1], [1.0], [1.1]] * 5)
    >>> found = fit(x, x[:, 0] > 0.5, ["odd"])
    >>> found["weights"]["odd"] > 1
    True
    """
    runs = int((truth[1:] & ~truth[:-1]).sum() + (truth[0] if len(truth) else 0))
    if runs < LEAST_CASES:
        return {}
    scale = rows.std(axis=0)
    scale[scale == 0] = 1.0
    x = np.column_stack([np.ones(len(rows)), rows / scale])
    per_run = max(float(truth.sum()) / runs, 1.0)
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6  # the bias is not held back
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(max(truth.mean(), 1e-9) / max(1 - truth.mean(), 1e-9))
    for _ in range(STEPS):
        p = chance(x @ beta)
        gradient = x.T @ (truth - p) / per_run - penalty * beta
        curve = (x.T * (p * (1 - p) / per_run)) @ x + np.diag(penalty)
        step = np.linalg.solve(curve, gradient)
        here = _loss(x, truth, beta, per_run, penalty)
        while _loss(x, truth, beta + step, per_run, penalty) > here and float(np.abs(step).max()) > 1e-9:
            step = step / 2  # rare features are steep: a whole step can go too far
        beta = beta + step
        if float(np.abs(step).max()) < 1e-9:
            break
    weights = np.clip(beta[1:] / scale, -50, 50)
    return {
        "weights": {name: round(float(w), 6) for name, w in zip(features, weights, strict=True)},
        "bias": round(float(np.clip(beta[0], -50, 50)), 6),
    }


def _loss(x: F64, truth: Bools, beta: F64, per_run: float, penalty: F64) -> float:
    odds = np.clip(x @ beta, -500, 500)
    fit_of = float((np.log1p(np.exp(-np.abs(odds))) + np.maximum(odds, 0) - truth * odds).sum()) / per_run
    return fit_of + float((penalty * beta * beta).sum()) / 2


def alarms(looks: Looks, scores: F64, threshold: float, horizon_ms: float) -> Alarms:
    """What would have been told: of each service one alarm a horizon, true when an incident begins within it."""
    true = false = caught = 0
    leads: list[float] = []
    which: list[tuple[int, int]] = []
    since, until = (int(looks.at_ms.min()), int(looks.at_ms.max())) if len(looks.at_ms) else (0, 0)
    total = 0
    for service in np.unique(looks.service).tolist():
        begins = [at for at in looks.begins.get(service, ()) if since < at <= until]
        total += len(begins)
        mine = np.flatnonzero((looks.service == service) & (scores >= threshold))
        quiet_until, found = -1.0, set()
        for at in looks.at_ms[mine].tolist():
            if at < quiet_until:
                continue
            quiet_until = at + horizon_ms
            hits = [one for one in begins if at < one <= at + horizon_ms]
            true, false = true + bool(hits), false + (not hits)
            new = [one for one in hits if one not in found]
            leads += [(one - at) / 1000 for one in new]
            which += [(service, one) for one in new]
            found.update(hits)
        caught += len(found)
    return Alarms(true, false, caught, total, tuple(leads), tuple(which))


def threshold_for(looks: Looks, scores: F64, horizon_ms: float, most_false: float) -> float:
    """The lowest threshold with at most so many false alarms; above every score when none has.

    Sixty thresholds are tried, each flagging a fifth less than the one before; then what lies between the first that
    holds and the last that did not is halved until no score lies between, at most a dozen times.
    """
    if not len(scores):
        return 1.0
    tried, below = np.unique(np.quantile(scores, 1 - np.geomspace(1e-5, 0.3, TRIES))).tolist(), None
    while tried and alarms(looks, scores, tried[0], horizon_ms).false > most_false:
        below = tried.pop(0)
    if not tried:
        return float(scores.max()) + 1e-9
    if below is None:
        return float(tried[0])
    between = np.unique(scores[scores > below])
    low, high = 0, int(np.searchsorted(between, tried[0]))  # the first score that is not below flags the same looks
    for _ in range(HALVINGS):
        if low < high:
            middle = (low + high) // 2
            is_within = alarms(looks, scores, float(between[middle]), horizon_ms).false <= most_false
            low, high = (low, middle) if is_within else (middle + 1, high)
    return float(between[high])

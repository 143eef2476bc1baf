"""What the forecaster is asked about a row: its histories, and how near to its limit it has been before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mainstay.domain.signals import F64, I64
from mainstay.outlook.kernel import STEPS_MS
from mainstay.outlook.resources import Now, Resources

SEASONS = (1, 1, 24)
HORIZONS = (24, 48, 48)
LEAST_POINTS = 8
BLOCK = 6
"""Of what jumps so many samples make one point, their median: a p95 of five seconds is of few requests."""
SEEN = 0.95
"""What a latency was above for less than a twentieth of the time was an incident of it, and no habit."""
WANDERS = 0.42
"""The logarithm of the factor by which the slope of a latency wanders while its rise lasts once more. Measured
(docs/forecast.md)."""
BEYOND = 0.2
"""No day is like the other: its rise must leave behind what it has been by this share of what is left."""

Asked = dict[str, Any]


def on_grid(at_ms: I64, values: F64) -> tuple[F64, float]:
    """Samples as they came, at equal steps (ms): the usual distance between two of them; gaps are bridged.

    >>> on_grid(np.array([0, 2000, 4000, 8000]), np.array([1.0, 2.0, 3.0, 5.0]))[0].tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if len(at_ms) < 2:
        return values, 1000.0
    step = float(np.median(np.diff(at_ms)))
    count = min(int((at_ms[-1] - at_ms[0]) / step) + 1, 2 * len(at_ms))
    grid = at_ms[-1] - step * np.arange(count - 1, -1, -1)
    return np.interp(grid, at_ms, values), step


def medians_of(values: F64, each: int = BLOCK) -> F64:
    """Medians of so many neighbours; the oldest that fill none are left out.

    >>> medians_of(np.array([7.0, 1.0, 900.0, 2.0, 4.0, 5.0, 3.0]), 3).tolist()
    [2.0, 4.0]
    """
    return np.median(values[len(values) % each :].reshape(-1, each), axis=1) if len(values) >= each else np.empty(0)


def questions(resources: Resources, now: Now, row: int, levels: Iterable[int]) -> list[tuple[Asked, float]]:
    """What the forecaster is asked about a row, each with the milliseconds of a step; coarser histories later."""
    limit, is_rising = float(now.limit[row]), bool(now.sign[row] > 0)
    asked = []
    for level in levels:
        values, step_ms = _history(resources, now, row, level)
        if len(values) >= LEAST_POINTS:
            one: Asked = {
                "values": [float(v) if np.isfinite(v) else None for v in values],
                "horizon": HORIZONS[level],
                "season": SEASONS[level],
                "limit": limit,
                "rising": is_rising,
                "reach": True,
            }
            asked.append(({**one, **_habit(resources, now, row, level, len(values) * step_ms)}, step_ms))
    return asked


def _history(resources: Resources, now: Now, row: int, level: int) -> tuple[F64, float]:
    """Values at equal steps, and the step (ms)."""
    if level:
        return np.append(resources.history.means(row, level - 1), now.value[row]), float(STEPS_MS[level - 1])
    values, step_ms = on_grid(*resources.history.samples(row))
    return (medians_of(values), BLOCK * step_ms) if resources.rules[row].objective else (values, step_ms)


def _habit(resources: Resources, now: Now, row: int, level: int, spans_ms: float) -> Asked:
    """How near it has been: a resource ever, by its samples only; a latency before what is at hand."""
    if resources.rules[row].objective:
        peak = resources.history.top_before(row, float(now.at_ms[row]) - spans_ms, SEEN)
        known = {"peak": peak if np.isfinite(peak) else None, "seen": SEEN, "beyond": BEYOND}
        return {**known, "bend": WANDERS, "by_factor": True}
    top = resources.history.extremes(row)[bool(now.sign[row] > 0)]
    return {"peak": top if level == 0 and np.isfinite(top) else None}

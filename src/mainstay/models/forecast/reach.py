"""When a limit is reached: by a rise that began lately, or by a forecast that was tried; and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mainstay.domain.signals import F64
from mainstay.models.forecast.ramp import FILLING, Ramp, Wander, ramp_of

AHEAD = 4.0
"""A rise is believed as far ahead as so many times what it has lasted."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How near to a limit a series has been before: a rise that comes no nearer may be what it always does.

    Attributes:
        peak: The highest value before those at hand, as far as is known.
        seen: Of the values at hand before the rise, what they were below for this share of the time; 1: the highest.
        beyond: A rise must be nearer than that by this share of what was left from there.
    """

    peak: float | None = None
    seen: float = 1.0
    beyond: float = 0.0

    def holds(self, before: F64, end: float, limit: float) -> bool:
        """Whether a rise that follows the values `before` is where the series has been.

        >>> Habit().holds(np.array([1.0, 9.0, 2.0]), 8.0, 100.0), Habit(seen=0.5).holds(np.array([1.0, 9.0]), 8.0, 9.0)
        (True, False)
        """
        known = [] if self.peak is None or math.isnan(self.peak) else [self.peak]
        if len(before):
            known.append(float(np.quantile(before, self.seen)))
        return bool(known) and end <= (top := max(known)) + self.beyond * max(limit - top, 0.0)


def reached(
    y: F64, limit: float, habit: Habit, crosses: Mapping[str, int | None] | None, wander: Wander = FILLING
) -> dict[str, Any]:
    """Steps until a limit that is approached from below.

    A rise that stays under what was seen before may be a habit (a heap between two collections, a disk that is
    cleaned at night): it is told and not believed.

    Args:
        y: Values at equal steps, oldest first.
        limit: What they approach.
        habit: How near it has been before.
        crosses: What the tried forecast says; None when there was too little for one.
        wander: How far slopes of such series do.

    Returns:
        `by` ("full", "rise", "forecast", or ""), `expected`, `earliest`, `latest` in steps (None: it may never be),
        `per_step`, `lasted` in steps, `before`: how many of the values are older than the rise, `is_believed`, `says`:
        why it is not believed.

    >>> import numpy as np
    >>> found = reached(np.concatenate([np.full(20, 10.0), 10 + 2.0 * np.arange(20)]), 88.0, Habit(), None)
    >>> found["by"], found["expected"], found["is_believed"]
    ('rise', 20.0, True)
    """
    if not len(y):
        return _none("there is no value")
    if float(y[-1]) >= limit:
        return {**_none(""), "by": "full", "expected": 0.0, "earliest": 0.0, "latest": 0.0, "is_believed": True}
    ramp = ramp_of(y)
    if ramp is not None:
        return _by_rise(ramp, ramp.steps_to(limit, wander), limit, habit, y)
    if crosses is None or crosses["expected"] is None:
        return _none("it does not rise evenly, and its forecast does not reach the limit")
    found = {**_none("" if crosses["latest"] is not None else "its slowest course does not reach the limit")}
    found |= {"by": "forecast", **{name: _number(steps) for name, steps in crosses.items()}}
    return {**found, "is_believed": crosses["latest"] is not None}


def until(y: F64, limit: float | None) -> dict[str, Any]:
    """Time to a date, in the unit of both: the last value is now."""
    if limit is None or not len(y):
        return _none("there is no date")
    left = max(limit - float(y[-1]), 0.0)
    found = {"by": "deadline", "expected": left, "earliest": left, "latest": left, "per_step": 1.0}
    return {**_none(""), **found, "is_believed": True}


def _by_rise(
    ramp: Ramp, steps: tuple[float, float, float | None], limit: float, habit: Habit, y: F64
) -> dict[str, Any]:
    expected, earliest, latest = steps
    before = y[: len(y) - ramp.points]
    says = ""
    if habit.holds(before, ramp.end, limit):
        says = "it has been as near to the limit before"
    elif expected > AHEAD * ramp.points:
        says = "it has not risen for long enough to say so far ahead"
    elif latest is None:
        says = "at its slowest it does not reach the limit"
    return {
        "by": "rise", "expected": expected, "earliest": earliest, "latest": latest, "per_step": ramp.slope,
        "lasted": ramp.points, "before": len(before), "is_believed": not says, "says": says,
    }  # fmt: skip


def _none(says: str) -> dict[str, Any]:
    return {"by": "", "expected": None, "earliest": None, "latest": None, "per_step": 0.0, "lasted": 0, "before": 0,
            "is_believed": False, "says": says}  # fmt: skip


def _number(steps: int | None) -> float | None:
    return None if steps is None else float(steps)

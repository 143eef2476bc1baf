"""Which resources may reach their limit soon, and when: a cheap look at all of them, a forecast of the few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.models import Decision
from mainstay.domain.outlook import Outlook
from mainstay.domain.protocols import Models
from mainstay.domain.signals import F64, I64
from mainstay.outlook.history import LEVELS
from mainstay.outlook.kernel import STEPS_MS
from mainstay.outlook.resources import Now, Resources
from mainstay.outlook.wording import lasting, sentence

AHEAD = 6.0
"""Of a rise over a history it is looked at whether it would reach the limit within so many times its length."""
SEASONS = (1, 1, 24)
HORIZONS = (24, 48, 48)
LEAST_POINTS = 8
AGAIN_SHARE = 0.05
"""A resource is forecast again after this share of the time that is left to it …"""
AGAIN_MS = 300_000
"""… or after so long, whichever is sooner …"""
TOLD_MS = 30_000
"""… and when it is told after so long."""

STOPPED = 0.45
"""In the last step of a longer history it must have risen by this share of its rise a step."""

Asked = dict[str, Any]


def screened(resources: Resources, now: Now) -> tuple[F64, dict[int, list[int]]]:
    """Per row the shortest time to its limit at the speed of some history (ms, inf: none), and the histories.

    A straight line through first and last third; what it does not bring near its limit is not forecast.
    """
    left = (now.limit - now.value) * now.sign
    soonest = np.where(left <= 0, 0.0, np.inf)
    speaks: dict[int, list[int]] = {}
    for level in range(LEVELS):
        first, last, apart_ms = resources.history.thirds(level)
        with np.errstate(invalid="ignore", divide="ignore"):
            takes_ms = left / ((last - first) * now.sign) * apart_ms
            is_near = (last - first) * now.sign > 0
            is_near &= takes_ms <= AHEAD * 1.5 * apart_ms
        for row in np.flatnonzero(is_near).tolist():
            speaks.setdefault(row, []).append(level)
        soonest = np.where(is_near, np.fmin(soonest, takes_ms), soonest)
    return np.where(now.is_alive, soonest, np.inf), speaks


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


def questions(resources: Resources, now: Now, row: int, levels: Iterable[int]) -> list[tuple[Asked, float]]:
    """What the forecaster is asked about a row, each with the milliseconds of a step; coarser histories later."""
    limit, is_rising = float(now.limit[row]), bool(now.sign[row] > 0)
    top = resources.history.extremes(row)[is_rising]
    asked = []
    for level in levels:
        if level == 0:
            values, step_ms = on_grid(*resources.history.samples(row))
        else:
            step_ms = float(STEPS_MS[level - 1])
            values = np.append(resources.history.means(row, level - 1), now.value[row])
        if len(values) >= LEAST_POINTS:
            asked.append(
                (
                    {
                        "values": [float(v) if np.isfinite(v) else None for v in values],
                        "horizon": HORIZONS[level],
                        "season": SEASONS[level],
                        "limit": limit,
                        "rising": is_rising,
                        "reach": True,
                        "peak": top if level == 0 and np.isfinite(top) else None,
                    },
                    step_ms,
                )
            )
    return asked


class Looker:
    """Asks the deployed forecaster about one row at a time."""

    def __init__(self, models: Models, resources: Resources) -> None:
        self._models, self._resources = models, resources

    def look(
        self, row: int, now: Now, levels: Iterable[int], at_ms: int, *, matters: bool = False
    ) -> tuple[Outlook, Decision | None]:
        """The outlook of a row, and the decision that it comes from. What `matters` may be forecast by a costlier way,
        where it has a season."""  # noqa: D205, D209
        resources = self._resources
        if resources.rules[row].deadline:
            return self._deadline(row, now, at_ms)
        best: tuple[Outlook, Decision | None] | None = None
        for asked, step_ms in questions(resources, now, row, levels):
            if matters and asked["season"] > 1:
                asked["matters"] = True
            decision = self._models.decide("forecaster", asked)
            found = self._outlook(row, now, at_ms, decision, step_ms)
            if best is None or _is_sooner(found, best[0]):
                best = found, decision
        return best or (self.quiet(row, now, at_ms), None)

    def quiet(self, row: int, now: Now, at_ms: int) -> Outlook:
        """The outlook of a row that nothing brings near its limit."""
        resources, kept = self._resources, self._resources.followed[row]
        limit, share = float(now.limit[row]), float(now.share[row])
        outlook = Outlook(
            id=resources.key(row),
            entity=kept.entity,
            resource=resources.words(row),
            metric=kept.metric,
            series=kept.id,
            at_ms=at_ms,
            value=float(now.value[row]),
            limit=limit if np.isfinite(limit) else None,
            unit=_unit(kept.unit, resources.rules[row].full),
            share=share if np.isfinite(share) else None,
            says="",
        )
        why = "" if outlook.limit is not None else "how much there is of it is not known"
        return msgspec.structs.replace(outlook, says=sentence(outlook, why))

    def _deadline(self, row: int, now: Now, at_ms: int) -> tuple[Outlook, Decision | None]:
        date_s = float(now.value[row])
        asked = {"values": [at_ms / 1000], "horizon": 1, "limit": date_s, "reach": True, "is_deadline": True}
        decision = self._models.decide("forecaster", asked)
        return self._outlook(row, now, at_ms, decision, 1000.0), decision

    def _has_stopped(self, row: int, now: Now, per_step: float, step_ms: float) -> bool:
        """Whether the samples of the last step say that a rise of a longer history is over already."""
        at_ms, values = self._resources.history.samples(row)
        if step_ms < STEPS_MS[0] or not len(at_ms) or at_ms[-1] - at_ms[0] < step_ms:
            return False
        then = float(np.interp(at_ms[-1] - step_ms, at_ms, values))
        return bool((float(now.value[row]) - then) * float(now.sign[row]) < STOPPED * per_step)

    def _known_ms(self, row: int) -> float:
        """How far all that is kept goes back."""
        history = self._resources.history
        at_ms, _ = history.samples(row)
        spans = [(len(history.means(row, level)) - 1) * float(step_ms) for level, step_ms in enumerate(STEPS_MS)]
        return max([*spans, float(at_ms[-1] - at_ms[0]) if len(at_ms) else 0.0])

    def _outlook(self, row: int, now: Now, at_ms: int, decision: Decision, step_ms: float) -> Outlook:
        reach: Mapping[str, Any] = decision.output["reach"]
        stale_s = max(at_ms - int(now.at_ms[row]), 0) / 1000 if reach["by"] not in ("deadline", "full") else 0.0
        left = {
            f"{name}_s": None if reach[name] is None else max(reach[name] * step_ms / 1000 - stale_s, 0.0)
            for name in ("expected", "earliest", "latest")
        }
        doubt = reach["says"]
        if reach["by"] == "rise" and not doubt and self._has_stopped(row, now, reach["per_step"], step_ms):
            doubt = f"it has hardly risen in the last {lasting(step_ms / 1000)}"
        outlook = msgspec.structs.replace(
            self.quiet(row, now, at_ms),
            by=reach["by"] or "quiet",
            per_h=float(now.sign[row]) * reach["per_step"] * 3_600_000 / step_ms,
            lasted_s=reach["lasted"] * step_ms / 1000,
            known_s=max(reach["before"] * step_ms, self._known_ms(row) - reach["lasted"] * step_ms) / 1000,
            is_believed=reach["is_believed"] and not doubt,
            decided_by=decision.decided_by,
            **left,
        )
        return msgspec.structs.replace(outlook, says=sentence(outlook, doubt))


def again_ms(outlook: Outlook) -> int:
    """After how long a resource is worth another forecast."""
    most_ms = TOLD_MS if outlook.alert else AGAIN_MS
    if outlook.expected_s is None:
        return most_ms
    return int(min(outlook.expected_s * 1000 * AGAIN_SHARE, most_ms))


def _is_sooner(one: Outlook, other: Outlook) -> bool:
    """What is believed before what is not, what is known before what is not, and the sooner of both."""
    return _rank(one) < _rank(other)


def _rank(one: Outlook) -> tuple[bool, bool, float]:
    return not one.is_believed, one.expected_s is None, one.expected_s or 0.0


def _unit(unit: str, full: float | None) -> str:
    return unit or {1.0: "1", 100.0: "%"}.get(full or 0.0, "")

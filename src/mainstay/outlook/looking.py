"""Which resources may reach their limit soon, and when: a cheap look at all of them, a forecast of the few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.models import Decision
from mainstay.domain.outlook import Outlook
from mainstay.domain.protocols import Models
from mainstay.domain.signals import F64
from mainstay.outlook.asking import questions
from mainstay.outlook.history import LEVELS
from mainstay.outlook.kernel import STEPS_MS
from mainstay.outlook.resources import Now, Resources
from mainstay.outlook.wording import lasting, sentence

AHEAD = 6.0
"""Of a rise over a history it is looked at whether it would reach the limit within so many times its length."""
AGAIN_SHARE = 0.05
"""A resource is forecast again after this share of the time that is left to it …"""
AGAIN_MS = 300_000
"""… or after so long, whichever is sooner …"""
CREEPING_MS = 60_000
"""… (a latency that seems to rise after this long, as nothing else follows its climb of minutes) …"""
TOLD_MS = 30_000
"""… and when it is told after so long."""

STOPPED = 0.45
"""In the last step of a longer history it must have risen by this share of its rise a step."""
KNOWN = 1.5
"""A latency must be known for so many times what its rise has lasted."""
DAY_MS = 86_400_000.0
DAILY = 0.3
"""A latency goes with the traffic. Until a day is known, a rise by less than this share of itself an hour may be the
time of day: a wave of a day that falls to nothing rises by π/12 of its middle an hour at its steepest."""


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
            signal=resources.rules[row].signal,
            says="",
        )
        unknown = "it has no objective" if outlook.signal == "latency" else "how much there is of it is not known"
        why = "" if outlook.limit is not None else unknown
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
        if self._resources.rules[row].objective:
            return False  # two moments of what jumps tell nothing
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
        lasted_s = reach["lasted"] * step_ms / 1000
        known_s = max(reach["before"] * step_ms / 1000, self._known_ms(row) / 1000 - lasted_s)
        doubt = reach["says"]
        if reach["by"] == "rise" and not doubt and self._has_stopped(row, now, reach["per_step"], step_ms):
            doubt = f"it has hardly risen in the last {lasting(step_ms / 1000)}"
        if self._resources.rules[row].objective and not doubt:
            doubt = _rhythm(reach, decision.inputs, step_ms, self._known_ms(row))
        outlook = msgspec.structs.replace(
            self.quiet(row, now, at_ms),
            by=reach["by"] or "quiet",
            per_h=float(now.sign[row]) * reach["per_step"] * 3_600_000 / step_ms,
            lasted_s=lasted_s,
            known_s=known_s,
            is_believed=reach["is_believed"] and not doubt,
            decided_by=decision.decided_by,
            **left,
        )
        return msgspec.structs.replace(outlook, says=sentence(outlook, doubt))


def again_ms(outlook: Outlook) -> int:
    """After how long a resource is worth another forecast."""
    most_ms = TOLD_MS if outlook.alert else CREEPING_MS if outlook.signal == "latency" else AGAIN_MS
    if outlook.expected_s is None:
        return most_ms
    return int(min(outlook.expected_s * 1000 * AGAIN_SHARE, most_ms))


def _is_sooner(one: Outlook, other: Outlook) -> bool:
    """What is believed before what is not, what is known before what is not, and the sooner of both.

    Of a latency the longer rise: samples of minutes bend with every gust, and the sooner of two guesses is too soon.
    """
    return _rank(one) < _rank(other)


def _rank(one: Outlook) -> tuple[bool, bool, float]:
    last = -one.lasted_s if one.signal == "latency" else one.expected_s or 0.0
    return not one.is_believed, one.expected_s is None, last


def _rhythm(reach: Mapping[str, Any], asked: Mapping[str, Any], step_ms: float, known_ms: float) -> str:
    """Why what a latency does may be what it does every day; "" when it is not."""
    if reach["by"] == "forecast" and asked["season"] == 1:
        return "what its forecast goes on from knows no day"
    if reach["by"] != "rise":
        return ""
    rise = reach["lasted"] * reach["per_step"]
    began = asked["limit"] - reach["expected"] * reach["per_step"] - rise
    if known_ms < DAY_MS and rise < DAILY * began * reach["lasted"] * step_ms / 3_600_000:
        return "not a day of it is known: it may be its rhythm"
    is_new = known_ms < KNOWN * reach["lasted"] * step_ms
    return "it was not known for long enough before it began to rise" if is_new else ""


def _unit(unit: str, full: float | None) -> str:
    return unit or {1.0: "1", 100.0: "%"}.get(full or 0.0, "")

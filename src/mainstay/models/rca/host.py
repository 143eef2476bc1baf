"""The services of one host side by side: who wakes late, who is slower by itself, and who far more than the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from statistics import median

from mainstay.models.rca.case import CallFact, Case, VitalFact

PRESSURE = ("cpu", "delay")


class Host:
    """The services of one host, side by side."""

    def __init__(self, name: str, members: list[str], case: Case, weights: Mapping[str, float]) -> None:
        self.name, self.members, self.case, self.weights = name, members, case, weights

    @cached_property
    def delays(self) -> dict[str, VitalFact]:
        """How late each member wakes, of those that say it: the worst of its series."""
        found: dict[str, VitalFact] = {}
        for vital in self.case.vitals:
            if vital.kind == "delay" and vital.entity in self.members:
                before = found.get(vital.entity)
                if before is None or top(vital) - vital.before > top(before) - before.before:
                    found[vital.entity] = vital
        return found

    @cached_property
    def late(self) -> list[str]:
        """Members that wake later than they use to. Each is a weak witness, so its bar is low; most must agree."""
        floor = self.weights["late_s"]
        return sorted(e for e, v in self.delays.items() if top(v) > v.before + max(floor, 3 * v.spread))

    @cached_property
    def pressure(self) -> VitalFact | None:
        """What the host tells of itself: processor nearly used up, a run queue, steal or pressure far above usual."""
        mine = [v for v in self.case.vitals if v.entity == self.name and v.kind in PRESSURE]
        high = [v for v in mine if _is_high(v)]
        return max(high, key=lambda v: (top(v) / max(v.before, 1e-9), v.metric, v.series), default=None)

    @cached_property
    def measured(self) -> list[str]:
        """Members of which anybody sees how long they take."""
        seen = {call.callee for call in self.case.calls if not call.callee.startswith("database:")}
        return [m for m in self.members if m in seen or any(a.about == m for a in self.case.alerts)]

    @cached_property
    def added(self) -> dict[str, float]:
        """Own time that each measured member takes longer now, in ms; without its own spans, the time of its calls."""
        found: dict[str, float] = {}
        for member in self.measured:
            shifts = [added_ms(call) for call in self.case.calls if call.callee == member]
            if shifts:
                found[member] = max(shifts)
        return found

    @cached_property
    def slow(self) -> list[str]:
        """Members that need more time themselves, not only for what they call."""
        return [m for m in self.measured if self._is_slow(m)]

    def _is_slow(self, member: str) -> bool:
        calls = [c for c in self.case.calls if c.callee == member]
        if any(_is_slower(call, self.weights) for call in calls):
            return True
        alerts = [a for a in self.case.alerts if a.about == member and a.signal == "latency"]
        return any((a.own_share or 0.0) >= self.weights["own_part"] for a in alerts)

    @cached_property
    def usual_ms(self) -> float:
        """What a member of this host takes longer now: the measure of who is far beyond the others."""
        return median([self.added[m] for m in self.slow if m in self.added] or [0.0])

    @cached_property
    def strength(self) -> float:
        """0–1: how many of its members say it; 0 when too few, or when no processor time is missed."""
        least = int(self.weights["host_members"])
        if len(self.slow) < least or len(self.slow) < self.weights["host_share"] * len(self.measured):
            return 0.0
        late = len(self.late) / len(self.delays) if len(self.delays) >= least else 0.0
        if late < self.weights["host_share"]:
            late = 0.0
        if not late and self.pressure is None:
            return 0.0
        return (len(self.slow) / len(self.measured) + max(late, 0.8 if self.pressure else 0.0)) / 2

    def is_excused(self, member: str) -> bool:
        """Whether the host explains its slowness: it is not far beyond the others and uses no processor itself."""
        beyond = self.added.get(member, 0.0) > max(self.weights["beyond_ms"], self.weights["beyond"] * self.usual_ms)
        used = [v for v in self.case.vitals if v.entity == member and v.kind == "cpu"]
        return not beyond and not any(v.now > v.before + 0.3 for v in used)

    def is_just_late(self, vital: VitalFact) -> bool:
        """Whether a member wakes no later than its neighbours: that is the host's doing."""
        usual = median([top(v) - v.before for v in self.delays.values()] or [0.0])
        return top(vital) - vital.before <= max(0.1, self.weights["beyond"] * usual)


def said(vital: VitalFact) -> str:
    """How a level moved, in words."""
    if vital.unit == "s" and vital.kind == "delay":
        return f"{vital.before * 1e3:.0f} → {top(vital) * 1e3:.0f} ms"
    return f"{vital.metric} {vital.before:.3g} → {top(vital):.3g}"


def top(vital: VitalFact) -> float:
    """The highest level that it held since the onset: what starved for half a minute is calm again when asked."""
    return max(vital.now, vital.peak)


def _is_high(vital: VitalFact) -> bool:
    rise = top(vital) - vital.before
    if vital.kind == "cpu" and "load" not in vital.metric.lower():
        return top(vital) > 0.9 and rise > max(0.2, 3 * vital.spread)
    return top(vital) > 2 * vital.before and rise > max(0.2, 5 * vital.spread)


def added_ms(call: CallFact) -> float:
    """How much longer the callee takes by itself; when it sends no spans, how much longer its callers wait."""
    if call.own_now_ms is not None and call.own_before_ms is not None:
        return call.own_now_ms - call.own_before_ms
    return call.now_ms - call.before_ms


def _is_slower(call: CallFact, weights: Mapping[str, float]) -> bool:
    """Slower by itself; a small own time may double by a few milliseconds, so there is a floor."""
    before = call.before_ms if call.own_now_ms is None or call.own_before_ms is None else call.own_before_ms
    return added_ms(call) > max(weights["slow_ms"], weights["slow_share"] * before)

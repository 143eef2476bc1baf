"""What the case shows of each entity: how ill, since when, whether by itself or through something it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median_low

from mainstay.models.rca.case import AlertFact, CallFact, Case

ILLNESS: Mapping[str, float] = {"critical": 1.0, "major": 0.85, "minor": 0.6, "info": 0.3}
ABOUT_SELF = ("saturation",)
FAR = 6


class Picture:
    """Reads a case. Every answer is about one entity and comes from the frozen facts alone."""

    def __init__(self, case: Case, weights: Mapping[str, float]) -> None:
        self.case, self.weights = case, weights
        self._callees: dict[str, set[str]] = {}
        self._callers: dict[str, set[str]] = {}
        for caller, callee in [*case.edges, *((c.caller, c.callee) for c in case.calls)]:
            if caller and callee and caller != callee:
                self._callees.setdefault(caller, set()).add(callee)
                self._callers.setdefault(callee, set()).add(caller)

    def alerts_about(self, entity: str) -> list[AlertFact]:
        """Alerts that describe this entity, worst and earliest first."""
        found = [a for a in self.case.alerts if a.about == entity]
        return sorted(found, key=lambda a: (-ILLNESS.get(a.severity, 0.3), a.since_ms, a.id))

    def calls_to(self, entity: str) -> list[CallFact]:
        return [call for call in self.case.calls if call.callee == entity]

    def calls_from(self, entity: str) -> list[CallFact]:
        return [call for call in self.case.calls if call.caller == entity]

    def callees(self, entity: str) -> list[str]:
        return sorted(self._callees.get(entity, ()))

    def callers(self, entity: str) -> list[str]:
        return sorted(self._callers.get(entity, ()))

    @cached_property
    def suspects(self) -> list[str]:
        """Everything that is ill, silent or was changed, what the ill ones call, and on along calls that go badly."""
        ill = {a.about for a in self.case.alerts} | {a.entity for a in self.case.alerts} | set(self.case.silent)
        called = ((entity, callee) for entity in ill for callee in self._callees.get(entity, ()))
        near = {callee for entity, callee in called if not self._is_cleared(entity, callee)}
        near |= self._below_by_bad_calls({entity for entity in ill if not ill & self._callees.get(entity, set())})
        changed = {c.entity for c in self.case.changes if c.entity in near | ill}
        noted = {v.entity for v in self.case.vitals} | {log.entity for log in self.case.logs}
        return sorted((ill | near | changed | (noted & near)) - {""})

    def _below_by_bad_calls(self, lowest: set[str]) -> set[str]:
        """What the lowest of the ill call badly, and those in turn: where only the front complains, it is deeper.

        Bad calls beside the trail of the alerts are another trouble's.
        """
        bad = [c for c in self.case.calls if c.caller and self.is_bad(c) and not self._is_cleared(c.caller, c.callee)]
        reached, border = set(lowest), set(lowest)
        while border:
            border = {call.callee for call in bad if call.caller in border} - reached
            reached |= border
        return reached - lowest

    def _is_cleared(self, entity: str, callee: str) -> bool:
        """It is only slow, by its own time, and waits for this callee no longer than ever: it is not behind it."""
        alerts, calls = self.alerts_about(entity), [c for c in self.calls_to(callee) if c.caller == entity]
        is_own = all(a.signal == "latency" and (a.own_share or 0.0) >= self.weights["own_at"] for a in alerts)
        return bool(alerts and calls) and is_own and not any(self.is_slow(call) for call in calls)

    @cached_property
    def _ill(self) -> dict[str, float]:
        return {entity: self._illness(entity) for entity in self.suspects}

    def illness(self, entity: str) -> float:
        """0–1: how bad its own signals, or what its callers see of it, are."""
        return self._ill.get(entity, 0.0)

    def _illness(self, entity: str) -> float:
        seen = max((self._gravity(alert) for alert in self.alerts_about(entity)), default=0.0)
        bad = [call for call in self.calls_to(entity) if self.is_bad(call)]
        felt = max((0.7 * self.trust(call) for call in bad), default=0.0)
        quiet = 0.8 if entity in self.case.silent else 0.0
        return max(seen, felt, quiet)

    def _gravity(self, alert: AlertFact) -> float:
        """Fewer calls are what a healthy service has when those who call it are ill; log lines and load only hint."""
        kind = {"traffic": 0.3, "logs": 0.6}.get(alert.signal, 1.0)
        return ILLNESS.get(alert.severity, 0.3) * kind * (self.trust_in(alert.caller, alert.callee))

    def trust(self, call: CallFact) -> float:
        """How far a caller's word about its callee counts."""
        return self.trust_in(call.caller, call.callee)

    def trust_in(self, caller: str, callee: str) -> float:
        """A caller that was itself changed just before is a doubtful witness, unless another caller says the same.

        So a timeout set too short, or a wrong address, is not blamed on the service that is called. Nor is a caller
        that gets no processor time a good clock.
        """
        if not caller or not callee or callee in self.case.silent or self._own_errors_inside(callee):
            return 1.0
        others = [c for c in self.calls_to(callee) if c.caller != caller and c.rate_now > 0]
        seconded = any(self.is_bad(call) for call in others) or any(
            alert.callee == callee and alert.caller != caller and alert.signal != "traffic"
            for alert in self.case.alerts
        )  # who calls less says nothing of whom it called
        if seconded:
            return 1.0
        if self._is_changed_later(caller, callee, others=bool(others)):
            return self.weights["doubtful"]
        if self._is_starved(caller) and not self._is_starved(callee):
            return self.weights["doubtful"]
        return self.weights["lonely"] if others else 1.0

    def _is_changed_later(self, caller: str, callee: str, *, others: bool) -> bool:
        """Changed just before, and the callee was not; or it was, but earlier, and its other callers see it well."""
        mine, its = self._changed_ms(caller), self._changed_ms(callee)
        return mine is not None and (its is None or (others and mine > its))

    def _changed_ms(self, entity: str) -> int | None:
        """When it was last changed by somebody else shortly before the first sign."""
        first = self.first_onset_ms()
        window_ms = self.weights["witness_window_s"] * 1000
        slack_ms = self.weights["change_slack_s"] * 1000
        return max(
            (
                change.at_ms
                for change in self.case.changes
                if change.entity == entity and not change.by_mainstay and -slack_ms <= first - change.at_ms <= window_ms
            ),
            default=None,
        )

    def _is_starved(self, entity: str) -> bool:
        floor = self.weights["starved_s"]
        return any(
            vital.entity == entity and vital.kind == "delay" and vital.now > vital.before + max(floor, 5 * vital.spread)
            for vital in self.case.vitals
        )

    def _own_errors_inside(self, entity: str) -> bool:
        """It complains itself, or its own measurements (not its callers') are strange."""
        said = any(log.entity == entity and log.severity >= 17 for log in self.case.logs)
        return said or any(a.entity == entity and not a.callee and a.signal != "traffic" for a in self.case.alerts)

    def onset_ms(self, entity: str) -> int:
        """When its trouble began; the incident's onset when it has no alert of its own."""
        return self._begin(self.alerts_about(entity))

    def is_bad(self, call: CallFact) -> bool:
        """Slower by a practical amount (relative and absolute), or failing."""
        return self.is_slow(call) or self.is_failing(call)

    def is_slow(self, call: CallFact) -> bool:
        shift = call.now_ms - call.before_ms
        return shift > max(self.weights["slow_ms"], self.weights["slow_share"] * call.before_ms)

    def is_failing(self, call: CallFact) -> bool:
        return call.errors_now - call.errors_before > self.weights["failing_share"]

    def own(self, entity: str) -> float | None:
        """−1 (all of it comes from what it calls) … 1 (all of it is its own); None when nothing tells.

        Time that is neither its own nor spent in an ill callee passed before it got to work: a starved or overrun
        service looks so. That speaks neither way.
        """
        marks = [mark for mark in (self._own_time(entity), self._own_errors(entity)) if mark is not None]
        if not marks:
            return None
        own = sum(marks) / len(marks)
        return None if own < 0 and self.explained_by(entity)[1] < self.weights["excuse"] else own

    def _own_time(self, entity: str) -> float | None:
        marks = [2 * a.own_share - 1 for a in self.alerts_about(entity) if a.own_share is not None]
        for call in self.calls_to(entity):
            if self.is_slow(call) and call.own_now_ms is not None:
                shift = call.own_now_ms - (call.own_before_ms or 0.0)
                marks.append(2 * min(1.0, max(0.0, shift / (call.now_ms - call.before_ms))) - 1)
        return sum(marks) / len(marks) if marks else None

    def _own_errors(self, entity: str) -> float | None:
        failing = [call for call in self.calls_to(entity) if self.is_failing(call)]
        if not failing or max(self.trust(call) for call in failing) < 1.0:
            return None
        if not self._callees.get(entity):
            return 1.0
        onward = self.calls_from(entity)
        if not onward:
            return None
        trusted = max((self.trust(call) for call in onward if self.is_failing(call)), default=0.0)
        return 1.0 - 2.0 * trusted

    def explained_by(self, entity: str) -> tuple[str, float]:
        """The callee whose own illness explains this entity's, and how well (0–1)."""
        best = ("", 0.0)
        for callee in self.callees(entity):
            strength = max(self.illness(callee), 0.8 * self._deep_illness(callee, {entity}))
            if self._is_seen_healthy(entity, callee):
                strength *= 0.15
            late_ms = self.onset_ms(callee) - self.onset_ms(entity) - self.weights["order_slack_ms"]
            if late_ms > 0:
                strength *= 0.4
            if strength > best[1]:
                best = (callee, strength)
        return best

    def _deep_illness(self, entity: str, seen: set[str]) -> float:
        """The worst illness below it, a fifth less with every call: an instrumentation gap may hide a layer."""
        worst, share, reached, border = 0.0, 1.0, {entity, *seen}, {entity}
        while border:
            border = {callee for caller in border for callee in self._callees.get(caller, ())} - reached
            reached |= border
            worst = max([worst, *(share * self.illness(callee) for callee in border)])
            share *= 0.8
        return worst

    def _is_seen_healthy(self, caller: str, callee: str) -> bool:
        """Its calls to the callee are measured and fine (or they are alerted, then not)."""
        if any(a.caller == caller and a.callee == callee for a in self.case.alerts):
            return False
        measured = [c for c in self.case.calls if c.caller == caller and c.callee == callee]
        return bool(measured) and not any(self.is_bad(call) for call in measured)

    def covers(self, entity: str) -> float:
        """The share of all illness that this entity would explain: its own and that of all that depend on it."""
        whole = sum(self._ill.values())
        if not whole:
            return 0.0
        above = self.above(entity)
        return sum(illness for other, illness in self._ill.items() if other in above) / whole

    def above(self, entity: str) -> set[str]:
        """The entity and everything that depends on it."""
        reached, border = {entity}, {entity}
        for _ in range(FAR):
            border = {c for e in border for c in self._callers.get(e, ())} - reached
            reached |= border
        return reached

    def first_onset_ms(self) -> int:
        """The first sign, but none long before the incident: what has been odd for hours is not its beginning."""
        return self._begin(self.case.alerts)

    def _begin(self, alerts: Sequence[AlertFact]) -> int:
        """When most of the great trouble began: a stray error before it, or a small thing going on, moves nothing."""
        great = [a for a in alerts if a.severity in {"critical", "major"}] or alerts
        return median_low([max(a.since_ms, self._earliest_ms) for a in great] or [self.case.onset_ms])

    @property
    def _earliest_ms(self) -> int:
        return self.case.onset_ms - int(self.weights["lead_ms"])

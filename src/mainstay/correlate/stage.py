"""The stage: alerts and changes in, incidents out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mainstay.correlate import entries
from mainstay.correlate.commands import obey
from mainstay.correlate.diagnosis import diagnose, is_due, next_due, tell_changes
from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.grouping import take, worst
from mainstay.correlate.moment import Moment
from mainstay.correlate.register import Register
from mainstay.correlate.repeats import Repeats
from mainstay.correlate.state import FORMAT, MOST_GROUPINGS, REOPEN_MS, Held, Kept, State
from mainstay.correlate.views import in_order
from mainstay.correlate.withhold.withhold import KINDS, Withhold
from mainstay.domain.alerts import SEVERITIES, Alert
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import TimelineEntry
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.domain.signals import Normal
from mainstay.domain.state import pack, unpack

QUIET_MS = 20_000  # all alerts calm for so long: an alert that only paused would have come back
MENDING = ("rollback", "restart")
TOLD_LATE_MS = 10_000  # an onset is known to two windows; what was rolled back or restarted later caused nothing
DIAGNOSES_PER_S = 3  # of record time: in a storm of incidents each waits its turn, those without a cause first …
DIAGNOSES_PER_RECORD = 1  # … and no alert waits for more than one


class Correlate:
    """Groups alerts into incidents, keeps their suspects up to date, and ends them when it has been quiet.

    Which alert belongs where and who is the suspect is decided by the deployed models; here is only what happens then.
    The result does not depend on how records are cut into batches: everything is keyed to a record's time. What a
    record costs depends on what it brings, not on how much is open.

    Args:
        models: Deployments; asked for `correlator` and `diagnoser`.
        quiet_ms: How long all alerts must be calm before an incident is resolved.
    """

    def __init__(self, models: Models, quiet_ms: int = QUIET_MS) -> None:
        self._models, self._quiet_ms = models, quiet_ms
        self._take_up(State())

    @property
    def changes(self) -> Sequence[Change]:
        """Changes of the last hour, in the order in which they were told."""
        return tuple(self._state.changes)

    def alerts_of(self, incident: str) -> Sequence[Alert]:
        """The alerts of an incident that is open or was resolved lately, by onset; the first 500."""
        held = self._state.held.get(incident)
        return [kept.alert for kept in in_order(held, MOST_GROUPINGS)] if held else ()

    def alert_of(self, fingerprint: str) -> str:
        """The alert by which a condition of the user's own burns now; "" when it does not."""
        return self._repeats.latest(fingerprint)

    def open_sizes(self) -> Sequence[int]:
        """How many alerts each open incident has."""
        return [len(held.alerts) for held in self._state.held.values() if held.is_open]

    def marked(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Alerts of detection with what withholds them here; safe while the pipeline runs."""
        known = ((alert, self._register.holding(alert.id)) for alert in alerts)
        return [
            msgspec.structs.replace(alert, withheld=kept.alert.withheld)
            if held is not None and (kept := held.alerts.get(alert.id)) is not None and kept.alert.withheld is not None
            else alert
            for alert, held in known
        ]

    def incident_of(self, alert: str) -> str:
        """The open incident that an alert is in; "" for none."""
        held = self._register.holding(alert)
        return held.incident.id if held else ""

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None:
        """Take in one record: what it showed, the alerts it led to, and the time that has passed."""
        self._observe(normal)
        chart = self._map(topology, is_new=bool(normal.edges))
        moment = Moment(self._register, chart, self._models, effects, at_ms)
        for change in self._state.note_changes(normal.changes, at_ms):
            self._concerns(change)
        self._repeats.rename(effects)
        _enrich(effects, topology)
        self._withhold.mark(moment)
        raised = {entry.subject: entry.id for entry in effects.entries if entry.kind in ("alert", "alert-resolved")}
        for alert in sorted(effects.alerts.values(), key=lambda a: (a.since_ms, a.id)):
            self._alert(Kept(alert, raised.get(alert.id, alert.id)), moment)
        for alert in normal.alerts:
            self._repeats.told(alert, moment)
        self._look_after(moment)
        self._withhold.review(moment)
        self._leave(moment)

    def command(self, command: Command, topology: Topology, effects: Effects) -> str:
        """Do what a person asked; says what was done, or why nothing. It raises nothing: the record is in the order."""
        moment = Moment(self._register, self._map(topology), self._models, effects, command.at_ms)
        if command.kind in KINDS:
            says = self._withhold.command(command, moment)
            self._leave(moment)
            return says
        says = obey(command, self._register, effects)
        for name in list(self._register.touched):
            held = self._state.held.get(name)
            if held is not None and held.is_changed and is_due(held, command.at_ms):
                diagnose(held, moment)
        self._withhold.review(moment)
        self._leave(moment)
        return says

    def snapshot(self) -> bytes:
        """The whole state, with a format number."""
        return pack("correlate", FORMAT, self._state)

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` wrote.

        Raises:
            Corrupt: Another format, or no state at all.
        """
        self._take_up(unpack("correlate", FORMAT, state, State))

    def _take_up(self, state: State) -> None:
        self._state = state
        self._register = Register(state)
        self._repeats = Repeats(self._register)
        self._withhold = Withhold(state.withheld, self._register)
        self._chart: tuple[Topology, Map] | None = None

    def _observe(self, normal: Normal) -> None:
        state = self._state
        state.vitals.learn(normal.new_series)
        if normal.metrics is not None:
            state.vitals.observe(normal.metrics)
        state.calls.observe(normal.edges)
        state.lines.observe(normal.templates)

    def _map(self, topology: Topology, *, is_new: bool = False) -> Map:
        known = self._chart
        if known is None:
            self._chart = (topology, Map(topology, self._state.calls))
        elif is_new or known[0] is not topology:
            is_same = known[1].takes(topology, self._state.calls)
            self._chart = (topology, known[1] if is_same else Map(topology, self._state.calls))
        assert self._chart is not None
        return self._chart[1]

    def _concerns(self, change: Change) -> None:
        """A change on what an incident is about belongs to its story; one that may have caused some of it is news."""
        for held in self._register.naming(change.entity):
            member = held.members.get(change.entity)
            if member is not None and member.about:
                tell_changes(held, self._state)
                if change.kind not in MENDING or change.at_ms <= held.incident.since_ms + TOLD_LATE_MS:
                    held.is_news = True
                self._register.touch(held)

    def _alert(self, kept: Kept, moment: Moment) -> None:
        """A new alert is grouped; a known one is brought up to date."""
        register, alert = self._register, kept.alert
        waits = self._state.pending.get(alert.id)
        held = register.holding(alert.id)
        if held is not None:
            self._update(held, kept, moment.at_ms)
        elif alert.status == "resolved":
            register.stop_waiting(alert.id)
        elif waits is None or not _is_unchanged(waits, alert):
            register.stop_waiting(alert.id)
            take(kept, moment)
        else:
            waits.alert = alert

    def _update(self, held: Held, kept: Kept, at_ms: int) -> None:
        before, alert = held.alerts[kept.alert.id], kept.alert
        entry = kept.entry if alert.status == "resolved" else before.entry
        self._register.join(held, Kept(alert, entry, before.why, before.own))
        held.change(at_ms, severity=worst([held.incident.severity, alert.severity]))
        if alert.status == "resolved" and before.alert.status == "firing":
            says = f"over: {before.alert.summary or before.alert.name}"
            held.tell(TimelineEntry(at_ms=alert.ended_ms or at_ms, kind="alert", says=says[:300], ref=alert.id))
        held.calm_ms = None if held.firing else held.calm_ms or at_ms

    def _look_after(self, moment: Moment) -> None:
        """End what is quiet, forget what cannot come back, and diagnose as many as this second allows."""
        register, at_ms = self._register, moment.at_ms
        for due in register.due(at_ms):
            self._look_at(due, moment)
        left = DIAGNOSES_PER_RECORD
        while left and self._may_diagnose(at_ms) and (held := register.next_in_line()) is not None:
            if is_due(held, at_ms):
                second, count = self._state.diagnosed
                self._state.diagnosed = (second, count + 1)
                left -= 1
                diagnose(held, moment)
            register.remind(held, next_due(held, at_ms, self._quiet_ms))

    def _look_at(self, held: Held, moment: Moment) -> None:
        register, at_ms = self._register, moment.at_ms
        self._quiet(held, moment)
        if not held.is_open and at_ms - held.closed_ms > REOPEN_MS:
            self._hand_over(held, moment)
            register.forget(held)
        elif is_due(held, at_ms):
            register.line_up(held)
        else:
            register.remind(held, next_due(held, at_ms, self._quiet_ms))
        if held.is_changed:
            register.touch(held)

    def _may_diagnose(self, at_ms: int) -> bool:
        if self._state.diagnosed[0] != at_ms // 1000:
            self._state.diagnosed = (at_ms // 1000, 0)
        return self._state.diagnosed[1] < DIAGNOSES_PER_S

    def _quiet(self, held: Held, moment: Moment) -> None:
        at_ms = moment.at_ms
        if not held.is_open or held.calm_ms is None or at_ms - held.calm_ms < self._quiet_ms:
            return
        why = f"all {len(held.alerts)} alerts calm for {(at_ms - held.calm_ms) // 1000} s"
        held.change(at_ms, status="resolved", resolved_ms=at_ms)
        self._register.closed(held, at_ms)
        held.tell(TimelineEntry(at_ms=at_ms, kind="decision", says=f"resolved: {why}", ref=held.incident.id))
        rests_on = [held.entry, *(kept.entry for kept in in_order(held))]
        moment.write(entries.resolution(held.incident.id, "mainstay", rests_on, at_ms, moment.seq, why))

    def _leave(self, moment: Moment) -> None:
        """Hand over what changed; what must be looked at later stays noted."""
        for name in list(self._register.touched):
            held = self._state.held.get(name)
            if held is not None:
                self._hand_over(held, moment)

    def _hand_over(self, held: Held, moment: Moment) -> None:
        if held.is_changed:
            moment.effects.incidents[held.incident.id] = held.settle()


def _enrich(effects: Effects, topology: Topology) -> None:
    """Every alert says how critical its entity is and whose: what a list is sorted and routed by."""
    for name, alert in effects.alerts.items():
        known = topology.entities.get(alert.about)
        if known is not None and (known.tier, known.owner) != (alert.tier, alert.owner):
            effects.alerts[name] = msgspec.structs.replace(alert, tier=known.tier, owner=known.owner)


def _is_unchanged(waits: Kept, alert: Alert) -> bool:
    """A waiting alert is asked about again only when it became worse, or when nothing holds it back any more."""
    if waits.alert.suppressed and not alert.suppressed:
        return False
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(waits.alert.severity)

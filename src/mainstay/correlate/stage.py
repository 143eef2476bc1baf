"""The stage: alerts and changes in, incidents out."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.correlate import entries
from mainstay.correlate.commands import obey
from mainstay.correlate.diagnosis import diagnose, is_due
from mainstay.correlate.grouping import replaced, take, worst
from mainstay.correlate.moment import Moment
from mainstay.correlate.state import FORMAT, Held, Kept, Map, State
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


class Correlate:
    """Groups alerts into incidents, keeps their suspects up to date, and ends them when it has been quiet.

    Which alert belongs where and who is the suspect is decided by the deployed models; here is only what happens then.
    The result does not depend on how records are cut into batches: everything is keyed to a record's time.

    Args:
        models: Deployments; asked for `correlator` and `diagnoser`.
        quiet_ms: How long all alerts must be calm before an incident is resolved.
    """

    def __init__(self, models: Models, quiet_ms: int = QUIET_MS) -> None:
        self._models, self._quiet_ms = models, quiet_ms
        self._state = State()
        self._chart: tuple[Topology, Map] | None = None

    @property
    def changes(self) -> Sequence[Change]:
        """Changes of the last hour, in the order in which they were told."""
        return tuple(self._state.changes)

    def alerts_of(self, incident: str) -> Sequence[Alert]:
        """The alerts of an incident that is open or was resolved in the last ten minutes, by onset."""
        held = self._state.held.get(incident)
        kept = held.alerts.values() if held else ()
        return sorted((k.alert for k in kept), key=lambda alert: (alert.since_ms, alert.id))

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None:
        """Take in one record: what it showed, the alerts it led to, and the time that has passed."""
        state = self._state
        self._observe(normal)
        news = state.note_changes(normal.changes, at_ms)
        chart = self._map(topology, is_new=bool(normal.edges))
        raised = {entry.subject: entry.id for entry in effects.entries if entry.kind in ("alert", "alert-resolved")}
        for alert in sorted(effects.alerts.values(), key=lambda a: (a.since_ms, a.id)):
            self._alert(Kept(alert, raised.get(alert.id, alert.id)), chart, effects, at_ms)
        for held in list(state.held.values()):
            if any(change.entity in held.incident.entities for change in news):
                held.seen = []
            self._quiet(held, effects, at_ms)
            if is_due(held, at_ms):
                diagnose(held, Moment(state, chart, self._models, effects, at_ms))
        self._leave(effects, at_ms)

    def command(self, command: Command, topology: Topology, effects: Effects) -> str:
        """Do what a person asked; says what was done, or why nothing. It raises nothing: the record is in the order."""
        says = obey(command, self._state, effects)
        chart = self._map(topology)
        for held in list(self._state.held.values()):
            if held.is_changed and is_due(held, command.at_ms):
                diagnose(held, Moment(self._state, chart, self._models, effects, command.at_ms))
        self._leave(effects, command.at_ms)
        return says

    def snapshot(self) -> bytes:
        """The whole state, with a format number."""
        return pack("correlate", FORMAT, self._state)

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` wrote.

        Raises:
            Corrupt: Another format, or no state at all.
        """
        self._state = unpack("correlate", FORMAT, state, State)
        self._chart = None

    def _observe(self, normal: Normal) -> None:
        state = self._state
        state.vitals.learn(normal.new_series)
        if normal.metrics is not None:
            state.vitals.observe(normal.metrics)
        state.calls.observe(normal.edges)
        state.lines.observe(normal.templates)

    def _map(self, topology: Topology, *, is_new: bool = False) -> Map:
        if self._chart is None or is_new or self._chart[0] is not topology:
            self._chart = (topology, Map(topology, self._state.calls))
        return self._chart[1]

    def _alert(self, kept: Kept, chart: Map, effects: Effects, at_ms: int) -> None:
        """A new alert is grouped; a known one is brought up to date."""
        state, alert = self._state, kept.alert
        held = state.incident_of(alert.id)
        if held is not None:
            self._update(held, kept, at_ms)
        elif alert.status == "resolved":
            state.pending.pop(alert.id, None)
        elif not _is_waiting_unchanged(state.pending.get(alert.id), alert):
            state.pending.pop(alert.id, None)
            take(kept, Moment(state, chart, self._models, effects, at_ms))
        else:
            state.pending[alert.id] = replaced(state.pending[alert.id], alert)

    def _update(self, held: Held, kept: Kept, at_ms: int) -> None:
        before, alert = held.alerts[kept.alert.id], kept.alert
        held.alerts[alert.id] = Kept(alert, kept.entry if alert.status == "resolved" else before.entry)
        held.change(at_ms, severity=worst([held.incident.severity, alert.severity]))
        if alert.status == "resolved" and before.alert.status == "firing":
            says = f"over: {before.alert.summary or before.alert.name}"
            held.tell(TimelineEntry(at_ms=alert.ended_ms or at_ms, kind="alert", says=says[:300], ref=alert.id))
        held.calm_ms = None if held.firing() else held.calm_ms or at_ms

    def _quiet(self, held: Held, effects: Effects, at_ms: int) -> None:
        if not held.is_open or held.calm_ms is None or at_ms - held.calm_ms < self._quiet_ms:
            return
        why = f"all {len(held.alerts)} alerts calm for {(at_ms - held.calm_ms) // 1000} s"
        held.change(at_ms, status="resolved", resolved_ms=at_ms)
        held.tell(TimelineEntry(at_ms=at_ms, kind="decision", says=f"resolved: {why}", ref=held.incident.id))
        rests_on = [held.entry, *(kept.entry for kept in held.alerts.values())]
        over = entries.resolution(held.incident.id, "mainstay", rests_on, at_ms, effects.decided_seq, why)
        effects.entries.append(over)

    def _leave(self, effects: Effects, at_ms: int) -> None:
        """Hand over what changed; keep the rest."""
        for held in self._state.held.values():
            if held.is_changed:
                effects.incidents[held.incident.id] = held.incident
                held.is_changed = False
        self._state.forget(at_ms)


def _is_waiting_unchanged(kept: Kept | None, alert: Alert) -> bool:
    """A waiting alert is asked about again only when it became worse, or when nothing holds it back any more."""
    if kept is None or (kept.alert.suppressed and not alert.suppressed):
        return False
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(kept.alert.severity)

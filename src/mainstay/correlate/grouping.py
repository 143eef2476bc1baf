"""What becomes of an alert once the correlator has decided: it waits, joins, opens, reopens, or ties two incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mainstay.correlate import entries
from mainstay.correlate.evidence.scene import scene
from mainstay.correlate.evidence.words import words_of
from mainstay.correlate.moment import Moment
from mainstay.correlate.register import Register
from mainstay.correlate.state import Held, Kept
from mainstay.domain.alerts import SEVERITIES, Alert, Severity
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Grouping, Incident, TimelineEntry
from mainstay.domain.models import Decision

SYMPTOM_REACH_MS = 300_000
HINT_REACH_MS = 60_000


def take(kept: Kept, moment: Moment) -> None:
    """Ask the correlator about one alert and do what it says."""
    decision = ask(kept.alert, moment)
    kept.own = decision.inputs["alert"]["own"]
    carry_out(kept, decision, moment)


def ask(alert: Alert, moment: Moment) -> Decision:
    """What the deployed correlator says of one alert."""
    words = moment.state.words.met(alert.about, words_of(alert), moment.at_ms)
    return moment.models.decide("correlator", scene(alert, words, moment))


def carry_out(kept: Kept, decision: Decision, moment: Moment) -> None:
    """Do what the correlator said."""
    alert, state, said = kept.alert, moment.state, decision.output
    along = [state.pending[name] for name in said["with"] if name in state.pending]
    rests_on = [kept.entry, *(one.entry for one in along)]
    entry = moment.write(entries.grouping(alert, decision, rests_on, moment.at_ms, moment.seq))
    held = state.held.get(str(said["incident"] or ""))
    if said["action"] == "open":
        held = _open(kept, along, decision, entry, moment)
    if said["action"] == "hold" or held is None:
        moment.register.wait(kept)
        return
    if said["reopen"] and not held.is_open:
        _reopen(held, entry, moment, said["why"])
    _bring_in(held, kept, along, decision, moment)
    for one in along:
        moment.write(entries.along(one.alert, held.incident.id, decision, [entry, one.entry], moment.at_ms, moment.seq))
    for name in said["merge"]:
        other = state.held.get(name)
        if other is not None and other.is_open and other is not held:
            because = Because(str(decision.decided_by), said["why"], (entry,))
            merge(moment.register, other, held, moment.effects, moment.at_ms, because)


def _bring_in(held: Held, kept: Kept, along: list[Kept], decision: Decision, moment: Moment) -> None:
    said = str(decision.output["why"])
    for one in [kept, *along]:
        why = said if one is kept else f"waited, and came along with {kept.alert.name or kept.alert.id}: {said}"
        grouping = Grouping(alert=one.alert.id, at_ms=moment.at_ms, why=why, decided_by=decision.decided_by)
        add(moment.register, held, one, grouping, moment.at_ms)


def add(register: Register, held: Held, kept: Kept, why: Grouping, at_ms: int) -> None:
    """Put an alert into an incident."""
    alert, incident = kept.alert, held.incident
    register.join(held, Kept(alert, kept.entry, why, kept.own))
    held.calm_ms = None if held.firing else held.calm_ms
    held.change(
        at_ms,
        since_ms=_onset(incident.since_ms, alert),
        severity=worst([incident.severity, alert.severity]),
    )
    held.tell(line_of(alert))


def _onset(since_ms: int, alert: Alert) -> int:
    """An earlier symptom moves the onset back; what has only been odd for long (load, log lines) does not."""
    reach_ms = SYMPTOM_REACH_MS if alert.signal in ("latency", "errors", "availability") else HINT_REACH_MS
    return alert.since_ms if since_ms - reach_ms <= alert.since_ms < since_ms else since_ms


def line_of(alert: Alert) -> TimelineEntry:
    """An alert as a line of the timeline, at its onset."""
    says = alert.summary or f"{alert.name} ({alert.signal})"
    return TimelineEntry(at_ms=alert.since_ms, kind="alert", says=says[:300], ref=alert.id, decided_by=alert.decided_by)


@dataclass(frozen=True, slots=True)
class Because:
    """Who had two incidents merged, why, and on which entries that rests."""

    actor: str
    why: str = ""
    rests_on: tuple[str, ...] = ()


def merge(register: Register, source: Held, into: Held, effects: Effects, at_ms: int, because: Because) -> None:
    """One incident becomes part of another; nothing of it is lost."""
    source.settle()  # it keeps what it had
    for kept in list(source.alerts.values()):
        if kept.why is not None:
            add(register, into, kept, kept.why, at_ms)
    name, target = source.incident.id, into.incident.id
    into.confirmed = into.confirmed or source.confirmed
    into.confirmed_by = into.confirmed_by or source.confirmed_by
    if source.incident.status == "acknowledged" and into.incident.status == "open":
        into.change(at_ms, status="acknowledged", acknowledged_by=source.incident.acknowledged_by)
    into.change(at_ms, opened_ms=min(into.incident.opened_ms, source.incident.opened_ms))
    why = f": {because.why}" if because.why else ""
    into.tell(_decided(at_ms, f"{name} merged into this incident{why}", name))
    source.tell(_decided(at_ms, f"merged into {target}", target))
    source.change(at_ms, status="merged", merged_into=target)
    source.alerts, source.closed_ms = {}, at_ms
    register.touch(source)
    into.is_news = True  # its evidence changed: diagnose again
    rests_on = [*because.rests_on, source.entry, into.entry]
    effects.entries.append(
        entries.incident(name, "merged", because.actor, rests_on, at_ms, effects.decided_seq, into=target)
    )


def worst(severities: Iterable[Severity]) -> Severity:
    """The most severe of them.

    >>> worst(["minor", "critical"])
    'critical'
    """
    return min(severities, key=SEVERITIES.index)


def _open(kept: Kept, along: list[Kept], decision: Decision, entry: str, moment: Moment) -> Held:
    alert, at_ms, state = kept.alert, moment.at_ms, moment.state
    name = f"INC-{state.next_number}"
    state.next_number += 1
    why = str(decision.output["why"])
    onset_ms = alert.since_ms
    for one in along:
        onset_ms = _onset(onset_ms, one.alert)
    incident = Incident(
        id=name, status="open", severity=alert.severity, title=alert.summary or alert.name, since_ms=onset_ms,
        opened_ms=at_ms, updated_ms=at_ms, decided_by=decision.decided_by, tenant=alert.tenant,
    )  # fmt: skip
    actor = str(decision.decided_by)
    opened = moment.write(
        entries.incident(name, "opened", actor, [entry], at_ms, moment.seq, why=why, since_ms=onset_ms)
    )
    held = Held(incident, entry=opened)
    moment.register.know(held)
    held.tell(
        TimelineEntry(at_ms=at_ms, kind="decision", says=f"opened: {why}", ref=name, decided_by=decision.decided_by)
    )
    return held


def _reopen(held: Held, entry: str, moment: Moment, why: str) -> None:
    name, at_ms = held.incident.id, moment.at_ms
    status = "acknowledged" if held.incident.acknowledged_by else "open"
    held.change(at_ms, status=status, resolved_ms=None)
    held.calm_ms, held.closed_ms, held.is_news = None, 0, True
    moment.register.reopened(held)
    held.tell(_decided(at_ms, f"reopened: {why}", name))
    moment.write(entries.incident(name, "reopened", "mainstay", [entry, held.entry], at_ms, moment.seq, why=why))


def _decided(at_ms: int, says: str, ref: str) -> TimelineEntry:
    return TimelineEntry(at_ms=at_ms, kind="decision", says=says[:300], ref=ref)

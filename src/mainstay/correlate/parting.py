"""Alerts that leave an incident and become one of their own: a person said so, or they have another cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.correlate import entries
from mainstay.correlate.grouping import add, worst
from mainstay.correlate.register import Register
from mainstay.correlate.state import Held, Kept
from mainstay.domain.alerts import SEVERITIES
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Grouping, Incident, TimelineEntry
from mainstay.domain.models import VersionRef


@dataclass(frozen=True, slots=True)
class Reason:
    """Who parts them, in the words of the ledger and of a grouping, why, and on which entry that rests."""

    actor: str
    decided_by: VersionRef
    why: str
    rests_on: tuple[str, ...] = ()


def part(register: Register, held: Held, alerts: Sequence[str], effects: Effects, at_ms: int, reason: Reason) -> Held:
    """These leave and are an incident of their own; what stays keeps its name, and nothing but a person brings the two
    together again."""  # noqa: D205, D209
    leaving = register.leave(held, alerts)
    name = f"INC-{register.state.next_number}"
    register.state.next_number += 1
    first = min(leaving, key=lambda kept: (SEVERITIES.index(kept.alert.severity), kept.alert.since_ms, kept.alert.id))
    incident = Incident(
        id=name, status="open", severity=first.alert.severity, title=first.alert.summary or first.alert.name,
        since_ms=min(kept.alert.since_ms for kept in leaving), opened_ms=at_ms, updated_ms=at_ms,
        decided_by=reason.decided_by, tenant=held.incident.tenant,
    )  # fmt: skip
    rests_on = [*reason.rests_on, held.entry, *(kept.entry for kept in leaving)]
    opened = entries.incident(name, "split", reason.actor, rests_on, at_ms, effects.decided_seq,
                              of=held.incident.id, alerts=[kept.alert.id for kept in leaving])  # fmt: skip
    effects.entries.append(opened)
    other = Held(incident, entry=opened.id, apart=[held.incident.id])
    held.apart.append(name)
    register.know(other)
    why = f"split from {held.incident.id}{reason.why}"
    for kept in leaving:
        grouping = Grouping(alert=kept.alert.id, at_ms=at_ms, why=why[:300], decided_by=reason.decided_by)
        add(register, other, kept, grouping, at_ms)
    other.calm_ms = None if other.firing else at_ms
    other.tell(TimelineEntry(at_ms=at_ms, kind="decision", says=f"opened: {why}"[:300], ref=name))
    _without(held, at_ms)
    says = f"{_these(leaving)} split off into {name}{reason.why}"
    held.tell(TimelineEntry(at_ms=at_ms, kind="decision", says=says[:300], ref=held.incident.id))
    return other


def _these(leaving: Sequence[Kept]) -> str:
    return leaving[0].alert.name if len(leaving) == 1 else f"{len(leaving)} alerts"


def _without(held: Held, at_ms: int) -> None:
    """What the incident is once alerts have left."""
    left = [kept.alert for kept in held.alerts.values()]
    held.change(
        at_ms,
        severity=worst(a.severity for a in left),
        since_ms=min(a.since_ms for a in left),
    )
    held.is_news, held.diagnosed_ms = True, 0
    held.calm_ms = None if held.firing else at_ms

"""When to ask for the cause, and what to make of the answer."""

from __future__ import annotations

import msgspec

from mainstay.correlate import entries
from mainstay.correlate.moment import Moment
from mainstay.correlate.parting import Reason, part
from mainstay.correlate.state import REOPEN_MS, Held, State
from mainstay.correlate.views import case, in_order
from mainstay.domain.alerts import Evidence
from mainstay.domain.incidents import Suspect, TimelineEntry
from mainstay.domain.models import Decision

AGAIN_MS = 10_000
YOUNG_MS = 90_000
LATER_MS = 60_000
AT_MOST_EVERY_MS = 2_000
APART_MS = 10_000  # onsets are known to two windows
MOST_ASKED = 40
MOVED = 0.15  # a probability that moved by less is the same opinion


def is_due(held: Held, at_ms: int) -> bool:
    """New evidence, or time for another look: in the first minute and a half much of the evidence is still to come."""
    if not held.is_open or held.calm_ms is not None:
        return False
    waited_ms = at_ms - held.diagnosed_ms
    if not held.diagnosed_ms or (held.is_news and waited_ms >= AT_MOST_EVERY_MS):
        return True
    if held.fading_ms is not None:
        return False  # what was thought while it burned stands, until something new burns
    is_young = at_ms - held.incident.opened_ms < YOUNG_MS
    return waited_ms >= (AGAIN_MS if is_young else LATER_MS)


def next_due(held: Held, at_ms: int, quiet_ms: int) -> int | None:
    """When it must be looked at again although nothing comes: to end it, to forget it, or for another diagnosis."""
    if not held.is_open:
        return held.closed_ms + REOPEN_MS + 1
    if held.calm_ms is not None:
        return held.calm_ms + quiet_ms
    if not held.diagnosed_ms:
        return at_ms
    if held.is_news:
        return held.diagnosed_ms + AT_MOST_EVERY_MS
    if held.fading_ms is not None:
        return None
    again_ms, grown_ms = held.diagnosed_ms + AGAIN_MS, held.incident.opened_ms + YOUNG_MS
    return again_ms if max(again_ms, at_ms) < grown_ms else held.diagnosed_ms + LATER_MS


def diagnose(held: Held, moment: Moment) -> None:
    """Ask the diagnoser and take up its suspects; a changed opinion is a line of the timeline, never silent."""
    at_ms = moment.at_ms
    decision = moment.models.decide(
        "diagnoser", case(held, moment.state, moment.chart, at_ms, _elsewhere(held, moment))
    )
    held.diagnosed_ms, held.is_news = at_ms, False
    moment.register.touch(held)
    suspects = _suspects(decision)
    evidence = tuple(msgspec.convert(decision.output["evidence"], list[Evidence]))
    leaving = _leaving(held, decision)
    if suspects == held.incident.suspects and evidence == held.incident.evidence and not leaving:
        return
    is_news = _is_news(held.incident.suspects, suspects)
    held.change(at_ms, suspects=suspects, evidence=evidence)
    if is_news or f"diagnosis:{held.incident.id}" not in held.told:
        held.told.append(f"diagnosis:{held.incident.id}")
        held.tell(_line(decision, suspects, at_ms))
    tell_changes(held, moment.state)
    rests_on = [held.entry, *(kept.entry for kept in in_order(held)), *(s.change for s in suspects if s.change)]
    entry = moment.write(entries.diagnosis(held.incident.id, decision, rests_on, at_ms, moment.seq))
    if leaving:
        why = f" by {decision.decided_by}: {decision.output['second']['says']}"
        reason = Reason(str(decision.decided_by), decision.decided_by, why, (entry,))
        part(moment.register, held, leaving, moment.effects, at_ms, reason)


def _leaving(held: Held, decision: Decision) -> list[str]:
    """The alerts that have another cause; none of an incident that a person has taken on, or judged."""
    second = decision.output.get("second")
    if second is None or held.incident.status != "open" or held.proof:
        return []
    leaving = [name for name, kept in held.alerts.items() if kept.alert.about in second["leave"]]
    return leaving if len(leaving) < len(held.alerts) else []


def _elsewhere(held: Held, moment: Moment) -> set[str]:
    """The causes of other open incidents that caused nothing here.

    They began later; or they explain nobody here but whom they explain there already, and something here is left: who
    suffers from both says nothing of what the rest comes from.
    """
    found = set()
    about = held.about
    for entity in list(held.members)[:MOST_ASKED]:
        for other in moment.register.naming(entity):
            if other is held or not other.is_open or not other.cause:
                continue
            if other.began_ms > held.began_ms + APART_MS or _is_told_there(other, about, moment):
                found.add(other.cause)
    return found - {"", held.confirmed, held.cause}


def _is_told_there(other: Held, about: list[str], moment: Moment) -> bool:
    by_it = [entity for entity in about if moment.chart.depends(entity, other.cause)]
    return len(by_it) < len(about) and all(entity in other.members for entity in by_it)


def _suspects(decision: Decision) -> tuple[Suspect, ...]:
    return tuple(
        msgspec.convert({**said, "decided_by": msgspec.to_builtins(decision.decided_by)}, Suspect)
        for said in decision.output["suspects"]
    )


def _is_news(before: tuple[Suspect, ...], after: tuple[Suspect, ...]) -> bool:
    if not before or not after:
        return bool(before) != bool(after)
    old, new = before[0], after[0]
    is_other = (old.entity, old.cause, old.change) != (new.entity, new.cause, new.change)
    return is_other or abs(old.probability - new.probability) >= MOVED


def _line(decision: Decision, suspects: tuple[Suspect, ...], at_ms: int) -> TimelineEntry:
    if not suspects:
        says = "no suspect yet: not enough evidence"
    else:
        first = suspects[0]
        name = first.entity.rpartition("/")[2]
        cause = first.cause if first.cause != "unknown" else "cause unknown"
        says = f"suspect {name} ({cause}, {first.probability * 100:.0f} %): {first.says}"
    return TimelineEntry(at_ms=at_ms, kind="decision", says=says[:300], decided_by=decision.decided_by)


def tell_changes(held: Held, state: State) -> None:
    """Changes on what is involved belong into the timeline, guilty or not."""
    involved = {*held.about, *(s.entity for s in held.incident.suspects)}
    since_ms = held.incident.since_ms - 1_800_000
    for change in state.changes:
        if change.entity in involved and change.at_ms > since_ms and change.id not in held.told:
            held.told.append(change.id)
            by = " by Mainstay" if change.by_mainstay else f" by {change.author}" if change.author else ""
            name = change.entity.rpartition("/")[2]
            says = f"{change.kind} {name}{'@' + change.version if change.version else ''}{by}"
            held.tell(TimelineEntry(at_ms=change.at_ms, kind="change", says=says, ref=change.id))

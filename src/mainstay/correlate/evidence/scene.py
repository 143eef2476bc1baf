"""What the correlator is shown of one alert: what it could join, what waits near it, and the calls between them.

Only what is near on the graph, or on the same host, is shown: nothing else can be tied. So a decision costs the same
however much is open, and what is frozen beside it stays small.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.moment import Moment
from mainstay.correlate.state import REOPEN_MS, Held, Kept, Member
from mainstay.correlate.views import alert_sketch
from mainstay.domain.alerts import Alert

MOST_INCIDENTS = 8
MOST_MEMBERS = 6
MOST_PENDING = 24
MOST_CHANGES = 20
MOST_ENDS = 48
LONG_AGO_MS = 600_000  # what befell another entity so long ago ties nothing here
OLD_MS = 1_800_000  # an alert that waits for longer agrees with nothing new
SCENE_CHANGE_MS = 900_000


def scene(alert: Alert, words: Mapping[str, str], moment: Moment) -> dict[str, Any]:
    """The inputs of a grouping decision about one alert.

    Args:
        alert: What is to be placed.
        words: Who else speaks of what it names, and of what.
        moment: What is known.
    """
    state, chart, at_ms = moment.state, moment.chart, moment.at_ms
    sketch = alert_sketch(alert, state, chart)
    ends = [end for end in dict.fromkeys((sketch["entity"], sketch["peer"])) if end]
    near = _near(ends, chart)
    if words:
        near = dict.fromkeys((*near, *words))
    shown = _incidents(near, ends, sketch, moment)
    pending = [alert_sketch(kept.alert, state, chart) for kept in _pending(near, alert, moment)]
    waiting = [end for one in pending for end in (one["entity"], one["peer"]) if end]
    agreeing = list(islice(dict.fromkeys((*ends, *waiting)), MOST_ENDS))
    named = dict.fromkeys(agreeing)
    for members in shown.values():
        named.update(dict.fromkeys(members))
    changes, under = _changes(named, moment)
    pairs = chart.ways(ends, named)
    for number, one in enumerate(agreeing[len(ends) :], len(ends) + 1):
        pairs |= chart.ways((one,), agreeing[number:])
    for members in shown.values():  # what explains the victims within each
        pairs |= chart.ways([one for one in members if not all(chart.depends(end, one) for end in ends)], members)
    for entity, changed in under:
        pairs |= chart.ways((entity,), (changed,))
    return {
        "at_ms": at_ms,
        "alert": sketch,
        "incidents": [_incident_sketch(state.held[name], found, sketch, moment) for name, found in shown.items()],
        "pending": pending,
        "edges": sorted(pairs),
        "hosts": {entity: chart.host(entity) for entity in sorted(named.keys() & chart.homes.keys())},
        "changes": changes,
        **({"words": dict(words)} if words else {}),
    }


def _near(ends: Sequence[str], chart: Map) -> Collection[str]:
    """The ends, what is connected to them, and who shares their hosts; nearest first."""
    if len(ends) == 1 and not chart.host(ends[0]):
        return chart.near(ends[0])  # most alerts: nothing to put together
    found = dict.fromkeys(ends)
    for end in ends:
        found.update(dict.fromkeys(chart.near(end)))
        host = chart.host(end)
        if host:
            found.update(dict.fromkeys(chart.sharing(host)))
            found[f"host:{end.partition(':')[2].rpartition('/')[0]}/{host}"] = None
    return found


def _incidents(
    near: Iterable[str], ends: Collection[str], alert: dict[str, Any], moment: Moment
) -> dict[str, list[str]]:
    """Those that name something near, the nearest first, in the order of opening, each with its members near it.

    Open ones with something new of itself in the last half hour, or of what is near it in the last ten minutes; lately
    resolved ones only when this is their symptom again.
    """
    found: dict[str, list[str]] = {}
    long_ago_ms = moment.at_ms - LONG_AGO_MS
    for entity, told in moment.register.fresh(near, moment.at_ms):
        since_ms = 0 if entity in ends else long_ago_ms
        for held in told:
            members = found.get(held.incident.id)
            if members is None:
                member = held.members[entity]
                if member.last_ms < since_ms and member.told_ms < since_ms:
                    continue
                if len(found) >= MOST_INCIDENTS or not _may_matter(held, alert, moment.at_ms):
                    continue
                members = found[held.incident.id] = []
            if len(members) < MOST_MEMBERS and held.members[entity].solid:
                members.append(entity)
    opened = moment.state.held
    return dict(sorted(found.items(), key=lambda item: (opened[item[0]].incident.opened_ms, item[0])))


def _may_matter(held: Held, alert: dict[str, Any], at_ms: int) -> bool:
    if held.is_open:
        return True
    if held.incident.status != "resolved" or at_ms - held.closed_ms > REOPEN_MS:
        return False
    return alert["symptom"] in held.symptoms or alert["fingerprint"] in held.prints


def _pending(near: Iterable[str], alert: Alert, moment: Moment) -> list[Kept]:
    found: dict[str, Kept] = {}
    for waiting in moment.register.waiting(near):
        for kept in waiting:
            if kept.alert.id != alert.id and abs(kept.alert.since_ms - alert.since_ms) <= OLD_MS:
                found[kept.alert.id] = kept
        if len(found) >= MOST_PENDING:
            break
    return list(islice(found.values(), MOST_PENDING))


def _changes(named: Iterable[str], moment: Moment) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Changes of the last quarter of an hour on what something here depends on, and who depends on each."""
    found: list[dict[str, Any]] = []
    under: list[tuple[str, str]] = []
    since_ms = moment.at_ms - SCENE_CHANGE_MS
    recent = [c for c in moment.state.changes if c.at_ms > since_ms and c.entity]
    for change in recent[-200:]:
        users = [entity for entity in named if moment.chart.depends(entity, change.entity)]
        if users and len(found) < MOST_CHANGES:
            under += [(entity, change.entity) for entity in users]
            found.append(
                {
                    "id": change.id, "entity": change.entity, "at_ms": change.at_ms, "kind": change.kind,
                    "by_mainstay": change.by_mainstay,
                }
            )  # fmt: skip
    return found, under


def _incident_sketch(held: Held, members: Iterable[str], alert: dict[str, Any], moment: Moment) -> dict[str, Any]:
    """Symptoms and fingerprints only where they are those of the alert: they tell a recurrence."""
    symptom, fingerprint = alert["symptom"], alert["fingerprint"]
    found = {
        "id": held.incident.id,
        "members": [_member_sketch(entity, held.members[entity]) for entity in members],
        "began_ms": held.began_ms,
        "cause": held.cause,
        "suspect": held.incident.suspects[0].entity if held.incident.suspects else "",
        "over_ms": held.over_ms,
        "symptoms": [symptom] if symptom in held.symptoms else [],
        "fingerprints": [fingerprint] if fingerprint in held.prints else [],
        "resolved_ms": held.incident.resolved_ms if not held.is_open else None,
    }
    together, apart = moment.state.together.of(symptom, held.symptoms, moment.at_ms)
    if together or apart:
        found |= {"together": together, "not_together": apart}
    return found | {"apart": held.apart} if held.apart else found


def _member_sketch(entity: str, member: Member) -> dict[str, Any]:
    found = {
        "entity": entity, "first_ms": member.first_ms, "last_ms": max(member.last_ms, member.told_ms),
        "is_firing": member.firing > 0, "is_saturated": member.saturated > 0,
    }  # fmt: skip
    if not member.about:
        found["is_about"] = False
    if member.own:
        found["own"] = member.own
    if member.tellings > 1:
        found |= {"burst_ms": member.burst_ms, "tellings": member.tellings, "pause_ms": member.pause_ms}
    return found

"""What a judge of changes is asked, whole: it is frozen beside the decision, which can be taken again from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import numpy as np

from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.intelligence.changes.records import what_is_known
from mainstay.intelligence.changes.rings import BUCKET_MS, RING, SIGNALS, Rings, bucket_of
from mainstay.intelligence.changes.state import State

AFTER = 6  # spans that are compared after a change
LEAST_AFTER = 2
WIDTHS = (1, 3, 10)  # buckets a span: looks after 35 s, 105 s and 350 s
HISTORY = (180, 120, 36)  # spans before the change, by look: a quarter of an hour, then all that is kept
MOST_UNITS = 16
MOST_CALLERS = 5
MOST_CALLEES = 8
MOST_WALKED = 200
FAR_HOPS = 4
NEAR_HOPS = 2  # callers so near may feel it: they are no peers
CROWD_MS = 1_800_000
RECENT = 24  # buckets: a peer that has said nothing for two minutes is none


@dataclass(frozen=True, slots=True)
class Place:
    """A change, or a placebo of one: what was changed, and when; `key` draws its peers."""

    entity: str
    at_ms: int
    key: str

    @property
    def at(self) -> int:
        """Its bucket."""
        return bucket_of(self.at_ms)


def due_ms(at_ms: int, look: int) -> int:
    """When the spans of a look are over."""
    return (bucket_of(at_ms) + WIDTHS[look] * (1 + AFTER) + 1) * BUCKET_MS


def spans_until(at_ms: int, until_ms: int, look: int) -> int:
    """How many spans of a look there are between a change and the next one of the same service."""
    return min(AFTER, (bucket_of(until_ms) - bucket_of(at_ms)) // WIDTHS[look] - 1)


def impact_inputs(
    place: Place, look: int, after: int, rings: Rings, state: State, topology: Topology
) -> dict[str, Any]:
    """What happened to the service, to who calls it, and to at most a dozen others, before and after."""
    width = WIDTHS[look]
    kept = min(HISTORY[look], (place.at - max(rings.head - RING + 1, 0)) // width)
    units, callers, callees = _units(place, topology, rings)
    count, first = kept + 1 + after, place.at - kept * width
    values = rings.values(units, first, width, count)
    is_heard = np.asarray(np.isfinite(values).any(axis=2))
    signals = {
        name: [[float(f"{v:.4g}") if v == v else None for v in row] for row in values[:, at].tolist()]  # noqa: PLR0124 - NaN
        for at, name in enumerate(SIGNALS)
        if is_heard[0, at]
    }
    return {
        "bucket_s": width * BUCKET_MS / 1000,
        "at": kept,
        "after": after,
        "units": units,
        "callers": callers,
        "signals": signals,
        "clean": [_clean(state, unit, first, width, count) for unit in units],
        "callees": callees,
    }


def _units(place: Place, topology: Topology, rings: Rings) -> tuple[list[str], list[int], list[int]]:
    """The changed service, its callers, what it calls, and others drawn by hash, so that nobody chooses them; and which
    of them call it, and which it calls."""  # noqa: D205, D209
    heard = [entity for entity in rings.heard_of(place.at - RECENT) if entity != place.entity]
    above = {caller for caller, hops in callers_of(topology, place.entity) if hops <= NEAR_HOPS}
    below = [callee for callee, _ in callees_of(topology, place.entity) if callee not in above]
    callers = [entity for entity in heard if entity in above][:MOST_CALLERS]
    callees = [callee for callee in below if callee in heard][:MOST_CALLEES]
    left = [entity for entity in heard if entity not in above and entity not in callees]
    drawn = sorted(left, key=lambda entity: blake2b(f"{place.key} {entity}".encode()).digest())
    units = [place.entity, *callers, *callees, *drawn][:MOST_UNITS]
    return units, list(range(1, 1 + len(callers))), [units.index(one) for one in callees]


def _clean(state: State, entity: str, first: int, width: int, count: int) -> str:
    marks = np.ones(width * count, np.bool_)
    for since, until in state.unclean(entity):
        marks[max(since - first, 0) : max(until - first + 1, 0)] = False
    whole = np.asarray(marks.reshape(count, width).all(axis=1))
    return "".join("1" if mark else "0" for mark in whole)


def callers_of(topology: Topology, entity: str) -> list[tuple[str, int]]:
    """Everybody who depends on it, nearest first, with the number of calls between; a circle is walked once.

    >>> from mainstay.domain.entities import Edge
    >>> edges = (Edge(caller="a", callee="b"), Edge(caller="b", callee="c"), Edge(caller="c", callee="a"))
    >>> callers_of(Topology(edges=edges), "c")
    [('b', 1), ('a', 2)]
    """
    return _walked(((edge.callee, edge.caller) for edge in topology.edges), entity)


def callees_of(topology: Topology, entity: str) -> list[tuple[str, int]]:
    """Everybody whom it depends on, in the same way."""
    return _walked(((edge.caller, edge.callee) for edge in topology.edges), entity)


def _walked(steps: Iterable[tuple[str, str]], start: str) -> list[tuple[str, int]]:
    onward: dict[str, list[str]] = {}
    for here, there in steps:
        onward.setdefault(here, []).append(there)
    found = {start: 0}
    waiting = deque([start])
    while waiting and len(found) <= MOST_WALKED:
        one = waiting.popleft()
        for there in sorted(onward.get(one, ())) if found[one] < FAR_HOPS else ():
            if there and there not in found:
                found[there] = found[one] + 1
                waiting.append(there)
    return [(name, hops) for name, hops in found.items() if hops]


def risk_inputs(change: Change, state: State, topology: Topology) -> dict[str, Any]:
    """What is known of a change before it did anything."""
    entity = change.entity or change.subject
    known = topology.entities
    near = {entity, *topology.callees(entity), *topology.callers(entity)}
    when = datetime.fromtimestamp(change.at_ms / 1000, UTC)
    crowd = [
        one
        for one in state.watched.values()
        if one.change.id != change.id and one.change.entity in near and 0 <= change.at_ms - one.change.at_ms <= CROWD_MS
    ]
    tier = known[entity].tier if entity in known else None
    return {
        "entity": entity,
        "kind": change.kind,
        "version": change.version,
        "previous_version": change.previous_version,
        "author": change.author,
        "size": change.size,
        "tier": tier,
        "hour": when.hour,
        "weekday": when.weekday(),
        "callers": [
            [caller, hops, known[caller].tier if caller in known else None]
            for caller, hops in callers_of(topology, entity)
        ],
        **what_is_known(change, entity, state),
        "here": state.made.get(f"{change.author}|{entity}", 0),
        "felt": {str(hops): state.record(f"hops:{hops}") for hops in range(1, FAR_HOPS + 1)},
        "incident": state.incident_of({entity, *topology.callees(entity)}),
        "crowd": len(crowd),
    }

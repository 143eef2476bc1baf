"""The service graph as correlation asks it: who depends on whom over how many calls, and by which of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from mainstay.correlate.evidence.recent import RecentCalls
from mainstay.domain.entities import Topology

QUEUE = "queue:"  # nothing depends on another through one: who publishes does not wait for who consumes
FAR = 6  # calls after which two services are not said to depend on each other
MOST_REACHED = 2_000
MOST_NEAR = 300
MOST_REMEMBERED = 200_000

Pair = tuple[str, str]


class Map:
    """The graph as a topology and the latest calls show it together; either may lack edges.

    What it is asked it remembers, for as long as no edge comes or goes.
    """

    def __init__(self, topology: Topology, calls: RecentCalls) -> None:
        self._neighbours: dict[str, list[Pair]] = {}
        self._callees: dict[str, list[str]] = {}
        self._callers: dict[str, list[str]] = {}
        self._pairs = _pairs(topology, calls)
        for pair in self._pairs:
            self._callees.setdefault(pair[0], []).append(pair[1])
            self._callers.setdefault(pair[1], []).append(pair[0])
            for end in pair:
                self._neighbours.setdefault(end, []).append(pair)
        self._reached: dict[tuple[str, bool], dict[str, tuple[int, str]]] = {}
        self._near: dict[str, list[str]] = {}
        self._ways: dict[str, dict[str, tuple[Pair, ...]]] = {}
        self._remembered = 0
        self._know(topology)

    def takes(self, topology: Topology, calls: RecentCalls) -> bool:
        """Take up a newer topology if its edges are the same; False when a new map must be drawn."""
        if _pairs(topology, calls) != self._pairs:
            return False
        self._know(topology)
        return True

    def around(self, entities: Iterable[str], hops: int, most: int) -> list[Pair]:
        """Edges at most so many hops away from these entities, nearest first until there are `most`, then sorted."""
        seen, found = set(entities), dict[Pair, None]()
        border = deque((entity, 0) for entity in sorted(seen))
        while border and len(found) < most:
            entity, far = border.popleft()
            for pair in self._neighbours.get(entity, ()):
                found[pair] = None
                for end in pair:
                    if end not in seen and far + 1 < hops:
                        seen.add(end)
                        border.append((end, far + 1))
        return sorted(found)

    def near(self, entity: str) -> list[str]:
        """Itself and what is connected to it in either direction, nearest first, at most 300."""
        found = self._near.get(entity)
        if found is None:
            seen, border = {entity: 0}, deque([entity])
            while border and len(seen) < MOST_NEAR:
                here = border.popleft()
                for other in (*self._callees.get(here, ()), *self._callers.get(here, ())):
                    if other not in seen and seen[here] < FAR:
                        seen[other] = seen[here] + 1
                        border.append(other)
            found = self._near[entity] = list(seen)[:MOST_NEAR]
        return found

    def depends(self, entity: str, other: str) -> bool:
        """Whether a fault of the other can be felt by this one; itself is True."""
        return other in self._reach(entity, down=True)

    def below(self, entity: str, hops: int, most: int) -> list[tuple[str, int]]:
        """What it depends on, at most so many calls away, with their number; nearest first."""
        found: list[tuple[str, int]] = []
        for other, (far, _) in self._reach(entity, down=True).items():
            if far > hops or len(found) >= most:
                break
            if far:
                found.append((other, far))
        return found

    def path(self, one: str, other: str) -> tuple[Pair, ...]:
        """The calls that connect two entities: one under the other, else both over a third, else both under one."""
        found = self._ways.get(one, {}).get(other)
        if found is None:
            if self._remembered >= MOST_REMEMBERED:
                self._ways, self._remembered = {}, 0
            self._remembered += 1
            found = self._ways.setdefault(one, {})[other] = self._find(min(one, other), max(one, other))
        return found

    def ways(self, ends: Iterable[str], others: Iterable[str]) -> set[Pair]:
        """The calls that connect any of these with any of those."""
        found: set[Pair] = set()
        for end in ends:
            known = self._ways.get(end, {})
            for other in others:
                found.update(known[other] if other in known else self.path(end, other))
        return found

    def host(self, entity: str) -> str:
        """Where it runs, as it said itself; "" unknown."""
        return self.homes.get(entity, "")

    def sharing(self, host: str) -> list[str]:
        """Who runs on this host."""
        return self._lodgers.get(host, [])

    def _know(self, topology: Topology) -> None:
        self.entities = topology.entities
        self.homes = {e.id: e.attributes["host"] for e in topology.entities.values() if e.attributes.get("host")}
        self._lodgers: dict[str, list[str]] = {}
        for entity, host in self.homes.items():
            self._lodgers.setdefault(host, []).append(entity)

    def _reach(self, entity: str, *, down: bool) -> dict[str, tuple[int, str]]:
        """Hops and the step before, for all that is below (or above) it."""
        known = self._reached.get((entity, down))
        if known is not None:
            return known
        steps = self._callees if down else self._callers
        reached, border = {entity: (0, "")}, deque([entity])
        while border and len(reached) < MOST_REACHED:
            here = border.popleft()
            hops = reached[here][0] + 1
            passes = hops <= FAR and (here == entity or not here.startswith(QUEUE))
            for other in steps.get(here, ()) if passes else ():
                if other not in reached:
                    reached[other] = (hops, here)
                    border.append(other)
        self._reached[entity, down] = reached
        return reached

    def _find(self, one: str, other: str) -> tuple[Pair, ...]:
        for upper, lower in ((one, other), (other, one)):
            if lower in self._reach(upper, down=True):
                return self._way(upper, lower, down=True)
        for down in (True, False):
            third = _meeting(self._reach(one, down=down), self._reach(other, down=down))
            if third:
                return (*self._way(one, third, down=down), *self._way(other, third, down=down))
        return ()

    def _way(self, start: str, end: str, *, down: bool) -> tuple[Pair, ...]:
        reached, found = self._reach(start, down=down), []
        while end != start:
            before = reached[end][1]
            found.append((before, end) if down else (end, before))
            end = before
        return tuple(found)


def _pairs(topology: Topology, calls: RecentCalls) -> dict[Pair, None]:
    told = [(edge.caller, edge.callee) for edge in topology.edges] + calls.pairs()
    return {pair: None for pair in told if pair[0] and pair[0] != pair[1]}


def _meeting(left: Mapping[str, tuple[int, str]], right: Mapping[str, tuple[int, str]]) -> str:
    """The nearest entity in both, "" for none; a tie goes to the first by name."""
    few, many = (left, right) if len(left) <= len(right) else (right, left)
    both = [(few[e][0] + many[e][0], e) for e in few if e in many]
    return min(both)[1] if both else ""

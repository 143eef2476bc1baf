"""What every entity does, operation by operation: rate, errors, duration, own time, and what each request calls."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from mainstay.domain.signals import EdgeWindow
from mainstay.normalize.spans.tally import Tally

MOST_PER_ENTITY = 32
MOST = 20_000
IDLE_NS = 3600 * 10**9
MOST_CALLEES = 32

Name = tuple[str, str]


class Operations:
    """Operations of entities in the open window. A mix of operations hides what happens to one of them.

    An entity has at most 32 operations, the first that were heard; the place of one that was idle for an hour is free
    again. What finds no room is counted (`operations_refused`) and still counts for its edge: names with numbers in
    them (`GET /users/17`) cannot fill the memory.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self._tallies: dict[Name, Tally] = {}
        self._calls: dict[Name, dict[str, int]] = {}
        self._heard: dict[str, dict[str, int]] = {}
        self._size = 0

    def tally(self, entity: str, operation: str, at_ns: int) -> Tally | None:
        """Where to count a request; None when there is no room or no name."""
        if not operation or not self._has_room(entity, operation, at_ns):
            return None
        return self._tallies.setdefault((entity, operation), Tally())

    def called(self, entity: str, operation: str, callee: str) -> None:
        """A request of this operation called somebody."""
        if operation not in self._heard.get(entity, ()):
            return
        calls = self._calls.setdefault((entity, operation), {})
        if callee in calls or len(calls) < MOST_CALLEES:
            calls[callee] = calls.get(callee, 0) + 1

    def close(self, since_ns: int, until_ns: int) -> tuple[EdgeWindow, ...]:
        """The windows of the operations that were asked for, of entities that have more than one."""
        tallies, self._tallies = self._tallies, {}
        calls, self._calls = self._calls, {}
        windows = [
            _window(name, tally, calls.get(name, {}), since_ns, until_ns)
            for name, tally in sorted(tallies.items())
            if len(self._heard.get(name[0], ())) > 1
        ]
        self._forget(until_ns)
        return tuple(windows)

    def _has_room(self, entity: str, operation: str, at_ns: int) -> bool:
        heard = self._heard.setdefault(entity, {})
        if operation not in heard:
            if len(heard) >= MOST_PER_ENTITY or self._size >= MOST:
                self.counts["operations_refused"] += 1
                return False
            self._size += 1
        heard[operation] = max(heard.get(operation, 0), at_ns)
        return True

    def _forget(self, now_ns: int) -> None:
        for entity, heard in list(self._heard.items()):
            idle = [operation for operation, at_ns in heard.items() if now_ns - at_ns > IDLE_NS]
            for operation in idle:
                del heard[operation]
            self._size -= len(idle)
            if not heard:
                del self._heard[entity]

    def state(self) -> dict[str, Any]:
        return {
            "tallies": [(name, tally.state()) for name, tally in self._tallies.items()],
            "calls": [(name, list(calls.items())) for name, calls in self._calls.items()],
            "heard": [(entity, list(heard.items())) for entity, heard in self._heard.items()],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._tallies = {(entity, operation): Tally.of(kept) for (entity, operation), kept in state["tallies"]}
        self._calls = {(entity, operation): dict(calls) for (entity, operation), calls in state["calls"]}
        self._heard = {entity: dict(heard) for entity, heard in state["heard"]}
        self._size = sum(map(len, self._heard.values()))


def window_of(ends: tuple[str, str], tally: Tally, since_ns: int, until_ns: int) -> EdgeWindow:
    """A closed window of an edge."""
    latency = tally.latency.values()
    chosen = tally.exemplars.chosen(float(np.median(latency))) if len(latency) else ()
    return EdgeWindow(
        *ends, since_ns, until_ns, tally.count, tally.errors, latency, tally.own.values(), exemplars=chosen
    )


def _window(name: Name, tally: Tally, calls: dict[str, int], since_ns: int, until_ns: int) -> EdgeWindow:
    latency = tally.latency.values()
    return EdgeWindow(
        "", name[0], since_ns, until_ns, tally.count, tally.errors, latency, tally.own.values(), name[1],
        tally.exemplars.chosen(float(np.median(latency))), tuple(sorted(calls.items())),
    )  # fmt: skip

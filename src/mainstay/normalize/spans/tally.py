"""What is counted of one edge or operation in the open window, and the few calls of it that a person can look at."""

from __future__ import annotations

from typing import Any

from mainstay.domain.signals import Exemplar
from mainstay.normalize.spans.reservoir import Reservoir

CANDIDATES = 8
_ODD, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1  # trace ids are drawn; one that counts up is spread by this


class Exemplars:
    """The slowest call, the slowest failing one, and a few drawn by hash, of which one of usual length is shown.

    What is kept does not depend on the order of arrival.
    """

    __slots__ = ("_below", "_drawn", "_failing", "_slow")

    def __init__(self) -> None:
        self._slow: tuple[float, bytes, bool] | None = None
        self._failing: tuple[float, bytes, bool] | None = None
        self._drawn: list[tuple[int, float, bytes]] = []
        self._below = _MASK + 1  # what is drawn above this cannot stay

    def add(self, trace: bytes, ms: float, *, is_error: bool) -> None:
        """One call."""
        slow = self._slow
        if slow is None or ms >= slow[0]:
            self._slow = max(slow, (ms, trace, is_error)) if slow else (ms, trace, is_error)
        if is_error:
            failing = (ms, trace, True)
            self._failing = max(self._failing, failing) if self._failing else failing
            return
        key = (int.from_bytes(trace[-8:], "big") * _ODD) & _MASK
        if key < self._below:
            self._drawn.append((key, ms, trace))
            if len(self._drawn) >= 4 * CANDIDATES:
                self._shrink()

    def chosen(self, usual_ms: float) -> tuple[Exemplar, ...]:
        """At most three, each trace once: the slowest, a failing one, and the one that took nearest to the usual."""
        self._shrink()
        near = min(self._drawn, key=lambda one: (abs(one[1] - usual_ms), one[0]), default=None)
        found = [one for one in (self._slow, self._failing) if one]
        found += [(near[1], near[2], False)] if near else []
        by_trace = {trace: Exemplar(trace, ms, is_error) for ms, trace, is_error in found}
        return tuple(by_trace.values())

    def _shrink(self) -> None:
        self._drawn.sort()
        del self._drawn[CANDIDATES:]
        if len(self._drawn) == CANDIDATES:
            self._below = self._drawn[-1][0] + 1

    def state(self) -> list[Any]:
        return [self._slow, self._failing, self._drawn]

    @classmethod
    def of(cls, state: list[Any]) -> Exemplars:
        exemplars = cls()
        slow, failing, drawn = state
        exemplars._slow = tuple(slow) if slow else None
        exemplars._failing = tuple(failing) if failing else None
        exemplars._drawn = [(key, ms, trace) for key, ms, trace in drawn]
        return exemplars


class Tally:
    """One edge or operation in the open window."""

    __slots__ = ("count", "errors", "exemplars", "latency", "own")

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.latency, self.own, self.exemplars = Reservoir(), Reservoir(), Exemplars()

    def state(self) -> list[Any]:
        return [self.count, self.errors, self.latency.state(), self.own.state(), self.exemplars.state()]

    @classmethod
    def of(cls, state: list[Any]) -> Tally:
        tally = cls()
        tally.count, tally.errors, latency, own, exemplars = state
        tally.latency, tally.own = Reservoir.of(latency), Reservoir.of(own)
        tally.exemplars = Exemplars.of(exemplars)
        return tally

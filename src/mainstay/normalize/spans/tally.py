"""What is counted of one edge or operation in the open window, and the few calls of it that a person can look at."""

from __future__ import annotations

from typing import Any

from mainstay.domain.signals import Exemplar
from mainstay.normalize.spans.reservoir import Reservoir, spread

CANDIDATES = 8


class Exemplars:
    """The slowest call, the slowest failing one, and a few drawn by hash, of which one of usual length is shown.

    What is kept does not depend on the order of arrival.
    """

    __slots__ = ("_drawn", "_failing", "_slow")

    def __init__(self) -> None:
        self._slow: tuple[float, bytes, bool] | None = None
        self._failing: tuple[float, bytes, bool] | None = None
        self._drawn: list[tuple[int, float, bytes]] = []

    def add(self, trace: bytes, ms: float, *, is_error: bool) -> None:
        """One call."""
        one = (ms, trace, is_error)
        self._slow = max(self._slow, one) if self._slow else one
        if is_error:
            self._failing = max(self._failing, one) if self._failing else one
            return
        self._drawn.append((spread(trace), ms, trace))
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

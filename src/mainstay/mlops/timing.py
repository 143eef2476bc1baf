"""How long models take, measured beside the pipeline: in its state a clock has no place."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from mainstay.domain.watching import Pace

RING = 512
WORTH_MEASURING_S = 0.002  # a call costs some tenths of a millisecond however little it is given


@dataclass(frozen=True, slots=True)
class Took:
    """Processor seconds of this thread, and seconds of the clock on the wall."""

    cpu_s: float
    wall_s: float

    def part(self, share: float) -> Took:
        """What a share of the items took."""
        return Took(self.cpu_s * share, self.wall_s * share)


class Stopwatch:
    """Runs from the moment it is made.

    >>> Stopwatch().took().cpu_s >= 0
    True
    """

    __slots__ = ("_cpu", "_wall")

    def __init__(self) -> None:
        self._cpu, self._wall = time.thread_time(), time.perf_counter()

    def took(self) -> Took:
        """Until now."""
        return Took(time.thread_time() - self._cpu, time.perf_counter() - self._wall)


@dataclass(slots=True)
class Meter:
    """What one model's calls have taken since it serves. Written by the pipeline's thread, read by any."""

    calls: int = 0
    items: int = 0
    cpu_s: float = 0.0
    walls_s: deque[float] = field(default_factory=lambda: deque(maxlen=RING))

    def add(self, took: Took, items: int) -> None:
        """One call about so many items; of nothing to look at nothing is learned."""
        if items:
            self.calls += 1
            self.items += items
            self.cpu_s += took.cpu_s
            self.walls_s.append(took.wall_s)

    def since(self, before: Meter) -> Pace | None:
        """How it went since then; None when it was not called."""
        calls, items, cpu_s = self.calls - before.calls, self.items - before.items, self.cpu_s - before.cpu_s
        if calls <= 0 or items <= 0:
            return None
        walls = list(self.walls_s)[-calls:]
        return Pace(calls=calls, us_per_item=1e6 * cpu_s / items, ms_per_call=1e3 * cpu_s / calls, p95_ms=p95_ms(walls))

    def now(self) -> Meter:
        """As it stands, without the single calls: what `since` compares with."""
        return Meter(self.calls, self.items, self.cpu_s)


@dataclass(slots=True)
class Race:
    """Champion and challenger on the same items."""

    champion_cpu_s: float = 0.0
    challenger_cpu_s: float = 0.0
    walls_s: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=RING))

    def ran(self, champion: Took, challenger: Took, *, is_all: bool) -> None:
        """Both for the same items; of few items of many one would compare calls, not detectors."""
        if is_all or champion.cpu_s >= WORTH_MEASURING_S:
            self.champion_cpu_s += champion.cpu_s
            self.challenger_cpu_s += challenger.cpu_s
            self.walls_s.append((champion.wall_s, challenger.wall_s))

    def figures(self) -> dict[str, float]:
        """As a gate takes them; empty: nothing was measured."""
        walls = list(self.walls_s)
        if not walls or self.champion_cpu_s <= 0:
            return {}
        return {
            "champion_cpu_s": self.champion_cpu_s,
            "challenger_cpu_s": self.challenger_cpu_s,
            "champion_p95_ms": p95_ms([one for one, _ in walls]),
            "challenger_p95_ms": p95_ms([other for _, other in walls]),
        }


def p95_ms(walls_s: list[float]) -> float:
    """Ninety-five of a hundred calls took no longer, in milliseconds.

    >>> p95_ms([0.001] * 19 + [0.05])
    1.0
    """
    return 1e3 * sorted(walls_s)[max(0, -(-95 * len(walls_s) // 100) - 1)]

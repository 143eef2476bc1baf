"""Runtime: has a version become slow? Figures of each minute, measured beside the pipeline, come as commands.

Cost an item falls with more items a call, and cost a call rises with them: neither alone says that a model became slow.
It is slow when *both* have at least doubled, medians of its last half hour against those of its first hour.
"""

from __future__ import annotations

from statistics import median

import msgspec

from mainstay.domain.watching import Pace

FIRST, LAST = 60, 30
"""Minutes in which it was asked anything."""
SLOWER = 2.0
LEAST_MS = 1.0
"""A call that takes less is nobody's trouble, however much longer than before."""


class Runtime(msgspec.Struct):
    """What one version's minutes were like: the first ones since it serves, and the newest."""

    first: list[Pace] = []
    last: list[Pace] = []

    def saw(self, pace: Pace) -> None:
        """One more minute."""
        if len(self.first) < FIRST:
            self.first.append(pace)
        else:
            self.last = [*self.last[-(LAST - 1) :], pace]

    @property
    def before(self) -> Pace | None:
        """Its usual pace; None until its first hour is over."""
        return _median(self.first) if len(self.first) == FIRST else None

    @property
    def now(self) -> Pace | None:
        """Its pace of late; None while that is its first hour's."""
        return _median(self.last) if len(self.last) == LAST else None

    @property
    def slower(self) -> float:
        """How many times as slow as it was, by the measure that rose least; 0: not known."""
        before, now = self.before, self.now
        if before is None or now is None or now.ms_per_call < LEAST_MS:
            return 0.0
        return min(now.us_per_item / max(before.us_per_item, 1e-9), now.ms_per_call / max(before.ms_per_call, 1e-9))


def _median(paces: list[Pace]) -> Pace:
    return Pace(
        calls=round(median(one.calls for one in paces)),
        us_per_item=median(one.us_per_item for one in paces),
        ms_per_call=median(one.ms_per_call for one in paces),
        p95_ms=median(one.p95_ms for one in paces),
    )

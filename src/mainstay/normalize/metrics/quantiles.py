"""Quantiles from histogram buckets, and the groups of Prometheus series that are one histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mainstay.domain.signals import F64


def quantile(share: float, bounds: Sequence[float], counts: Sequence[float] | F64) -> float:
    """The value below which `share` of the observations lie, by straight lines inside the buckets.

    Args:
        share: 0…1.
        bounds: Upper bounds, rising, without +Inf. The first bucket begins at 0 (at its bound when that is negative).
        counts: One count per bucket, one more than bounds: the last is above all; there the last bound is the answer,
            as Prometheus' `histogram_quantile` does.

    >>> quantile(0.5, (1.0, 2.0, 4.0), (0, 10, 0, 0))
    1.5
    """
    total = float(sum(counts))
    if total <= 0 or not bounds:
        return float("nan")
    rank, below = share * total, 0.0
    for at, bound in enumerate(bounds):
        inside = float(counts[at])
        if inside > 0 and below + inside >= rank:
            low = bounds[at - 1] if at else min(0.0, bound)
            return low + (bound - low) * (rank - below) / inside
        below += inside
    return float(bounds[-1])


class Group:
    """Members that come one by one and speak together once the last expected one is there for a time.

    Which members to expect is learned: those that came for the time before. So the answer does not wait for a timer and
    does not depend on how the samples were cut into requests.
    """

    __slots__ = ("at", "expected", "got", "is_done")

    def __init__(self) -> None:
        self.at = 0
        self.expected: frozenset[float] = frozenset()
        self.got: dict[float, float] = {}
        self.is_done = False

    def take(self, member: float, at: int, delta: float) -> dict[float, float] | None:
        """Add one member's increase (NaN: it has only begun). The whole group's increases when they are complete."""
        if at < self.at:
            return None
        if at > self.at:
            self.expected = frozenset(self.got)
            self.at, self.got, self.is_done = at, {}, False
        self.got[member] = delta
        if self.is_done or not self.expected or not self.expected.issubset(self.got):
            return None
        self.is_done = True
        return self.got

    def state(self) -> tuple[Any, ...]:
        return self.at, sorted(self.expected), list(self.got.items()), self.is_done

    @classmethod
    def of(cls, state: Sequence[Any]) -> Group:
        group = cls()
        group.at, expected, got, group.is_done = state
        group.expected, group.got = frozenset(expected), dict(got)
        return group


def bucket_quantiles(increases: dict[float, float], shares: Sequence[float]) -> list[float]:
    """Quantiles of a Prometheus histogram: `increases` maps `le` to the increase of its (cumulative) bucket."""
    bounds = sorted(increases)
    if len(bounds) < 2 or bounds[-1] != float("inf") or any(np.isnan(v) for v in increases.values()):
        return []
    # Scrapes are not atomic: buckets may cross.
    rising = np.maximum.accumulate(np.array([increases[b] for b in bounds]))
    if rising[-1] <= 0:
        return []
    counts = np.diff(rising, prepend=0.0)
    return [quantile(share, bounds[:-1], counts) for share in shares]

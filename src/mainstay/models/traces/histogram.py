"""Latencies as counts on a logarithmic scale: a quantile within 5 %, mergeable, and small enough to freeze."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

STEP = math.log(1.1)
BINS = 160  # 0.05 ms … 200 s
LOWEST_MS = 0.05
Counts = dict[int, float]
"""Bin → count; only bins that hold something."""


def bin_of(latency_ms: float) -> int:
    """The bin of a duration; what cannot be one (NaN, negative) is the lowest, what is beyond is the highest.

    >>> bin_of(0.0), bin_of(float("inf")), bin_of(float("nan"))
    (0, 159, 0)
    """
    if not latency_ms > LOWEST_MS:
        return 0
    if latency_ms > 1e6:
        return BINS - 1
    return min(BINS - 1, int(math.log(latency_ms / LOWEST_MS) / STEP))


def middle_ms(index: float) -> float:
    """The duration that a bin stands for."""
    return LOWEST_MS * math.exp((index + 0.5) * STEP)


def counted(latencies_ms: Iterable[float]) -> Counts:
    """Durations as counts.

    >>> counted([10.0, 10.1]) == {bin_of(10.0): 2.0}
    True
    """
    counts: Counts = {}
    for latency in latencies_ms:
        index = bin_of(latency)
        counts[index] = counts.get(index, 0.0) + 1.0
    return counts


def pooled(parts: Iterable[Mapping[int, float]]) -> Counts:
    """The sum of several."""
    whole: Counts = {}
    for part in parts:
        for index, count in part.items():
            whole[index] = whole.get(index, 0.0) + count
    return whole


def total(counts: Mapping[int, float]) -> float:
    """How many in all; exact, so that the order of the bins cannot change a decision."""
    return math.fsum(counts.values())


def quantile(counts: Mapping[int, float], share: float) -> float:
    """Duration in ms below which `share` of the counts lie; NaN when there are none.

    >>> round(quantile(counted([1.0] * 9 + [100.0]), 0.5), 1)
    1.0
    """
    wanted, seen = share * total(counts), 0.0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= wanted > 0:
            return middle_ms(index)
    return math.nan


def above(counts: Mapping[int, float], limit_ms: float) -> float:
    """How many lie in bins wholly above a duration."""
    border = bin_of(limit_ms)
    return math.fsum(count for index, count in counts.items() if index > border)


def blended(reference: Mapping[int, float], memory: float, new: Mapping[int, float]) -> Counts:
    """The reference, a little forgotten, with a window added; crumbs below 0.001 are dropped so that it stays small."""
    whole = {index: count * memory for index, count in reference.items() if count * memory > 1e-3}
    for index, count in new.items():
        whole[index] = whole.get(index, 0.0) + count
    return whole

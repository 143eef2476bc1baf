"""Exponential histograms as classic ones, on one fixed grid, so that two points can always be subtracted."""

from __future__ import annotations

from typing import Any

GRID_SCALE = 2  # four buckets for each doubling: a quantile is off by at most 19 %
LOWEST, HIGHEST = -80, 120  # 2^-20 (1e-6) to 2^30 (1e9) in steps of 2^(1/4)
BOUNDS = tuple(2.0 ** (step / 4) for step in range(LOWEST, HIGHEST + 1))
MOST_BUCKETS = 2048
MOST_COUNT = 1 << 53  # what a float can count


def classic(point: Any) -> tuple[tuple[float, ...], tuple[int, ...]] | str:
    """Bounds and counts of an `ExponentialHistogramDataPoint`, or why it is refused.

    Bucket `i` at scale `s` holds values in (2^(i·2^-s), 2^((i+1)·2^-s)]; a finer scale than the grid's merges into it
    exactly, a coarser one counts at its upper bound. What is zero, negative or tiny counts below the lowest bound.
    Source: opentelemetry.io, metrics data model, "ExponentialHistogram".
    """
    if not -10 <= point.scale <= 20:  # the data model's own limits
        return f"exponential histogram of scale {point.scale}, outside −10…20"
    positive = point.positive.bucket_counts
    if len(positive) > MOST_BUCKETS or len(point.negative.bucket_counts) > MOST_BUCKETS:
        return f"exponential histogram with more than {MOST_BUCKETS} buckets"
    counts = [0] * (len(BOUNDS) + 1)
    counts[0] = point.zero_count + sum(point.negative.bucket_counts)
    for index, count in enumerate(positive, start=point.positive.offset):
        upper = _upper_step(index, point.scale)
        counts[min(max(upper - LOWEST, 0), len(BOUNDS))] += count
    if max(counts) > MOST_COUNT:
        return "exponential histogram whose counts are beyond 2^53"
    return BOUNDS, tuple(counts)


def _upper_step(index: int, scale: int) -> int:
    """Which step of the grid is the smallest at or above the bucket's upper bound.

    >>> _upper_step(0, 2), _upper_step(7, 5), _upper_step(0, 0)
    (1, 1, 4)
    """
    if scale >= GRID_SCALE:
        return (index >> (scale - GRID_SCALE)) + 1
    return (index + 1) << (GRID_SCALE - scale)

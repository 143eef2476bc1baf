"""Histogram points, compiled: classic ones as they are, exponential ones on the grid of `otlp/exponential.py`.

Field numbers: opentelemetry-proto, metrics/v1/metrics.proto. Buckets that do not fit their bounds, or count beyond
2^53: odd.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.attributes import is_exemplar
from mainstay.ingest.columnar.points import MOST_FLAGS, NO_VALUE, joined, settled
from mainstay.ingest.columnar.wire import BYTES, FIXED64, VARINT, field, fixed64, varint

STARTED, TIME, COUNT, SUM = 2, 3, 4, 5
COUNTS, BOUNDS, EXEMPLARS, ATTRIBUTES, FLAGS, LEAST, GREATEST = 6, 7, 8, 9, 10, 11, 12
E_ATTRIBUTES, SCALE, ZEROS, POSITIVE, NEGATIVE = 1, 6, 7, 8, 9  # of an exponential one, as the next line
E_EXEMPLARS, E_LEAST, E_GREATEST, THRESHOLD = 11, 12, 13, 14
OFFSET, BUCKETS = 1, 2
MOST_BUCKETS, MOST_COUNT = 2048, np.uint64(1 << 53)  # as the reader of messages has them
GRID_SCALE, LOWEST, GRID = 2, -80, 202  # as `otlp/exponential.py` has them; the last cell is above all bounds
MOST_32 = np.uint64(0xFFFF_FFFF)
NAN_BITS = np.uint64(0x7FF8000000000000)


@nb.njit(cache=True, nogil=True)
def histogram(  # noqa: C901, PLR0911, PLR0912 - a branch for each field
    data: Any, at: Any, end: Any, whole: Any, done: Any, earliest: Any, latest: Any
) -> Any:
    """Write one `HistogramDataPoint`; whether it is usual. One without a recorded value leaves nothing."""
    rows, totals, _, _, _, _ = whole
    row = rows[done[1]]
    start = moment = flags = count = np.uint64(0)
    total = NAN_BITS
    first_count = last_count = first_bound = last_bound = 0
    while at < end:
        begin = at
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != _kind_of(name):
            return False
        if name == STARTED:
            start = fixed64(data, leaf)
        elif name == TIME:
            moment = fixed64(data, leaf)
        elif name == COUNT:
            count = fixed64(data, leaf)
        elif name == SUM:
            total = fixed64(data, leaf)
        elif name == COUNTS:
            if last_count:
                return False
            first_count, last_count = leaf, at
        elif name == BOUNDS:
            if last_bound:
                return False
            first_bound, last_bound = leaf, at
        elif name == FLAGS:
            flags, _ = varint(data, leaf, at)
        elif name == ATTRIBUTES:
            if not joined(row, begin, at):
                return False
        elif name == EXEMPLARS and not is_exemplar(data, leaf, at):
            return False
    if flags > MOST_FLAGS or not settled(data, row, start, moment, earliest, latest):
        return False
    if (last_count - first_count) % 8 or (last_bound - first_bound) % 8:
        return False
    if flags & np.uint64(NO_VALUE):
        row[:] = 0
        return True
    totals[done[1]] = total
    return _buckets(data, first_count, last_count, first_bound, last_bound, count, whole, done)


@nb.njit(cache=True, nogil=True)
def _kind_of(name: Any) -> Any:
    """The wire type that a field of a `HistogramDataPoint` must have; -1 for one that is not known."""
    if name in (STARTED, TIME, COUNT, SUM, LEAST, GREATEST):
        return FIXED64
    if name == FLAGS:
        return VARINT
    return BYTES if name in (COUNTS, BOUNDS, EXEMPLARS, ATTRIBUTES) else -1


@nb.njit(cache=True, nogil=True)
def _buckets(data: Any, at: Any, end: Any, bound: Any, last: Any, count: Any, whole: Any, done: Any) -> Any:
    """Write counts (doubles and fixed64 in one piece each) behind those that are there; whether they fit each other."""
    _, _, ends, bounds, counts, _ = whole
    if at == end and bound == last:
        counts[done[3]] = count
        done[3] += 1
        return _close(ends, done)
    if end - at != last - bound + 8 or end - at > 8 * MOST_BUCKETS:
        return False
    while at < end:
        value = fixed64(data, at)
        if value > MOST_COUNT:
            return False
        counts[done[3]] = value
        done[3] += 1
        at += 8
    first: Any = done[2]
    bits = bounds.view(np.uint64)
    while bound < last:
        here = done[2]
        bits[here] = fixed64(data, bound)
        if np.isnan(bounds[here]) or (here > first and bounds[here] <= bounds[here - 1]):
            return False
        done[2] += 1
        bound += 8
    return _close(ends, done)


@nb.njit(cache=True, nogil=True)
def _close(ends: Any, done: Any) -> Any:
    """One more point is there: note where its bounds and counts end."""
    ends[done[1], 0], ends[done[1], 1] = done[2], done[3]
    done[1] += 1
    return True


@nb.njit(cache=True, nogil=True)
def exponential(  # noqa: C901, PLR0911, PLR0912 - a branch for each field
    data: Any, at: Any, end: Any, whole: Any, done: Any, grid: Any, earliest: Any, latest: Any
) -> Any:
    """Write one `ExponentialHistogramDataPoint`, cells that counted something only; whether it is usual."""
    rows, totals, ends, _, counts, cells = whole
    row = rows[done[1]]
    start = moment = flags = zeros = scale_bits = np.uint64(0)
    total = NAN_BITS
    first = last = first_negative = last_negative = 0
    while at < end:
        begin = at
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != _kind_of_exponential(name):
            return False
        if name == STARTED:
            start = fixed64(data, leaf)
        elif name == TIME:
            moment = fixed64(data, leaf)
        elif name == SUM:
            total = fixed64(data, leaf)
        elif name == SCALE:
            scale_bits, _ = varint(data, leaf, at)
        elif name == ZEROS:
            zeros = fixed64(data, leaf)
        elif name == POSITIVE:
            if last:
                return False
            first, last = leaf, at
        elif name == NEGATIVE:
            if last_negative:
                return False
            first_negative, last_negative = leaf, at
        elif name == FLAGS:
            flags, _ = varint(data, leaf, at)
        elif name == E_ATTRIBUTES:
            if not joined(row, begin, at):
                return False
        elif name == E_EXEMPLARS and not is_exemplar(data, leaf, at):
            return False
    if flags > MOST_FLAGS or scale_bits > MOST_32 or zeros > MOST_COUNT:
        return False
    grid[:] = 0
    grid[0] = zeros
    scale = _signed(scale_bits)
    if not (
        -10 <= scale <= 20
        and settled(data, row, start, moment, earliest, latest)
        and _spread(data, first_negative, last_negative, scale, grid, True)
        and _spread(data, first, last, scale, grid, False)
    ):
        return False
    if flags & np.uint64(NO_VALUE):
        row[:] = 0
        return True
    totals[done[1]] = total
    for cell in range(GRID):
        if grid[cell]:
            cells[done[3]], counts[done[3]] = cell, grid[cell]
            done[3] += 1
    return _close(ends, done)


@nb.njit(cache=True, nogil=True)
def _kind_of_exponential(name: Any) -> Any:
    """The wire type that a field of an `ExponentialHistogramDataPoint` must have; -1 for one that is not known."""
    if name in (STARTED, TIME, COUNT, SUM, ZEROS, E_LEAST, E_GREATEST, THRESHOLD):
        return FIXED64
    if name in (SCALE, FLAGS):
        return VARINT
    return BYTES if name in (E_ATTRIBUTES, POSITIVE, NEGATIVE, E_EXEMPLARS) else -1


@nb.njit(cache=True, nogil=True)
def _signed(bits: Any) -> Any:
    """A sint32 from its varint: zigzag."""
    value = np.int64(bits >> np.uint64(1))
    return -value - 1 if bits & np.uint64(1) else value


@nb.njit(cache=True, nogil=True)
def _spread(data: Any, at: Any, end: Any, scale: Any, grid: Any, is_low: Any) -> Any:
    """Add `Buckets` (offset = 1, counts = 2 in one piece) to the cells that they belong to; whether they fit.

    `is_low`: all of them lie below the lowest bound, as negative ones do.
    """
    index = count = 0
    first = last = 0
    while at < end:
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != (VARINT if name == OFFSET else BYTES if name == BUCKETS else -1):
            return False
        if name == OFFSET:
            bits, _ = varint(data, leaf, at)
            if bits > MOST_32:
                return False
            index = _signed(bits)
        elif last:
            return False
        else:
            first, last = leaf, at
    while first < last:
        value, first = varint(data, first, last)
        if first < 0 or count >= MOST_BUCKETS or value > MOST_COUNT:
            return False
        upper = (index >> (scale - GRID_SCALE)) + 1 if scale >= GRID_SCALE else (index + 1) << (GRID_SCALE - scale)
        cell = 0 if is_low else min(max(upper - LOWEST, 0), GRID - 1)
        grid[cell] += value
        if grid[cell] > MOST_COUNT:
            return False
        index += 1
        count += 1
    return True

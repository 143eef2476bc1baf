"""Points of gauges, sums and summaries, compiled. A point is a row of numbers; its attributes are found, not read.

Field numbers: opentelemetry-proto, metrics/v1/metrics.proto.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.attributes import ODD, UNREAD, is_exemplar, pairs
from mainstay.ingest.columnar.wire import BYTES, FIXED64, VARINT, field, fixed64, varint

# Columns of a row: number of the metric, role, where its attributes stand, start and time.
METRIC, ROLE, FIRST, LAST, START, AT = range(6)
WIDTH = 6
PLAIN_ROLE, QUANTILE_ROLE, SUM_ROLE, COUNT_ROLE = range(4)
TO_READ = 8  # added to a role: its attributes are lists or bytes, which protobuf must read
STARTED, TIME, DOUBLE, EXEMPLARS, INTEGER, ATTRIBUTES, FLAGS = 2, 3, 4, 5, 6, 7, 8
COUNT, TOTAL, QUANTILES = 4, 5, 6
NO_VALUE = 1  # a flag: no recorded value
STALE = np.uint64(0x7FF0000000000002)  # as the reader of messages has it
MOST_FLAGS = np.uint64(0xFFFF_FFFF)


@nb.njit(cache=True, nogil=True)
def number(  # noqa: C901 - a branch for each field
    data: Any, at: Any, end: Any, row: Any, bits: Any, earliest: Any, latest: Any
) -> Any:
    """Read one `NumberDataPoint`; whether it is usual."""
    start = moment = flags = np.uint64(0)
    has_value = False
    while at < end:
        begin = at
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != _kind_of_number(name):
            return False
        if name == STARTED:
            start = fixed64(data, leaf)
        elif name == TIME:
            moment = fixed64(data, leaf)
        elif name == DOUBLE:
            bits[0], has_value = fixed64(data, leaf), True
        elif name == INTEGER:
            bits[0], has_value = _bits_of(np.float64(np.int64(fixed64(data, leaf)))), True
        elif name == FLAGS:
            flags, _ = varint(data, leaf, at)
        elif name == ATTRIBUTES:
            if not joined(row, begin, at):
                return False
        elif not is_exemplar(data, leaf, at):
            return False
    if flags & np.uint64(NO_VALUE):
        bits[0] = STALE
    elif not has_value:
        return False
    return flags <= MOST_FLAGS and settled(data, row, start, moment, earliest, latest)


@nb.njit(cache=True, nogil=True)
def _kind_of_number(name: Any) -> Any:
    """The wire type that a field of a `NumberDataPoint` must have; -1 for one that is not known."""
    if name in (STARTED, TIME, DOUBLE, INTEGER):
        return FIXED64
    if name == FLAGS:
        return VARINT
    return BYTES if name in (ATTRIBUTES, EXEMPLARS) else -1


@nb.njit(cache=True, nogil=True)
def _bits_of(value: Any) -> Any:
    """A double as the 64 bits that it is."""
    box = np.empty(1, np.float64)
    box[0] = value
    return box.view(np.uint64)[0]


@nb.njit(cache=True, nogil=True)
def joined(row: Any, begin: Any, end: Any) -> Any:
    """Add an attribute to those of a row; False when other fields stand between: they must be one piece."""
    if row[LAST] and row[LAST] != begin:
        return False
    if not row[LAST]:
        row[FIRST] = begin
    row[LAST] = end
    return True


@nb.njit(cache=True, nogil=True)
def settled(data: Any, row: Any, start: Any, moment: Any, earliest: Any, latest: Any) -> Any:
    """Write the times of a row and judge its attributes; whether they are usual.

    A start that cannot be is not known: 0, as in the reader of messages.
    """
    if not (np.uint64(earliest) <= moment <= np.uint64(latest)):
        return False
    row[START] = np.int64(start) if start <= moment else 0
    row[AT] = np.int64(moment)
    found = pairs(data, row[FIRST], row[LAST])
    if found == UNREAD:
        row[ROLE] += TO_READ
    return found != ODD


@nb.njit(cache=True, nogil=True)
def summary(  # noqa: C901, PLR0912 - a branch for each field
    data: Any, at: Any, end: Any, metric: Any, rows: Any, bits: Any, done: Any, earliest: Any, latest: Any
) -> Any:
    """Write one `SummaryDataPoint`: a row for each quantile, its sum, and its count; whether it is usual."""
    start = moment = flags = np.uint64(0)
    row = np.zeros(WIDTH, np.int64)
    row[METRIC] = metric
    total = count = np.uint64(0)
    first: Any = done[0]
    while at < end:
        begin = at
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != _kind_of_summary(name):
            return False
        if name == STARTED:
            start = fixed64(data, leaf)
        elif name == TIME:
            moment = fixed64(data, leaf)
        elif name == COUNT:
            count = fixed64(data, leaf)
        elif name == TOTAL:
            total = fixed64(data, leaf)
        elif name == FLAGS:
            flags, _ = varint(data, leaf, at)
        elif name == ATTRIBUTES:
            if not joined(row, begin, at):
                return False
        else:
            if not _quantile(data, leaf, at, bits[done[0]]):
                return False
            done[0] += 1
    if flags > MOST_FLAGS or not settled(data, row, start, moment, earliest, latest):
        return False
    bits[done[0], 0], bits[done[0] + 1, 0] = total, _bits_of(np.float64(count))
    done[0] += 2
    for one in range(first, done[0]):
        rows[one] = row
        rows[one, ROLE] += QUANTILE_ROLE if one < done[0] - 2 else SUM_ROLE if one == done[0] - 2 else COUNT_ROLE
    return True


@nb.njit(cache=True, nogil=True)
def _kind_of_summary(name: Any) -> Any:
    """The wire type that a field of a `SummaryDataPoint` must have; -1 for one that is not known."""
    if name in (STARTED, TIME, COUNT, TOTAL):
        return FIXED64
    if name == FLAGS:
        return VARINT
    return BYTES if name in (ATTRIBUTES, QUANTILES) else -1


@nb.njit(cache=True, nogil=True)
def _quantile(data: Any, at: Any, end: Any, bits: Any) -> Any:
    """Read one `ValueAtQuantile` (quantile = 1, value = 2, doubles); whether it is usual."""
    while at < end:
        name, kind, leaf, at = field(data, at, end)
        if at < 0 or kind != FIXED64 or name > 2:
            return False
        bits[2 - name] = fixed64(data, leaf)
    return True

"""What the streams of OTLP metrics are known by, compiled: their own bytes, gathered behind each other.

A key is: what kind of stream (1 byte, from 0xC0 up: no remote-write label begins so), role (1), a digest of the
resource's bytes (16), quantile (8), lengths of name and unit (2 each), name, unit, attributes as they were sent.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.metrics import NAME, SUM, SUMMARY, UNIT
from mainstay.ingest.columnar.points import FIRST, LAST, METRIC, QUANTILE_ROLE, ROLE, TO_READ
from mainstay.ingest.columnar.wire import MOST_PROBES, same, sealed

MOST_ARENA = 128 << 20  # keys of one request, a body's size and a name for each point; more is odd
FORM, GAUGE, COUNTER, HISTOGRAM, OF_SUMMARY = 0xC0, 0, 1, 2, 3
RESOURCE, QUANTILE, LENGTHS, TEXTS = 2, 18, 26, 30  # where the parts of a key stand


@nb.njit(cache=True, nogil=True)
def keyed(data: Any, rows: Any, quantiles: Any, metrics: Any, places: Any, owner: Any, digests: Any, key: Any) -> Any:
    """(is it usual, keys behind each other u8[k], start, end, hash, seal of each stream, number of each row's stream).

    Streams are numbered as they come, equal bytes once. More than `MOST_ARENA`, or hashes that crowd one place of the
    table: odd.
    """
    count = len(rows)
    size: Any = 0
    for one in range(count):
        size += TEXTS + _length(rows, one, places)
    is_good = size <= MOST_ARENA
    arena = np.empty(size if is_good else 0, np.uint8)
    start, end = np.zeros(count, np.int64), np.zeros(count, np.int64)
    hashes, seals = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    numbers = np.zeros(count, np.uint32)
    room = 16
    while room < 2 * count:
        room *= 2
    table = np.full(room, -1, np.int32)
    streams: Any = 0
    at: Any = 0
    for one in range(count if is_good else 0):
        metric = rows[one, METRIC]
        behind = _written(
            data, rows[one], quantiles[one], metrics[metric], places[metric], digests[owner[metric]], arena, at
        )
        wanted, seal = sealed(arena, at, behind, key)
        place = np.int64(wanted & np.uint64(room - 1))
        for step in range(MOST_PROBES + 1):
            known = table[place]
            if known < 0:
                table[place] = streams
                start[streams], end[streams], hashes[streams], seals[streams] = at, behind, wanted, seal
                at, known = behind, streams
                streams += 1
                break
            is_alike = hashes[known] == wanted and end[known] - start[known] == behind - at
            if is_alike and same(arena, start[known], end[known], arena, at):
                break
            place = (place + 1) & (room - 1)
            is_good = is_good and step < MOST_PROBES
        numbers[one] = known
    return (
        is_good, arena[:at].copy(), start[:streams].copy(), end[:streams].copy(), hashes[:streams].copy(),
        seals[:streams].copy(), numbers,
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _length(rows: Any, one: Any, places: Any) -> Any:
    metric = places[rows[one, METRIC]]
    texts = metric[NAME, 1] - metric[NAME, 0] + metric[UNIT, 1] - metric[UNIT, 0]
    return texts + rows[one, LAST] - rows[one, FIRST]


@nb.njit(cache=True, nogil=True)
def _written(data: Any, row: Any, quantile: Any, metric: Any, places: Any, resource: Any, arena: Any, at: Any) -> Any:
    """Write the key of one row at `at`; where it ends."""
    role = row[ROLE] & (TO_READ - 1)
    arena[at] = FORM | _kind_of(metric) | (metric[1] << 3)
    arena[at + 1] = role
    for byte in range(16):
        arena[at + RESOURCE + byte] = resource[byte]
    bits = quantile if role == QUANTILE_ROLE else np.uint64(0)
    for byte in range(8):
        arena[at + QUANTILE + byte] = np.uint8((bits >> np.uint64(8 * byte)) & np.uint64(0xFF))
    name, unit = places[NAME, 1] - places[NAME, 0], places[UNIT, 1] - places[UNIT, 0]
    arena[at + LENGTHS], arena[at + LENGTHS + 1] = name & 0xFF, name >> 8
    arena[at + LENGTHS + 2], arena[at + LENGTHS + 3] = unit & 0xFF, unit >> 8
    at = _copied(data, places[NAME, 0], places[NAME, 1], arena, at + TEXTS)
    at = _copied(data, places[UNIT, 0], places[UNIT, 1], arena, at)
    return _copied(data, row[FIRST], row[LAST], arena, at)


@nb.njit(cache=True, nogil=True)
def _kind_of(metric: Any) -> Any:
    """Gauge, counter (a sum that only rises), histogram of either kind, or of a summary."""
    if metric[0] == SUMMARY:
        return OF_SUMMARY
    if metric[0] > SUM:
        return HISTOGRAM
    return COUNTER if metric[2] else GAUGE


@nb.njit(cache=True, nogil=True)
def _copied(data: Any, start: Any, end: Any, arena: Any, at: Any) -> Any:
    """Copy bytes; where they end there."""
    for step in range(end - start):
        arena[at + step] = data[start + step]
    return at + end - start

"""OTLP metrics, compiled: an `ExportMetricsServiceRequest` to rows, one for each sample and each histogram point.

Field numbers: opentelemetry-proto, metrics/v1/metrics.proto. Unknown fields, a field of another wire type, one given
twice, a point without a value, a time that cannot be: odd. `points.py` and `histograms.py` read what a metric holds.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.attributes import PLAIN, pair
from mainstay.ingest.columnar.entries import ITEM, items
from mainstay.ingest.columnar.histograms import GRID, exponential, histogram
from mainstay.ingest.columnar.points import METRIC, QUANTILES, WIDTH, number, summary
from mainstay.ingest.columnar.wire import BYTES, VARINT, field, is_text, varint

NAME_FIELD, DESCRIPTION, UNIT_FIELD, METADATA = 1, 2, 3, 12
GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = 5, 7, 9, 10, 11
POINTS, TEMPORALITY, MONOTONIC = 1, 2, 3
MOST_NAME = 1024  # bytes of a metric's name, and of its unit
ROWS = 4  # samples for each item that a request may have: a summary gives more than one
NAME, UNIT, DATA = 1, 2, 3  # columns of `places`, each a start and an end in the body
PLACES = 4


@nb.njit(cache=True, nogil=True)
def read(data: Any, earliest_ns: Any, latest_ns: Any, most: Any) -> Any:
    """(is it understood, samples, histograms, metrics, owner, places, resources, scopes).

    Samples are (rows i64[n, WIDTH], bits u64[n, 2]: value and quantile); histograms (rows i64[m, WIDTH], sum as bits
    u64[m], where their bounds and counts end i64[m, 2], bounds f64[k], counts u64[l], cells i16[l]); metrics
    i64[c, 3]: kind (its field number), temporality, whether it only rises. The rest as `entries.items` has it.
    """
    is_good, owner, places, heads, scopes = items(data, most, PLACES)
    count = len(owner) if is_good else 0
    metrics, room = np.zeros((count, 3), np.int64), np.zeros(5, np.int64)
    for one in range(count):
        is_good = is_good and _metric(data, places, one, metrics[one])
        if is_good and metrics[one, 0]:
            is_good = _room(data, places[one, DATA, 0], places[one, DATA, 1], metrics[one, 0], room)
        is_good = is_good and room[0] <= most and room[1] <= ROWS * most
    if not is_good:
        room[:] = 0
    _, samples, wholes, bounds, counts = room
    single = np.zeros((samples, WIDTH), np.int64), np.zeros((samples, 2), np.uint64)
    whole = (
        np.zeros((wholes, WIDTH), np.int64), np.zeros(wholes, np.uint64), np.zeros((wholes, 2), np.int64),
        np.empty(bounds, np.float64), np.empty(counts, np.uint64), np.empty(counts, np.int16),
    )  # fmt: skip
    done, grid = np.zeros(4, np.int64), np.zeros(GRID, np.uint64)
    for one in range(count):
        if is_good and metrics[one, 0]:
            span = places[one, DATA]
            is_good = _points(data, span, one, metrics[one, 0], single, whole, done, grid, (earliest_ns, latest_ns))
    return is_good, single, _cut(whole, done), metrics, owner, places, heads, scopes


@nb.njit(cache=True, nogil=True)
def _cut(whole: Any, done: Any) -> Any:
    """Without the room that was not needed."""
    rows, totals, ends, bounds, counts, cells = whole
    kept, low, high = done[1], done[2], done[3]
    return (
        rows[:kept].copy(), totals[:kept].copy(), ends[:kept].copy(),
        bounds[:low].copy(), counts[:high].copy(), cells[:high].copy(),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _metric(  # noqa: C901, PLR0911 - a branch for each field
    data: Any, places: Any, one: Any, metric: Any
) -> Any:
    """Find name, unit and data of one metric; whether it is usual."""
    at, end = places[one, ITEM, 0], places[one, ITEM, 1]
    while at < end:
        number, kind, start, at = field(data, at, end)
        if at < 0 or kind != BYTES:
            return False
        if number in (NAME_FIELD, UNIT_FIELD):
            column = NAME if number == NAME_FIELD else UNIT
            if places[one, column, 1] or at - start > MOST_NAME or not is_text(data, start, at):
                return False
            places[one, column, 0], places[one, column, 1] = start, at
        elif number == DESCRIPTION:
            if not is_text(data, start, at):
                return False
        elif number == METADATA:
            if pair(data, start, at) != PLAIN:
                return False
        elif metric[0] or number not in (GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY):
            return False
        else:
            metric[0] = number
            places[one, DATA, 0], places[one, DATA, 1] = start, at
            if not _said(data, start, at, metric):
                return False
    return places[one, NAME, 1] > places[one, NAME, 0]


@nb.njit(cache=True, nogil=True)
def _said(data: Any, at: Any, end: Any, metric: Any) -> Any:
    """Read what stands beside the points of a metric; whether it is usual."""
    while at < end:
        number, kind, start, at = field(data, at, end)
        if at < 0:
            return False
        if number == POINTS:
            if kind != BYTES:
                return False
            continue
        value, _ = varint(data, start, at) if kind == VARINT else (np.uint64(9), 0)
        if number == TEMPORALITY and metric[0] in (SUM, HISTOGRAM, EXPONENTIAL) and value <= np.uint64(2):
            metric[1] = np.int64(value)
        elif number == MONOTONIC and metric[0] == SUM and value <= np.uint64(1):
            metric[2] = np.int64(value)
        else:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _room(data: Any, at: Any, end: Any, kind: Any, room: Any) -> Any:
    """Add how much one metric may need: points, samples, histogram points, bounds, counts."""
    while at < end:
        number, _, start, at = field(data, at, end)
        if number != POINTS:
            continue
        room[0] += 1
        size = at - start
        if kind in (HISTOGRAM, EXPONENTIAL):
            room[2] += 1
            room[3] += size // 8 if kind == HISTOGRAM else 0
            room[4] += size // 8 + 1 if kind == HISTOGRAM else min(size, GRID)
        elif kind == SUMMARY:
            room[1] += 2
            while start < at:
                number, _, _, start = field(data, start, at)
                if start < 0:
                    return False
                room[1] += np.int64(number == QUANTILES)
        else:
            room[1] += 1
    return True


@nb.njit(cache=True, nogil=True)
def _points(
    data: Any, span: Any, one: Any, kind: Any, single: Any, whole: Any, done: Any, grid: Any, times: Any
) -> Any:
    """Write the points of one metric behind those that are there; whether all are usual.

    `done` counts samples, histogram points, bounds and counts.
    """
    rows, bits = single
    earliest, latest = times
    at, end = span[0], span[1]
    while at < end:
        field_number, _, start, at = field(data, at, end)
        if field_number != POINTS:
            continue
        if kind == SUMMARY:
            if not summary(data, start, at, one, rows, bits, done, earliest, latest):
                return False
        elif kind in (GAUGE, SUM):
            rows[done[0], METRIC] = one
            if not number(data, start, at, rows[done[0]], bits[done[0]], earliest, latest):
                return False
            done[0] += 1
        elif kind == HISTOGRAM:
            whole[0][done[1], METRIC] = one
            if not histogram(data, start, at, whole, done, earliest, latest):
                return False
        else:
            whole[0][done[1], METRIC] = one
            if not exponential(data, start, at, whole, done, grid, earliest, latest):
                return False
    return True

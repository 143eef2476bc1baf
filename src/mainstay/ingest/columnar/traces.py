"""OTLP traces, compiled: an `ExportTraceServiceRequest` to columns; attributes and events are found, not read.

Field numbers: opentelemetry-proto, trace/v1/trace.proto. Unknown fields, a field of another wire type, a status given
twice, a span without valid ids, times that cannot be: odd.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.entries import ITEM, distinct, extended, identity, items
from mainstay.ingest.columnar.wire import BYTES, FIXED32, FIXED64, VARINT, field, fixed64, is_text, varint

TRACE, SPAN, STATE, PARENT, NAME, KIND, START, END, ATTRIBUTES, EVENTS, LINKS, STATUS, FLAGS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16,
)  # fmt: skip
DROPPED = (10, 12, 14)
MOST_KIND, MOST_STATUS = 5, 2
# Columns of `places`, each a start and an end in the body; `EXTRAS` is 1, 1 where there are events or links.
NAME_TEXT, LABELS, TRACE_ID, SPAN_ID, PARENT_ID, EXTRAS = range(1, 7)
WIDTH = 7


@nb.njit(cache=True, nogil=True)
def read(data: Any, key: Any, earliest_ns: Any, latest_ns: Any, most: Any) -> Any:
    """(is it understood, owner, start_ns, end_ns, kind, status, places, label sets of each, sets, resources, scopes).

    Owner, places, resources and scopes as `entries.items` has them; label sets i64[m, 2].
    """
    is_good, owner, places, heads, scopes = items(data, most, WIDTH)
    count = len(owner) if is_good else 0
    times, kinds = np.zeros((count, 2), np.uint64), np.zeros((count, 2), np.uint8)
    for one in range(count):
        is_good = is_good and _span(data, places, one, times[one], kinds[one])
        start, end = times[one]
        is_good = is_good and np.uint64(earliest_ns) <= start <= end <= np.uint64(latest_ns)
    is_fair, labels, sets = distinct(data, places[: count if is_good else 0], LABELS, key)
    is_good = is_good and is_fair
    moments = times.astype(np.int64)
    return (
        is_good, owner, moments[:, 0].copy(), moments[:, 1].copy(), kinds[:, 0].copy(), kinds[:, 1].copy(), places,
        labels, sets, heads, scopes,
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _span(  # noqa: C901, PLR0911, PLR0912 - a branch for each field
    data: Any, places: Any, one: Any, times: Any, kinds: Any
) -> Any:
    """Read one span; whether it is usual."""
    at, end = places[one, ITEM, 0], places[one, ITEM, 1]
    has_status = False
    while at < end:
        begin = at
        number, kind, start, at = field(data, at, end)
        if at < 0 or kind != _kind_of(number):
            return False
        if number == TRACE:
            identity(data, places[one, TRACE_ID], start, at, 16)
        elif number == SPAN:
            identity(data, places[one, SPAN_ID], start, at, 8)
        elif number == PARENT:
            if at != start and at - start != 8:
                return False
            places[one, PARENT_ID, 0], places[one, PARENT_ID, 1] = start, at
        elif number in (NAME, STATE):
            if not is_text(data, start, at):
                return False
            if number == NAME:
                places[one, NAME_TEXT, 0], places[one, NAME_TEXT, 1] = start, at
        elif number == KIND:
            value, _ = varint(data, start, at)
            if value > np.uint64(MOST_KIND):
                return False
            kinds[0] = value
        elif number in (START, END):
            times[number - START] = fixed64(data, start)
        elif number == ATTRIBUTES:
            if not extended(places, one, LABELS, begin, at):
                return False
        elif number == STATUS:
            if has_status or not _status(data, start, at, kinds):
                return False
            has_status = True
        elif number in (EVENTS, LINKS):
            places[one, EXTRAS, 0] = places[one, EXTRAS, 1] = 1
    return places[one, TRACE_ID, 1] > 0 and places[one, SPAN_ID, 1] > 0


@nb.njit(cache=True, nogil=True)
def _kind_of(number: Any) -> Any:
    """The wire type that a field of a span must have; -1 for one that is not known."""
    if number in (START, END):
        return FIXED64
    if number == KIND or number in DROPPED:
        return VARINT
    if number == FLAGS:
        return FIXED32
    return BYTES if 1 <= number <= STATUS else -1


@nb.njit(cache=True, nogil=True)
def _status(data: Any, at: Any, end: Any, kinds: Any) -> Any:
    """Read the code of a status; whether it is usual (message = 2, code = 3)."""
    while at < end:
        number, kind, start, at = field(data, at, end)
        if number == 2 and kind == BYTES and at >= 0:
            if not is_text(data, start, at):
                return False
        elif number == 3 and kind == VARINT and at >= 0:
            value, _ = varint(data, start, at)
            if value > np.uint64(MOST_STATUS):
                return False
            kinds[1] = value
        else:
            return False
    return True

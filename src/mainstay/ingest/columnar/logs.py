"""OTLP logs, compiled: an `ExportLogsServiceRequest` to columns; what stands in attributes is only found, not read.

Field numbers: opentelemetry-proto, logs/v1/logs.proto. Unknown fields, a field of another wire type, a body or a
resource given twice, times that cannot be: odd.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.entries import ITEM, distinct, extended, identity, items
from mainstay.ingest.columnar.wire import BYTES, FIXED32, FIXED64, VARINT, field, fixed64, is_text, varint

MOST_BODY = 1 << 20  # as the reader of messages has it
MOST_SEVERITY = 24
TIME, SEVERITY, SEVERITY_TEXT, BODY, ATTRIBUTES, DROPPED, FLAGS, TRACE, SPAN, OBSERVED, EVENT = (
    1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12,
)  # fmt: skip
STRING_TAG = 0x0A
# Columns of `places`, each a start and an end in the body.
TEXT, OTHER, LABELS, TRACE_ID, SPAN_ID, EVENT_NAME = range(1, 7)
WIDTH = 7


@nb.njit(cache=True, nogil=True)
def read(data: Any, key: Any, earliest_ns: Any, latest_ns: Any, most: Any) -> Any:
    """(is it understood, owner, at_ns, severity, places, label set of each, label sets, resources, scopes).

    Owner, places, resources and scopes as `entries.items` has them; label sets i64[m, 2].
    """
    is_good, owner, places, heads, scopes = items(data, most, WIDTH)
    count = len(owner) if is_good else 0
    at_ns, severity = np.empty(count, np.int64), np.zeros(count, np.uint8)
    for one in range(count):
        is_good = is_good and _record(data, places, one, at_ns, severity, earliest_ns, latest_ns)
    is_fair, labels, sets = distinct(data, places[: count if is_good else 0], LABELS, key)
    is_good = is_good and is_fair
    return is_good, owner, at_ns, severity, places, labels, sets, heads, scopes


@nb.njit(cache=True, nogil=True)
def _record(  # noqa: C901, PLR0912 - a branch for each field
    data: Any, places: Any, one: Any, at_ns: Any, severity: Any, earliest: Any, latest: Any
) -> Any:
    """Read one record; whether it is usual."""
    at, end = places[one, ITEM, 0], places[one, ITEM, 1]
    time = observed = np.uint64(0)
    has_body = False
    while at < end:
        begin = at
        number, kind, start, at = field(data, at, end)
        if at < 0 or kind != _kind_of(number):
            return False
        if number == TIME:
            time = fixed64(data, start)
        elif number == OBSERVED:
            observed = fixed64(data, start)
        elif number == SEVERITY:
            value, _ = varint(data, start, at)
            if value > np.uint64(MOST_SEVERITY):
                return False
            severity[one] = value
        elif number == BODY:
            if has_body or not _body(data, start, at, places, one):
                return False
            has_body = True
        elif number == ATTRIBUTES:
            if not extended(places, one, LABELS, begin, at):
                return False
        elif number == TRACE:
            identity(data, places[one, TRACE_ID], start, at, 16)
        elif number == SPAN:
            identity(data, places[one, SPAN_ID], start, at, 8)
        elif number in (EVENT, SEVERITY_TEXT):
            if not is_text(data, start, at):
                return False
            if number == EVENT:
                places[one, EVENT_NAME, 0], places[one, EVENT_NAME, 1] = start, at
    moment = time or observed
    at_ns[one] = np.int64(moment)
    return np.uint64(earliest) <= moment <= np.uint64(latest)


@nb.njit(cache=True, nogil=True)
def _kind_of(number: Any) -> Any:
    """The wire type that a field of a record must have; -1 for one that is not known."""
    if number in (TIME, OBSERVED):
        return FIXED64
    if number in (SEVERITY, DROPPED):
        return VARINT
    if number == FLAGS:
        return FIXED32
    return BYTES if number in (SEVERITY_TEXT, BODY, ATTRIBUTES, TRACE, SPAN, EVENT) else -1


@nb.njit(cache=True, nogil=True)
def _body(data: Any, start: Any, end: Any, places: Any, one: Any) -> Any:
    """Where a body's text stands, or its value of another kind; False when its text is too long or not UTF-8."""
    if start == end:
        return True
    if data[start] == STRING_TAG:
        length, text = varint(data, start + 1, end)
        if text >= 0 and length == np.uint64(end - text):
            places[one, TEXT, 0], places[one, TEXT, 1] = text, end
            return end - text <= MOST_BODY and is_text(data, text, end)
    places[one, OTHER, 0], places[one, OTHER, 1] = start, end
    return True

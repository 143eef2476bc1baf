"""Attributes, compiled: whether a run of them is within limits, without reading one.

Source: opentelemetry-proto, common/v1/common.proto: `KeyValue` has key = 1, value = 2; `AnyValue` has string = 1,
bool = 2, int = 3, double = 4, array = 5, kvlist = 6, bytes = 7.
"""

from __future__ import annotations

from typing import Any

import numba as nb

from mainstay.ingest.columnar.wire import BYTES, FIXED64, VARINT, field, is_text

PLAIN, UNREAD, ODD = 2, 1, 0  # all is known to be good; protobuf must read it first; it is not as usual
MOST_LABELS, MOST_NAME, MOST_VALUE = 256, 1024, 65_536  # as `limits.py`; there in characters, here in bytes
KEY, STRING, BOOL, INT, DOUBLE, ARRAY, RAW = 1, 1, 2, 3, 4, 5, 7


@nb.njit(cache=True, nogil=True)
def pairs(data: Any, at: Any, end: Any) -> Any:
    """What a run of `KeyValue` fields is: `PLAIN` (texts, numbers, within limits), `UNREAD` (lists, bytes) or `ODD`."""
    found: Any = PLAIN
    count = 0
    while at < end:
        _, _, start, at = field(data, at, end)
        if at < 0:
            return ODD
        found = min(found, pair(data, start, at))
        count += 1
        if found == ODD or count > MOST_LABELS:
            return ODD
    return found


@nb.njit(cache=True, nogil=True)
def pair(data: Any, at: Any, end: Any) -> Any:
    """What one `KeyValue` is: see `pairs`."""
    found: Any = PLAIN
    has_name = has_value = False
    while at < end:
        number, kind, start, at = field(data, at, end)
        if at < 0 or kind != BYTES or number > 2:
            return ODD
        if number == KEY:
            if has_name or at == start or at - start > MOST_NAME or not is_text(data, start, at):
                return ODD
            has_name = True
        else:
            if has_value:
                return ODD
            has_value = True
            found = _value(data, start, at)
    return found if has_name else ODD


@nb.njit(cache=True, nogil=True)
def _value(data: Any, start: Any, end: Any) -> Any:
    """What one `AnyValue` is: see `pairs`. None at all is the empty text."""
    if start == end:
        return PLAIN
    number, kind, text, behind = field(data, start, end)
    if behind != end:
        return ODD
    if number == STRING and kind == BYTES:
        return PLAIN if end - text <= MOST_VALUE and is_text(data, text, end) else ODD
    if kind == VARINT:
        return PLAIN if number in (BOOL, INT) else ODD
    if kind == FIXED64:
        return PLAIN if number == DOUBLE else ODD
    return UNREAD if kind == BYTES and ARRAY <= number <= RAW else ODD


@nb.njit(cache=True, nogil=True)
def is_exemplar(data: Any, at: Any, end: Any) -> Any:
    """Whether an `Exemplar` can be read; nothing of it is kept. Source: metrics.proto, filtered_attributes = 7."""
    while at < end:
        number, kind, start, at = field(data, at, end)
        if at < 0:
            return False
        if number == 7:
            if kind != BYTES or pair(data, start, at) != PLAIN:
                return False
        elif kind != (FIXED64 if number in (2, 3, 6) else BYTES if number in (4, 5) else -1):
            return False
    return True

"""What all OTLP requests have in common, compiled: resources hold scopes, scopes hold items.

Source: opentelemetry-proto. A request has resources = 1; these have resource = 1, scopes = 2, schema_url = 3; a scope
has scope = 1, items = 2, schema_url = 3. Anything else, a resource given twice, text that is not UTF-8: odd.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.wire import BYTES, MOST_PROBES, digest, field, is_text, same

MOST_HEAD, MOST_ITEM = 1 << 20, 4 << 20  # as the readers of messages have them
ITEM = 0  # the column of `places` that says where an item stands


@nb.njit(cache=True, nogil=True)
def items(data: Any, most: Any, width: Any) -> Any:
    """(is it understood, owner, places, resources, scopes): where each item stands, and whose it is.

    Places are i64[n, width, 2], of which the first column is written; resources and scopes i64[m, 2]. `owner[i]` is the
    place of the item's resource in `resources`; its start is -1 where nothing was said of one. More than `most` items,
    resources or scopes are odd: an empty one takes two bytes to send, and nothing is made room for before they are
    counted.
    """
    end = len(data)
    resources, scopes, count = _count(data, end, most)
    is_good = count >= 0
    room = count if is_good else 0
    resources, scopes = (resources, scopes) if is_good else (0, 0)
    owner, places = np.empty(room, np.uint32), np.zeros((room, width, 2), np.int64)
    heads, scope_heads = np.full((resources, 2), -1, np.int64), np.zeros((scopes, 2), np.int64)
    entry: Any = 0
    scope: Any = 0
    item: Any = 0
    at: Any = 0
    while is_good and at < end:
        _, _, inner, at = field(data, at, end)
        first = item
        while is_good and inner < at:
            number, kind, start, inner = field(data, inner, at)
            if kind != BYTES or number > 3:
                is_good = False
            elif number == 1:
                is_good = heads[entry, 0] < 0 and inner - start <= MOST_HEAD
                heads[entry, 0], heads[entry, 1] = start, inner
            elif number == 3:
                is_good = is_text(data, start, inner)
            else:
                scope, item = _scope(data, start, inner, scope, scope_heads, item, places)
                is_good = item >= 0
        for one in range(first, item):
            owner[one] = entry
        entry += 1
    return is_good, owner, places, heads, scope_heads[:scope].copy()


@nb.njit(cache=True, nogil=True)
def _count(data: Any, end: Any, most: Any) -> Any:
    """(resources, scopes, items) of a request; items is -1 when something does not fit, or there are too many."""
    resources = scopes = items = 0
    at: Any = 0
    while at < end:
        number, kind, inner, at = field(data, at, end)
        if at < 0 or number != 1 or kind != BYTES:
            return resources, scopes, -1
        resources += 1
        while inner < at:
            number, kind, leaf, inner = field(data, inner, at)
            if inner < 0:
                return resources, scopes, -1
            if number == 2 and kind == BYTES:
                scopes += 1
                while leaf < inner:
                    number, _, _, leaf = field(data, leaf, inner)
                    if leaf < 0:
                        return resources, scopes, -1
                    items += number == 2
        if resources > most or scopes > most or items > most:
            return resources, scopes, -1
    return resources, scopes, items


@nb.njit(cache=True, nogil=True)
def _scope(data: Any, at: Any, end: Any, scope: Any, heads: Any, item: Any, places: Any) -> Any:
    """Write where the items of one scope stand; (scopes, items) so far, items -1 when odd."""
    while at < end:
        number, kind, start, at = field(data, at, end)
        if kind != BYTES or number > 3:
            return scope, -1
        if number == 1:
            if at - start > MOST_HEAD or scope >= len(heads):
                return scope, -1
            heads[scope, 0], heads[scope, 1] = start, at
            scope += 1
        elif number == 3:
            if not is_text(data, start, at):
                return scope, -1
        else:
            if at - start > MOST_ITEM:
                return scope, -1
            places[item, ITEM, 0], places[item, ITEM, 1] = start, at
            item += 1
    return scope, item


@nb.njit(cache=True, nogil=True)
def identity(data: Any, place: Any, start: Any, end: Any, length: Any) -> None:
    """Where an id stands; nowhere when it is not of this length, or all zeros (as the OTLP definition says)."""
    place[0] = place[1] = 0
    if end - start == length:
        for at in range(start, end):
            if data[at]:
                place[0], place[1] = start, end


@nb.njit(cache=True, nogil=True)
def distinct(data: Any, places: Any, column: Any, key: Any) -> Any:
    """(is it usual, number of each item's attributes, where each distinct set of them stands), by their bytes.

    Hashes that crowd one place of the table are odd.
    """
    rows = len(places)
    labels, sets = np.zeros(rows, np.uint32), np.zeros((rows, 2), np.int64)
    hashes = np.zeros(rows, np.uint64)
    size = 16
    while size < 2 * rows:
        size *= 2
    table = np.full(size, -1, np.int32)
    count: Any = 0
    for one in range(rows):
        start, end = places[one, column, 0], places[one, column, 1]
        wanted = digest(data, start, end, key)
        steps: Any = 0
        at = np.int64(wanted & np.uint64(size - 1))
        while table[at] >= 0:
            known = table[at]
            is_alike = hashes[known] == wanted and sets[known, 1] - sets[known, 0] == end - start
            if is_alike and same(data, start, end, data, sets[known, 0]):
                break
            at = (at + 1) & (size - 1)
            steps += 1
            if steps > MOST_PROBES:
                return False, labels, sets[:count].copy()
        if table[at] < 0:
            table[at] = count
            hashes[count], sets[count, 0], sets[count, 1] = wanted, start, end
            count += 1
        labels[one] = table[at]
    return True, labels, sets[:count].copy()


@nb.njit(cache=True, nogil=True)
def gathered(data: Any, places: Any, column: Any) -> Any:
    """(the texts of one column behind each other, where each ends in characters): one string to be cut, not many."""
    size: Any = 0
    for one in range(len(places)):
        size += places[one, column, 1] - places[one, column, 0]
    text, ends = np.empty(size, np.uint8), np.empty(len(places), np.int64)
    at: Any = 0
    letters: Any = 0
    for one in range(len(places)):
        for byte in range(places[one, column, 0], places[one, column, 1]):
            text[at] = data[byte]
            at += 1
            letters += data[byte] & 0xC0 != 0x80  # what continues a letter begins with the bits 10
        ends[one] = letters
    return text, ends


@nb.njit(cache=True, nogil=True)
def extended(places: Any, one: Any, column: Any, begin: Any, end: Any) -> Any:
    """Add a field to the run of its kind in one item; False when other fields stand between: they must be one piece."""
    if places[one, column, 1] and places[one, column, 1] != begin:
        return False
    if not places[one, column, 1]:
        places[one, column, 0] = begin
    places[one, column, 1] = end
    return True

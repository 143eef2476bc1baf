"""Which template a line is of, in machine code: a hash table asked once per pattern of variable places.

A template is the shape of its lines, the words that stay, and a mask of the places that do not. Its key is a sum over
places, so the key with other places left out is a few additions away. Per shape the masks in use are few; each line
asks for the key under each of them, the most specific first (tuple space search: Srinivasan et al., SIGCOMM 1999).
A line with a new word in a place known to vary is therefore never unseen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from mainstay.normalize.logs.tokens import MAX_UNITS, WILD, Units, mix

MAX_MASKS = 32


class Table(NamedTuple):
    """Open addressing with linear probing; key 0 is free. At most half full."""

    key: Any
    value: Any

    @classmethod
    def of(cls, most: int) -> Table:
        size = 1 << (2 * most).bit_length()
        return cls(np.zeros(size, np.uint64), np.zeros(size, np.uint64))


class Slots(NamedTuple):
    """What is counted per template, one row each; bit p of a u64 is place p.

    Attributes:
        form, value: u64[n, 64], the first ones seen of each variable place.
        formed, valued: Places whose form or value was not always the same.
        count, seen: Lines, and the number of the last one. mask: Places that hold words that vary.
    """

    form: Any
    value: Any
    formed: Any
    valued: Any
    count: Any
    seen: Any
    mask: Any

    @classmethod
    def of(cls, most: int) -> Slots:
        wide, bits, whole = (
            np.zeros((2, most, MAX_UNITS), np.uint64),
            np.zeros((3, most), np.uint64),
            np.zeros((2, most), np.int64),
        )
        return cls(wide[0], wide[1], bits[0], bits[1], whole[0], whole[1], bits[2])


def _factors() -> Any:
    """One odd multiplier per place, from splitmix64 with a fixed seed: the same on every machine."""
    found, state = [], 0x9E3779B97F4A7C15
    for at in range(1, MAX_UNITS + 1):
        z = state * at & 0xFFFFFFFFFFFFFFFF
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        found.append(z ^ z >> 31 | 1)
    return np.array(found, np.uint64)


FACTOR = _factors()
ONE, NONE = np.uint64(1), np.uint64(0)


@nb.njit(cache=True, nogil=True)
def find(table: Table, key: Any) -> Any:
    """Where the key stands, or where it would."""
    last = np.uint64(len(table.key) - 1)
    at = (key ^ (key >> np.uint64(32))) & last
    while table.key[at] != NONE and table.key[at] != key:
        at = (at + ONE) & last
    return at


@nb.njit(cache=True, nogil=True)
def put(table: Table, key: Any, value: Any) -> None:
    at = find(table, key)
    table.key[at], table.value[at] = key, value


@nb.njit(cache=True, nogil=True)
def drop(table: Table, key: Any) -> None:
    """Take a key out and close the gap, so that no probe ends early."""
    at = find(table, key)
    last = np.uint64(len(table.key) - 1)
    if table.key[at] == NONE:
        return
    table.key[at] = NONE
    at = (at + ONE) & last
    while table.key[at] != NONE:
        moved, value = table.key[at], table.value[at]
        table.key[at] = NONE
        put(table, moved, value)
        at = (at + ONE) & last


@nb.njit(cache=True, nogil=True)
def guide_key(shape: Any, number: int) -> Any:
    """Where the n-th mask of a shape is written."""
    return mix(mix(shape, 0xA5), number) | ONE


@nb.njit(cache=True, nogil=True)
def key_of(shape: Any, words: Any, mask: Any) -> Any:
    """The key of these words with the places of a mask left out."""
    key = shape
    for place in range(len(words)):
        word = WILD if mask >> np.uint64(place) & ONE else words[place]
        key += word * FACTOR[place]
    return key | ONE


@nb.njit(cache=True, nogil=True)
def _narrowed(exact: Any, words: Any, mask: Any) -> Any:
    place = 0
    while mask:
        if mask & ONE:
            exact += (WILD - words[place]) * FACTOR[place]
        mask >>= ONE
        place += 1
    return exact | ONE


@nb.njit(cache=True, nogil=True)
def match(units: Units, since: int, known: Table, guide: Table, slots: Slots, out: Any, line: int) -> Any:
    """Give lines from `since` on their slot, up to the first that is unseen: its number, or that of lines in all.

    `line` is the number of the first of these lines since the beginning of time.
    """
    for i in range(since, len(units.shape)):
        first, stop = units.first[i], units.first[i + 1]
        words, shape = units.word[first:stop], units.shape[i]
        exact = shape
        for place in range(len(words)):
            exact += words[place] * FACTOR[place]
        slot: Any = np.int64(-1)
        for number in range(MAX_MASKS):
            at = find(guide, guide_key(shape, number))
            if guide.key[at] == NONE:
                break
            key = _narrowed(exact, words, guide.value[at])
            found = find(known, key)
            if known.key[found] == key:
                slot = np.int64(known.value[found])
                break
        if slot < 0:
            return i
        slots.count[slot] += 1
        slots.seen[slot] = line + i
        out[i] = slot
        _note(units, first, stop, slots, slot)
    return len(units.shape)


@nb.njit(cache=True, nogil=True)
def _note(units: Units, first: int, stop: int, slots: Slots, slot: int) -> None:
    """Remember which variable places did not look as they first did."""
    for at in range(first, stop):
        place = at - first
        if units.word[at] == WILD and units.value[at] != slots.value[slot, place]:
            slots.valued[slot] |= ONE << np.uint64(place)
            if units.form[at] != slots.form[slot, place]:
                slots.formed[slot] |= ONE << np.uint64(place)


@nb.njit(cache=True, nogil=True)
def variables(units: Units, slots: Any, mask: Any) -> Any:
    """(first, start, stop): where the parameters of each line stand, `slots` being -1 for lines without a slot."""
    first = np.zeros(len(slots) + 1, np.int64)
    place = np.empty(len(units.word), np.int64)
    k = 0
    for i in range(len(slots)):
        bits = mask[slots[i]] if slots[i] >= 0 else NONE
        since = units.first[i]
        for at in range(since, units.first[i + 1]):
            if units.word[at] == WILD or bits >> np.uint64(at - since) & ONE:
                place[k] = at
                k += 1
        first[i + 1] = k
    return first, units.start[place[:k]], units.stop[place[:k]]

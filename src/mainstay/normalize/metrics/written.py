"""Kernels over the words of label sets: which are the same, who belongs together, and how they are written down.

Texts stay bytes: what is written is MessagePack, exactly as the encoder of Python objects would write it.
Source: github.com/msgpack/msgpack/blob/master/spec.md.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.lending import lent

READS, COPY, LE, METRIC = 1, 2, 4, 8
"""What a label's name means: the mapping reads it; it names a copy; a bucket's bound; the metric's name."""
PLAIN, UNSAID, TELLING = 0, 1, 2
"""What a label is: written as it came; without a value, so not there; one that Python has to look at."""
SHORT, MOST_NAME, MOST_LABELS = 13, 256, 64  # as `identity.py` has them
MOST_PROBES = 1024  # of a table that is at most half full; by chance a million words need less than a hundred
ODD = -1
FNV, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
LARGEST_PIECE = 11  # bytes that a label takes beside its words: an array of two, two lengths


@nb.njit(cache=True, nogil=True)
def interned(data: Any, place: Any, column: Any, salt: Any, wanted: Any) -> Any:
    """(number of each word, a label that has it): equal words and salts, equal numbers; -1 where it is not wanted.

    Numbers rise in the order in which words come. No numbers at all when hashes crowd one place of the table.
    """
    data, place, salt, wanted = lent(data), lent(place), lent(salt), lent(wanted)
    count: Any = 0
    for label in range(len(place)):
        count += np.int64(wanted[label])
    places = 16
    while places < 2 * count:
        places *= 2
    table = np.full(places, -1, np.int64)
    number, example = np.full(len(place), -1, np.int64), np.empty(count, np.int64)
    count = 0
    for label in range(len(place)):
        if not wanted[label]:
            continue
        found = _slot(data, place, column, salt, label, table)
        if found == ODD:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        if table[found] < 0:
            table[found] = label
            number[label] = count
            example[count] = label
            count += 1
        else:
            number[label] = number[table[found]]
    return number, example[:count].copy()


@nb.njit(cache=True, nogil=True)
def _slot(data: Any, place: Any, column: Any, salt: Any, label: Any, table: Any) -> Any:
    start, end = place[label, column], place[label, column + 1]
    key = FNV ^ np.uint64(salt[label])
    for at in range(start, end):
        key = (key ^ np.uint64(data[at])) * PRIME
    key ^= key >> np.uint64(32)
    mask = len(table) - 1
    where = np.int64(key & np.uint64(mask))
    for _ in range(MOST_PROBES):
        other = table[where]
        if other < 0:
            return where
        if salt[other] == salt[label] and _same(data, start, end, place[other, column], place[other, column + 1]):
            return where
        where = (where + 1) & mask
    return ODD


@nb.njit(cache=True, nogil=True)
def _same(data: Any, start: Any, end: Any, other: Any, other_end: Any) -> Any:
    if end - start != other_end - other:
        return False
    for step in range(end - start):  # noqa: SIM110 (numba knows no generators)
        if data[start + step] != data[other + step]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def looks(data: Any, place: Any, means: Any) -> Any:
    """What each label is (u8); `means` is what its name means (u8)."""
    data, place, means = lent(data), lent(place), lent(means)
    out = np.empty(len(place), np.uint8)
    for label in range(len(place)):
        start, end = place[label, 2], place[label, 3]
        if end == start:
            out[label] = UNSAID
        elif means[label] & (READS | COPY | METRIC) or not _is_plain(data, start, end):
            out[label] = TELLING
        else:
            out[label] = PLAIN
    return out


@nb.njit(cache=True, nogil=True)
def _is_plain(data: Any, start: Any, end: Any) -> Any:
    """A short word of ASCII letters and digits."""
    if end - start >= SHORT:
        return False
    for at in range(start, end):
        byte = data[at]
        lower = byte | 0x20
        if not (0x30 <= byte <= 0x39 or 0x61 <= lower <= 0x7A) or byte > 0x7A:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def grouped(first: Any, means: Any, word: Any) -> Any:
    """(group of each set, its first set, its last set): those of one group have the same labels that the mapping reads.

    `word` is what `interned` numbered; groups are numbered as they come. Nothing when hashes crowd.
    """
    first, means, word = lent(first), lent(means), lent(word)
    sets = len(first) - 1
    places = 16
    while places < 2 * sets:
        places *= 2
    table = np.full(places, -1, np.int64)
    group, begin, last = np.empty(sets, np.int64), np.empty(sets, np.int64), np.empty(sets, np.int64)
    count = 0
    for one in range(sets):
        where = _group_slot(first, means, word, one, table)
        if where == ODD:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        if table[where] < 0:
            table[where] = one
            group[one] = count
            begin[count] = one
            count += 1
        else:
            group[one] = group[table[where]]
        last[group[one]] = one
    return group, begin[:count].copy(), last[:count].copy()


@nb.njit(cache=True, nogil=True)
def _group_slot(first: Any, means: Any, word: Any, one: Any, table: Any) -> Any:
    key = FNV
    for label in range(first[one], first[one + 1]):
        if _counts(means, word, label):
            key = (key ^ np.uint64(word[label])) * PRIME
    key ^= key >> np.uint64(32)
    mask = len(table) - 1
    where = np.int64(key & np.uint64(mask))
    for _ in range(MOST_PROBES):
        if table[where] < 0 or _is_read_alike(first, means, word, one, table[where]):
            return where
        where = (where + 1) & mask
    return ODD


@nb.njit(cache=True, nogil=True)
def _counts(means: Any, word: Any, label: Any) -> Any:
    """Whether the mapping reads this label, and it is there."""
    return word[label] >= 0 and means[label] & READS and not means[label] & METRIC


@nb.njit(cache=True, nogil=True)
def _is_read_alike(first: Any, means: Any, word: Any, one: Any, other: Any) -> Any:
    a, b = first[one], first[other]
    while True:
        while a < first[one + 1] and not _counts(means, word, a):
            a += 1
        while b < first[other + 1] and not _counts(means, word, b):
            b += 1
        if a == first[one + 1] or b == first[other + 1]:
            return a == first[one + 1] and b == first[other + 1]
        if word[a] != word[b]:
            return False
        a += 1
        b += 1


@nb.njit(cache=True, nogil=True)
def kinds(first: Any, means: Any, look: Any, word: Any) -> Any:
    """i64[n]: twice the number of the metric's name, and one more for a set that has a bucket's bound."""
    out = np.zeros(len(first) - 1, np.int64)
    for one in range(len(out)):
        for label in range(first[one], first[one + 1]):
            if means[label] & METRIC:
                out[one] |= word[label] << 1
            elif means[label] & LE and look[label] != UNSAID:
                out[one] |= 1
    return out


@nb.njit(cache=True, nogil=True)
def _put_head(out: Any, at: Any, count: Any) -> Any:
    """The head of an array."""
    if count < 16:
        out[at] = 0x90 | count
        return at + 1
    out[at], out[at + 1], out[at + 2] = 0xDC, count >> 8, count & 0xFF
    return at + 3


@nb.njit(cache=True, nogil=True)
def _put_text(out: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    size = end - start
    if size < 32:
        out[at] = 0xA0 | size
        at += 1
    elif size < 256:
        out[at], out[at + 1] = 0xD9, size
        at += 2
    elif size < 65_536:
        out[at], out[at + 1], out[at + 2] = 0xDA, size >> 8, size & 0xFF
        at += 3
    else:
        out[at], out[at + 1], out[at + 2], out[at + 3] = 0xDB, size >> 24, (size >> 16) & 0xFF, (size >> 8) & 0xFF
        out[at + 4] = size & 0xFF
        at += 5
    out[at : at + size] = data[start:end]
    return at + size


@nb.njit(cache=True, nogil=True)
def _put_label(out: Any, at: Any, data: Any, place: Any, label: Any) -> Any:
    at = _put_head(out, at, 2)
    at = _put_text(out, at, data, place[label, 0], place[label, 1])
    return _put_text(out, at, data, place[label, 2], place[label, 3])


@nb.njit(cache=True, nogil=True)
def _is(data: Any, start: Any, end: Any, word: Any) -> Any:
    if end - start != len(word):
        return False
    for step in range(len(word)):  # noqa: SIM110 (numba knows no generators)
        if data[start + step] != word[step]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def keys(data: Any, first: Any, place: Any, metric: Any, tail: Any) -> Any:
    """(bytes, ends): each set as a stream is written down: name, labels, and the same `tail` behind all."""
    data, first, place, metric, tail = lent(data), lent(first), lent(place), lent(metric), lent(tail)
    sets = len(first) - 1
    size = sets * (LARGEST_PIECE + len(tail))
    for label in range(len(place)):
        size += place[label, 1] - place[label, 0] + place[label, 3] - place[label, 2] + LARGEST_PIECE
    whole, ends = np.empty(size, np.uint8), np.empty(sets, np.int64)
    out = lent(whole)
    at = 0
    for one in range(sets):
        count: Any = 0
        name = -1
        for label in range(first[one], first[one + 1]):
            if _is(data, place[label, 0], place[label, 1], metric):
                name = label
            else:
                count += np.int64(place[label, 3] > place[label, 2])
        at = _put_head(out, at, 6)
        at = _put_text(out, at, data, place[name, 2], place[name, 3])
        at = _put_head(out, at, count)
        for label in range(first[one], first[one + 1]):
            if label != name and place[label, 3] > place[label, 2]:
                at = _put_label(out, at, data, place, label)
        out[at : at + len(tail)] = tail
        at += len(tail)
        ends[one] = at
    return whole[:at], ends


@nb.njit(cache=True, nogil=True)
def lined_up(heads: Any, words: Any, tails: Any, tail_ends: Any) -> Any:
    """(bytes, ends): of each series its head, its word, its tail, one behind the other.

    `heads` and `words` are (bytes, ends, which of them each series has).
    """
    head, head_ends, its_head = lent(heads[0]), lent(heads[1]), lent(heads[2])
    word, word_ends, its_word = lent(words[0]), lent(words[1]), lent(words[2])
    tails, tail_ends = lent(tails), lent(tail_ends)
    size = len(tails)
    for one in range(len(tail_ends)):
        size += _size(head_ends, its_head[one]) + _size(word_ends, its_word[one])
    whole, ends = np.empty(size, np.uint8), np.empty(len(tail_ends), np.int64)
    out = lent(whole)
    at: Any = 0
    for one in range(len(tail_ends)):
        at = _copied(out, at, head, head_ends, its_head[one])
        at = _copied(out, at, word, word_ends, its_word[one])
        at = _copied(out, at, tails, tail_ends, one)
        ends[one] = at
    return whole, ends


@nb.njit(cache=True, nogil=True)
def _size(ends: Any, one: Any) -> Any:
    return ends[one] - ends[one - 1] if one else ends[one]


@nb.njit(cache=True, nogil=True)
def _copied(out: Any, at: Any, data: Any, ends: Any, one: Any) -> Any:
    size = _size(ends, one)
    out[at : at + size] = data[ends[one] - size : ends[one]]
    return at + size


@nb.njit(cache=True, nogil=True)
def told(words: Any, names: Any, pieces: Any, spent: Any) -> Any:
    """(bytes, ends): of each set the labels that tell its series from its sisters.

    Args:
        words: (data, first, place).
        names: (number of each label's name, what it means, what the label is, the number of its word).
        pieces: (bytes, starts, ends, is volatile) of each word: the label without secrets, as it is written.
        spent: (number for each set, bool[numbers, names]): which names are in the entity's id already.
    """
    data, first, place = lent(words[0]), lent(words[1]), lent(words[2])
    names = lent(names[0]), lent(names[1]), lent(names[2]), lent(names[3])
    pieces = lent(pieces[0]), lent(pieces[1]), lent(pieces[2]), lent(pieces[3])
    spent = lent(spent[0]), lent(spent[1])
    look, word = names[2], names[3]
    piece, begins, ends, _ = pieces
    size = 3 * (len(first) - 1)
    for label in range(len(place)):
        size += place[label, 1] - place[label, 0] + place[label, 3] - place[label, 2] + LARGEST_PIECE
        if word[label] >= 0:
            size += ends[word[label]] - begins[word[label]]
    whole, behind = np.empty(size, np.uint8), np.empty(len(first) - 1, np.int64)
    out = lent(whole)
    is_kept = np.zeros(len(place), np.bool_)
    at = 0
    for one in range(len(first) - 1):
        at = _put_head(out, at, _keep(first, one, names, pieces, spent, is_kept))
        for label in range(first[one], first[one + 1]):
            if not is_kept[label]:
                continue
            if look[label] == PLAIN:
                at = _put_label(out, at, data, place, label)
            else:
                length = ends[word[label]] - begins[word[label]]
                out[at : at + length] = piece[begins[word[label]] : ends[word[label]]]
                at += length
        behind[one] = at
    return whole[:at], behind


@nb.njit(cache=True, nogil=True)
def _keep(first: Any, one: Any, names: Any, pieces: Any, spent: Any, is_kept: Any) -> Any:
    """Say which labels of a set are written; how many. No copy's name is when one of them is drawn at each start."""
    name, means, look, word = names
    number, is_spent = spent
    is_drawn = False
    for label in range(first[one], first[one + 1]):
        is_kept[label] = _is_own(means, look, label) and not is_spent[number[one], name[label]]
        is_drawn = is_drawn or (is_kept[label] and means[label] & COPY and pieces[3][word[label]])
    room: Any = MOST_LABELS
    for label in range(first[one], first[one + 1]):
        if room == 0 or (is_drawn and means[label] & COPY):
            is_kept[label] = False
        room -= np.int64(is_kept[label])
    return MOST_LABELS - room


@nb.njit(cache=True, nogil=True)
def _is_own(means: Any, look: Any, label: Any) -> Any:
    return look[label] != UNSAID and not means[label] & (METRIC | LE)

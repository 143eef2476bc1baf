"""Label sets that were seen before: their bytes → the number of their stream. A cache: losing it costs time only."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.domain.signals import I64, StreamKeys

UNSEEN, NO_ROOM = -2, -1
MOST_BYTES = 192 << 20  # a million label sets of about 150 bytes
LEAST = 1024
MOST_PROBES = 1024  # a table at most half full needs less than a hundred, by chance


class Sightings:
    """An open-addressing table over one arena of bytes. A hash finds, the bytes decide.

    Args:
        most_bytes: Of arena and table together; when it is full, it begins anew.

    It also begins anew when hashes crowd one place of the table: no look-up takes more than `MOST_PROBES` steps.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self.clear()

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """What the table takes now."""
        return int(self._arena.nbytes + self._table.nbytes + self._hash.nbytes + self._end.nbytes + self._number.nbytes)

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0
        self._table = np.full(2 * LEAST, -1, np.int32)
        self._hash, self._end = np.zeros(LEAST, np.uint64), np.zeros(LEAST, np.int64)
        self._number = np.zeros(LEAST, np.int32)
        self._arena = np.zeros(128 * LEAST, np.uint8)

    def find(self, keys: StreamKeys) -> I64:
        """The number of each stream: `UNSEEN` when its bytes are new here, `NO_ROOM` when it was refused."""
        numbers = np.empty(len(keys.hash), np.int64)
        _find(_columns(keys), self._columns(), numbers)
        return numbers

    def put(self, keys: StreamKeys, which: I64, numbers: I64) -> None:
        """Remember streams that were `UNSEEN`."""
        size = int((keys.end[which] - keys.start[which]).sum())
        if self._make_room(len(which), size):
            self._count = _put(_columns(keys), which, numbers, self._count, self._columns())
            if self._count < 0:
                self.clear()

    def _columns(self) -> tuple[Any, ...]:
        return self._table, self._hash, self._end, self._number, self._arena

    def _make_room(self, count: int, size: int) -> bool:
        """Grow, by a half, or begin anew; False when so much has no room at all."""
        rows, used = self._count + count, int(self._end[self._count - 1]) if self._count else 0
        if rows * 36 + used + size > self._most:
            self.clear()
            rows, used = count, 0
            if rows * 36 + size > self._most:
                return False
        if rows > len(self._hash):
            room = max(rows, len(self._hash) * 3 // 2)
            for column in (self._hash, self._end, self._number):
                column.resize(room, refcheck=False)  # in place where the system can: a copy would need both at once
        if used + size > len(self._arena):
            self._arena.resize(max(used + size, len(self._arena) * 3 // 2), refcheck=False)
        places = len(self._table)
        while places < 2 * rows:
            places *= 2
        if places > len(self._table):
            self._table = np.full(places, -1, np.int32)
            if not _index(self._hash, self._count, self._table):
                self.clear()
                return False
        return True


def _columns(keys: StreamKeys) -> tuple[Any, ...]:
    return np.frombuffer(keys.data, np.uint8), keys.start, keys.end, keys.hash


@nb.njit(cache=True, nogil=True)
def _find(keys: Any, columns: Any, out: Any) -> None:
    data, start, end, hashes = keys
    table, known, ends, number, arena = columns
    mask = len(table) - 1
    for one in range(len(hashes)):
        place = np.int64(hashes[one] & np.uint64(mask))
        out[one] = UNSEEN
        for _ in range(MOST_PROBES):
            if table[place] < 0:
                break
            row = table[place]
            if known[row] == hashes[one] and _is(data, start[one], end[one], ends, row, arena):
                out[one] = number[row]
                break
            place = (place + 1) & mask


@nb.njit(cache=True, nogil=True)
def _is(data: Any, start: Any, end: Any, ends: Any, row: Any, arena: Any) -> Any:
    at = ends[row - 1] if row else 0
    if ends[row] - at != end - start:
        return False
    theirs, ours, differ = data[start:end], arena[at : ends[row]], np.uint8(0)
    for step in range(len(theirs)):  # to the end: so it is done many bytes at a time
        differ |= theirs[step] ^ ours[step]
    return differ == 0


@nb.njit(cache=True, nogil=True)
def _put(keys: Any, which: Any, numbers: Any, count: Any, columns: Any) -> Any:
    data, start, end, hashes = keys
    table, known, ends, number, arena = columns
    at = ends[count - 1] if count else 0
    for turn in range(len(which)):
        one = which[turn]
        size = end[one] - start[one]
        arena[at : at + size] = data[start[one] : end[one]]
        at += size
        known[count], ends[count], number[count] = hashes[one], at, numbers[turn]
        if not _place(hashes[one], count, table):
            return -1
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _index(known: Any, count: Any, table: Any) -> Any:
    for row in range(count):  # noqa: SIM110 (numba knows no generators)
        if not _place(known[row], row, table):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _place(wanted: Any, row: Any, table: Any) -> Any:
    """Whether there was a place near enough to where the hash says."""
    mask = len(table) - 1
    place = np.int64(wanted & np.uint64(mask))
    for _ in range(MOST_PROBES):
        if table[place] < 0:
            table[place] = row
            return True
        place = (place + 1) & mask
    return False

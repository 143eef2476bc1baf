"""Label sets that were seen before: their digests → the number of their stream. A cache: losing it costs time only."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.domain.signals import I64, StreamKeys
from mainstay.lending import lent

UNSEEN, NO_ROOM = -2, -1
MOST_BYTES = 192 << 20  # five million label sets
EACH = 36  # bytes of one at the most: two halves of a digest, its number, its places in a table that is half full
LEAST = 1024
MOST_PROBES = 1024  # a table at most half full needs less than a hundred, by chance


class Sightings:
    """An open-addressing table: one half of a keyed digest of 128 bits finds, the other one decides.

    Labels themselves are not kept, however long they are; nobody who does not know the key makes two sets that have one
    digest, and by chance two of 16 million have one in 10²⁴ cases.

    Args:
        most_bytes: Of all columns together; when they are full, it begins anew.

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
        return int(sum(column.nbytes for column in self._columns()))

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0
        self._table = np.full(2 * LEAST, -1, np.int32)
        self._hash, self._seal = np.zeros(LEAST, np.uint64), np.zeros(LEAST, np.uint64)
        self._number = np.zeros(LEAST, np.int32)

    def find(self, keys: StreamKeys) -> I64:
        """The number of each stream: `UNSEEN` when its bytes are new here, `NO_ROOM` when it was refused."""
        numbers = np.empty(len(keys.hash), np.int64)
        _find(keys.hash, keys.seal, self._columns(), numbers)
        return numbers

    def put(self, keys: StreamKeys, which: I64, numbers: I64) -> None:
        """Remember streams that were `UNSEEN`."""
        if self._make_room(len(which)):
            self._count = _put(keys.hash[which], keys.seal[which], numbers, self._count, self._columns())
            if self._count < 0:
                self.clear()

    def _columns(self) -> tuple[Any, ...]:
        return self._table, self._hash, self._seal, self._number

    def _make_room(self, more: int) -> bool:
        """Grow, by a quarter, or begin anew; False when so many have no room at all."""
        if (self._count + more) * EACH > self._most:
            self.clear()
            if more * EACH > self._most:
                return False
        rows = self._count + more
        if rows > len(self._hash):
            room = max(rows, len(self._hash) * 5 // 4)
            for column in (self._hash, self._seal, self._number):
                column.resize(room, refcheck=False)  # in place where the system can: a copy would need both at once
        places = len(self._table)
        while places < 2 * rows:
            places *= 2
        if places > len(self._table):
            self._table = np.full(places, -1, np.int32)
            if not _index(self._hash, self._count, self._table):
                self.clear()
                return False
        return True


@nb.njit(cache=True, nogil=True)
def _find(hashes: Any, seals: Any, columns: Any, out: Any) -> None:
    table, known, seal, number = columns
    mask = len(table) - 1
    for one in range(len(hashes)):
        place = np.int64(hashes[one] & np.uint64(mask))
        out[one] = UNSEEN
        for _ in range(MOST_PROBES):
            if table[place] < 0:
                break
            row = table[place]
            if known[row] == hashes[one] and seal[row] == seals[one]:
                out[one] = number[row]
                break
            place = (place + 1) & mask


@nb.njit(cache=True, nogil=True)
def _put(hashes: Any, seals: Any, numbers: Any, count: Any, columns: Any) -> Any:
    table, known, seal, number = lent(columns[0]), lent(columns[1]), lent(columns[2]), lent(columns[3])
    for one in range(len(hashes)):
        known[count], seal[count], number[count] = hashes[one], seals[one], numbers[one]
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

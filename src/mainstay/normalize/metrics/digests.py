"""What has a number, by its digest: a few bytes each instead of an object, found many at a time."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import I64, U64
from mainstay.lending import lent

LEAST = 1024


class Digests:
    """Digests in the order in which they came: the first has number 0. An open-addressing table finds them.

    Args:
        words: Of 64 bits, in each digest.

    A digest is taken as random: who wants many of them in one place of the table has to try for each as many inputs as
    there are places.

    >>> known = Digests(1)
    >>> known.add(np.array([[7], [9], [7]], np.uint64)).tolist(), known.find(np.array([[9], [8]], np.uint64)).tolist()
    ([0, 1, 0], [1, -1])
    """

    def __init__(self, words: int) -> None:
        self._words, self._count = words, 0
        self._table: npt.NDArray[np.int32] = np.full(2 * LEAST, -1, np.int32)
        self._take_up(np.zeros((0, words), np.uint64))

    def __len__(self) -> int:
        return self._count

    @property
    def all(self) -> U64:
        """Every digest, by its number: u64[n, words]."""
        return self._digests[: self._count]

    def find(self, digests: U64) -> I64:
        """The number of each; -1 where it has none. Another thread may ask: it may miss what is just being added."""
        table, numbers = self._table, np.empty(len(digests), np.int64)  # the table first: digests only grow
        _find(digests, self._digests, table, numbers)
        return numbers

    def add(self, digests: U64) -> I64:
        """The number of each, the next one where it had none."""
        self._make_room(self._count + len(digests))
        numbers = np.empty(len(digests), np.int64)
        self._count = int(_add(digests, self._digests, self._table, self._count, numbers))
        return numbers

    def state(self) -> U64:
        """All digests, one after the other; as they lie, and so only until one more comes."""
        return self.all

    def load(self, state: bytes) -> None:
        """Take up what `state` gave."""
        self._take_up(np.frombuffer(state, np.uint64).reshape(-1, self._words).copy())

    def _take_up(self, digests: npt.NDArray[np.uint64]) -> None:
        self._digests, self._count = digests, 0
        self._table = np.full(2 * LEAST, -1, np.int32)
        self._make_room(max(len(digests), LEAST))
        _add(digests, self._digests, self._table, 0, np.empty(len(digests), np.int64))
        self._count = len(digests)

    def _make_room(self, count: int) -> None:
        if count > len(self._digests):
            more = max(count, len(self._digests) * 5 // 4) - len(self._digests)
            self._digests = np.concatenate([self._digests, np.zeros((more, self._words), np.uint64)])
        places = len(self._table)
        while places < 2 * count:
            places *= 2
        if places > len(self._table):
            table = np.full(places, -1, np.int32)
            _add(self.all, self._digests, table, 0, np.empty(self._count, np.int64))
            self._table = table


def digests_of(joined: bytes, words: int) -> U64:
    """Digests that lie one after the other as numbers."""
    return np.frombuffer(joined, np.uint64).reshape(-1, words)


@nb.njit(cache=True, nogil=True)
def _place(digests: Any, one: Any, known: Any, table: Any) -> Any:
    """Where a digest stands in the table, or the free place where it would."""
    mask = len(table) - 1
    place = np.int64(digests[one, 0] & np.uint64(mask))
    while table[place] >= 0:
        row = table[place]
        is_same = row < len(known)  # not so while another thread looks and the table grows
        for word in range(digests.shape[1]):
            is_same = is_same and known[row, word] == digests[one, word]
        if is_same:
            break
        place = (place + 1) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _find(digests: Any, known: Any, table: Any, out: Any) -> None:
    digests, known, table = lent(digests), lent(known), lent(table)
    for one in range(len(digests)):
        out[one] = table[_place(digests, one, known, table)]


@nb.njit(cache=True, nogil=True)
def _add(digests: Any, known: Any, table: Any, count: Any, out: Any) -> Any:
    digests, known, table, out = lent(digests), lent(known), lent(table), lent(out)
    for one in range(len(digests)):
        place = _place(digests, one, known, table)
        if table[place] < 0:
            table[place] = count
            known[count] = digests[one]
            count += 1
        out[one] = table[place]
    return count

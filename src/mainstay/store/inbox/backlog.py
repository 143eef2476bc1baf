"""The backlog: what is durable and not yet applied, 13 bytes a record however large the bodies are."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

from mainstay.domain.records import Lane
from mainstay.store.inbox.segments import LANES

COMPACT_AT = 4096


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record of the backlog: its number, its lane, its bytes on disk."""

    seq: int
    lane: Lane
    size: int


class Backlog:
    """Records in seq order; the first part is taken and not applied, the rest is yet to be taken."""

    def __init__(self) -> None:
        self._seqs, self._lanes, self._sizes = array("Q"), array("B"), array("I")
        self._applied = 0  # index of the first record not applied
        self._taken = 0  # index of the first record not taken

    def __len__(self) -> int:
        return len(self._seqs) - self._taken

    def add(self, seq: int, lane: Lane, size: int) -> None:
        """One more durable record; `seq` is higher than all before."""
        self._seqs.append(seq)
        self._lanes.append(LANES.index(lane))
        self._sizes.append(size)

    def peek(self) -> Waiting | None:
        """The next record to take."""
        return self._at(self._taken) if self._taken < len(self._seqs) else None

    def advance(self) -> None:
        """The record that `peek` gave is taken."""
        self._taken += 1

    def rewind(self, seq: int) -> list[Waiting]:
        """Records behind `seq` are to be taken again; gives those that had been taken."""
        first = max(self._applied, bisect_right(self._seqs, seq))
        again = [self._at(index) for index in range(first, self._taken)]
        self._taken = min(self._taken, first)
        return again

    def release(self, seq: int) -> list[tuple[Waiting, bool]]:
        """Remove what is numbered `seq` or lower; says of each whether it had been taken."""
        released = []
        while self._applied < len(self._seqs) and self._seqs[self._applied] <= seq:
            released.append((self._at(self._applied), self._applied < self._taken))
            self._applied += 1
        self._taken = max(self._taken, self._applied)
        if self._applied >= COMPACT_AT:
            for column in (self._seqs, self._lanes, self._sizes):
                del column[: self._applied]
            self._taken -= self._applied
            self._applied = 0
        return released

    def _at(self, index: int) -> Waiting:
        return Waiting(self._seqs[index], LANES[self._lanes[index]], self._sizes[index])

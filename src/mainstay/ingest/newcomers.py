"""How many new series one sender may bring, a minute and in all: what a flood of label values meets at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import U64, RawMetrics

MINUTE_NS = 60 * 10**9
MOST_NEW = 500_000  # a minute and sender; half of all the series that there may be
MOST_SEEN = 2_000_000  # remembered of a sender: 16 MB; so many it may have in all
LEAST_MERGED = 4096
Sender = tuple[str, str, str]
"""Tenant, source, and what stands for the token."""
Flags = npt.NDArray[np.bool_]
Knows = Callable[[RawMetrics, npt.NDArray[np.intp]], Flags]
"""Which of these streams of a request are known."""


class Numbers:
    """Numbers that were seen, 8 bytes each; when there are too many it begins anew.

    >>> numbers = Numbers()
    >>> numbers.add(np.array([7, 3], np.uint64))
    >>> numbers.has(np.array([3, 4], np.uint64)).tolist()
    [True, False]
    """

    def __init__(self, most: int = MOST_SEEN) -> None:
        self._most = most
        self.clear()

    def __len__(self) -> int:
        return len(self._old) + len(self._new)

    def clear(self) -> None:
        """Forget all of them."""
        self._old, self._new = np.zeros(0, np.uint64), np.zeros(0, np.uint64)

    def has(self, wanted: U64) -> Flags:
        """Which of these were seen. They are looked for by size: so half of the way is in the cache already."""
        order = np.argsort(wanted)
        ranked = wanted[order]
        found = np.empty(len(wanted), np.bool_)
        found[order] = _within(self._old, ranked) | _within(self._new, ranked)
        return found

    def add(self, numbers: U64) -> None:
        """See these. Few are put among few; only now and then all are sorted."""
        if len(self) + len(numbers) > self._most:
            self.clear()
        self._new = _merged(self._new, np.sort(numbers))
        if len(self._new) > LEAST_MERGED + len(self._old) // 8:
            self._old, self._new = _merged(self._old, self._new), np.zeros(0, np.uint64)


def _merged(some: U64, more: U64) -> U64:
    """Both sorted, each number once. What stands in order is moved along, not sorted again and again."""
    fresh = more[~_within(some, more)]
    fresh = fresh[np.flatnonzero(np.diff(fresh, prepend=~fresh[:1]))]
    both = np.empty(len(some) + len(fresh), np.uint64)
    is_moved = np.ones(len(both), np.bool_)
    at = np.searchsorted(some, fresh) + np.arange(len(fresh))
    is_moved[at] = False
    both[at], both[is_moved] = fresh, some
    return both


def _within(some: U64, wanted: U64) -> Flags:
    if not len(some):
        return np.zeros(len(wanted), np.bool_)
    place = np.searchsorted(some, wanted)
    place[place == len(some)] = 0
    found: Flags = some[place] == wanted
    return found


@dataclass(slots=True)
class _Sender:
    """What is remembered of one sender."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: Numbers = field(default_factory=Numbers)
    turned_away: Numbers = field(default_factory=Numbers)  # in this minute: they are not looked up again
    minute: int = -1
    left: int = 0


class Newcomers:
    """Lets so many new series a minute, and so many in all, in from each sender; known ones always pass. Thread-safe.

    A series is new when this sender did not bring it since the start and `knows` does not know it either. It is told by
    64 bits of a keyed hash: two that meet by chance would let one more in, and nothing else rests on it. In all are
    those that it brought since the start, known or new; a bucket of a Prometheus histogram counts as one. `knows` is
    asked in the second half of a minute's share only: in the first, what it would have known counts as new.

    Args:
        knows: Which streams the pipeline has already (after a restart: from its last state). Asked of many at a time.
        most: New series a minute and sender.
        most_in_all: Beyond so many a sender brings nothing new any more; at most what is remembered of one.
    """

    def __init__(self, knows: Knows, most: int = MOST_NEW, most_in_all: int = MOST_SEEN) -> None:
        self._knows, self._most, self._most_in_all = knows, most, min(most_in_all, MOST_SEEN)
        self._lock = threading.Lock()
        self._senders: dict[Sender, _Sender] = {}

    @property
    def says(self) -> str:
        """Why a series is refused."""
        return f"new series beyond {self._most} a minute or {self._most_in_all} in all from one sender"

    def refused(self, sender: Sender, raw: RawMetrics, now_ns: int) -> Flags | None:
        """Which streams of a request are refused, bool[len(raw.streams)]; None when none is."""
        with self._lock:
            one = self._senders.setdefault(sender, _Sender())
        hashes = _hashes(raw)
        with one.lock:
            if one.minute != now_ns // MINUTE_NS:
                one.minute, one.left = now_ns // MINUTE_NS, self._most
                one.turned_away.clear()
            fresh = np.flatnonzero(~one.seen.has(hashes))
            if not len(fresh):
                return None
            again = one.turned_away.has(hashes[fresh])
            if self._has_much_room(one, len(fresh)) and not again.any():
                one.left -= len(fresh)
                one.seen.add(hashes[fresh])
                return None
            return self._judged(one, raw, hashes, fresh, again)

    def _has_much_room(self, one: _Sender, count: int) -> bool:
        """Whether so many would fit even if all were new: then nobody reads their labels here, which is dear."""
        return count <= min(one.left - self._most // 2, self._most_in_all - len(one.seen))

    def _judged(
        self, one: _Sender, raw: RawMetrics, hashes: U64, fresh: npt.NDArray[np.intp], again: Flags
    ) -> Flags | None:
        asked = fresh[~again]
        is_new = ~self._knows(raw, asked)
        new = asked[is_new]
        room = max(0, min(one.left, self._most_in_all - len(one.seen) - (len(asked) - len(new))))
        refused = np.zeros(len(hashes), np.bool_)
        refused[fresh[again]] = refused[new[room:]] = True
        one.turned_away.add(hashes[new[room:]])
        one.left -= len(new[:room])
        one.seen.add(hashes[fresh[~refused[fresh]]])
        return refused if refused.any() else None


def _hashes(raw: RawMetrics) -> U64:
    """What a stream is told by: the keyed hash of its bytes, or Python's (keyed too) where nobody kept its bytes."""
    known: U64 = raw.keys.hash if raw.keys is not None else np.zeros(0, np.uint64)
    others = [hash(raw.streams[at]) & 0xFFFF_FFFF_FFFF_FFFF for at in range(len(known), len(raw.streams))]
    return np.concatenate([known, np.array(others, np.uint64)]) if others else known

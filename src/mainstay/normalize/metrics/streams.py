"""A sender's stream becomes a series: identified once in its life, then only a number per sample."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import I64, U64, RawMetrics, Stream, StreamKeys
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.metrics.census import Census, Read
from mainstay.normalize.metrics.digests import Digests, digests_of
from mainstay.normalize.metrics.identity import Identity, Met
from mainstay.normalize.metrics.naming import BUCKET, COUNT, Named
from mainstay.normalize.metrics.series import NO_SLOT, SeriesTable
from mainstay.normalize.metrics.sightings import NO_ROOM, UNSEEN, Sightings

NEVER = np.iinfo(np.int64).min
DIGEST = 16
WORDS = DIGEST // 8
STREAMS_PER_SERIES = 16  # buckets that stand behind one series of a histogram
_ENCODER = msgspec.msgpack.Encoder()


class Streams:
    """What is remembered per stream, as columns: mode, out slot, last value and time, start, entity, group.

    `group` joins what must be seen together: the buckets of one Prometheus histogram; sum and count of one average.
    """

    def __init__(self, directory: Directory, series: SeriesTable) -> None:
        self.series = series
        self._identity = Identity(directory)
        self._census = Census(directory, self._identity)
        self._known = Digests(WORDS)  # a stream's own words are not kept
        self._seen = Sightings()
        self._groups = Digests(WORDS)
        self.group_slots: list[tuple[int, ...]] = []
        self.mode = np.zeros(1024, np.uint8)
        self.slot = np.zeros(1024, np.uint32)
        self.last_at = np.full(1024, NEVER, np.int64)
        self.last_value = np.zeros(1024)
        self.start = np.zeros(1024, np.int64)
        self.entity = np.zeros(1024, np.uint32)
        self.group = np.full(1024, -1, np.int32)
        self.bounds = np.full(1024, np.nan)

    @property
    def entities(self) -> Sequence[str]:
        """Names by the numbers in `entity`."""
        return self.series.entities

    def numbers(self, raw: RawMetrics) -> I64:
        """The number of each of a request's streams that have samples; -1 where there is no room for its series."""
        if raw.keys is not None:
            return self._by_bytes(raw.streams, raw.keys)
        numbers = np.full(len(raw.streams) or 1, -1, np.int64)
        sampled = np.unique(raw.stream)
        numbers[sampled] = self._of([raw.streams[at] for at in sampled.tolist()])
        return numbers

    def _by_bytes(self, streams: Sequence[Stream], keys: StreamKeys) -> I64:
        numbers = self._seen.find(keys)
        self.series.refused += int(np.count_nonzero(numbers == NO_ROOM))
        unseen = np.flatnonzero(numbers == UNSEEN)
        if len(unseen):
            found = self._by_words(streams, keys, unseen)
            numbers[unseen] = self._of([streams[at] for at in unseen.tolist()]) if found is None else found
            self._seen.put(keys, unseen, numbers[unseen])
        return numbers

    def _by_words(self, streams: Sequence[Stream], keys: StreamKeys, which: I64) -> I64 | None:
        """As `_of`, from where the words of labels stand; None when each stream has to be read by itself."""
        if keys.words is None:
            return None
        words = keys.words(keys.data, keys.start[which], keys.end[which])
        digests = self._census.digests(words, DIGEST)
        numbers = self._known.find(digests)
        new = np.flatnonzero(numbers < 0)
        if not len(new):
            return numbers
        if self._room < len(new) or not np.diff(np.sort(digests[new, 0])).all():
            return None
        places = which[new]

        def read(at: int) -> Stream:
            return streams[int(places[at])]

        if len(new) < len(which):
            words = keys.words(keys.data, keys.start[places], keys.end[places])
        met = self._census.of(words, read)
        if met is None:
            return None
        numbers[new] = self._take_in(read, met, digests[new])
        return numbers

    def of(self, stream: Stream, *, is_histogram: bool = False) -> int:
        """The number of a stream; identified on first sight. -1 when there is no room for its series."""
        return int(self._of([stream], is_histogram=is_histogram)[0])

    def knows(self, raw: RawMetrics, which: I64) -> npt.NDArray[np.bool_]:
        """Which of these streams have been identified; other threads may ask."""
        keys = raw.keys
        if keys is not None and keys.words is not None and len(keys.hash) == len(raw.streams):
            digests = self._census.digests(keys.words(keys.data, keys.start[which], keys.end[which]), DIGEST)
        else:
            digests = digests_of(b"".join([_digest(raw.streams[at]) for at in which.tolist()]), WORDS)
        known: npt.NDArray[np.bool_] = self._known.find(digests) >= 0
        return known

    def _of(self, streams: Sequence[Stream], *, is_histogram: bool = False) -> I64:
        keys = [_digest(stream) for stream in streams]
        digests = digests_of(b"".join(keys), WORDS)
        numbers = self._known.find(digests)
        new = np.flatnonzero(numbers < 0)
        if len(new) > 1 and (len({keys[at] for at in new}) < len(new) or self._room < len(new)):
            for at in new.tolist():
                numbers[at] = self._of([streams[at]], is_histogram=is_histogram)[0]
        elif len(new):
            found = [self._identity.of(streams[at], is_histogram=is_histogram) for at in new.tolist()]
            numbers[new] = self._take_in(lambda at: streams[int(new[at])], Met.of(found), digests[new])
        return numbers

    @property
    def _room(self) -> int:
        """How many streams there may be beside those that are known."""
        return STREAMS_PER_SERIES * self.series.most - len(self._known)

    def _take_in(self, read: Read, met: Met, digests: U64) -> I64:
        """Numbers for streams that are met for the first time, and their series."""
        refused = self.series.refused
        entity = np.array([self.series.entity(one) for one in met.entities], np.int64)[met.entity]
        slots, starts = self._slots(met, entity)
        fits = np.maximum.reduceat(slots, starts) != NO_SLOT if self._room > 0 else np.zeros(len(starts), bool)
        self.series.refused = refused + int(np.count_nonzero(~fits))
        numbers = np.full(len(starts), -1, np.int64)
        at = np.flatnonzero(fits)
        numbers[at] = self._known.add(digests[at])
        self._make_room()
        new = numbers[at]
        self.mode[new] = np.array([named.mode for named in met.names], np.uint8)[met.named[at]]
        self.slot[new], self.entity[new] = slots[starts[at]], entity[at]
        is_group = np.array([named.is_group for named in met.names])[met.named]
        for one in at[is_group[at]].tolist():
            named = met.names[met.named[one]]
            mine = slots[starts[one] : starts[one] + len(named.series)]
            self._group(int(numbers[one]), read(one), (met.entities[met.entity[one]], named), tuple(mine.tolist()))
        return numbers

    def _slots(self, met: Met, entity: I64) -> tuple[npt.NDArray[np.uint32], I64]:
        """(slots, starts): the series that each stream feeds, those of stream i from `starts[i]` on.

        They are made now, so that they are there before their first sample.
        """
        said = [[self.series.said(metric, unit) for metric, unit in named.series] for named in met.names]
        counts = np.array([len(one) for one in said], np.int64)
        flat, offset = np.array([number for one in said for number in one], np.int64), np.cumsum(counts) - counts
        of_each = counts[met.named]
        starts = np.cumsum(of_each) - of_each
        which = np.repeat(np.arange(len(starts)), of_each)
        names = flat[offset[met.named[which]] + np.arange(len(which)) - starts[which]]
        labels = met.labels if len(which) == len(starts) else met.labels.take(which)
        return self.series.slots(entity[which], names, labels), starts

    def _group(self, number: int, stream: Stream, found: tuple[str, Named], slots: tuple[int, ...]) -> None:
        """One group per process that counts, even where the copies of a service feed one series."""
        entity, named = found
        own = tuple(pair for pair in stream.labels if pair[0] != "le")
        key = (named.series[0][0].removeprefix(named.base), named.base, entity, own, stream.resource)
        group = int(self._groups.add(digests_of(_hashed(key), WORDS))[0])
        if group == len(self.group_slots):
            self.group_slots.append(slots)
        self.group[number] = group
        if named.mode == COUNT:
            self.slot[number] = slots[-1]
        if named.mode == BUCKET:
            self.bounds[number] = _bound(next((value for name, value in stream.labels if name == "le"), ""))

    def _make_room(self) -> None:
        count = len(self._known)
        if count <= len(self.mode):
            return
        for name, fill in _COLUMNS.items():
            old: npt.NDArray[Any] = getattr(self, name)
            new = np.full(max(count, len(old) * 5 // 4), fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def state(self) -> dict[str, Any]:
        """Streams and groups as digests, which hold no secret, in the order of their numbers."""
        columns = {name: getattr(self, name)[: len(self._known)] for name in _COLUMNS}
        return {
            "streams": self._known.state(), **columns,
            "groups": self._groups.state(), "group_slots": self.group_slots,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        self._seen.clear()
        self._known.load(state["streams"])
        self._groups.load(state["groups"])
        for name, fill in _COLUMNS.items():
            kept = np.frombuffer(state[name], getattr(self, name).dtype)
            column = np.full(max(1024, len(kept) * 9 // 8), fill, kept.dtype)
            column[: len(kept)] = kept
            setattr(self, name, column)
        self.group_slots = [tuple(slots) for slots in state["group_slots"]]


_COLUMNS: dict[str, float] = {
    "mode": 0, "slot": 0, "last_at": NEVER, "last_value": 0, "start": 0, "entity": 0, "group": -1, "bounds": np.nan,
}  # fmt: skip


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _digest(stream: Stream) -> bytes:
    return _hashed((stream.name, stream.labels, stream.resource, stream.unit, stream.kind, stream.temporality))


def _hashed(key: tuple[Any, ...]) -> bytes:
    """An identity of 128 bits: nobody finds two keys of one."""
    return blake2b(_ENCODER.encode(key), digest_size=DIGEST).digest()

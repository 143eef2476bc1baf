"""A sender's stream becomes a series: identified once in its life, then only a number per sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, RawMetrics, Stream, StreamKeys
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.masking import mask_to
from mainstay.normalize.memo import Memo
from mainstay.normalize.metrics.naming import BUCKET, COUNT, Named, Said, named_by
from mainstay.normalize.metrics.series import NO_SLOT, SeriesTable
from mainstay.normalize.metrics.sightings import NO_ROOM, UNSEEN, Sightings

NEVER = np.iinfo(np.int64).min
MAX_LABEL = 256
MAX_LABELS = 64
NAMES_BYTES, PAIRS_BYTES = 8 << 20, 16 << 20
SHORT = 13  # the shortest secret in one word of letters and digits is a card number
DIGEST = 16
STREAMS_PER_SERIES = 16  # buckets that stand behind one series of a histogram

# Names that are drawn anew at each start: UUIDs, hashes, container ids, pods of replica sets, process ids. The last
# piece of a name is taken for drawn when it is hexadecimal with a digit in it, or letters mixed with digits.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|^(?=[0-9a-f]*\d)[0-9a-f]{8,}$|-[a-z0-9]{8,10}-[a-z0-9]{5}$|^\d+$|[:@_-]\d{4,}$"
    r"|[@_-](?=[a-f]*\d)[0-9a-f]{4,}$|[@_-](?=[a-z]*\d)(?=\d*[a-z])(?![a-z]+\d{1,3}$)[a-z0-9]{5,}$",
    re.IGNORECASE,
)
_ENCODER = msgspec.msgpack.Encoder()
_ADDRESS = re.compile(r":\d+$")


def is_volatile(value: str) -> bool:
    """Whether a copy's name will be another one after its next start.

    >>> [is_volatile(v) for v in ("7f0c2d9e41ab", "payments-7d9f8b6c5d-x2x7k", "cart-3f2a1")]
    [True, True, True]
    >>> [is_volatile(v) for v in ("web-1", "web-node01", "10.0.0.7:9100")]
    [False, False, False]
    """
    return bool(_VOLATILE.search(value)) and not _ADDRESS.search(value)


class Streams:
    """What is remembered per stream, as columns: mode, out slot, last value and time, start, entity, group.

    `group` joins what must be seen together: the buckets of one Prometheus histogram; sum and count of one average.
    """

    def __init__(self, directory: Directory, series: SeriesTable) -> None:
        self.directory, self.series = directory, series
        self._count = 0
        self._known: dict[bytes, int] = {}  # by digest: a stream's own words are not kept
        self._seen = Sightings()
        self._names = Memo[Said, Named](NAMES_BYTES)
        self._pairs = Memo[tuple[str, str], tuple[tuple[str, str], bool]](PAIRS_BYTES)
        self.entities: list[str] = []
        self._entity_at: dict[str, int] = {}
        self._groups: dict[bytes, int] = {}
        self.group_slots: list[tuple[int, ...]] = []
        self.mode = np.zeros(1024, np.uint8)
        self.slot = np.zeros(1024, np.uint32)
        self.last_at = np.full(1024, NEVER, np.int64)
        self.last_value = np.zeros(1024)
        self.start = np.zeros(1024, np.int64)
        self.entity = np.zeros(1024, np.uint32)
        self.group = np.full(1024, -1, np.int32)
        self.bounds = np.full(1024, np.nan)

    def numbers(self, raw: RawMetrics) -> I64:
        """The number of each of a request's streams that have samples; -1 where there is no room for its series."""
        if raw.keys is not None:
            return self._by_bytes(raw.streams, raw.keys)
        numbers = np.full(len(raw.streams) or 1, -1, np.int64)
        for at in np.unique(raw.stream).tolist():
            numbers[at] = self.of(raw.streams[at])
        return numbers

    def _by_bytes(self, streams: Sequence[Stream], keys: StreamKeys) -> I64:
        numbers = self._seen.find(keys)
        self.series.refused += int(np.count_nonzero(numbers == NO_ROOM))
        unseen = np.flatnonzero(numbers == UNSEEN)
        if len(unseen):
            numbers[unseen] = [self.of(streams[at]) for at in unseen.tolist()]
            self._seen.put(keys, unseen, numbers[unseen])
        return numbers

    def of(self, stream: Stream, *, is_histogram: bool = False) -> int:
        """The number of a stream; identified on first sight. -1 when there is no room for its series."""
        key = _digest(stream)
        number = self._known.get(key)
        if number is None:
            refused = self.series.refused
            number = self._identify(stream, is_histogram=is_histogram)
            self.series.refused = refused + (number < 0)
            if number >= 0:
                self._known[key] = number
        return number

    def _identify(self, stream: Stream, *, is_histogram: bool) -> int:
        if self._count >= STREAMS_PER_SERIES * self.series.most:
            return -1
        labels = (
            tuple(sorted((dict(stream.labels) | dict(stream.resource)).items())) if stream.resource else stream.labels
        )
        entity, spent = self.directory.located(labels)
        named = self._named(stream, is_histogram=is_histogram)
        group, slot = self._outputs(stream, named, entity, self._labels(stream, spent))
        if slot == NO_SLOT:
            return -1
        at, self._count = self._count, self._count + 1
        if at >= len(self.mode):
            self._grow()
        if named.mode == BUCKET:
            self.bounds[at] = _bound(next((value for name, value in stream.labels if name == "le"), ""))
        self.mode[at], self.slot[at], self.group[at], self.entity[at] = named.mode, slot, group, self._entity(entity)
        return at

    def _named(self, stream: Stream, *, is_histogram: bool) -> Named:
        is_bucket = stream.name.endswith("_bucket") and any(name == "le" for name, _ in stream.labels)
        has_resource = bool(stream.resource)
        said = Said(stream.name, stream.unit, stream.kind, stream.temporality, has_resource, is_bucket, is_histogram)
        named = self._names.get(said)
        if named is None:
            named = named_by(said)
            self._names.put(said, named, 8 * (len(said.name) + len(said.unit)))
        return named

    def _outputs(self, stream: Stream, named: Named, entity: str, labels: Labels) -> tuple[int, int]:
        """(group, slot): the series that this stream feeds, made now so that they exist before their first sample."""
        slots = tuple(self.series.slot(entity, metric, labels, unit) for metric, unit in named.series)
        if NO_SLOT in slots:
            return -1, NO_SLOT
        if not named.is_group:
            return -1, slots[0]
        # One group per process that counts, even where the copies of a service feed one series.
        own = tuple(pair for pair in stream.labels if pair[0] != "le")
        key = (named.series[0][0].removeprefix(named.base), named.base, entity, own, stream.resource)
        group = self._groups.setdefault(_hashed(key), len(self._groups))
        if group == len(self.group_slots):
            self.group_slots.append(slots)
        return group, slots[-1] if named.mode == COUNT else slots[0]

    def _labels(self, stream: Stream, spent: frozenset[str]) -> Labels:
        """What tells a series from its sisters: the point's labels, less what the entity says, plus the copy's name."""
        copies = self.directory.mapping.file.instance
        if not stream.resource:
            own = [pair for pair in stream.labels if pair[0] not in spent and pair[0] != "le"]
            if any(name in copies and self._pair((name, value))[1] for name, value in own):
                own = [pair for pair in own if pair[0] not in copies]
        else:
            own, said = [pair for pair in stream.labels if pair[0] != "le"], dict(stream.resource)
            stable = (key for key in copies if key not in spent and said.get(key) and not is_volatile(said[key]))
            copy = next(stable, None)
            if copy:
                own = [*(pair for pair in own if pair[0] != copy), (copy, said[copy])]
        return tuple(sorted(self._kept(pair) for pair in own[:MAX_LABELS]))

    def _kept(self, pair: tuple[str, str]) -> tuple[str, str]:
        """A label as it is stored, without secrets; what is short and one word can hide none."""
        name, value = pair
        if len(value) < SHORT and len(name) < MAX_LABEL and value.isalnum():
            return pair
        return self._pair(pair)[0]

    def _pair(self, pair: tuple[str, str]) -> tuple[tuple[str, str], bool]:
        """A label without secrets, and whether its value is drawn anew at each start."""
        found = self._pairs.get(pair)
        if found is None:
            name, value = pair
            found = (name[:MAX_LABEL], mask_to(value, MAX_LABEL)), is_volatile(value)
            self._pairs.put(pair, found, len(name) + 2 * len(value))
        return found

    def _entity(self, entity: str) -> int:
        at = self._entity_at.setdefault(entity, len(self.entities))
        if at == len(self.entities):
            self.entities.append(entity)
        return at

    def _grow(self) -> None:
        for name, fill in _COLUMNS.items():
            old: npt.NDArray[Any] = getattr(self, name)
            new = np.full(2 * len(old), fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def state(self) -> dict[str, Any]:
        """Streams and groups as digests, which hold no secret, in the order of their numbers; columns as bytes."""
        columns = {name: getattr(self, name)[: self._count].tobytes() for name in _COLUMNS}
        return {
            "streams": b"".join(self._known), "columns": columns, "entities": self.entities,
            "groups": b"".join(self._groups), "group_slots": self.group_slots,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        self._seen.clear()
        self._known, self._groups = _numbered(state["streams"]), _numbered(state["groups"])
        self._count = len(self._known)
        for name, raw in state["columns"].items():
            kept = np.frombuffer(raw, getattr(self, name).dtype)
            column = np.full(max(1024, 2 * len(kept)), _COLUMNS[name], kept.dtype)
            column[: len(kept)] = kept
            setattr(self, name, column)
        self.entities = list(state["entities"])
        self._entity_at = {entity: at for at, entity in enumerate(self.entities)}
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


def _numbered(digests: bytes) -> dict[bytes, int]:
    return {digests[at : at + DIGEST]: at // DIGEST for at in range(0, len(digests), DIGEST)}

"""Every series once, with an identity that outlives the process, and a bound on how many there may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Labels
from mainstay.domain.series import Said, SeriesColumns, encoded
from mainstay.domain.signals import I64, U8, U32, U64, Direction
from mainstay.normalize.metrics.blake import digests
from mainstay.normalize.metrics.digests import Digests
from mainstay.normalize.metrics.texts import Texts
from mainstay.normalize.metrics.written import lined_up

NO_SLOT = 0xFFFFFFFF
MAX_SERIES = 1_000_000
_ENCODER = msgspec.msgpack.Encoder()

_DOWN = re.compile(
    r"(?<!un)availab|(?<![a-z])up$|(?<!un)success|(?<!un)healthy|(?<!un)ready|(?:^|[._])free(?:$|[._])|idle|hit_ratio"
    r"|remaining",
    re.IGNORECASE,
)
_UP = re.compile(
    r"duration|latency|elapsed|delay|lag(?:$|[._])|wait|seconds\.(?:p50|p95|mean)|error|fail|exception|dropped"
    r"|retr(?:y|ies)|timeout|reject|refus|saturation|utili[sz]ation|usage|memory|rss|heap|cpu|load|queue|backlog|depth|pending|in_?flight"
    r"|active_requests|open_fds|file_descriptor|restart|gc[._]|throttl|silence|unavailab",
    re.IGNORECASE,
)
_UP_AS_RATE = re.compile(r"error|fail|exception|drop|timeout|reject|refus|throttl|restart|cpu", re.IGNORECASE)
_UNITS = (
    ("_seconds", "s"), ("_milliseconds", "ms"), ("_bytes", "By"), ("_ratio", "1"), ("_percent", "%"),
    ("_celsius", "Cel"), ("_joules", "J"), ("_volts", "V"), ("_amperes", "A"), ("_meters", "m"), ("_grams", "g"),
)  # fmt: skip


def direction_of(metric: str) -> Direction:
    """Which way is bad, by the words of the name; `both` where the name does not say (throughput).

    >>> [direction_of(m) for m in ("http.server.request.duration.p95", "node_memory_MemAvailable_bytes", "orders.rate")]
    ['up', 'down', 'both']
    """
    if _DOWN.search(metric):
        return "down"
    if metric.endswith(".rate") and not _UP_AS_RATE.search(metric):
        return "both"
    return "up" if _UP.search(metric) else "both"


def unit_of(name: str) -> str:
    """The unit that a Prometheus name ends with (its base units), or "".

    >>> unit_of("process_cpu_seconds_total"), unit_of("http_requests_total")
    ('s', '')
    """
    base = name.removesuffix("_total")
    return next((unit for suffix, unit in _UNITS if base.endswith(suffix)), "")


def series_id(tenant: str, entity: str, metric: str, labels: Labels) -> int:
    """The durable u64 identity of a series."""
    key = _ENCODER.encode((tenant, entity, metric, labels))
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


_direction = lru_cache(4096)(direction_of)


class SeriesTable:
    """All series in slot order, as columns. A slot is given once; a series beyond `most` is refused and counted.

    Args:
        most: How many series there may be. A series takes about 40 bytes here and its labels; nothing is an object.
    """

    def __init__(self, tenant: str, most: int = MAX_SERIES) -> None:
        self.tenant, self.most = tenant, most
        self.refused = 0
        self._ids = Digests(1)
        self._entity, self._said = np.zeros(1024, np.uint32), np.zeros(1024, np.uint32)
        self._end = np.zeros(1024, np.int64)
        self._labels = bytearray()
        self.entities: list[str] = []
        self.names: list[Said] = []
        self._entity_at: dict[str, int] = {}
        self._name_at: dict[Said, int] = {}
        self._told = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def all(self) -> SeriesColumns:
        """Every series, in slot order."""
        return self._columns(0)

    def entity(self, entity: str) -> int:
        """The number of an entity."""
        at = self._entity_at.setdefault(entity, len(self.entities))
        if at == len(self.entities):
            self.entities.append(entity)
        return at

    def said(self, metric: str, unit: str, direction: Direction | None = None) -> int:
        """The number of a name."""
        said = Said(metric, unit, direction or _direction(metric))
        at = self._name_at.setdefault(said, len(self.names))
        if at == len(self.names):
            self.names.append(said)
        return at

    def slot(
        self, entity: str, metric: str, labels: Labels = (), unit: str = "", direction: Direction | None = None
    ) -> int:
        """The slot of a series, new if need be; `NO_SLOT` when there is no room (or another series has its id)."""
        said = self.said(metric, unit, direction)
        return int(self.slots(np.array([self.entity(entity)]), np.array([said]), Texts.of([encoded(labels)]))[0])

    def slots(self, entity: I64, said: I64, labels: Texts) -> U32:
        """As `slot`, of many: by the numbers of entities and names, and encoded labels."""
        ids, before = self._identities(entity, said, labels), len(self._ids)
        slots = self._ids.find(ids)
        unknown = np.flatnonzero(slots < 0)
        if len(unknown):
            fits = self._fits(ids[unknown, 0])
            slots[unknown[fits]] = self._ids.add(ids[unknown[fits]])
        if np.array_equal(
            slots, np.arange(before, before + len(slots))
        ):  # all of them new and different: nearly always
            self._append(before, entity, said, labels)
            return slots.astype(np.uint32)
        new, first = np.unique(slots, return_index=True)
        first = first[new >= before]
        self._append(before, entity[first], said[first], labels.take(first))
        for at in set(range(len(slots))).difference(first.tolist()) if len(first) < len(slots) else ():
            if slots[at] >= 0 and not self._is(int(slots[at]), int(entity[at]), int(said[at]), labels[at]):
                slots[at] = -1
        self.refused += int(np.count_nonzero(slots < 0))
        return np.where(slots < 0, NO_SLOT, slots).astype(np.uint32)

    def take_new(self) -> SeriesColumns:
        """The series that came since the last call."""
        new, self._told = self._columns(self._told), len(self._ids)
        return new

    def _identities(self, entity: I64, said: I64, labels: Texts) -> U64:
        """As `series_id`: what its parts are encoded to is what the parts are encoded to."""
        start = b"\x94" + _packed(self.tenant)
        heads = _used(entity, lambda one: start + _packed(self.entities[one]))
        words = _used(said, lambda one: _packed(self.names[one].metric))
        keys, ends = lined_up(heads, words, labels.data, labels.end)
        found: U64 = digests(keys, ends, 1)
        return found.byteswap()

    def _fits(self, ids: U64) -> npt.NDArray[np.bool_]:
        """Those for which there is room: the first ones."""
        room = self.most - len(self._ids)
        if room >= len(ids):
            return np.ones(len(ids), bool)
        _, first, back = np.unique(ids, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        fits: npt.NDArray[np.bool_] = rank[back] < room
        return fits

    def _append(self, at: int, entity: I64, said: I64, labels: Texts) -> None:
        if not len(labels):
            return
        until, start = at + len(labels), len(self._labels)
        if until > len(self._end):
            room = max(until, len(self._end) * 5 // 4)
            self._entity, self._said, self._end = (_longer(c, room) for c in (self._entity, self._said, self._end))
        self._entity[at:until], self._said[at:until] = entity, said
        self._end[at:until] = start + labels.end
        self._labels += labels.data.tobytes()

    def _is(self, slot: int, entity: int, said: int, labels: bytes) -> bool:
        """Whether a series is the one that its id says; its unit and direction are what was said first."""
        start = int(self._end[slot - 1]) if slot else 0
        names = self.names[self._said[slot]], self.names[said]
        is_same = self._entity[slot] == entity and names[0].metric == names[1].metric
        return bool(is_same and self._labels[start : int(self._end[slot])] == labels)

    def _columns(self, since: int) -> SeriesColumns:
        until = len(self._ids)
        start = int(self._end[since - 1]) if since else 0
        end = self._end[since:until] - start
        return SeriesColumns(
            slot=np.arange(since, until, dtype=np.uint32),
            id=self._ids.all[since:, 0].copy(),
            entity=self._entity[since:until].copy(),
            said=self._said[since:until].copy(),
            end=end,
            labels=bytes(self._labels[start : start + int(end[-1])]) if until > since else b"",
            entities=self.entities,
            names=self.names,
        )

    def state(self) -> dict[str, Any]:
        count = len(self._ids)
        return {
            "refused": self.refused, "ids": self._ids.state(), "entity": self._entity[:count],
            "said": self._said[:count], "end": self._end[:count], "labels": np.frombuffer(self._labels, np.uint8),
            "entities": self.entities, "names": [tuple(name) for name in self.names],
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take up a state. All series count as new again: the next `Normal` tells store and detectors their slots."""
        self.refused = state["refused"]
        self._ids.load(state["ids"])
        kinds = {"entity": np.uint32, "said": np.uint32, "end": np.int64}
        columns = (np.frombuffer(state[name], kind).copy() for name, kind in kinds.items())
        self._entity, self._said, self._end = columns
        self._labels = bytearray(state["labels"])
        self.entities, self.names = list(state["entities"]), [Said(*name) for name in state["names"]]
        self._entity_at = {entity: at for at, entity in enumerate(self.entities)}
        self._name_at = {name: at for at, name in enumerate(self.names)}
        self._told = 0


def _used(which: I64, word: Callable[[int], bytes]) -> tuple[U8, I64, I64]:
    """(bytes, ends, place of each): those words that are used, each once."""
    used = np.flatnonzero(np.bincount(which))
    place = np.zeros(int(used[-1]) + 1 if len(used) else 0, np.int64)
    place[used] = np.arange(len(used))
    words = Texts.of([word(one) for one in used.tolist()])
    return words.data, words.end, place[which]


def _packed(word: str) -> bytes:
    return _ENCODER.encode(word)


def _longer(column: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    longer = np.zeros(count, column.dtype)
    longer[: len(column)] = column
    return longer

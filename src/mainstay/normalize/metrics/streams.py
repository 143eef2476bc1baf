"""A sender's stream becomes a series: identified once in its life, then only a number per sample."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Stream
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.masking import mask, mask_to
from mainstay.normalize.metrics.series import NO_SLOT, SeriesTable, unit_of

REFUSED, GAUGE, COUNTER, DELTA, BUCKET, SUM, COUNT, HISTOGRAM = range(8)
NEVER = np.iinfo(np.int64).min
MAX_LABEL = 256
MAX_LABELS = 64
STREAMS_PER_SERIES = 16  # buckets that stand behind one series of a histogram

# Names that are drawn anew at each start: UUIDs, hashes, container ids, pods of replica sets, process ids. The last
# piece of a name is taken for drawn when it is hexadecimal with a digit in it, or letters mixed with digits.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|^(?=[0-9a-f]*\d)[0-9a-f]{8,}$|-[a-z0-9]{8,10}-[a-z0-9]{5}$|^\d+$|[:@_-]\d{4,}$"
    r"|[@_-](?=[a-f]*\d)[0-9a-f]{4,}$|[@_-](?=[a-z]*\d)(?=\d*[a-z])(?![a-z]+\d{1,3}$)[a-z0-9]{5,}$",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"[._](?:duration|latency|time|elapsed)(?:[._](?:seconds|milliseconds|s|ms))?$|_(?:milli)?seconds$"
)
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
        self.known: dict[Stream, int] = {}
        self._count = 0
        self._hidden: dict[bytes, int] = {}
        self.entities: list[str] = []
        self._entity_at: dict[str, int] = {}
        self.groups: dict[tuple[str, str, str, Labels, Labels], int] = {}
        self.group_slots: list[tuple[int, ...]] = []
        self.bounds: list[float] = []
        self.mode = np.zeros(1024, np.uint8)
        self.slot = np.zeros(1024, np.uint32)
        self.last_at = np.full(1024, NEVER, np.int64)
        self.last_value = np.zeros(1024)
        self.start = np.zeros(1024, np.int64)
        self.entity = np.zeros(1024, np.uint32)
        self.group = np.full(1024, -1, np.int32)

    def of(self, stream: Stream, *, is_histogram: bool = False) -> int:
        """The number of a stream; identified on first sight. -1 when there is no room for its series."""
        at = self.known.get(stream)
        return self._identify(stream, is_histogram=is_histogram) if at is None else at

    def _identify(self, stream: Stream, *, is_histogram: bool) -> int:
        if self._hidden and (number := self._hidden.get(_digest(stream))) is not None:
            self.known[stream] = number
            return number
        if self._count >= STREAMS_PER_SERIES * self.series.most:
            self.series.refused += 1
            return -1
        merged = dict(stream.labels) | dict(stream.resource)
        place = self.directory.place(merged)
        entity = self.directory.of_labels(tuple(sorted(merged.items())) if stream.resource else stream.labels)
        mode, base = _mode(stream, is_histogram=is_histogram)
        labels = self._labels(stream, place.spent if place else frozenset())
        bound = next((value for name, value in stream.labels if name == "le"), "") if mode == BUCKET else ""
        group, slot = self._outputs(stream, mode, base, entity, labels)
        if slot == NO_SLOT:
            return -1
        at, self._count = self._count, self._count + 1
        if at >= len(self.mode):
            self._grow()
        self.known[stream] = at
        self.bounds.append(_bound(bound))
        self.mode[at], self.slot[at], self.group[at], self.entity[at] = mode, slot, group, self._entity(entity)
        return at

    def _outputs(self, stream: Stream, mode: int, base: str, entity: str, labels: Labels) -> tuple[int, int]:
        """(group, slot): the series that this stream feeds, made now so that they exist before their first sample.

        A histogram's count is a rate of requests, not of durations: `http.server.request.duration` counts as
        `http.server.request.rate`.
        """
        unit = stream.unit or unit_of(base)
        rate_unit = f"{stream.unit or unit_of(stream.name)}/s" if mode in (COUNTER, DELTA) else "1/s"
        rate = f"{_DURATION.sub('', base)}.rate"
        if mode == GAUGE:
            return -1, self.series.slot(entity, stream.name, labels, unit)
        if mode in (COUNTER, DELTA):
            return -1, self.series.slot(entity, f"{stream.name}.rate", labels, rate_unit)
        names = {
            BUCKET: ("p50", "p95"), SUM: ("mean",), COUNT: ("mean",), HISTOGRAM: ("p50", "p95", "mean", "rate"),
        }[mode]  # fmt: skip
        named = [(rate, "1/s") if name == "rate" else (f"{base}.{name}", unit) for name in names]
        slots = tuple(self.series.slot(entity, name, labels, of) for name, of in named)
        if NO_SLOT in slots:
            return -1, NO_SLOT
        # One group per process that counts, even where the copies of a service feed one series.
        key = (names[0], base, entity, tuple(pair for pair in stream.labels if pair[0] != "le"), stream.resource)
        group = self.groups.setdefault(key, len(self.groups))
        if group == len(self.group_slots):
            self.group_slots.append(slots)
        return group, self.series.slot(entity, rate, labels, "1/s") if mode == COUNT else slots[0]

    def _labels(self, stream: Stream, spent: frozenset[str]) -> Labels:
        """What tells a series from its sisters: the point's labels, less what the entity says, plus the copy's name."""
        copies = self.directory.mapping.file.instance
        own = {k: v for k, v in stream.labels if k != "le" and (stream.resource or k not in spent)}
        if not stream.resource:
            if any(is_volatile(own.get(key, "")) for key in copies):
                own = {k: v for k, v in own.items() if k not in copies}
        else:
            said = dict(stream.resource)
            stable = (key for key in copies if key not in spent and said.get(key) and not is_volatile(said[key]))
            copy = next(stable, None)
            if copy:
                own[copy] = said[copy]
        return tuple(sorted((k[:MAX_LABEL], mask_to(v, MAX_LABEL)) for k, v in list(own.items())[:MAX_LABELS]))

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
        """Streams with their resources written once, columns as bytes; one that holds a secret only as its digest."""
        resources: dict[Labels, int] = {}
        rows, hidden = [], {number: digest for digest, number in self._hidden.items()}
        for stream, number in self.known.items():
            if _holds_secret(stream):
                hidden[number] = _digest(stream)
                continue
            resource = resources.setdefault(stream.resource, len(resources))
            rows.append((stream.name, stream.labels, resource, stream.unit, stream.kind, stream.temporality, number))
        columns = {name: getattr(self, name)[: self._count].tobytes() for name in _COLUMNS}
        return {
            "count": self._count, "streams": rows, "hidden": list(hidden.items()), "resources": list(resources),
            "columns": columns, "entities": self.entities,
            "groups": [list(key) for key in self.groups], "group_slots": self.group_slots, "bounds": self.bounds,
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        resources = [_pairs(labels) for labels in state["resources"]]
        self.known = {
            Stream(name, _pairs(labels), resources[at], unit, kind, temporality): number
            for name, labels, at, unit, kind, temporality, number in state["streams"]
        }
        self._count, self._hidden = state["count"], {digest: number for number, digest in state["hidden"]}
        for name, raw in state["columns"].items():
            kept = np.frombuffer(raw, getattr(self, name).dtype)
            column = np.full(max(1024, 2 * len(kept)), _COLUMNS[name], kept.dtype)
            column[: len(kept)] = kept
            setattr(self, name, column)
        self.entities = list(state["entities"])
        self._entity_at = {entity: at for at, entity in enumerate(self.entities)}
        self.groups = {(k[0], k[1], k[2], _pairs(k[3]), _pairs(k[4])): at for at, k in enumerate(state["groups"])}
        self.group_slots = [tuple(slots) for slots in state["group_slots"]]
        self.bounds = list(state["bounds"])


_COLUMNS: dict[str, int] = {
    "mode": 0, "slot": 0, "last_at": int(NEVER), "last_value": 0, "start": 0, "entity": 0, "group": -1,
}  # fmt: skip


def _mode(stream: Stream, *, is_histogram: bool) -> tuple[int, str]:
    """(mode, name without its suffix). Prometheus sends no kind: its naming practices tell."""
    if is_histogram:
        return HISTOGRAM, stream.name
    if stream.kind == "counter":
        return (DELTA if stream.temporality == "delta" else COUNTER), stream.name
    if stream.kind == "gauge" and not stream.resource and stream.temporality == "unspecified":
        if stream.name.endswith("_bucket") and any(name == "le" for name, _ in stream.labels):
            return BUCKET, stream.name.removesuffix("_bucket")
        for suffix, mode in (("_total", COUNTER), ("_count", COUNT), ("_sum", SUM)):
            if stream.name.endswith(suffix) and len(stream.name) > len(suffix):
                return mode, stream.name.removesuffix(suffix) if mode != COUNTER else stream.name
    return GAUGE, stream.name


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _digest(stream: Stream) -> bytes:
    key = msgspec.msgpack.encode(
        (stream.name, stream.labels, stream.resource, stream.unit, stream.kind, stream.temporality)
    )
    return blake2b(key, digest_size=16).digest()


def _holds_secret(stream: Stream) -> bool:
    return any(mask(value) != value for _, value in (*stream.labels, *stream.resource))


def _pairs(raw: Any) -> Labels:
    return tuple((name, value) for name, value in raw)

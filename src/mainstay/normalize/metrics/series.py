"""Every series once, with an identity that outlives the process, and a bound on how many there may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Series

NO_SLOT = 0xFFFFFFFF
MAX_SERIES = 1_000_000
_ENCODER = msgspec.msgpack.Encoder()
Direction = Literal["up", "down", "both"]

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
    """All series in slot order. A slot is given once; a series beyond `most` is refused and counted, not stored.

    Args:
        most: How many series there may be. 200,000 hold about 120 MB here and in the detectors together.
    """

    def __init__(self, tenant: str, most: int = MAX_SERIES) -> None:
        self.tenant, self.most = tenant, most
        self.refused = 0
        self._series: list[Series] = []
        self._slots: dict[int, int] = {}  # by id
        self._told = 0

    def __len__(self) -> int:
        return len(self._series)

    @property
    def all(self) -> Sequence[Series]:
        """Every series, in slot order."""
        return self._series

    def slot(
        self, entity: str, metric: str, labels: Labels = (), unit: str = "", direction: Direction | None = None
    ) -> int:
        """The slot of a series, new if need be; `NO_SLOT` when there is no room (or another series has its id)."""
        identity = series_id(self.tenant, entity, metric, labels)
        known = self._slots.get(identity)
        if known is not None:
            one = self._series[known]
            if one.entity == entity and one.metric == metric and one.labels == labels:
                return known
        if known is not None or len(self._series) >= self.most:
            self.refused += 1
            return NO_SLOT
        slot = len(self._series)
        self._series.append(Series(slot, identity, entity, metric, labels, unit, direction or _direction(metric)))
        self._slots[identity] = slot
        return slot

    def take_new(self) -> tuple[Series, ...]:
        """The series that came since the last call."""
        new = tuple(self._series[self._told :])
        self._told = len(self._series)
        return new

    def state(self) -> dict[str, Any]:
        rows = [(s.id, s.entity, s.metric, s.labels, s.unit, s.direction) for s in self._series]
        return {"refused": self.refused, "series": rows}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a state. All series count as new again: the next `Normal` tells store and detectors their slots."""
        self.refused = state["refused"]
        self._series = [
            Series(slot, identity, entity, metric, tuple((k, v) for k, v in labels), unit, direction)
            for slot, (identity, entity, metric, labels, unit, direction) in enumerate(state["series"])
        ]
        self._slots = {s.id: s.slot for s in self._series}
        self._told = 0

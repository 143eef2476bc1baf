"""The last half hour of every service, in buckets of five seconds: what changes are judged by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.changes import ImpactSignal
from mainstay.domain.resources import kind_of_series, may_be_about
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, I64, EdgeWindow, MetricBatch, Series

Places = npt.NDArray[np.integer[Any]]
BUCKET_MS = 5_000  # the length of a window of calls
RING = 360
MOST_ROWS = 500  # 10 MB; what is not among the first so many services is not judged, and says so
SIGNALS: tuple[ImpactSignal, ...] = get_args(ImpactSignal)
OWN, ERRORS = SIGNALS.index("own"), SIGNALS.index("errors")
_EXACT: dict[str, ImpactSignal] = {
    "service.latency.p95": "latency",
    "service.requests.rate": "rate",
    "telemetry.availability": "availability",
}
_LATENCY = re.compile(r"(request|response|rpc|call|handler)[a-z._]*(duration|latency|time)[a-z._]*\.p95$")
"""Of services that send metrics and no spans: a histogram's 95th percentile as the normaliser names it."""


def signal_of(series: Series) -> ImpactSignal | None:
    """Which signal a series is, of a service; None for none.

    >>> signal_of(Series(0, 1, "service:a/b", "http.server.request.duration.p95", unit="s"))
    'latency'
    """
    if series.metric in _EXACT:
        return _EXACT[series.metric]
    if _LATENCY.search(series.metric.lower()):
        return "latency"
    kind = kind_of_series(series)
    return "cpu" if kind == "cpu" else "memory" if kind == "memory" else None


def bucket_of(at_ms: int) -> int:
    """The bucket of a moment; a window's figures are told at its end and belong before it.

    >>> bucket_of(10_000), bucket_of(10_001)
    (1, 2)
    """
    return (at_ms - 1) // BUCKET_MS


class Saved(msgspec.Struct):
    """The rings as they leave memory."""

    entities: list[str]
    head: int
    sums: bytes
    counts: bytes
    slots: list[tuple[int, int, int, float]]


class Rings:
    """Mean of every signal of every service per bucket; a place in the ring is its bucket modulo `RING`."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.head = -1
        self.refused = 0
        self._sums: npt.NDArray[np.float32] = np.zeros((8, len(SIGNALS), RING), np.float32)
        self._counts: npt.NDArray[np.uint32] = np.zeros((8, len(SIGNALS), RING), np.uint32)
        self._slots: dict[int, tuple[int, int, float]] = {}
        self._row_of = np.full(1024, -1, np.int32)
        self._signal_of = np.zeros(1024, np.int8)
        self._factor_of = np.ones(1024, np.float32)

    def learn(self, series: Sequence[Series]) -> None:
        """Take note of those of new series that tell of a service's health."""
        columns = SeriesColumns.of(series)
        for at in columns.where(lambda said: _may_tell(said.metric)).tolist():
            one = columns[at]
            signal = signal_of(one)
            row = self._row(one.entity) if signal and one.entity.startswith("service:") else -1
            if signal and row >= 0:
                factor = 1e3 if signal == "latency" and one.unit == "s" else 1.0
                self._slots[one.slot] = (row, SIGNALS.index(signal), factor)
                self._seat(one.slot, *self._slots[one.slot])

    def advance(self, at_ms: int) -> None:
        """Time has come to `at_ms`: what is older than the ring is forgotten."""
        now = bucket_of(at_ms)
        if now <= self.head:
            return
        gone = np.arange(max(self.head + 1, now - RING + 1), now + 1) % RING
        self._sums[:, :, gone] = 0
        self._counts[:, :, gone] = 0
        self.head = now

    def observe(self, batch: MetricBatch) -> None:
        """Take in samples; those of before the ring, or of the future, are left out."""
        rows = self._row_of.take(batch.series, mode="clip")
        which = np.flatnonzero(rows >= 0)
        if len(which):
            slots = batch.series[which]
            values = batch.value[which] * self._factor_of[slots]
            self._add(rows[which], self._signal_of[slots], batch.at_ns[which] // 1_000_000, values)

    def hear(self, edges: Iterable[EdgeWindow]) -> None:
        """Take in a window's calls, by callee: the share that failed in the eyes of those who called, and the upper
        quartile of its own time."""  # noqa: D205, D209
        calls: dict[str, list[EdgeWindow]] = {}
        for edge in edges:
            if edge.count and not edge.operation and edge.callee.startswith("service:"):
                calls.setdefault(edge.callee, []).append(edge)
        for entity, ways in calls.items():
            row, at_ms = self._row(entity), ways[0].until_ns // 1_000_000
            if row < 0 or not self._is_kept(bucket_of(at_ms)):
                continue
            place = bucket_of(at_ms) % RING
            self._sums[row, ERRORS, place] += sum(way.errors for way in ways)
            self._counts[row, ERRORS, place] += sum(way.count for way in ways)
            own = np.concatenate([way.own_ms for way in ways])
            if len(own):
                self._sums[row, OWN, place] += np.float32(np.percentile(own, 75))
                self._counts[row, OWN, place] += 1

    def values(self, entities: Sequence[str], first: int, width: int, count: int) -> F64:
        """Means f64[entity, signal, count] of `count` spans of `width` buckets from bucket `first` on; NaN for none."""
        rows = [self.rows[entity] for entity in entities]
        at = first + np.arange(width * count)
        is_kept = self._is_kept(at)
        shape = (len(rows), len(SIGNALS), count, width)
        sums = np.where(is_kept, self._sums[rows][:, :, at % RING], 0).reshape(shape).sum(axis=3)
        counts = np.where(is_kept, self._counts[rows][:, :, at % RING], 0).reshape(shape).sum(axis=3)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float64)

    def heard_of(self, since: int) -> list[str]:
        """Services with requests in a bucket from `since` on, in the order in which they were first heard of."""
        at = np.arange(max(since, self.head - RING + 1, 0), self.head + 1) % RING
        rate = SIGNALS.index("rate"), SIGNALS.index("latency")
        spoke = np.asarray(self._counts[: len(self.rows), rate][:, :, at].any(axis=(1, 2)))
        return [entity for entity, row in self.rows.items() if spoke[row]]

    def saved(self) -> Saved:
        """For the snapshot."""
        used = len(self.rows)
        slots = [(slot, *seat) for slot, seat in self._slots.items()]
        return Saved(list(self.rows), self.head, self._sums[:used].tobytes(), self._counts[:used].tobytes(), slots)

    @classmethod
    def of(cls, saved: Saved) -> Rings:
        """As they were saved."""
        rings = cls()
        shape = (len(saved.entities), len(SIGNALS), RING)
        for entity in saved.entities:
            rings._row(entity)
        rings._sums[: shape[0]] = np.frombuffer(saved.sums, np.float32).reshape(shape)
        rings._counts[: shape[0]] = np.frombuffer(saved.counts, np.uint32).reshape(shape)
        rings.head = saved.head
        for slot, row, signal, factor in saved.slots:
            rings._slots[slot] = (row, signal, factor)
            rings._seat(slot, row, signal, factor)
        return rings

    def _row(self, entity: str) -> int:
        row = self.rows.get(entity)
        if row is not None:
            return row
        if len(self.rows) >= MOST_ROWS:
            self.refused += 1
            return -1
        row = self.rows[entity] = len(self.rows)
        if row >= len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        return row

    def _is_kept(self, bucket: Any) -> Any:
        """Whether the rings hold this bucket, or each of these."""
        return (bucket > self.head - RING) & (bucket <= self.head) & (bucket >= 0)

    def _seat(self, slot: int, row: int, signal: int, factor: float) -> None:
        if slot + 1 >= len(self._row_of):  # the last place stays empty: it answers for what is not known
            more = 2 * (slot + 2) - len(self._row_of)
            self._row_of = np.concatenate([self._row_of, np.full(more, -1, np.int32)])
            self._signal_of = np.concatenate([self._signal_of, np.zeros(more, np.int8)])
            self._factor_of = np.concatenate([self._factor_of, np.ones(more, np.float32)])
        self._row_of[slot], self._signal_of[slot], self._factor_of[slot] = row, signal, factor

    def _add(self, rows: Places, signals: Places, at_ms: I64, values: F64) -> None:
        buckets = (at_ms - 1) // BUCKET_MS
        kept = np.isfinite(values) & self._is_kept(buckets)
        where = (rows[kept], signals[kept], buckets[kept] % RING)
        np.add.at(self._sums, where, values[kept].astype(np.float32))
        np.add.at(self._counts, where, 1)


def _may_tell(metric: str) -> bool:
    return metric in _EXACT or metric.endswith(".p95") or may_be_about(metric)

"""OTLP metrics, point by point: histograms keep their buckets, summaries become gauges, what is bad is refused."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Decoded, HistogramPoint, RawMetrics, Stream, StreamKind, Temporality
from mainstay.ingest.limits import MOST_ITEMS, Gate
from mainstay.ingest.otlp.attributes import labels_from
from mainstay.ingest.otlp.exponential import classic
from mainstay.ingest.rejections import Rejected

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Prometheus' stale marker: the series ended; a point with OTel's "no recorded value" flag says the same."""
TEMPORALITIES: dict[int, Temporality] = {1: "delta", 2: "cumulative"}
MOST_BUCKETS = 2048
MOST_SAMPLES = 4 * MOST_ITEMS  # a point of a summary gives one for each quantile, which takes two bytes to send
MOST_COUNT = 1 << 53  # what a float can count


def decoded(resources: Iterable[Any], gate: Gate) -> Decoded:
    """What the messages of a request hold."""
    columns = Columns()
    for entry in resources:
        resource = labels_from(entry.resource.attributes)
        for scope in entry.scope_metrics:
            for metric in scope.metrics:
                _Reader(columns, gate, resource, metric).read()
    return gate.sign(Decoded(metrics=columns.finished()))


class Columns:
    """Points of one request, gathered column by column; equal streams share one number."""

    def __init__(self) -> None:
        self._streams: dict[Stream, int] = {}
        self._whole: dict[Stream, int] = {}  # of histograms: numbered behind the others
        self._stream: list[int] = []
        self._start: list[int] = []
        self._at: list[int] = []
        self._value: list[float] = []
        self._histograms: list[HistogramPoint] = []

    def add(self, stream: Stream, start_ns: int, at_ns: int, value: float) -> None:
        """One sample.

        Raises:
            Rejected: 413, when they are more than the points of one request may give.
        """
        if len(self._value) >= MOST_SAMPLES:
            raise Rejected(413, f"more than {MOST_SAMPLES} samples in one request: send smaller batches")
        self._stream.append(self._streams.setdefault(stream, len(self._streams)))
        self._start.append(start_ns)
        self._at.append(at_ns)
        self._value.append(value)

    def add_histogram(self, stream: Stream, point: HistogramPoint) -> None:
        """One histogram point; its number is given at the end."""
        number = self._whole.setdefault(stream, len(self._whole))
        self._histograms.append(replace(point, stream=number))

    def finished(self) -> RawMetrics | None:
        """The columns, or None when there are no points."""
        if not self._stream and not self._histograms:
            return None
        return RawMetrics(
            streams=(*self._streams, *self._whole),
            stream=np.array(self._stream, np.uint32),
            start_ns=np.array(self._start, np.int64),
            at_ns=np.array(self._at, np.int64),
            value=np.array(self._value, np.float64),
            histograms=tuple(replace(one, stream=one.stream + len(self._streams)) for one in self._histograms),
        )


class _Reader:
    """Reads the points of one metric."""

    def __init__(self, columns: Columns, gate: Gate, resource: Labels, metric: Any) -> None:
        self.columns, self.gate, self.resource, self.metric = columns, gate, resource, metric

    def read(self) -> None:
        which = self.metric.WhichOneof("data")
        if which is None:
            return
        data = getattr(self.metric, which)
        points = data.data_points
        self.gate.admit(len(points))
        if not self.gate.is_name(self.metric.name, len(points)):
            return
        if not self.gate.is_labels(self.resource, len(points)):
            return
        if which in ("gauge", "sum"):
            self._numbers(data, points, is_sum=which == "sum")
        elif which == "summary":
            self._summaries(points)
        else:
            self._histograms(data, points, is_exponential=which == "exponential_histogram")

    def _numbers(self, data: Any, points: Any, *, is_sum: bool) -> None:
        kind: StreamKind = "counter" if is_sum and data.is_monotonic else "gauge"
        temporality = TEMPORALITIES.get(data.aggregation_temporality, "unspecified") if is_sum else "unspecified"
        for point in points:
            labels = self._labels(point)
            if labels is None:
                continue
            which = point.WhichOneof("value")
            if which is None and not point.flags & 1:
                self.gate.refuse("number data point without a value")
                continue
            value = STALE if which is None or point.flags & 1 else float(getattr(point, which))
            self._add("", labels, point, value, kind=kind, temporality=temporality)

    def _labels(self, point: Any) -> Labels | None:
        labels = labels_from(point.attributes)
        return labels if self.gate.is_labels(labels) and self.gate.is_time(point.time_unix_nano) else None

    def _stream(self, suffix: str, labels: Labels, kind: StreamKind, temporality: Temporality) -> Stream:
        name = self.metric.name + suffix
        return Stream(name, labels, self.resource, self.metric.unit, kind, temporality)

    def _add(  # each argument is one column
        self, suffix: str, labels: Labels, point: Any, value: float, *, kind: StreamKind, temporality: Temporality
    ) -> None:
        stream = self._stream(suffix, labels, kind, temporality)
        self.columns.add(stream, _start(point), point.time_unix_nano, value)

    def _summaries(self, points: Any) -> None:
        """Quantiles that a client computed: gauges with a `quantile` label, and its sum and count as counters."""
        for point in points:
            labels = self._labels(point)
            if labels is None:
                continue
            for entry in point.quantile_values:
                with_quantile = tuple(sorted((*labels, ("quantile", f"{entry.quantile:g}"))))
                self._add("", with_quantile, point, entry.value, kind="gauge", temporality="unspecified")
            self._add("_sum", labels, point, point.sum, kind="counter", temporality="cumulative")
            self._add("_count", labels, point, float(point.count), kind="counter", temporality="cumulative")

    def _histograms(self, data: Any, points: Any, *, is_exponential: bool) -> None:
        temporality = TEMPORALITIES.get(data.aggregation_temporality, "unspecified")
        for point in points:
            labels = self._labels(point)
            if labels is None or point.flags & 1:
                continue
            buckets = classic(point) if is_exponential else _classic(point)
            if isinstance(buckets, str):
                self.gate.refuse(buckets)
                continue
            total = point.sum if point.HasField("sum") else float("nan")
            found = HistogramPoint(0, _start(point), point.time_unix_nano, *buckets, total)
            self.columns.add_histogram(self._stream("", labels, "histogram", temporality), found)


def _start(point: Any) -> int:
    """When counting began; 0 (not known) when what the sender says cannot be."""
    start_ns: int = point.start_time_unix_nano
    return start_ns if start_ns <= point.time_unix_nano else 0


def _classic(point: Any) -> tuple[tuple[float, ...], tuple[int, ...]] | str:
    """Bounds and counts, or why they are refused."""
    bounds, counts = tuple(point.explicit_bounds), tuple(point.bucket_counts)
    if not counts and not bounds:
        return (), (point.count,)
    if len(counts) != len(bounds) + 1:
        return "histogram whose bucket counts are not one more than its bounds"
    if len(counts) > MOST_BUCKETS:
        return f"histogram with more than {MOST_BUCKETS} buckets"
    if max(counts) > MOST_COUNT:
        return "histogram whose counts are beyond 2^53"
    if any(map(math.isnan, bounds)) or any(low >= high for low, high in pairwise(bounds)):
        return "histogram whose bounds do not rise"
    return bounds, counts

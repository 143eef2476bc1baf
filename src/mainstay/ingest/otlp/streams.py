"""Streams and histogram points that compiled readers found; each is read when somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import overload

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from mainstay.domain.entities import Labels
from mainstay.domain.signals import F64, I64, U8, U32, U64, HistogramPoint, Stream, StreamKeys, Temporality
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.limits import labels_refused
from mainstay.ingest.otlp.attributes import text_of
from mainstay.ingest.otlp.exponential import BOUNDS
from mainstay.ingest.wire import fields, written

# As `columnar/streams.py` writes keys; this module must load without a compiler.
COUNTER, HISTOGRAM, OF_SUMMARY = 1, 2, 3
QUANTILE_ROLE, SUM_ROLE, COUNT_ROLE = 1, 2, 3
RESOURCE, QUANTILE, LENGTHS, TEXTS = 2, 18, 26, 30
TEMPORALITIES: Mapping[int, Temporality] = {1: "delta", 2: "cumulative"}
SUFFIXES = {SUM_ROLE: "_sum", COUNT_ROLE: "_count"}


def _pair(raw: bytes) -> tuple[str, str]:
    """Read where it stands, in a point: protobuf counts messages in each other from the outermost one."""
    metric = written(2, written(2, written(5, written(1, written(7, raw)))))
    one = ResourceMetrics.FromString(metric).scope_metrics[0].metrics[0].gauge.data_points[0].attributes[0]
    return one.key, text_of(one.value)


PAIRS = Lately(_pair)
"""Most streams share most of their attributes, and so their memory."""
EDGES = Lately(lambda raw: tuple(np.frombuffer(raw, np.float64).tolist()))
"""The bounds of histograms: nearly always the same."""


def labels_at(raw: bytes) -> Labels:
    """The label set of a run of `KeyValue` fields; of a name given twice the last value counts.

    Raises:
        DecodeError: one of them cannot be read.
    """
    return tuple(sorted(dict(PAIRS.of(raw[one.start : one.end]) for one in fields(raw, 0, len(raw))).items()))


def check(raw: bytes) -> None:
    """Read attributes that the compiled reader cannot judge.

    Raises:
        DecodeError: they cannot be read, or are refused.
    """
    if labels_refused(labels_at(raw)):
        raise DecodeError


class MetricStreams(Sequence[Stream]):
    """The streams of a request whose parts are known to be good."""

    __slots__ = ("_keys", "_resources")

    def __init__(self, keys: StreamKeys, resources: Mapping[bytes, Labels]) -> None:
        self._keys, self._resources = keys, resources

    def __len__(self) -> int:
        return len(self._keys.start)

    @overload
    def __getitem__(self, at: int) -> Stream: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Stream]: ...
    def __getitem__(self, at: int | slice) -> Stream | Sequence[Stream]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        keys = self._keys
        return self._read(keys.data[keys.start[at] : keys.end[at]])

    def _read(self, key: bytes) -> Stream:
        kind, temporality, role = key[0] & 7, TEMPORALITIES.get(key[0] >> 3 & 3, "unspecified"), key[1]
        name_ends = TEXTS + int.from_bytes(key[LENGTHS : LENGTHS + 2], "little")
        unit_ends = name_ends + int.from_bytes(key[LENGTHS + 2 : TEXTS], "little")
        name, unit = key[TEXTS:name_ends].decode(), key[name_ends:unit_ends].decode()
        labels, resource = labels_at(key[unit_ends:]), self._resources[key[RESOURCE:QUANTILE]]
        if role == QUANTILE_ROLE:
            quantile = np.frombuffer(key, np.float64, 1, QUANTILE).item()
            labels = tuple(sorted((*labels, ("quantile", f"{quantile:g}"))))
            return Stream(name, labels, resource, unit, "gauge", "unspecified")
        if kind == OF_SUMMARY:
            return Stream(name + SUFFIXES[role], labels, resource, unit, "counter", "cumulative")
        if kind == HISTOGRAM:
            return Stream(name, labels, resource, unit, "histogram", temporality)
        return Stream(name, labels, resource, unit, "counter" if kind == COUNTER else "gauge", temporality)


@dataclass(frozen=True, slots=True)
class HistogramColumns(Sequence[HistogramPoint]):
    """Histogram points as columns; a point is made when somebody asks for it.

    Args:
        ends: Where the bounds and the counts of each point end, i64[n, 2].
        cells: Which cell of the exponential grid each count belongs to; of a classic point its counts stand in order.
    """

    stream: U32
    start_ns: I64
    at_ns: I64
    total: F64
    is_exponential: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ends: I64
    bounds: F64
    counts: U64
    cells: np.ndarray[tuple[int], np.dtype[np.int16]]

    def __len__(self) -> int:
        return len(self.stream)

    @overload
    def __getitem__(self, at: int) -> HistogramPoint: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[HistogramPoint]: ...
    def __getitem__(self, at: int | slice) -> HistogramPoint | Sequence[HistogramPoint]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        times = int(self.start_ns[at]), int(self.at_ns[at])
        return HistogramPoint(int(self.stream[at]), *times, *self._buckets(at), float(self.total[at]))

    def _buckets(self, at: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        first, low = self.ends[at - 1] if at else (0, 0)
        last, high = self.ends[at]
        counts: list[int] = self.counts[low:high].tolist()
        if not self.is_exponential[at]:
            return EDGES.of(self.bounds[first:last].tobytes()), tuple(counts)
        grid = [0] * (len(BOUNDS) + 1)
        for cell, count in zip(self.cells[low:high].tolist(), counts, strict=True):
            grid[cell] = count
        return BOUNDS, tuple(grid)


def digests(resources: Sequence[bytes]) -> U8:
    """What stands for each resource in a key, u8[n, 16]: nobody finds two of one."""
    joined = b"".join(blake2b(raw, digest_size=QUANTILE - RESOURCE).digest() for raw in resources)
    return np.frombuffer(joined, np.uint8).reshape(len(resources), QUANTILE - RESOURCE)

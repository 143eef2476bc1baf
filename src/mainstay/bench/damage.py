"""Bodies as senders write them, the same damaged, and memory that ends where a body ends."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from random import Random
from typing import Any

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mainstay.bench.load import _labels, _series
from mainstay.domain.signals import RawMetrics, Stream

PAGE = mmap.PAGESIZE
PAGES = 16
LONGEST = PAGES * PAGE
NOTHING = 0  # PROT_NONE
NAMES = ("service.name", "host.name", "größe")
EDGES = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 10,
    b"\x80\x80\x80\x80\x10",
    b"\xed\xa0\x80",
)


class Guarded:
    """Sixteen pages, and behind them one that nobody may touch: reading on there ends the process at once.

    Raises:
        OSError: The system does not let us protect a page.
    """

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, (PAGES + 1) * PAGE)
        self._size = LONGEST
        libc = ctypes.CDLL(None, use_errno=True)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        if libc.mprotect(ctypes.c_void_p(start + self._size), ctypes.c_size_t(PAGE), NOTHING):
            raise OSError(ctypes.get_errno(), "mprotect")

    @contextmanager
    def holds(self, body: bytes) -> Iterator[memoryview]:
        """The body, its last byte the last before the guard."""
        start = self._size - len(body)
        self._map[start : self._size] = body
        with memoryview(self._map) as whole, whole[start : self._size] as view:
            yield view


def bodies(name: str, items: int, now_ns: int) -> bytes:
    """A body of so many samples, log records, spans, or points of OTLP metrics."""
    return {"samples": _samples, "records": _records, "spans": _spans, "points": _points}[name](items, now_ns)


def damaged(body: bytes, chance: Random) -> bytes:
    """The body with one to four pieces replaced, doubled, or cut off; nothing is left alone by rule."""
    found = bytearray(body)
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(found) + 1)
        far = at + chance.randrange(12)
        how = chance.randrange(6)
        if how == 0:
            del found[at:]
        elif how == 1:
            found[at:far] = chance.randbytes(chance.randrange(6))
        elif how == 2 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        elif how == 3:
            found[at:at] = found[far : far + 40]
        elif how == 4:
            found[at : at + 1] = chance.choice(EDGES)
        elif at < len(found):
            found[at] = (found[at] + chance.randrange(1, 4)) & 0xFF
    return bytes(found[:LONGEST])


def same(one: Any, other: Any) -> bool:
    """Whether two decoded bodies are equal on every field, NaN to the bit; not by what their streams are found by.

    Of metrics each sample's stream is compared: one that was said in two ways may have two numbers.
    """
    if isinstance(one, RawMetrics):
        return isinstance(other, RawMetrics) and same(told(one), told(other))
    if isinstance(one, np.ndarray):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    if is_dataclass(one):
        names = [part.name for part in fields(one) if part.name != "keys"]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Sequence) and not isinstance(one, (str, bytes)):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def told(raw: RawMetrics) -> list[Any]:
    """What metrics say, equal streams once and in the order of their points."""
    streams, numbers = dict[Stream, int](), dict[int, int]()
    histograms = list(raw.histograms)
    for at in [*raw.stream.tolist(), *(point.stream for point in histograms)]:
        if at not in numbers:
            numbers[at] = streams.setdefault(raw.streams[at], len(streams))
    stream = [numbers[at] for at in raw.stream.tolist()]
    points = [replace(point, stream=numbers[point.stream]) for point in histograms]
    rest = [(repr(p.total), p.bounds, p.counts, p.start_ns, p.at_ns, p.stream) for p in points]
    return [tuple(streams), stream, raw.start_ns, raw.at_ns, raw.value, rest]


def _samples(items: int, now_ns: int) -> bytes:
    at_ms = now_ns // 1_000_000
    return b"".join(_series(_labels(number), number / 7, at_ms) for number in range(items))


def _records(items: int, now_ns: int) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    for name in NAMES:
        group.resource.attributes.add(key=name).value.string_value = f"payments-{name}"
    scope = group.scope_logs.add()
    scope.scope.name = "orders"
    for number in range(items):
        record = scope.log_records.add(
            time_unix_nano=now_ns - number,
            observed_time_unix_nano=now_ns,
            severity_number=9,
            severity_text="INFO",
            trace_id=(number + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            flags=1,
        )
        record.body.string_value = f"order {number} for customer {number * 31 % 9973} took {number % 97} ms, 3 €"
        for name, value in (("code.function", "place"), ("thread.name", f"worker-{number % 16}")):
            record.attributes.add(key=name).value.string_value = value
    return request.SerializeToString()


def _spans(items: int, now_ns: int) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for name in NAMES:
        group.resource.attributes.add(key=name).value.string_value = f"payments-{name}"
    scope = group.scope_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    for number in range(items):
        span = scope.spans.add(
            trace_id=(number // 4 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=number.to_bytes(8, "big") if number % 4 else b"",
            name="GET /größe",
            kind=2 + number % 2,
            start_time_unix_nano=now_ns - 5_000_000,
            end_time_unix_nano=now_ns + number % 97 * 10_000,
            flags=257,
        )
        span.status.code = number % 3  # type: ignore[assignment]
        for name, value in (("http.route", "/order"), ("http.response.status_code", f"{200 + number % 5}")):
            span.attributes.add(key=name).value.string_value = value
    return request.SerializeToString()


def _points(items: int, now_ns: int) -> bytes:
    """So many points: three fifths gauges and counters, the others histograms of both kinds, and summaries."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    for name in NAMES:
        group.resource.attributes.add(key=name).value.string_value = f"payments-{name}"
    scope = group.scope_metrics.add()
    scope.scope.name = "orders"
    gauge = scope.metrics.add(name="größe", unit="By", description="of the heap").gauge
    counter = scope.metrics.add(name="http.server.requests", unit="1").sum
    counter.is_monotonic, counter.aggregation_temporality = True, 2  # type: ignore[assignment]
    classic = scope.metrics.add(name="http.server.request.duration", unit="s").histogram
    exponential = scope.metrics.add(name="rpc.size", unit="By").exponential_histogram
    classic.aggregation_temporality = exponential.aggregation_temporality = 1  # type: ignore[assignment]
    summary = scope.metrics.add(name="gc.pause", unit="ms").summary
    kinds: tuple[Any, ...] = (gauge, counter, gauge, classic, exponential, counter, summary)
    for number in range(items):
        kind = kinds[number % len(kinds)]
        point = kind.data_points.add(time_unix_nano=now_ns - number, start_time_unix_nano=now_ns - 10**9)
        for name, value in (("http.route", f"/order/{number}"), ("zone", f"z{number % 3}")):
            point.attributes.add(key=name).value.string_value = value
        _fill(point, number, kind in (classic, exponential), kind is summary)
    return request.SerializeToString()


def _fill(point: Any, number: int, is_histogram: bool, is_summary: bool) -> None:
    if is_summary:
        point.count, point.sum = number, number / 3
        for quantile in (0.5, 0.99):
            point.quantile_values.add(quantile=quantile, value=number * quantile)
    elif not is_histogram:
        if number % 2:
            point.as_int = number
        else:
            point.as_double = number / 7
            point.exemplars.add(time_unix_nano=1, as_double=0.5, trace_id=b"t" * 16).filtered_attributes.add(key="who")
    elif hasattr(point, "explicit_bounds"):
        point.count, point.sum, point.min = number, number / 3, 0.1
        point.explicit_bounds.extend((0.1, 0.5, 1.0, 5.0))
        point.bucket_counts.extend((number % 5, number, 3, 0, 1))
    else:
        point.scale, point.zero_count, point.sum = number % 9 - 2, number % 4, number / 3
        point.positive.offset = number % 40 - 20
        point.positive.bucket_counts.extend((1, number % 300, 0, 7))
        point.negative.bucket_counts.append(number % 2)

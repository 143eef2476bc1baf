"""OTLP requests in protobuf as messages; one unreadable item does not cost the others.

Source: opentelemetry.io/docs/specs/otlp (1.9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from mainstay.ingest.limits import MOST_ITEMS, Gate
from mainstay.ingest.rejections import Rejected
from mainstay.ingest.wire import BYTES, Field, fields, written

SLICE_BYTES = 1 << 20
MOST_ITEM_BYTES = 4 << 20  # one metric of 40,000 points; more than a log line may have
MOST_FIELDS = 8 * MOST_ITEMS  # of one request, above and between items: an empty one takes two bytes and a microsecond


@dataclass(frozen=True, slots=True)
class Shape:
    """How one signal's request is built: resources (field 1) hold scopes (field 2), which hold items (field 2)."""

    request: Callable[[], Any]
    resource: Any


LOGS = Shape(logs_service_pb2.ExportLogsServiceRequest, logs_pb2.ResourceLogs)
METRICS = Shape(metrics_service_pb2.ExportMetricsServiceRequest, metrics_pb2.ResourceMetrics)
TRACES = Shape(trace_service_pb2.ExportTraceServiceRequest, trace_pb2.ResourceSpans)


def resources_of(shape: Shape, body: bytes, gate: Gate) -> Iterator[Any]:
    """The `Resource…` messages of a protobuf request; a large one comes in slices, so that memory stays bounded.

    An empty message takes 2 bytes here and 130 in memory: 64 MiB parsed in one piece could take 4 GiB.

    Raises:
        BadInput: the body as a whole cannot be read.
    """
    if len(body) <= SLICE_BYTES:
        request = shape.request()
        try:
            request.ParseFromString(body)
        except DecodeError:
            pass  # something in it is bad: the slices find out what
        else:
            yield from next((value for _, value in request.ListFields()), ())
            return
    walk = _Walk()
    for start, end in _resources(body, walk):
        for head, items in _slices(body[start:end], gate, walk):
            yield from _parsed(shape, head, items, gate)


class _Walk:
    """Walks fields and counts them over the whole request.

    Raises:
        Rejected: 413, when they are more than any sender needs.
    """

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, message: bytes) -> Iterator[Field]:
        for field in fields(message, 0, len(message)):
            self._count += 1
            if self._count > MOST_FIELDS:
                raise Rejected(413, f"more than {MOST_FIELDS} fields in one request: send smaller batches")
            yield field


def _resources(body: bytes, walk: _Walk) -> list[tuple[int, int]]:
    """Where resources stand. A body that is cut off is refused before anything of it counts."""
    found = []
    for field in walk(body):
        if field.number == 1 and field.wire_type == BYTES:
            found.append((field.start, field.end))
            if len(found) > MOST_ITEMS:
                raise Rejected(413, f"more than {MOST_ITEMS} resources in one request: send smaller batches")
    return found


def _slices(resource: bytes, gate: Gate, walk: _Walk) -> Iterator[tuple[tuple[bytes, bytes], list[bytes]]]:
    """What stands above items (of the resource, of the scope) with at most about a slice of items at a time."""
    resource_head, scopes = _split(resource, walk)
    for scope in scopes:
        scope_head, items = _split(scope, walk)
        if len(resource_head) + len(scope_head) > SLICE_BYTES:
            gate.refuse(f"resource or scope larger than {SLICE_BYTES} bytes", len(items))
            continue
        slice_, size = list[bytes](), 0
        for item in items:
            if len(item) > MOST_ITEM_BYTES:
                gate.refuse(f"item larger than {MOST_ITEM_BYTES} bytes")
                continue
            slice_.append(item)
            size += len(item)
            if size >= SLICE_BYTES // 4:
                yield (resource_head, scope_head), slice_
                slice_, size = [], 0
        if slice_:
            yield (resource_head, scope_head), slice_


def _split(message: bytes, walk: _Walk) -> tuple[bytes, list[bytes]]:
    """A resource's (or scope's) own fields, and the values of its field 2: scopes (or items)."""
    own, inner = bytearray(), []
    for field in walk(message):
        if field.number == 2 and field.wire_type == BYTES:
            inner.append(message[field.start : field.end])
            if len(inner) > MOST_ITEMS:
                raise Rejected(413, f"more than {MOST_ITEMS} items in one request: send smaller batches")
        else:
            own += message[field.begin : field.end]
    return bytes(own), inner


def _parsed(shape: Shape, head: tuple[bytes, bytes], items: list[bytes], gate: Gate) -> Iterator[Any]:
    """The slice as a message; what cannot be read (bad UTF-8, mostly) is refused, the rest is kept."""
    try:
        yield shape.resource.FromString(_joined(head, items))
    except DecodeError:
        readable = [item for item in items if _is_readable(shape, item)]
        if len(readable) < len(items):
            gate.refuse("item that cannot be read (bad UTF-8, or not protobuf)", len(items) - len(readable))
        try:
            yield shape.resource.FromString(_joined(head, readable))
        except DecodeError:
            gate.refuse("resource or scope that cannot be read (bad UTF-8, or not protobuf)", len(readable))


def _joined(head: tuple[bytes, bytes], items: list[bytes]) -> bytes:
    return head[0] + written(2, head[1] + b"".join(written(2, item) for item in items))


def _is_readable(shape: Shape, item: bytes) -> bool:
    """Read where it stands: protobuf counts messages in each other from the outermost one."""
    try:
        shape.resource.FromString(_joined((b"", b""), [item]))
    except DecodeError:
        return False
    return True

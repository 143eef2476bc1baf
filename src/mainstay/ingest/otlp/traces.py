"""OTLP traces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Decoded, RawSpans
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import Gate
from mainstay.ingest.otlp import json_requests
from mainstay.ingest.otlp.attributes import labels_from
from mainstay.ingest.otlp.columns import attributes_at, ids_at, resources_at
from mainstay.ingest.otlp.requests import TRACES, resources_of
from mainstay.ingest.wire import written

if TYPE_CHECKING:
    from mainstay.ingest.columnar.readers import Readers

ITEM, NAME, TRACE_ID, SPAN_ID, PARENT_ID, EXTRAS = 0, 1, 3, 4, 5, 6  # columns of the places that the reader finds


def _span(raw: bytes) -> Any:
    """A span, read where it stands: protobuf counts messages in each other from the outermost one."""
    return ResourceSpans.FromString(written(2, written(2, raw))).scope_spans[0].spans[0]


ATTRIBUTES = Lately(lambda raw: labels_from(_span(raw).attributes))
Row = tuple[int, bytes, bytes, bytes, str, int, int, int, int, Labels]


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportTraceServiceRequest` in protobuf: compiled where it is usual, message by message where it is odd."""
    readers = READY.readers()
    return (readers and decode_columns(readers, body, received_ns)) or decode_messages(body, received_ns)


def decode_messages(body: bytes, received_ns: int = 0) -> Decoded:
    """The same through protobuf's messages: what is bad is refused with its reason, the rest is kept."""
    gate = Gate(received_ns)
    return _decoded(resources_of(TRACES, body, gate), gate)


def decode_columns(readers: Readers, body: bytes, received_ns: int = 0) -> Decoded | None:
    """The same without an object for each span; None when something in it is odd."""
    found = readers.traces(body, Gate(received_ns).latest_ns)
    if found is None:
        return None
    owner, start_ns, end_ns, kind, status, places, label_set, sets, resources, scopes = found
    if not len(start_ns):
        return Decoded()
    try:
        known, number = resources_at(body, resources, scopes, owner)
        labels = attributes_at(body, sets, ATTRIBUTES)
        for at in np.flatnonzero(places[:, EXTRAS, 0]).tolist():
            _span(body[places[at, ITEM, 0] : places[at, ITEM, 1]])  # its events and links can be read
    except DecodeError:
        return None
    return Decoded(
        spans=RawSpans(
            resources=known,
            resource=number,
            trace_id=ids_at(body, places[:, TRACE_ID]),
            span_id=ids_at(body, places[:, SPAN_ID]),
            parent_id=ids_at(body, places[:, PARENT_ID]),
            name=tuple(readers.texts(body, places, NAME)),
            kind=kind,
            status=status,
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=tuple([labels[at] for at in label_set.tolist()]),
        )
    )


def decode_json(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportTraceServiceRequest` in JSON."""
    gate = Gate(received_ns)
    return _decoded(json_requests.resources_of_json(json_requests.TRACES, body, gate), gate)


def _decoded(entries: Iterable[Any], gate: Gate) -> Decoded:
    resources: dict[Labels, int] = {}
    rows: list[Row] = []
    for entry in entries:
        resource = labels_from(entry.resource.attributes)
        gate.admit(sum(len(scope.spans) for scope in entry.scope_spans))
        spans = [span for scope in entry.scope_spans for span in scope.spans]
        if spans and gate.is_labels(resource, len(spans)):
            number = resources.setdefault(resource, len(resources))
            rows += [row for row in (_row(number, span, gate) for span in spans) if row is not None]
    return gate.sign(Decoded(spans=_columns(resources, rows) if rows else None))


def _row(resource: int, span: Any, gate: Gate) -> Row | None:
    attributes = labels_from(span.attributes)
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    reason = _refused(span)
    if reason:
        gate.refuse(reason)
        return None
    if not gate.is_time(start_ns) or not gate.is_time(end_ns) or not gate.is_labels(attributes):
        return None
    kind = span.kind if 0 <= span.kind <= 5 else 0
    status = span.status.code if 0 <= span.status.code <= 2 else 0
    ids = span.trace_id, span.span_id, span.parent_span_id
    return resource, *ids, span.name, kind, status, start_ns, end_ns, attributes


def _refused(span: Any) -> str:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return "span without a trace id of 16 bytes"
    if len(span.span_id) != 8 or not any(span.span_id):
        return "span without a span id of 8 bytes"
    if len(span.parent_span_id) not in (0, 8):
        return "span whose parent id has not 8 bytes"
    if span.end_time_unix_nano < span.start_time_unix_nano:
        return "span that ends before it starts"
    return ""


def _columns(resources: dict[Labels, int], rows: list[Row]) -> RawSpans:
    resource, trace_id, span_id, parent_id, name, kind, status, start_ns, end_ns, attributes = zip(*rows, strict=True)
    return RawSpans(
        resources=tuple(resources),
        resource=np.array(resource, np.uint32),
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        kind=np.array(kind, np.uint8),
        status=np.array(status, np.uint8),
        start_ns=np.array(start_ns, np.int64),
        end_ns=np.array(end_ns, np.int64),
        attributes=attributes,
    )

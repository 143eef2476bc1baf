"""OTLP traces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Decoded, RawSpans
from mainstay.ingest.limits import Gate
from mainstay.ingest.otlp.attributes import labels_from
from mainstay.ingest.otlp.requests import TRACES, resources_of, resources_of_json

Row = tuple[int, bytes, bytes, bytes, str, int, int, int, int, Labels]


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportTraceServiceRequest` in protobuf."""
    gate = Gate(received_ns)
    return _decoded(resources_of(TRACES, body, gate), gate)


def decode_json(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportTraceServiceRequest` in JSON."""
    gate = Gate(received_ns)
    return _decoded(resources_of_json(TRACES, body, gate), gate)


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

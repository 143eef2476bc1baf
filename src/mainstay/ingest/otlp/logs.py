"""OTLP logs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Decoded, RawLogs
from mainstay.ingest.limits import MOST_BODY, Gate
from mainstay.ingest.otlp.attributes import labels_from, text_of
from mainstay.ingest.otlp.requests import LOGS, resources_of, resources_of_json


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportLogsServiceRequest` in protobuf."""
    gate = Gate(received_ns)
    return _decoded(resources_of(LOGS, body, gate), gate)


def decode_json(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportLogsServiceRequest` in JSON."""
    gate = Gate(received_ns)
    return _decoded(resources_of_json(LOGS, body, gate), gate)


def _decoded(entries: Iterable[Any], gate: Gate) -> Decoded:
    resources: dict[Labels, int] = {}
    rows: list[tuple[int, int, int, str, bytes, bytes, Labels]] = []
    for entry in entries:
        resource = labels_from(entry.resource.attributes)
        gate.admit(sum(len(scope.log_records) for scope in entry.scope_logs))
        records = [record for scope in entry.scope_logs for record in scope.log_records]
        if records and gate.is_labels(resource, len(records)):
            number = resources.setdefault(resource, len(resources))
            rows += [(number, *row) for row in (_row(record, gate) for record in records) if row is not None]
    return gate.sign(Decoded(logs=_columns(resources, rows) if rows else None))


def _row(record: Any, gate: Gate) -> tuple[int, int, str, bytes, bytes, Labels] | None:
    at_ns = record.time_unix_nano or record.observed_time_unix_nano or gate.now_ns()
    attributes = labels_from(record.attributes)
    if record.event_name:
        attributes = tuple(sorted({**dict(attributes), "event.name": record.event_name}.items()))
    body = text_of(record.body)
    if len(body) > MOST_BODY:
        gate.refuse(f"log body longer than {MOST_BODY} characters")
        return None
    if not gate.is_time(at_ns) or not gate.is_labels(attributes):
        return None
    severity = record.severity_number if 0 <= record.severity_number <= 24 else 0
    return at_ns, severity, body, _id(record.trace_id, 16), _id(record.span_id, 8), attributes


def _id(given: bytes, length: int) -> bytes:
    """An id, or nothing: the OTLP definition takes a record with an invalid id as one without."""
    return given if len(given) == length and any(given) else b""


def _columns(resources: dict[Labels, int], rows: list[tuple[int, int, int, str, bytes, bytes, Labels]]) -> RawLogs:
    resource, at_ns, severity, body, trace_id, span_id, attributes = zip(*rows, strict=True)
    return RawLogs(
        resources=tuple(resources),
        resource=np.array(resource, np.uint32),
        at_ns=np.array(at_ns, np.int64),
        severity=np.array(severity, np.uint8),
        body=body,
        trace_id=trace_id,
        span_id=span_id,
        attributes=attributes,
    )

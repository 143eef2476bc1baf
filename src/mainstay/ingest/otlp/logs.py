"""OTLP logs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, Decoded, RawLogs
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import MOST_BODY, Gate
from mainstay.ingest.otlp import json_requests
from mainstay.ingest.otlp.attributes import labels_from, text_of
from mainstay.ingest.otlp.columns import attributes_at, ids_at, resources_at
from mainstay.ingest.otlp.requests import LOGS, resources_of
from mainstay.ingest.wire import written

if TYPE_CHECKING:
    from mainstay.ingest.columnar.readers import Readers

BODY = 5  # the number of its field
TEXT, OTHER, TRACE_ID, SPAN_ID, EVENT_NAME = 1, 2, 4, 5, 6  # columns of the places that the compiled reader finds


def _record(raw: bytes) -> Any:
    """A record, read where it stands: protobuf counts messages in each other from the outermost one."""
    return ResourceLogs.FromString(written(2, written(2, raw))).scope_logs[0].log_records[0]


ATTRIBUTES = Lately(lambda raw: labels_from(_record(raw).attributes))


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportLogsServiceRequest` in protobuf: compiled where it is usual, message by message where it is odd."""
    readers = READY.readers()
    return (readers and decode_columns(readers, body, received_ns)) or decode_messages(body, received_ns)


def decode_messages(body: bytes, received_ns: int = 0) -> Decoded:
    """The same through protobuf's messages: what is bad is refused with its reason, the rest is kept."""
    gate = Gate(received_ns)
    return _decoded(resources_of(LOGS, body, gate), gate)


def decode_columns(readers: Readers, body: bytes, received_ns: int = 0) -> Decoded | None:
    """The same without an object for each record; None when something in it is odd."""
    gate = Gate(received_ns)
    found = readers.logs(body, gate.latest_ns)
    if found is None:
        return None
    owner, at_ns, severity, places, label_set, sets, resources, scopes = found
    if not len(at_ns):
        return Decoded()
    try:
        known, number = resources_at(body, resources, scopes, owner)
        labels = attributes_at(body, sets, ATTRIBUTES)
        texts = readers.texts(body, places, TEXT)
        _other_bodies(body, places, texts)
    except DecodeError:
        return None
    attributes = [labels[at] for at in label_set.tolist()]
    _event_names(body, places, attributes)
    return Decoded(
        logs=RawLogs(
            resources=known,
            resource=number,
            at_ns=at_ns,
            severity=severity,
            body=tuple(texts),
            trace_id=ids_at(body, places[:, TRACE_ID]),
            span_id=ids_at(body, places[:, SPAN_ID]),
            attributes=tuple(attributes),
        )
    )


def _other_bodies(body: bytes, places: I64, texts: list[str]) -> None:
    """Bodies that are no plain string: numbers, lists, maps."""
    for at in np.flatnonzero(places[:, OTHER, 1]).tolist():
        start, end = places[at, OTHER].tolist()
        texts[at] = text_of(_record(written(BODY, body[start:end])).body)
        if len(texts[at]) > MOST_BODY:
            raise DecodeError


def _event_names(body: bytes, places: I64, attributes: list[Labels]) -> None:
    for at in np.flatnonzero(places[:, EVENT_NAME, 1] > places[:, EVENT_NAME, 0]).tolist():
        start, end = places[at, EVENT_NAME].tolist()
        attributes[at] = _with_event(attributes[at], body[start:end].decode())


def _with_event(attributes: Labels, name: str) -> Labels:
    return tuple(sorted({**dict(attributes), "event.name": name}.items()))


def decode_json(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportLogsServiceRequest` in JSON."""
    gate = Gate(received_ns)
    return _decoded(json_requests.resources_of_json(json_requests.LOGS, body, gate), gate)


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
        attributes = _with_event(attributes, record.event_name)
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

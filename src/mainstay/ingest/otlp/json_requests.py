"""OTLP/JSON requests: decoded in one go where all of it is good, item by item where something is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from mainstay.domain.errors import BadInput
from mainstay.ingest.documents import MOST_BYTES, json_of
from mainstay.ingest.limits import Gate
from mainstay.ingest.otlp import documents as doc

ENUMERATIONS: Mapping[str, Any] = {
    "severityNumber": SeverityNumber,
    "aggregationTemporality": AggregationTemporality,
    "kind": SpanMessage.SpanKind,
    "code": Status.StatusCode,
}
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the documents of one signal are called, from the request down to the item."""

    request: type[doc.Document]
    resource: type[doc.Document]
    scope: type[doc.Document]
    item: type[doc.Document]
    names: tuple[str, str, str]


LOGS = Kind(
    doc.LogsRequest, doc.ResourceLogs, doc.ScopeLogs, doc.LogRecord, ("resourceLogs", "scopeLogs", "logRecords")
)
METRICS = Kind(
    doc.MetricsRequest, doc.ResourceMetrics, doc.ScopeMetrics, doc.Metric,
    ("resourceMetrics", "scopeMetrics", "metrics"),
)  # fmt: skip
TRACES = Kind(doc.TracesRequest, doc.ResourceSpans, doc.ScopeSpans, doc.Span, ("resourceSpans", "scopeSpans", "spans"))


def resources_of_json(kind: Kind, body: bytes, gate: Gate) -> Sequence[Any]:
    """The `Resource…` documents of a request.

    Raises:
        BadInput: the body as a whole cannot be read.
    """
    if len(body) <= MOST_BYTES:
        try:
            resources: Any = getattr(_decoder(kind.request).decode(body), _attribute(kind.names[0]))
        except UNREADABLE:
            pass  # something in it is bad: item by item it is found out what
        else:
            if resources is not msgspec.UNSET:
                return tuple(resources)
    document = json_of(body)
    if not isinstance(document, dict) or (document and kind.names[0] not in document):
        raise BadInput(f"expected a JSON object with {kind.names[0]}, as OTLP/JSON has it")
    return [_resource(kind, entry, gate) for entry in _entries(document, kind.names[0])]


@cache
def _decoder(kind: type[doc.Document]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False, dec_hook=doc.hook)  # numbers may be text: so not strict


def _attribute(name: str) -> str:
    """`scopeLogs` as `scope_logs`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _entries(parent: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = parent.get(name) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"expected {name} to be a list of objects, as OTLP/JSON has it")
    return entries


def _resource(kind: Kind, entry: dict[str, Any], gate: Gate) -> doc.Document:
    _, scopes_name, items_name = kind.names
    scopes = []
    resource = _read(kind.resource, {name: value for name, value in entry.items() if name != scopes_name})
    for scope_entry in _entries(entry, scopes_name):
        scope = _read(kind.scope, {name: value for name, value in scope_entry.items() if name != items_name})
        items = []
        for item in _entries(scope_entry, items_name):
            try:
                items.append(_read(kind.item, item))
            except BadInput as error:
                gate.refuse(str(error))
        scopes.append(msgspec.structs.replace(scope, **{_attribute(items_name): tuple(items)}))
    return msgspec.structs.replace(resource, **{_attribute(scopes_name): tuple(scopes)})


def _read(kind: type[doc.Document], entry: dict[str, Any]) -> doc.Document:
    try:
        found: doc.Document = _decoder(kind).decode(msgspec.json.encode(_plain(entry)))
    except UNREADABLE as error:
        raise BadInput(f"{kind.__name__} that cannot be read: {str(error)[:200]}") from None
    return found


def _plain(value: Any, name: str = "") -> Any:
    """Without what is null, and with numbers where senders write the names of enumerations, as protobuf takes both."""
    if isinstance(value, dict):
        return {key: _plain(inner, key) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and name in ENUMERATIONS and value in ENUMERATIONS[name].keys():  # noqa: SIM118 - no dict
        return ENUMERATIONS[name].Value(value)
    return value

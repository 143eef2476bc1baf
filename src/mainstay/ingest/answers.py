"""What a sender is answered, in the words of its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from mainstay.domain.signals import Decoded
from mainstay.ingest.sources import Source
from mainstay.ingest.wire import written

TEXT, JSON, PROTOBUF = "text/plain; charset=utf-8", "application/json", "application/x-protobuf"
# google.rpc.Code of an HTTP status: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 503: 14}
PARTIAL: dict[str, tuple[Any, str, str]] = {
    "/v1/metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
    "/v1/logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "/v1/traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, content: Any) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(content), JSON)


def accepted(source: Source, decoded: Decoded) -> Answer:
    """It is kept. What was refused beside it is said: OTLP's partial success, 400 on remote write (not sent again)."""
    if source.path in PARTIAL:
        return _otlp_accepted(source, decoded)
    if source.name == "remote-write":
        if not decoded.refused:
            return Answer(204)
        return Answer(400, f"the other samples are kept; refused {_reason(decoded)}\n".encode())
    if source.name == "alertmanager-api" and not decoded.refused:
        return Answer(200)
    told = {"refused": decoded.refused, "reason": decoded.refused_reason} if decoded.refused else {}
    judged = sum(len(one.ids) for one in decoded.predictions) + sum(len(one.ids) for one in decoded.truths)
    return json_answer(200, {"accepted": judged + len(decoded.alerts) + len(decoded.changes), **told})


def _otlp_accepted(source: Source, decoded: Decoded) -> Answer:
    response, count_name, json_name = PARTIAL[source.path]
    if source.name.endswith("+json"):
        partial = {json_name: str(decoded.refused), "errorMessage": decoded.refused_reason}
        return json_answer(200, {"partialSuccess": partial} if decoded.refused else {})
    message = response()
    if decoded.refused:
        setattr(message.partial_success, count_name, decoded.refused)
        message.partial_success.error_message = decoded.refused_reason
    return Answer(200, message.SerializeToString(), PROTOBUF)


def rejected(path: str, content_type: str, status: int, says: str, headers: Mapping[str, str] | None = None) -> Answer:
    """It is not kept, and why: a `google.rpc.Status` for OTLP in the encoding of the request, else text or JSON."""
    if path.startswith("/api/v2/"):  # Alertmanager's errors are JSON strings; amtool shows them
        return Answer(status, msgspec.json.encode(says), JSON, headers or {})
    if path in PARTIAL and content_type == PROTOBUF:
        code = CODES.get(status, 2)
        return Answer(status, bytes((0x08, code)) + written(2, says.encode()), PROTOBUF, headers or {})
    if path in PARTIAL or content_type == JSON or content_type.endswith("+json"):
        body = msgspec.json.encode({"code": CODES.get(status, 2), "message": says})
        return Answer(status, body, JSON, headers or {})
    return Answer(status, f"{says}\n".encode(), TEXT, headers or {})


def all_refused(decoded: Decoded) -> str:
    """What to say when nothing of a request could be kept."""
    return f"nothing is kept; refused {_reason(decoded)}"


def _reason(decoded: Decoded) -> str:
    return f"{decoded.refused} in all: {decoded.refused_reason}"

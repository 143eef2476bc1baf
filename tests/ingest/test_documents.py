"""OTLP/JSON: the same as protobuf on every field, and what protobuf's own reader of JSON takes is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.ingest.sender import NOW, plain
from tests.ingest.test_metric_columns import groups
from tests.ingest.test_otlp import as_json, request, span

from mainstay.bench.damage import same
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.otlp import logs, metrics, traces


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.lists(groups, max_size=3))
def test_points_of_all_kinds_mean_the_same(entries: list[dict[str, Any]]) -> None:
    """JSON has one NaN: so protobuf is asked about what protobuf's own reader makes of the document."""
    document = as_json(ExportMetricsServiceRequest(resource_metrics=entries))
    message = Parse(document, ExportMetricsServiceRequest())
    expected = metrics.decode_messages(message.SerializeToString(), NOW)
    found = metrics.decode_json(document, NOW)
    assert same(found, expected)


def log(**record: Any) -> bytes:
    given = {"timeUnixNano": str(NOW), **record}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [given, {"timeUnixNano": NOW}]}]}]}).encode()


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ({"severityNumber": 13}, 13),
        ({"severityNumber": "13"}, 13),
        ({"severityNumber": "SEVERITY_NUMBER_WARN"}, 13),
        ({"severityNumber": None, "body": None, "attributes": None, "traceId": None}, 0),
        ({"unknown": {"a": [1]}, "severityNumber": 13.0}, 13),
        ({"body": {"intValue": "7"}, "severityNumber": 13}, 13),
    ],
)
def test_ways_of_saying_it(record: dict[str, Any], severity: int) -> None:
    found = logs.decode_json(log(**record), NOW)
    assert (found.refused, found.logs.severity.tolist()) == (0, [severity, 0])


@pytest.mark.parametrize(
    "record",
    [
        {"timeUnixNano": -1},
        {"timeUnixNano": "now"},
        {"severityNumber": 1.5},
        {"severityNumber": 2**31},
        {"severityNumber": "SEVERITY_NUMBER_NONE"},
        {"traceId": "xyz"},
        {"traceId": 5},
        {"body": {"stringValue": 5}},
        {"body": {"intValue": 2**63}},
        {"body": {"stringValue": "a", "intValue": 1}},
        {"body": {"bytesValue": "%"}},
        {"attributes": {"a": "b"}},
        {"attributes": [{"key": 3}]},
        {"body": {"arrayValue": {"values": [3]}}},
    ],
)
def test_a_record_that_cannot_be_read_costs_only_itself(record: dict[str, Any]) -> None:
    found = logs.decode_json(log(**record), NOW)
    assert (found.refused, len(found.logs.body)) == (1, 1)
    assert "LogRecord that cannot be read" in found.refused_reason


@pytest.mark.parametrize("levels", [1, 40, 47, 48, 49, 60, 300])
def test_lists_in_lists_end_where_they_end_in_protobuf(levels: int) -> None:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    found = logs.decode_json(log(body=value), NOW)
    assert (found.refused, len(found.logs.body)) == (int(levels > 48), 1 + (levels <= 48))
    deep: dict[str, Any] = {"string_value": "x"}
    for _ in range(min(levels, 90)):
        deep = {"array_value": {"values": [deep]}}
    READY.wait()
    body = request("logs", [{"time_unix_nano": NOW, "body": deep}, {"time_unix_nano": NOW}]).SerializeToString()
    for binary in (logs.decode(body, NOW), logs.decode_messages(body, NOW)):
        assert (binary.refused, len(binary.logs.body)) == (int(levels > 48), 2 - (levels > 48))


def test_a_bad_metric_or_span_costs_only_itself() -> None:
    message = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "good", "gauge": {"dataPoints": [{"timeUnixNano": NOW, "asDouble": "NaN"}]}},
        {"name": "two", "gauge": {"dataPoints": []}, "sum": {"dataPoints": []}},
        {"name": "both", "gauge": {"dataPoints": [{"timeUnixNano": NOW, "asDouble": 1, "asInt": 1}]}},
        {"name": "many", "summary": {"dataPoints": [{"timeUnixNano": NOW, "count": 2**64}]}},
        {"name": "named", "sum": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA", "isMonotonic": True,
                                  "dataPoints": [{"timeUnixNano": NOW, "asInt": "5"}]}},
    ]}]}]}  # fmt: skip
    found = metrics.decode_json(json.dumps(message).encode(), NOW)
    assert found.refused == 3
    assert [(stream.name, stream.temporality) for stream in found.metrics.streams] == [
        ("good", "unspecified"), ("named", "delta"),
    ]  # fmt: skip
    spans = json.loads(as_json(request("traces", [span(), span(name="other")])))
    spans["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"] = [{"name": 5}]
    assert traces.decode_json(json.dumps(spans).encode(), NOW).spans.name == ("other",)


def test_a_request_with_one_bad_item_means_what_it_means_without_it() -> None:
    good = [span(name=str(number), events=[{"name": "e"}], status={"code": 2}) for number in range(3)]
    whole = json.loads(as_json(request("traces", good)))
    expected = traces.decode_json(json.dumps(whole).encode(), NOW)
    whole["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"kind": "SPAN_KIND_ROUND"})
    found = traces.decode_json(json.dumps(whole).encode(), NOW)
    assert plain(found.spans) == plain(expected.spans)
    assert found.refused == 1

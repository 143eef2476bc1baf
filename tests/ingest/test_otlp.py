"""OTLP: both encodings mean the same, bad items do not cost the good ones, odd points have a defined meaning."""

from __future__ import annotations

import json
import math
import struct
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.ingest.sender import JSON, NOW, PROTOBUF, plain

from mainstay.domain.errors import BadInput
from mainstay.ingest import decode
from mainstay.ingest.otlp.exponential import BOUNDS, classic

REQUESTS = {
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
TRACE, SPAN = b"0123456789abcdef", b"01234567"
STALE_BITS = 0x7FF0000000000002


def metric(name: str = "m", **kind: Any) -> dict[str, Any]:
    return {"name": name, **kind}


def gauge(*values: float, name: str = "m", at_ns: int = NOW, **attributes: str) -> dict[str, Any]:
    pairs = [{"key": key, "value": {"string_value": value}} for key, value in attributes.items()]
    points = [{"time_unix_nano": at_ns, "as_double": value, "attributes": pairs} for value in values]
    return metric(name, gauge={"data_points": points})


def histogram(**point: Any) -> dict[str, Any]:
    return metric("m", histogram={"data_points": [{"time_unix_nano": NOW, **point}]})


def request(signal: str, items: list[dict[str, Any]], service: str = "payments") -> Any:
    inner = {"metrics": "metrics", "logs": "log_records", "traces": "spans"}[signal]
    scopes = {"metrics": "scope_metrics", "logs": "scope_logs", "traces": "scope_spans"}[signal]
    resources = {"metrics": "resource_metrics", "logs": "resource_logs", "traces": "resource_spans"}[signal]
    resource = {"attributes": [{"key": "service.name", "value": {"string_value": service}}]}
    return REQUESTS[signal](**{resources: [{"resource": resource, scopes: [{inner: items}]}]})


def span(**changed: Any) -> dict[str, Any]:
    times = {"start_time_unix_nano": NOW, "end_time_unix_nano": NOW + 5}
    return {"trace_id": TRACE, "span_id": SPAN, "name": "GET /", **times, **changed}


def as_json(message: Any) -> bytes:
    """OTLP/JSON as its specification has it: ids in hexadecimal, enumerations as numbers."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for resource in document.get("resourceSpans", []) + document.get("resourceLogs", []):
        for scope in resource.get("scopeSpans", []) + resource.get("scopeLogs", []):
            for item in scope.get("spans", []) + scope.get("logRecords", []):
                for name in {"traceId", "spanId", "parentSpanId"} & set(item):
                    item[name] = b64decode(item[name]).hex()
    return json.dumps(document).encode()


def both(signal: str, items: list[dict[str, Any]]) -> Any:
    """What a request means, having made sure that both encodings agree."""
    message = request(signal, items)
    binary = decode(f"otlp-{signal}", message.SerializeToString(), NOW)
    assert plain(binary) == plain(decode(f"otlp-{signal}+json", as_json(message), NOW))
    return binary


texts = st.text(max_size=8)
values = st.recursive(
    st.one_of(
        st.builds(lambda v: {"string_value": v}, texts),
        st.builds(lambda v: {"int_value": v}, st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda v: {"double_value": v}, st.floats(allow_nan=False)),
        st.builds(lambda v: {"bool_value": v}, st.booleans()),
        st.builds(lambda v: {"bytes_value": v}, st.binary(max_size=5)),
        st.just({}),
    ),
    lambda inner: st.builds(lambda items: {"array_value": {"values": items}}, st.lists(inner, max_size=3)),
    max_leaves=4,
)
attributes = st.lists(st.builds(lambda key, value: {"key": key, "value": value}, texts, values), max_size=4)
times = st.integers(NOW - 10**15, NOW + 10**12) | st.sampled_from([0, 1, 2**63, 2**64 - 1])
ids = st.sampled_from([TRACE, SPAN, b"", b"short", b"\0" * 16, b"\0" * 8])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_protobuf_and_json_mean_the_same(data):
    number = {"attributes": attributes, "time_unix_nano": times, "flags": st.integers(0, 1)}
    points = st.one_of(
        st.fixed_dictionaries(number, optional={"as_double": st.floats()}),
        st.fixed_dictionaries(number, optional={"as_int": st.integers(-(2**63), 2**63 - 1)}),
    )
    kinds = st.one_of(
        st.builds(lambda p: {"gauge": {"data_points": p}}, st.lists(points, max_size=3)),
        st.builds(
            lambda p, m, t: {"sum": {"data_points": p, "is_monotonic": m, "aggregation_temporality": t}},
            st.lists(points, max_size=3), st.booleans(), st.integers(0, 2),
        ),
    )  # fmt: skip
    both("metrics", data.draw(st.lists(st.builds(lambda name, kind: metric(name, **kind), texts, kinds), max_size=3)))
    logs = st.fixed_dictionaries(
        {"time_unix_nano": times, "body": values, "attributes": attributes, "trace_id": ids, "span_id": ids},
        optional={"severity_number": st.integers(0, 30), "event_name": texts, "observed_time_unix_nano": times},
    )
    both("logs", data.draw(st.lists(logs, max_size=3)))
    spans = st.fixed_dictionaries({
        "trace_id": ids, "span_id": ids, "parent_span_id": ids, "name": texts, "attributes": attributes,
        "start_time_unix_nano": times, "end_time_unix_nano": times, "kind": st.integers(0, 7),
    })  # fmt: skip
    both("traces", data.draw(st.lists(spans, max_size=3)))


def test_nan_infinity_and_the_stale_marker_are_values():
    decoded = both("metrics", [gauge(math.nan, math.inf, -math.inf)])
    assert np.isnan(decoded.metrics.value[0])
    assert decoded.metrics.value[1:].tolist() == [math.inf, -math.inf]
    ended = {"gauge": {"data_points": [{"time_unix_nano": NOW, "flags": 1}]}}
    assert both("metrics", [metric("m", **ended)]).metrics.value.view(np.uint64).tolist() == [STALE_BITS]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (gauge(1, name=""), "empty metric name"),
        (gauge(1, name="x" * 2000), "metric name longer"),
        (gauge(1, at_ns=0), "before 2000"),
        (gauge(1, at_ns=2**64 - 10**18), "more than a day in the future"),  # 1969, as an unsigned number
        (gauge(1, at_ns=NOW + 2 * 86_400 * 10**9), "more than a day in the future"),
        (gauge(1, **{f"label{n}": "x" for n in range(10_000)}), "more than 256 labels"),
        (gauge(1, label="x" * 70_000), "label value longer"),
        (gauge(1, **{"": "x"}), "empty label name"),
        (metric("m", gauge={"data_points": [{"time_unix_nano": NOW}]}), "without a value"),
        (
            histogram(bucket_counts=[1], explicit_bounds=[1]),
            "one more than its bounds",
        ),
        (
            histogram(bucket_counts=[1, 1, 1], explicit_bounds=[2, 1]),
            "do not rise",
        ),
        (
            metric("m", exponential_histogram={"data_points": [{"time_unix_nano": NOW, "scale": 99}]}),
            "exponential histogram of scale 99",
        ),
    ],
)  # fmt: skip
def test_a_bad_point_is_refused_and_the_good_one_beside_it_is_kept(sender, kept, item, reason):
    decoded = both("metrics", [item, gauge(7.0, name="good")])
    assert decoded.refused == 1
    assert reason in decoded.refused_reason
    assert decoded.metrics.value.tolist() == [7.0]
    answer = sender.post("/v1/metrics", request("metrics", [item, gauge(7.0)]).SerializeToString(), PROTOBUF)
    told = ExportMetricsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, told.rejected_data_points) == (200, 1)
    assert reason in told.error_message
    answer = sender.post("/v1/metrics", as_json(request("metrics", [item, gauge(7.0)])), JSON)
    assert json.loads(answer.body)["partialSuccess"]["rejectedDataPoints"] == "1"
    assert len(kept.records) == 2
    alone = sender.post("/v1/metrics", request("metrics", [item]).SerializeToString(), PROTOBUF)
    assert alone.status == 400
    assert reason.encode() in alone.body
    assert len(kept.records) == 2


def test_bad_utf8_costs_only_its_own_item():
    good, bad = b"a good line", b"a bad  line"
    body = request("logs", [{"time_unix_nano": NOW, "body": {"string_value": t.decode()}} for t in (good, bad)])
    data = body.SerializeToString().replace(b"bad  line", b"bad \xff line"[:9])
    decoded = decode("otlp-logs", data, NOW)
    assert decoded.logs.body == ("a good line",)
    assert decoded.refused == 1
    assert "UTF-8" in decoded.refused_reason


def test_bad_utf8_in_a_resource_costs_its_items():
    one, two = request("logs", [{"time_unix_nano": NOW}], "bad"), request("logs", [{"time_unix_nano": NOW}], "good")
    decoded = decode("otlp-logs", one.SerializeToString().replace(b"bad", b"b\xffd") + two.SerializeToString(), NOW)
    assert decoded.logs.resources == ((("service.name", "good"),),)
    assert decoded.refused == 1


def test_a_cut_body_is_not_half_kept():
    body = request("logs", [{"time_unix_nano": NOW}] * 3).SerializeToString()
    for cut in range(1, len(body)):
        with pytest.raises(BadInput, match="malformed protobuf"):
            decode("otlp-logs", body[:cut], NOW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"trace_id": b"short"}, "trace id"),
        ({"trace_id": b"\0" * 16}, "trace id"),
        ({"span_id": b""}, "span id"),
        ({"parent_span_id": b"xyz"}, "parent"),
        ({"end_time_unix_nano": NOW - 1}, "ends before it starts"),
        ({"start_time_unix_nano": 0}, "before 2000"),
    ],
)
def test_a_span_must_be_whole(changed, reason):
    decoded = both("traces", [span(**changed), span(kind=2)])
    assert decoded.refused == 1
    assert reason in decoded.refused_reason
    assert decoded.spans.kind.tolist() == [2]


def test_an_unusual_log_record_is_kept():
    decoded = both("logs", [
        {"observed_time_unix_nano": NOW - 7, "severity_number": 99, "trace_id": b"xx", "event_name": "paid"},
        {"time_unix_nano": NOW, "body": {"kvlist_value": {"values": [{"key": "a", "value": {"int_value": 1}}]}}},
    ])  # fmt: skip
    assert decoded.logs.at_ns.tolist() == [NOW - 7, NOW]
    assert decoded.logs.severity.tolist() == [0, 0]
    assert decoded.logs.trace_id == (b"", b"")
    assert decoded.logs.body == ("", '{"a":1}')
    assert decoded.logs.attributes[0] == (("event.name", "paid"),)
    assert not decoded.is_clock_bound
    assert both("logs", [{}]).logs.at_ns.tolist() == [NOW]
    assert both("logs", [{}]).is_clock_bound


def test_a_summary_becomes_gauges_and_counters():
    quantiles = [{"quantile": 0.5, "value": 1.5}, {"quantile": 0.99, "value": 9.0}]
    point = {"time_unix_nano": NOW, "count": 4, "sum": 10.0, "quantile_values": quantiles}
    metrics = both("metrics", [metric("rpc", summary={"data_points": [point]})]).metrics
    assert [(s.name, s.labels, s.kind) for s in metrics.streams] == [
        ("rpc", (("quantile", "0.5"),), "gauge"),
        ("rpc", (("quantile", "0.99"),), "gauge"),
        ("rpc_sum", (), "counter"),
        ("rpc_count", (), "counter"),
    ]
    assert metrics.value.tolist() == [1.5, 9.0, 10.0, 4.0]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    scale=st.integers(-4, 12),
    offset=st.integers(-300, 300),
    counts=st.lists(st.integers(0, 9), max_size=12),
    zeros=st.integers(0, 5),
)
def test_exponential_buckets_land_at_or_above_their_upper_bound_and_none_is_lost(scale, offset, counts, zeros):
    data = {"time_unix_nano": NOW, "scale": scale, "zero_count": zeros}
    point = ExportMetricsServiceRequest(resource_metrics=[{"scope_metrics": [{"metrics": [{"exponential_histogram": {
        "data_points": [{**data, "positive": {"offset": offset, "bucket_counts": counts}}]}}]}]}],
    ).resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram.data_points[0]  # fmt: skip
    bounds, classic_counts = classic(point)
    assert sum(classic_counts) == sum(counts) + zeros
    below = 0
    for index, count in enumerate(counts):
        exponent = (offset + index + 1) * 2.0**-scale
        below += count
        if -20 <= exponent <= 29.7:
            upper = 2.0**exponent
            at = next(i for i, bound in enumerate(bounds) if bound >= upper * (1 - 1e-12))
            assert sum(classic_counts[: at + 1]) >= below + zeros
    assert bounds == BOUNDS


def test_start_times_that_cannot_be_are_unknown():
    points = [{"time_unix_nano": NOW, "as_int": 1, "start_time_unix_nano": start} for start in (NOW - 5, NOW + 5)]
    metrics = both("metrics", [metric("m", sum={"data_points": points, "is_monotonic": True})]).metrics
    assert metrics.start_ns.tolist() == [NOW - 5, 0]


def test_a_request_without_items_is_fine_and_not_kept(sender, kept):
    assert sender.post("/v1/logs", b"", PROTOBUF).status == 200
    assert sender.post("/v1/logs", b"{}", JSON).status == 200
    assert kept.records == []


def test_json_must_be_otlp_json(sender):
    for body in (b"[]", b'"x"', b'{"resource_logs": []}', b'{"resourceLogs": 3}', b'{"resourceLogs": [3]}'):
        answer = sender.post("/v1/logs", body, JSON)
        assert answer.status == 400
        assert b"OTLP/JSON" in answer.body


def test_the_stale_marker_survives_protobuf_bit_for_bit():
    stale = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
    decoded = decode("otlp-metrics", request("metrics", [gauge(stale)]).SerializeToString(), NOW)
    assert decoded.metrics.value.view(np.uint64).tolist() == [STALE_BITS]

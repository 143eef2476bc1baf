"""Bodies as real clients wrote them: the OpenTelemetry SDK 1.45, Prometheus 2.42, Alertmanager 0.25."""

from __future__ import annotations

from pathlib import Path

import cramjam
import pytest
from tests.ingest.sender import JSON, NOW, PROTOBUF, Kept, Sender, plain

from mainstay.domain.entities import labels_of
from mainstay.ingest import SOURCES, decode

RECORDED = Path(__file__).parent / "recorded"
RESOURCE = labels_of({"service.name": "payments", "deployment.environment.name": "prod", "service.version": "1.4.0"})
TYPES = {".binpb": PROTOBUF, ".snappy": PROTOBUF, ".json": JSON}


def recorded(source: str) -> bytes:
    path = next(RECORDED.glob(f"{source}.*"))
    return bytes(cramjam.snappy.decompress_raw(path.read_bytes())) if path.suffix == ".snappy" else path.read_bytes()


@pytest.mark.parametrize("path", sorted(RECORDED.iterdir()), ids=lambda path: path.stem)
def test_the_door_keeps_what_a_real_client_sends(sender: Sender, kept: Kept, path: Path):
    encoding = {"content_encoding": "snappy"} if path.suffix == ".snappy" else {}
    answer = sender.post(SOURCES[path.stem].path, path.read_bytes(), TYPES[path.suffix], **encoding)
    assert answer.status == (204 if path.suffix == ".snappy" else 200), answer
    [record] = kept.records
    assert (record.source, record.lane, record.body) == (path.stem, SOURCES[path.stem].lane, recorded(path.stem))
    again = decode(record.source, record.body, record.received_ns)
    assert again.refused == 0
    if record.decoded is not None:
        assert plain(record.decoded) == plain(again)


def test_metrics_of_the_sdk():
    metrics = decode("otlp-metrics", recorded("otlp-metrics"), NOW).metrics
    assert [(s.name, s.unit, s.kind, s.temporality) for s in metrics.streams] == [
        ("requests", "1", "counter", "cumulative"),
        ("sessions", "", "gauge", "cumulative"),
        ("temperature", "Cel", "gauge", "unspecified"),
        ("latency", "ms", "histogram", "cumulative"),
        ("size", "By", "histogram", "cumulative"),
    ]
    assert {stream.resource for stream in metrics.streams} == {RESOURCE}
    assert metrics.streams[0].labels == (("cached", "true"), ("code", "200"))
    assert metrics.streams[2].labels == (("zones", '["a","b"]'),)
    assert metrics.value.tolist() == [3.0, -2.0, 36.6]
    assert metrics.stream.tolist() == [0, 1, 2]
    latency, size = metrics.histograms
    assert latency.counts == (0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
    assert latency.total == size.total == 9015.3
    assert sum(size.counts) == 4
    assert [bound for bound, count in zip(size.bounds, size.counts, strict=False) if count] == pytest.approx(
        [0.353, 8.0, 9741.98], rel=1e-2
    )


def test_logs_of_the_sdk():
    logs = decode("otlp-logs", recorded("otlp-logs"), NOW).logs
    assert logs.resources == (RESOURCE,)
    assert logs.body == ("card declined", "tschüß")
    assert logs.severity.tolist() == [13, 17]
    assert len(logs.trace_id[0]) == 16
    assert len(logs.span_id[0]) == 8
    assert (logs.trace_id[1], logs.span_id[1]) == (b"", b"")
    assert ("order", "7") in logs.attributes[0]


def test_spans_of_the_sdk():
    spans = decode("otlp-traces", recorded("otlp-traces"), NOW).spans
    assert spans.name == ("charge", "POST /pay")
    assert spans.kind.tolist() == [3, 2]
    assert spans.status.tolist() == [2, 0]
    assert spans.parent_id == (spans.span_id[1], b"")
    assert spans.attributes[0] == (("peer.service", "bank"),)
    assert (spans.end_ns > spans.start_ns).all()


def test_samples_of_prometheus():
    metrics = decode("remote-write", recorded("remote-write"), NOW).metrics
    up = {dict(s.labels)["job"]: i for i, s in enumerate(metrics.streams) if s.name == "up"}
    assert metrics.value[metrics.stream == up["self"]].tolist() == [1.0]
    assert metrics.value[metrics.stream == up["gone"]].tolist() == [0.0]
    assert len(metrics.streams) == len(metrics.value) == 15
    assert {s.temporality for s in metrics.streams} == {"unspecified"}


def test_one_alert_by_two_ways_is_one_alert():
    [posted] = decode("alertmanager-api", recorded("alertmanager-api"), NOW).alerts
    [told] = decode("alertmanager-webhook", recorded("alertmanager-webhook"), NOW).alerts
    assert posted.id == told.id
    assert posted.fingerprint == told.fingerprint == "21259bfff0d78fab"  # as Alertmanager itself wrote it
    assert (posted.source, told.source) == ("prometheus", "alertmanager")
    assert (posted.name, posted.severity, posted.status) == ("InstanceDown", "critical", "firing")
    assert posted.ended_ms - posted.since_ms == 240_000
    assert told.ended_ms is None
    assert str(posted.decided_by) == "rule/InstanceDown@0"
    assert posted.signal == "availability"


def test_the_same_bytes_always_give_the_same():
    for source in ("otlp-metrics", "otlp-logs", "otlp-traces", "remote-write", "alertmanager-api"):
        assert plain(decode(source, recorded(source), NOW)) == plain(decode(source, recorded(source), NOW))

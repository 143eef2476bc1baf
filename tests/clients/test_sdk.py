"""The real OpenTelemetry SDK exports its three signals; against a full inbox nothing is lost once it drains."""

import logging
import time

import pytest

from tests.clients.conftest import eventually

pytestmark = pytest.mark.client
pytest.importorskip("opentelemetry.sdk", reason="the `demo` extra is not installed")


def sdk(client, token, name):
    """Tracer, counter and logger of a service that sends to us, and a function that flushes all three."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    headers = {"Authorization": f"Bearer {token.read_text()}"}
    resource = Resource({"service.name": name, "deployment.environment.name": "test"})
    spans = TracerProvider(resource=resource)
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(client.url + "/v1/traces", headers=headers)))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(client.url + "/v1/metrics", headers=headers), 60_000)
    metrics = MeterProvider(resource=resource, metric_readers=[reader])
    logs = LoggerProvider(resource=resource)
    exporter = OTLPLogExporter(client.url + "/v1/logs", headers=headers)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=200, max_export_batch_size=50))

    def flush():
        assert spans.force_flush(60_000)
        assert metrics.force_flush(60_000)
        assert logs.force_flush(60_000)

    def stop():
        spans.shutdown()
        metrics.shutdown()
        logs.shutdown()

    return spans.get_tracer("test"), metrics.get_meter("test"), logs, flush, stop


def say(logs, name, body):
    from opentelemetry._logs import LogRecord, SeverityNumber

    now = time.time_ns()
    record = LogRecord(timestamp=now, observed_timestamp=now, severity_number=SeverityNumber.ERROR, body=body)
    logs.get_logger(name).emit(record)


def test_three_signals_arrive(platform):
    client, token = platform(tick_s=1.0)
    tracer, meter, logs, flush, stop = sdk(client, token, "basket")
    entity = "service:test/basket"
    gauge = meter.create_gauge("basket.items")
    with tracer.start_as_current_span("GET /basket") as span:
        gauge.set(7)
        say(logs, "basket", "could not read basket 4711")
        trace = f"{span.get_span_context().trace_id:032x}"
    flush()
    assert eventually(lambda: [e for e in client.get("entities") if e["id"] == entity])
    [series] = eventually(lambda: client.get("series", entity=entity, metric="basket.items"))
    assert eventually(lambda: client.get(f"series/{series['id']}/points", since_ms=0)["value"]) == [7.0]
    assert eventually(lambda: [s["name"] for s in client.get(f"traces/{trace}")]) == ["GET /basket"]
    assert eventually(lambda: [row["body"] for row in client.get("logs", entity=entity)]) == [
        "could not read basket 4711"
    ]
    stop()


def test_a_full_inbox_loses_nothing(platform):
    """Every log line of a burst that meets 503 is there afterwards, once."""
    client, token = platform(tick_s=1.0, snapshot_s=2.0, quota={"signals": 20_000})
    *_, logs, flush, stop = sdk(client, token, "burst")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    wanted = {f"order {n} of {'x' * 100} failed" for n in range(900)}
    for body in sorted(wanted):
        say(logs, "burst", body)
        time.sleep(0.001)
    flush()
    answered = client.get("status")
    found = eventually(lambda: bodies(client) == wanted and "all", 60)
    assert found == "all", f"{len(wanted - bodies(client))} are missing; {answered['sources']}"
    lines = client.get("logs", entity="service:test/burst", limit=1000)
    assert len(lines) == len(wanted)
    stop()


def bodies(client):
    return {row["body"] for row in client.get("logs", entity="service:test/burst", limit=1000)}

"""The real OpenTelemetry SDK exports its three signals; against a full inbox nothing is lost once it drains."""

import time

import pytest

from tests.clients.conftest import eventually

pytestmark = pytest.mark.client
MANY = 300
pytest.importorskip("opentelemetry.sdk", reason="the `demo` extra is not installed")


@pytest.fixture
def sdk(platform):
    """A factory: tracer, meter and loggers of a service that sends to us, and a function that flushes all three."""
    providers = []

    def start(client, token, name):
        spans, metrics, logs = made = _providers(client, token, name)
        providers.extend(made)

        def flush():
            assert all(provider.force_flush(60_000) for provider in made)

        return spans.get_tracer("test"), metrics.get_meter("test"), logs, flush

    yield start
    for provider in providers:
        provider.shutdown()


def _providers(client, token, name):
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
    small = {"schedule_delay_millis": 200, "max_export_batch_size": 50}
    exporter = OTLPSpanExporter(client.url + "/v1/traces", headers=headers)
    spans.add_span_processor(BatchSpanProcessor(exporter, **small))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(client.url + "/v1/metrics", headers=headers), 60_000)
    metrics = MeterProvider(resource=resource, metric_readers=[reader])
    logs = LoggerProvider(resource=resource)
    exporter = OTLPLogExporter(client.url + "/v1/logs", headers=headers)
    logs.add_log_record_processor(BatchLogRecordProcessor(exporter, **small))
    return spans, metrics, logs


def say(logs, name, body):
    from opentelemetry._logs import LogRecord, SeverityNumber

    now = time.time_ns()
    record = LogRecord(timestamp=now, observed_timestamp=now, severity_number=SeverityNumber.ERROR, body=body)
    logs.get_logger(name).emit(record)


def test_three_signals_arrive(platform, sdk):
    client, token = platform(tick_s=1.0, keep_traces=1.0)
    tracer, meter, logs, flush = sdk(client, token, "basket")
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


def test_a_full_inbox_loses_nothing(platform, sdk, caplog):
    """Every log line, span and count of a burst that meets 503 is there afterwards, once."""
    client, token = platform(tick_s=1.0, keep_traces=1.0, quota={"signals": 20_000})
    tracer, meter, logs, flush = sdk(client, token, "burst")
    gauge = meter.create_gauge("orders.failed")
    wanted = {f"order {n} of {'x' * 100} failed" for n in range(MANY)}
    with tracer.start_as_current_span("burst") as root:
        for number, body in enumerate(sorted(wanted), start=1):
            with tracer.start_as_current_span(body):
                say(logs, "burst", body)
            gauge.set(number)
            time.sleep(0.001)
    flush()
    assert "Service Unavailable" in caplog.text, "the inbox was never full: the test shows nothing"
    trace = f"{root.get_span_context().trace_id:032x}"
    assert eventually(lambda: sorted(bodies(client)) == sorted(wanted)), len(bodies(client))
    assert eventually(lambda: len(client.get(f"traces/{trace}")) == MANY + 1)
    assert {span["name"] for span in client.get(f"traces/{trace}")} == {"burst", *wanted}
    [series] = eventually(lambda: client.get("series", entity="service:test/burst", metric="orders.failed"))
    assert eventually(lambda: client.get(f"series/{series['id']}/points", since_ms=0)["value"]) == [float(MANY)]


def bodies(client):
    return [row["body"] for row in client.get("logs", entity="service:test/burst", limit=1000)]

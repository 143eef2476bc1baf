"""Writes the recorded OTLP bodies anew: `python -m tests.ingest.record`. Made by the real SDK and its own encoder.

The bodies of Prometheus 2.42 and Alertmanager 0.25 beside them were taken off the wire.
"""

from __future__ import annotations

import logging
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

RECORDED = Path(__file__).parent / "recorded"
RESOURCE = Resource({"service.name": "payments", "deployment.environment.name": "prod", "service.version": "1.4.0"})


def metrics() -> bytes:
    reader = InMemoryMetricReader()
    views = [View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())]
    meter = MeterProvider([reader], RESOURCE, views=views).get_meter("shop")
    meter.create_counter("requests", unit="1").add(3, {"code": 200, "cached": True})
    meter.create_up_down_counter("sessions").add(-2)
    meter.create_gauge("temperature", unit="Cel").set(36.6, {"zones": ["a", "b"]})
    for value in (0.3, 7.0, 8.0, 9_000.0):
        meter.create_histogram("latency", unit="ms").record(value)
        meter.create_histogram("size", unit="By").record(value)
    return encode_metrics(reader.get_metrics_data()).SerializeToString()


def logs_and_traces() -> tuple[bytes, bytes]:
    spans, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(resource=RESOURCE), LoggerProvider(RESOURCE)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(records))
    logger, tracer = logging.getLogger("shop"), tracers.get_tracer("shop")
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=loggers))
    warning = {"levelno": 30, "levelname": "WARNING", "msg": "card declined", "pathname": "shop/pay.py", "order": 7}
    error = {**warning, "levelno": 40, "levelname": "ERROR", "msg": "tschüß", "order": 8}
    with tracer.start_as_current_span("POST /pay", kind=trace.SpanKind.SERVER):
        logger.handle(logging.makeLogRecord(warning))
        with tracer.start_as_current_span("charge", kind=trace.SpanKind.CLIENT) as span:
            span.set_attribute("peer.service", "bank")
            span.set_status(trace.StatusCode.ERROR, "no answer")
    logger.handle(logging.makeLogRecord(error))
    return (
        encode_logs(records.get_finished_logs()).SerializeToString(),
        encode_spans(spans.get_finished_spans()).SerializeToString(),
    )


if __name__ == "__main__":
    log_body, span_body = logs_and_traces()
    for name, body in {"otlp-metrics": metrics(), "otlp-logs": log_body, "otlp-traces": span_body}.items():
        (RECORDED / f"{name}.binpb").write_bytes(body)

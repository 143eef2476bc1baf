"""What a service tells about itself: traces, metrics and logs through the OpenTelemetry SDK."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from mainstay.lab.signals.journal import Journal

METRICS_EVERY_MS = 2000
BATCH_EVERY_MS = 1000
SEND_WITHIN_S = 5.0
SCOPE = "shop"


@dataclass(frozen=True)
class Destination:
    """Where telemetry goes, and the token that it carries."""

    otlp_url: str
    token: str

    def url(self, signal: str) -> str:
        return f"{self.otlp_url.rstrip('/')}/v1/{signal}"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


class Telemetry:
    """The providers of one process. Nothing here raises when nobody listens: the SDK retries, then drops."""

    def __init__(self, destination: Destination, attributes: dict[str, str]) -> None:
        resource = Resource.create(attributes)
        headers = destination.headers
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(destination.url("traces"), headers=headers, timeout=SEND_WITHIN_S),
                schedule_delay_millis=BATCH_EVERY_MS,
            )
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(destination.url("metrics"), headers=headers, timeout=SEND_WITHIN_S),
            export_interval_millis=METRICS_EVERY_MS,
        )
        self._metrics = MeterProvider(
            [reader], resource, exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        self._logs = LoggerProvider(resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(
                OTLPLogExporter(destination.url("logs"), headers=headers, timeout=SEND_WITHIN_S),
                schedule_delay_millis=BATCH_EVERY_MS,
            )
        )
        self.tracer: Tracer = self._traces.get_tracer(SCOPE)
        self.meter: Meter = self._metrics.get_meter(SCOPE)

    def journal(self, service: str) -> logging.Logger:
        """The logger of the service's own lines. The SDK's complaints stay out of it: they go to standard error."""
        logger = logging.getLogger(f"{SCOPE}.{service}")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(Journal(self._logs))
        return logger

    def close(self) -> None:
        """Send what is still waiting."""
        self._metrics.shutdown()
        self._traces.shutdown()
        self._logs.shutdown()

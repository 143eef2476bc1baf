"""Senders of every kind that write down what was acknowledged, and readers that say what is there."""

import itertools
import json
import struct
import threading
import time
from collections import Counter

import cramjam
import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mainstay.app.clock import SystemClock
from mainstay.bench.load import _field, _varint
from mainstay.store.control import Control
from mainstay.store.telemetry import Telemetry
from mainstay.store.telemetry.tables import LOGS, POINTS, SPANS


class Senders:
    """Four threads that send numbered things to whatever address is current, and keep the numbers that got a 2xx.

    Attributes:
        refused: How often each other answer came: status and Retry-After.
    """

    KINDS = ("samples", "logs", "spans", "alerts")

    def __init__(self, token):
        self.url = ""
        self.acknowledged = {kind: set() for kind in self.KINDS}
        self.refused = Counter()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kind,)) for kind in self.KINDS]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind):
        with httpx.Client(timeout=5) as client:
            for number in itertools.count(1):
                if self._stop.wait(0.02):
                    return
                path, body, headers = getattr(self, "_" + kind)(number)
                try:
                    answer = client.post(self.url + path, content=body, headers={**self._headers, **headers})
                except httpx.TransportError:
                    continue  # not acknowledged: it may be there or not
                if answer.is_success:
                    self.acknowledged[kind].add(number)
                else:
                    self.refused[answer.status_code, answer.headers.get("retry-after")] += 1

    def _samples(self, number):
        labels = {"__name__": "durable_value", "service": "durable", "environment": "test"}
        pairs = b"".join(_field(1, _field(1, k.encode()) + _field(2, v.encode())) for k, v in sorted(labels.items()))
        sample = b"\x09" + struct.pack("<d", float(number)) + b"\x10" + _varint(int(time.time() * 1000))
        body = bytes(cramjam.snappy.compress_raw(_field(1, pairs + _field(2, sample))))
        return "/api/v1/write", body, {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}

    def _logs(self, number):
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        _name(group.resource)
        record = group.scope_logs.add().log_records.add()
        record.time_unix_nano = time.time_ns()
        record.body.string_value = f"line number {number}"
        return "/v1/logs", request.SerializeToString(), {"Content-Type": "application/x-protobuf"}

    def _spans(self, number):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        _name(group.resource)
        span = group.scope_spans.add().spans.add()
        span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        span.name, span.kind = "work", 2
        span.start_time_unix_nano = time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 5_000_000
        return "/v1/traces", request.SerializeToString(), {"Content-Type": "application/x-protobuf"}

    def _alerts(self, number):
        body = [{"labels": {"alertname": f"Durable{number}", "severity": "info", "service": "durable"}}]
        return "/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}


def _name(resource):
    for key, value in (("service.name", "durable"), ("deployment.environment.name", "test")):
        attribute = resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value


def stored(data):
    """How often each number stands in the stores (hot and sealed) of a platform that is not running."""
    telemetry = Telemetry(data / "telemetry", retention_s=7 * 86_400)
    control = Control(data / "control.db", SystemClock())
    try:
        ids = {
            series.id for series in telemetry.catalogue.find(limit=None) if series.metric.startswith("durable_value")
        }
        samples = telemetry._rows(POINTS, "true", [], None, "")
        lines = telemetry._rows(LOGS, "body LIKE 'line number %'", [], None, "")
        names = [alert.name for alert in control.alerts(limit=100_000)]
        spans = telemetry._rows(SPANS, "name = 'work'", [], None, "")
        return {
            "samples": Counter(int(value) for series, _, value in samples if series in ids),
            "logs": Counter(int(row[4].rpartition(" ")[2]) for row in lines),
            "spans": Counter(int.from_bytes(row[0], "big") for row in spans),
            "alerts": Counter(int(name.removeprefix("Durable")) for name in names if name.startswith("Durable")),
        }
    finally:
        telemetry.close()
        control.close()

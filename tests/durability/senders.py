"""Senders of every kind that write down what was acknowledged, and readers that say what is there."""

import struct
import threading
import time

import cramjam
import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mainstay.bench.load import _field, _varint


class Senders:
    """Four threads that send numbered things to whatever address is current, and keep the numbers that got a 2xx."""

    KINDS = ("samples", "logs", "spans", "alerts")

    def __init__(self, token):
        self.url = ""
        self.acknowledged = {kind: set() for kind in self.KINDS}
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
        number = 0
        client = httpx.Client(timeout=5)
        while not self._stop.wait(0.02):
            number += 1
            path, body, headers = getattr(self, "_" + kind)(number)
            try:
                answer = client.post(self.url + path, content=body, headers={**self._headers, **headers})
            except httpx.TransportError:
                continue  # not acknowledged: it may be there or not
            if answer.is_success:
                self.acknowledged[kind].add(number)

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
        return "/api/v2/alerts", httpx.Request("POST", "http://x", json=body).content, {"Content-Type": "application/json"}


def _name(resource):
    for key, value in (("service.name", "durable"), ("deployment.environment.name", "test")):
        attribute = resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value


def stored(data):
    """How often each number stands in the stores of a platform that is not running."""
    from collections import Counter

    from mainstay.app.clock import SystemClock
    from mainstay.store.control import Control
    from mainstay.store.telemetry import Telemetry

    telemetry = Telemetry(data / "telemetry", retention_s=7 * 86_400)
    control = Control(data / "control.db", SystemClock())
    try:
        connection = telemetry._new_cursor()
        values = connection.execute(
            "SELECT value FROM points JOIN series ON points.series = series.id WHERE series.metric LIKE 'durable_value%'"
        ).fetchall()
        bodies = connection.execute("SELECT body FROM logs WHERE body LIKE 'line number %'").fetchall()
        traces = connection.execute("SELECT trace_id FROM spans").fetchall()
        connection.close()
        return {
            "samples": Counter(int(value) for (value,) in values),
            "logs": Counter(int(body.rpartition(" ")[2]) for (body,) in bodies),
            "spans": Counter(int.from_bytes(bytes(trace), "big") for (trace,) in traces),
            "alerts": Counter(int(a.name.removeprefix("Durable")) for a in control.alerts(limit=100_000)),
        }
    finally:
        telemetry.close()
        control.close()

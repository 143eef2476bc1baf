"""A tiny receiver of OTLP and change events, on loopback, that keeps and decodes what it gets."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Sink(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, refuse_first=0):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.received = []  # (path, headers, body)
        self.to_refuse = refuse_first
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def bodies(self, path):
        return [body for where, _, body in list(self.received) if where == path]

    def changes(self):
        return [json.loads(body) for body in self.bodies("/v1/changes")]

    def spans(self):
        """(service, span) of every span."""
        for body in self.bodies("/v1/traces"):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        yield attributes(resource.resource)["service.name"], span

    def metrics(self):
        """(resource attributes, metric) of every metric."""
        for body in self.bodies("/v1/metrics"):
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        yield attributes(resource.resource), metric

    def logs(self):
        """(service, record) of every log record."""
        for body in self.bodies("/v1/logs"):
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                for scope in resource.scope_logs:
                    for record in scope.log_records:
                        yield attributes(resource.resource)["service.name"], record


def attributes(holder):
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in holder.attributes}


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        refused = self.server.to_refuse > 0
        self.server.to_refuse -= refused
        if not refused:
            self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(503 if refused else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format, *args):  # noqa: A002 - the name the base class gives it
        pass

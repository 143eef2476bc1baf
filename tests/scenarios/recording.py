"""A recording made by hand: a small shop over OTLP, with a bad deploy, as records in their one order."""

import random

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mainstay.domain.records import Command, Record

START_NS = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


class Recording:
    """Records of a shop: gateway calls orders, orders calls stock. Everything is drawn from one seed.

    `slow` names a service and from which second on its own work takes longer.
    """

    def __init__(self, seconds, slow=None, from_s=10_000, to_s=10_000, seed=1):
        self.random = random.Random(seed)
        self.records = []
        self.slow, self.from_s, self.to_s = slow, from_s, to_s
        for second in range(seconds):
            self._second(second)

    def add(self, lane, source, body, at_ns):
        self.records.append(Record(len(self.records) + 1, lane, source, at_ns, body))

    def deploy(self, service, at_s, version="v2", previous="v1"):
        """A change event, put in its place in the order."""
        at_ns = START_NS + at_s * SECOND
        event = {
            "specversion": "1.0", "id": f"deploy-{service}-{at_s}", "source": "test", "subject": service,
            "type": "dev.cdevents.service.deployed.0.1.1", "time": _rfc3339(at_ns),
            "data": {"service": service, "kind": "deploy", "version": version, "previous_version": previous,
                     "environment": "test"},
        }  # fmt: skip
        return self._insert("alerts", "cloudevents", msgspec.json.encode(event), at_ns)

    def command(self, at_s, **fields):
        """A person's command, put in its place in the order."""
        at_ns = START_NS + at_s * SECOND
        return self._insert("control", "command", Command(at_ms=at_ns // 1_000_000, **fields).body(), at_ns)

    def _insert(self, lane, source, body, at_ns):
        place = next((i for i, r in enumerate(self.records) if r.received_ns >= at_ns), len(self.records))
        self.records.insert(place, Record(0, lane, source, at_ns, body))
        self.records = [Record(i + 1, r.lane, r.source, r.received_ns, r.body) for i, r in enumerate(self.records)]
        return self

    def _second(self, second):
        at_ns = START_NS + second * SECOND
        spans = ExportTraceServiceRequest()
        scopes = {name: _scope(spans, name) for name in ("gateway", "orders", "stock")}
        for number in range(4):
            self._request(scopes, at_ns + number * SECOND // 5, second)
        self.add("signals", "otlp-traces", spans.SerializeToString(), at_ns + SECOND - 1)
        if second % 2 == 0:
            self.add("signals", "otlp-metrics", self._metrics(at_ns), at_ns + SECOND - 1)
        if second % 5 == 4:
            self.add("control", "tick", b"", at_ns + SECOND)

    def _request(self, scopes, at_ns, second):
        trace = self.random.randbytes(16)
        ms = {
            name: usual * self.random.uniform(0.7, 1.5) for name, usual in (("gateway", 4), ("orders", 8), ("stock", 6))
        }
        if self.slow and self.from_s <= second < self.to_s:
            ms[self.slow] += 400 * self.random.uniform(0.8, 1.2)
        total = {"stock": ms["stock"], "orders": ms["orders"] + ms["stock"], "gateway": sum(ms.values())}
        parent = b""
        for name, callee in (("gateway", "orders"), ("orders", "stock"), ("stock", "")):
            server = self._span(scopes[name], trace, parent, "GET /", 2, at_ns, total[name])
            if callee:
                parent = self._span(scopes[name], trace, server, f"GET {callee}", 3, at_ns, total[callee] + 0.3)

    def _span(self, scope, trace, parent, name, kind, at_ns, ms):
        span = scope.spans.add()
        span.trace_id, span.span_id, span.parent_span_id = trace, self.random.randbytes(8), parent
        span.name, span.kind = name, kind
        span.start_time_unix_nano, span.end_time_unix_nano = at_ns, at_ns + int(ms * 1e6)
        return span.span_id

    def _metrics(self, at_ns):
        request = ExportMetricsServiceRequest()
        for name in ("gateway", "orders", "stock"):
            group = request.resource_metrics.add()
            _resource(group.resource, name)
            metric = group.scope_metrics.add().metrics.add()
            metric.name, metric.unit = "process.memory.usage", "By"
            point = metric.gauge.data_points.add()
            point.time_unix_nano, point.as_double = at_ns, 5e7 * self.random.uniform(0.99, 1.01)
        return request.SerializeToString()


def _scope(request, name):
    group = request.resource_spans.add()
    _resource(group.resource, name)
    return group.scope_spans.add()


def _resource(resource, name):
    for key, value in (("service.name", name), ("deployment.environment.name", "test")):
        attribute = resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value


def _rfc3339(at_ns):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat().replace("+00:00", "Z")

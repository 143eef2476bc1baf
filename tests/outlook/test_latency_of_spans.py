"""The whole line: of spans and an objective in the catalog, a service that becomes slower is told of in time."""

import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mainstay.app.wiring import wire
from mainstay.domain.records import Record
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

START_NS = 1_800_000_000_000_000_000
SECOND = 1_000_000_000
EVERY_S = 10
CALM, CLIMB = 90, 74
PASSES = CALM + 75  # the round in which the 95th percentile passes 300 ms


def spans(draw, at_ns, slowest_ms):
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in (("service.name", "cart"), ("deployment.environment.name", "prod")):
        attribute = group.resource.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    scope = group.scope_spans.add()
    for _ in range(30):
        span = scope.spans.add()
        span.trace_id, span.span_id = draw.randbytes(16), draw.randbytes(8)
        span.name, span.kind, span.start_time_unix_nano = "GET /cart", 2, at_ns
        span.end_time_unix_nano = at_ns + int(slowest_ms * draw.uniform(0.3, 1.03) * 1e6)
    return request.SerializeToString()


def records():
    draw = random.Random(4)
    found = []
    for number in range(CALM + CLIMB):
        at_ns = START_NS + number * EVERY_S * SECOND
        slowest_ms = 150 + max(number - CALM, 0) * 2.0
        for source, lane, body in (
            ("otlp-traces", "signals", spans(draw, at_ns, slowest_ms)),
            ("tick", "control", b""),
        ):
            found.append(Record(len(found) + 1, lane, source, at_ns + SECOND, body))
    return found


def told(folder, catalog):
    file = folder / "catalog.yaml"
    file.write_text(catalog)
    line = wire(folder / "data", Settings(catalog=str(file)), RecordedClock())
    every = records()
    for first in range(0, len(every), 20):
        line.pipeline.run(every[first : first + 20])
    alerts = [alert for alert in line.outlook.firing if alert.signal == "latency"]
    kept = [entry for entry in line.control.ledger() if entry.subject in {a.id for a in alerts}]
    return line, alerts, kept


def test_a_service_that_becomes_slower_is_told_of_before_it_passes_its_objective(tmp_path):
    line, (alert,), kept = told(tmp_path, "- {name: cart, environment: prod, latency_ms: 300}\n")
    assert alert.entity == "service:prod/cart"
    assert alert.since_ms < (START_NS + PASSES * EVERY_S * SECOND) // 1_000_000
    assert "will pass its objective of 300 ms in" in alert.summary
    assert kept
    line.close()

"""What the stage remembers of calls, lines and resources, and how before is told from now."""

from __future__ import annotations

import numpy as np
import pytest

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.evidence.recent import KEEP, RecentCalls, RecentLines
from mainstay.correlate.evidence.vitals import Vitals
from mainstay.domain.entities import Edge, Entity, Topology
from mainstay.domain.resources import kind_of
from mainstay.domain.signals import EdgeWindow, MetricBatch, Series, TemplateWindow

S = 10**9


def window(at_s: int, took: float, errors: int = 0, own: float | None = None, count: int = 10) -> EdgeWindow:
    own_ms = np.full(count, own) if own is not None else np.empty(0)
    return EdgeWindow("a", "b", (at_s - 5) * S, at_s * S, count, errors, np.full(count, took), own_ms)


def test_a_call_before_and_after_the_onset() -> None:
    calls = RecentCalls()
    calls.observe(window(at, 10, own=4) for at in range(5, 61, 5))
    calls.observe(window(at, 200, errors=5, own=190) for at in range(65, 91, 5))
    [fact] = calls.facts({"a", "b"}, 60_000, 90_000)
    assert (fact["before_ms"], fact["now_ms"], fact["own_before_ms"], fact["own_now_ms"]) == (10, 200, 4, 190)
    assert (fact["errors_before"], fact["errors_now"], fact["rate_before"], fact["rate_now"]) == (0.0, 0.5, 2.0, 2.0)
    assert not calls.facts({"b"}, 60_000, 90_000)


def test_a_call_that_stopped_has_no_rate_left_and_a_new_one_no_past() -> None:
    calls = RecentCalls()
    calls.observe(window(at, 10) for at in range(5, 61, 5))
    [fact] = calls.facts({"a", "b"}, 60_000, 90_000)
    assert (fact["rate_now"], fact["now_ms"], fact["own_now_ms"]) == (0.0, 10, None)
    assert not calls.facts({"a", "b"}, 5_000, 90_000)


def test_memory_of_calls_is_bounded() -> None:
    calls = RecentCalls()
    calls.observe(window(at, 10) for at in range(5, 5 * KEEP * 3, 5))
    assert len(calls.windows["a"]["b"]) == KEEP


def line(text: str, at_s: int, count: int = 1, severity: int = 17, number: int = 1) -> TemplateWindow:
    return TemplateWindow("a", number, text, severity, (at_s - 5) * S, at_s * S, count, is_new=False)


def test_only_lines_that_are_new_or_much_more_frequent_speak() -> None:
    lines = RecentLines()
    for at in range(5, 121, 5):
        lines.observe([line("usual", at, number=1)])
        if at > 100:
            lines.observe([line("new", at, number=2), line("usual", at, 1, number=1), line("chat", at, 9, 9, number=3)])
    assert [f["text"] for f in lines.facts({"a"}, 100_000)] == ["new"]
    lines.observe([line("usual", 125, count=90, number=1)])
    assert {f["text"] for f in lines.facts({"a"}, 100_000)} == {"new", "usual"}


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("process.memory.usage", "memory"),
        ("jvm_memory_used_bytes", "memory"),
        ("container_memory_working_set_bytes", "memory"),
        ("process.cpu.utilization", "cpu"),
        ("system.filesystem.utilization", "disk"),
        ("messaging.queue.depth", "queue"),
        ("process.scheduling.delay", "delay"),
        ("process.memory.limit", "limit"),
        ("telemetry.availability", "presence"),
        ("http.server.request.duration.p95", ""),
    ],
)
def test_which_resource_a_metric_is_about(metric: str, kind: str) -> None:
    assert kind_of(metric) == kind


def vitals(levels: list[float], metric: str = "process.memory.usage", labels: tuple = ()) -> Vitals:
    found = Vitals()
    found.learn(
        [Series(0, 77, "service:p/a", metric, labels, "By"), Series(1, 78, "service:p/a", "process.memory.limit")]
    )
    for at, value in enumerate(levels):
        at_ns = np.array([at * 5 * S, at * 5 * S, at * 5 * S], np.int64)
        found.observe(MetricBatch(np.array([0, 1, 9], np.uint32), at_ns, np.array([value, 220.0, 1.0])))
    return found


def test_a_ramp_is_seen_against_what_was_long_before_it() -> None:
    levels = [100.0] * 12 + [100.0 + 5 * n for n in range(1, 25)]
    [fact] = vitals(levels).facts({"service:p/a"}, 100_000, {})
    assert fact["before"] == 100.0
    assert fact["now"] > 200
    assert fact["per_min"] == pytest.approx(60.0)
    assert fact["limit"] == 220.0


def test_missing_values_and_too_many_samples_are_not_kept() -> None:
    found = vitals([1.0, float("nan"), 2.0])
    found.observe(MetricBatch(np.zeros(50, np.uint32), np.full(50, 10 * S + 1, np.int64), np.arange(50.0)))
    assert found.by_slot[0].value == [1.0, 2.0]


def test_a_brokers_number_is_about_its_queue_when_that_is_known() -> None:
    found = vitals([1.0] * 20, "messaging.queue.depth", (("messaging.destination.name", "mail"),))
    queue = Entity(id="queue:p/mail", kind="queue", name="mail")
    assert [f["entity"] for f in found.facts({"service:p/a"}, 60_000, {queue.id: queue})] == ["queue:p/mail"]
    assert [f["entity"] for f in found.facts({"service:p/a"}, 60_000, {})] == ["service:p/a"]


def test_silence_is_taken_from_the_normaliser() -> None:
    found = vitals([1.0, 1.0, 0.0, 0.0], "telemetry.availability")
    assert found.silent({"service:p/a"}) == {"service:p/a": 5_000}
    assert not vitals([1.0, 0.0, 1.0], "telemetry.availability").silent({"service:p/a"})
    assert not found.silent({"service:p/b"})


def test_a_neighbourhood_is_bounded_and_the_nearest_come_first() -> None:
    star = (*(Edge(caller="hub", callee=f"n{i}") for i in range(50)), Edge(caller="n0", callee="far"))
    chart = Map(Topology(edges=star), RecentCalls())
    assert len(chart.around({"hub"}, hops=3, most=20)) >= 20
    assert ("n0", "far") not in chart.around({"hub"}, hops=1, most=500)
    assert ("n0", "far") in chart.around({"hub"}, hops=2, most=500)
    assert chart.around({"nowhere"}, hops=2, most=5) == []

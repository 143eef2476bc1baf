"""Operations: one that is slow is found though the mix hides it; what requests call in turn; calls to look at."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
from tests.models.simulated import START_NS, WINDOW_NS
from tests.models.simulated_operations import Operations

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import EdgeWindow, Exemplar, Normal
from mainstay.models.traces.edges import EdgeShift

STOCK, OTHER = "service:lab/stock", "service:lab/other"


def run(traffic: Operations, windows: int, detector: EdgeShift | None = None) -> list[tuple[int, Transition]]:
    detector = detector or EdgeShift({})
    return [(w, t) for w, normal in enumerate(traffic.windows(windows)) for t in detector.score(normal).transitions]


@cache
def learned(seed: int) -> bytes:
    """A detector that has seen what is usual, until a fault would begin; silent all the way."""
    detector = EdgeShift({})
    assert run(Operations(seed=seed), Operations.at, detector) == []
    return detector.snapshot()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_forty_operations_with_waves_and_harmless_deploys_are_silent(seed: int) -> None:
    assert run(Operations(seed=seed), 360) == []


def test_that_users_ask_for_other_things_is_no_slowness() -> None:
    detector, found = EdgeShift({}), []
    for w in range(80):
        until, (fast, slow) = START_NS + (w + 1) * WINDOW_NS, (30, 4) if w < 50 else (8, 30)
        span, times = (until - WINDOW_NS, until), (np.linspace(9, 12, fast), np.linspace(150, 190, slow))
        both = np.concatenate(times)
        edge = EdgeWindow("service:lab/a", "service:lab/b", *span, len(both), 0, both, both)
        parts = [EdgeWindow("", "service:lab/b", *span, len(t), 0, t, t, f"GET /{i}") for i, t in enumerate(times)]
        found += detector.score(Normal(edges=(edge,), operations=tuple(parts), at_ns=until)).transitions
    assert found == []


def by_hand(shapes: list[tuple[int, float, int, dict[str, int]]], *, others: int = 60) -> list[Transition]:
    """One operation (requests, ms, errors, calls made) beside a busy one of the same service, over one edge."""
    detector, found = EdgeShift({}), []
    for w, (count, ms, errors, made) in enumerate(shapes):
        until = START_NS + (w + 1) * WINDOW_NS
        mine, rest = ms * (1 + 0.2 * np.sin(np.arange(count))), 10 * (1 + 0.2 * np.sin(np.arange(others)))
        seen = (Exemplar(bytes([w, 1]) * 8, float(mine.max())), Exemplar(bytes([w, 2]) * 8, ms), *(
            [Exemplar(bytes([w, 3]) * 8, ms, is_error=True)] if errors else []))  # fmt: skip
        span = (until - WINDOW_NS, until)
        whole = np.concatenate([mine, rest])
        edge = EdgeWindow("service:lab/a", "service:lab/b", *span, count + others, errors, whole, whole)
        one = EdgeWindow(
            "", "service:lab/b", *span, count, errors, mine, mine * 0.9, "POST /pay", seen, tuple(made.items())
        )
        two = EdgeWindow("", "service:lab/b", *span, others, 0, rest, rest, "GET /")
        found += detector.score(Normal(edges=(edge,), operations=(one, two), at_ns=until)).transitions
    return found


def test_one_slow_operation_is_found_where_its_edge_hides_it() -> None:
    found = by_hand([(6, 40.0, 0, {})] * 30 + [(6, 300.0, 0, {})] * 8 + [(6, 40.0, 0, {})] * 6)
    start, end = found
    assert (start.subject, start.entity, start.signal) == (
        "operation:service:lab/b#POST /pay",
        "service:lab/b",
        "latency",
    )
    assert start.summary.startswith("p50 of POST /pay of b")
    assert start.labels["operation"] == "POST /pay"
    assert float(start.labels["own_share"]) > 0.8
    assert not end.firing


def test_one_failing_operation_is_found_where_its_edge_hides_it() -> None:
    found = by_hand([(6, 40.0, 0, {})] * 30 + [(6, 40.0, 3, {})] * 6, others=400)
    assert [(t.subject, t.channel) for t in found] == [("operation:service:lab/b#POST /pay", "errors")]


def test_what_the_edge_says_its_operations_do_not_say_again() -> None:
    found = by_hand([(40, 40.0, 0, {})] * 30 + [(40, 400.0, 0, {})] * 8, others=4)
    assert [t.subject for t in found] == ["edge:service:lab/a>service:lab/b"]


def test_there_are_calls_to_look_at_slow_failing_and_from_before() -> None:
    found = by_hand([(6, 40.0, 0, {})] * 30 + [(6, 300.0, 3, {})] * 8)
    labels = {t.channel: t.labels for t in found if t.firing}["latency"]
    windows = {name: bytes.fromhex(labels[name])[0] for name in ("trace_slow", "trace_failing", "trace_usual")}
    assert windows["trace_slow"] >= 30
    assert windows["trace_failing"] >= 30
    assert windows["trace_usual"] < 30
    assert len({labels[name] for name in windows}) == 3


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ({STOCK: 10}, {STOCK: 80}, "POST /pay of b: call stock more often (1 → "),
        ({STOCK: 10}, {STOCK: 10, OTHER: 10}, "POST /pay of b: now call other (0 → "),
        ({STOCK: 20, OTHER: 10}, {OTHER: 10}, "POST /pay of b: no longer call stock (2 → 0 "),
    ],
)
def test_a_request_that_calls_others_than_before(before: dict[str, int], after: dict[str, int], says: str) -> None:
    found = by_hand([(10, 40.0, 0, before)] * 40 + [(10, 40.0, 0, after)] * 20)
    assert [(t.channel, t.severity, t.signal, t.output["event"]) for t in found] == [
        ("structure", "info", "other", "started")
    ]
    assert found[0].summary.startswith(says)


def test_a_new_way_of_calling_is_soon_the_usual_one_and_hides_no_slowness() -> None:
    shapes = [(10, 40.0, 0, {STOCK: 10})] * 40 + [(10, 40.0, 0, {STOCK: 90})] * 130 + [(10, 300.0, 0, {STOCK: 90})] * 6
    found = by_hand(shapes)
    assert [(t.channel, t.output["event"]) for t in found] == [
        ("structure", "started"), ("structure", "adopted"), ("latency", "started"),
    ]  # fmt: skip


@pytest.mark.parametrize(("fault", "size", "channel"), [
    ("slower", 4.0, "latency"), ("errors", 0.4, "errors"), ("more", 8.0, "structure"), ("new", 1.0, "structure"),
    ("gone", 1.0, "structure"),
])  # fmt: skip
def test_each_fault_is_told_in_its_channel_and_nothing_else_is(fault: str, size: float, channel: str) -> None:
    told, missed = 0, []
    for seed in range(4):
        traffic = Operations(seed=seed, fault=fault, size=size, where=(0, seed))
        detector = EdgeShift({})
        detector.restore(learned(seed))
        found = [t for normal in traffic.windows(160, since=traffic.at) for t in detector.score(normal).transitions]
        found = [t for t in found if t.firing]
        assert {t.channel for t in found} <= {channel}
        assert all(t.entity == "service:lab/s0" for t in found)
        assert len(found) <= 4
        told += bool(found)
        missed += [] if found else [seed]
    assert told >= 2, missed  # small times and rare calls are below what matters


def test_decisions_about_operations_can_be_repeated_and_restarts_change_nothing() -> None:
    whole, parts, found, again = EdgeShift({}), EdgeShift({}), [], []
    for w, normal in enumerate(Operations(services=2, fault="slower", size=6.0).windows(150)):
        found += whole.score(normal).transitions
        again += parts.score(normal).transitions  # a tick is one record: its windows are never cut
        if w % 37 == 0:
            restored = EdgeShift({})
            restored.restore(parts.snapshot())
            parts = restored
    assert found
    assert [dataclasses.replace(t, inputs={}) for t in found] == [dataclasses.replace(t, inputs={}) for t in again]
    for transition in found:
        inputs = json.loads(json.dumps(transition.inputs, sort_keys=True))
        assert EdgeShift({}).decide(inputs) == transition.output

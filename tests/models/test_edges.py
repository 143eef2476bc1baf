"""The edge detector: silent on everyday traffic, quick on what hurts, exact in every cut."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from tests.models.simulated import START_NS, WINDOW_NS, Edges, Fault

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import EdgeWindow, Normal
from mainstay.models.traces.edges import EdgeShift

FAULT_AT = 24


def run(detector: EdgeShift, edges: Edges, windows: int) -> list[tuple[int, Transition]]:
    return [(w, t) for w, normal in enumerate(edges.windows(windows)) for t in detector.score(normal).transitions]


def steady(calls: int = 10, latency: float = 40.0, errors: int = 0, own: float = 0.5) -> tuple[int, float, int, float]:
    return calls, latency, errors, own


def told(shapes, parameters=None) -> list[Transition]:
    """What is said of one edge with these windows (calls, latency, errors, own share)."""
    detector, found = EdgeShift(parameters or {}), []
    for w, (calls, latency, errors, own) in enumerate(shapes):
        until = START_NS + (w + 1) * WINDOW_NS
        times = latency * (1 + 0.2 * np.sin(np.arange(calls)))
        seen = EdgeWindow("service:lab/a", "service:lab/b", until - WINDOW_NS, until, calls, errors, times, times * own)
        other = EdgeWindow("", "service:lab/a", until - WINDOW_NS, until, 20, 0, np.full(20, 90.0), np.full(20, 9.0))
        found += detector.score(Normal(edges=(other, seen) if calls else (other,), at_ns=until)).transitions
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_half_an_hour_of_60_normal_edges_is_silent(seed):
    assert run(EdgeShift({}), Edges(count=60, seed=seed), 360) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_three_times_slower_or_a_fifth_failing_is_told_within_three_windows(seed):
    rng = np.random.default_rng(seed)
    rate, base = rng.uniform(3, 15, 60), np.exp(rng.uniform(np.log(3), np.log(150), 60))
    busy = [int(e) for e in np.flatnonzero((rate > 8) & (base > 15))[:10]]
    faults = [Fault(e, FAULT_AT, slower=3) if i % 2 else Fault(e, FAULT_AT, errors=0.25) for i, e in enumerate(busy)]
    edges = Edges(count=60, seed=seed, faults=faults)
    first = {}
    for w, t in run(EdgeShift({}), edges, FAULT_AT + 4):
        first.setdefault(t.labels["callee"], (w, t))
    late = [e for e in busy if first.get(f"service:lab/b{e}", (99,))[0] > FAULT_AT + 3]
    assert len(late) <= 1, late  # a fifth of eight calls may by chance be none
    assert {int(callee.rpartition("b")[2]) for callee in first} <= set(busy)


def test_latency_with_its_words_labels_and_end():
    found = told([steady()] * 20 + [steady(latency=240.0, own=0.9)] * 8 + [steady()] * 6)
    start, end = found
    assert (start.signal, start.severity, start.channel) == ("latency", "critical", "latency")
    assert start.subject == "edge:service:lab/a>service:lab/b"
    assert start.entity == "service:lab/b"
    assert start.since_ns == START_NS + 20 * WINDOW_NS
    assert start.at_ns == START_NS + 23 * WINDOW_NS
    assert "p50 of calls a → b" in start.summary
    assert "since 00:01:40" in start.summary
    assert float(start.labels["own_share"]) > 0.9
    assert start.band is not None
    assert start.band.unit == "ms"
    assert not end.firing
    assert end.at_ns - (START_NS + 28 * WINDOW_NS) <= 4 * WINDOW_NS


def test_own_share_says_that_the_time_went_further_down():
    found = told([steady(own=0.5)] * 20 + [steady(latency=400.0, own=0.05)] * 4)
    assert float(found[0].labels["own_share"]) < 0.1


def test_errors_by_severity():
    for errors, severity in ((10, "critical"), (3, "critical"), (1, "major")):
        found = told([steady()] * 20 + [steady(errors=errors)] * 10)
        assert found, errors
        assert (found[0].signal, found[0].severity) == ("errors", severity)


def test_it_worsens_once_and_keeps_its_onset():
    found = told([steady()] * 20 + [steady(latency=160.0)] * 6 + [steady(latency=900.0)] * 6)
    assert [(t.output["event"], t.severity) for t in found] == [("started", "major"), ("worse", "critical")]
    assert found[0].since_ns == found[1].since_ns


def test_few_calls_add_up_over_windows():
    found = told([steady(calls=3)] * 30 + [steady(calls=3, errors=2)] * 4)
    assert [t.channel for t in found] == ["errors"]


def test_calls_that_stop_are_told_and_one_call_ends_it():
    found = told([steady()] * 30 + [steady(calls=0)] * 8 + [steady()] * 6)
    assert [(t.channel, t.firing) for t in found] == [("traffic", True), ("traffic", False)]
    assert found[0].summary.startswith("no calls a → b")
    assert found[0].since_ns == START_NS + 30 * WINDOW_NS


def test_silence_of_everything_is_found_by_the_records_clock():
    detector = EdgeShift({})
    for w in range(30):
        until = START_NS + (w + 1) * WINDOW_NS
        seen = EdgeWindow("", "service:lab/a", until - WINDOW_NS, until, 20, 0, np.full(20, 9.0), np.full(20, 9.0))
        assert detector.score(Normal(edges=(seen,), at_ns=until + 10**9)).transitions == ()
    found = []
    for w in range(30, 45):
        found += detector.score(Normal(at_ns=START_NS + (w + 1) * WINDOW_NS + 10**9)).transitions
    assert [(t.channel, t.firing, t.severity) for t in found] == [("traffic", True, "major")]


def test_a_pause_of_our_own_is_nobodys_silence():
    detector = EdgeShift({})
    for w in [*range(30), *range(500, 510)]:
        until = START_NS + (w + 1) * WINDOW_NS
        seen = EdgeWindow("", "service:lab/a", until - WINDOW_NS, until, 20, 0, np.full(20, 9.0), np.full(20, 9.0))
        assert detector.score(Normal(edges=(seen,), at_ns=until)).transitions == ()


def test_nothing_is_judged_before_there_is_history():
    assert told([steady()] * 8 + [steady(latency=900.0, errors=10)] * 3) == []


def test_what_is_small_in_practice_is_not_told():
    assert told([steady(latency=3.0)] * 30 + [steady(latency=15.0)] * 20) == []
    assert told([steady(latency=300.0)] * 30 + [steady(latency=480.0)] * 20) == []


def test_one_bad_window_is_not_told():
    assert told([steady()] * 20 + [steady(latency=400.0, errors=5)] + [steady()] * 10) == []


def test_a_fault_is_not_learned_and_hours_later_adopted():
    found = told([steady()] * 20 + [steady(latency=240.0)] * 200, {"adopt_s": 600.0})
    assert [t.output["event"] for t in found] == ["started", "adopted"]
    assert "new normal" in found[1].summary


def test_cuts_and_restarts_change_nothing():
    faults = [Fault(0, 24, 40, slower=6), Fault(1, 24, 40, errors=0.4), Fault(2, 24, 44, gone=True)]
    edges = Edges(count=6, seed=3, faults=faults)
    whole, parts, found_whole, found_parts = EdgeShift({}), EdgeShift({}), [], []
    for w, normal in enumerate(edges.windows(60)):
        found_whole += whole.score(normal).transitions
        for seen in normal.edges:
            found_parts += parts.score(dataclasses.replace(normal, edges=(seen,))).transitions
        if w % 13 == 0:
            again = EdgeShift({})
            again.restore(parts.snapshot())
            assert again.snapshot() == parts.snapshot()
            parts = again
    assert found_whole == found_parts
    assert {t.channel for t in found_whole} >= {"latency", "errors"}
    assert whole.snapshot() == parts.snapshot()


def test_decisions_can_be_repeated_from_json_in_any_key_order():
    found = told([steady()] * 20 + [steady(latency=240.0, errors=3)] * 8 + [steady()] * 8)
    assert len(found) >= 4
    for transition in found:
        inputs = json.loads(json.dumps(transition.inputs, sort_keys=True))
        assert EdgeShift({}).decide(inputs) == transition.output


@pytest.mark.parametrize("latency", [np.nan, np.inf, -5.0, 0.0, 1e308])
def test_strange_durations_do_no_harm(latency):
    assert [t for t in told([steady(latency=latency)] * 40) if t.channel == "latency"] == []


def test_an_edge_not_used_for_a_day_is_forgotten():
    detector = EdgeShift({})
    for w in range(17_400):
        until = START_NS + (w + 1) * WINDOW_NS
        used = EdgeWindow("", "service:lab/a", until - WINDOW_NS, until, 1, 0, np.ones(1), np.ones(1))
        once = EdgeWindow("", "service:lab/job", until - WINDOW_NS, until, 1, 0, np.ones(1), np.ones(1))
        detector.score(Normal(edges=(used, once) if w == 0 else (used,)))
    assert list(detector._edges) == [("", "service:lab/a", "")]

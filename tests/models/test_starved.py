"""What is measured on a starved host teaches little: what is a fault afterwards is seen as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mainstay.domain.protocols import Transition
from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.traces.edges import EdgeShift

START_NS, WINDOW_NS, SAMPLE_NS = 1_767_225_600_000_000_000, 5_000_000_000, 2_000_000_000
CALLEE = "service:lab/b"


def edge_windows(phases: Sequence[tuple[int, float, float]], seed: int = 3) -> list[Normal]:
    """Phases of (windows, middle latency in ms, what they are worth)."""
    rng, found, until = np.random.default_rng(seed), [], START_NS
    for count, ms, worth in phases:
        for _ in range(count):
            until += WINDOW_NS
            times = ms * np.exp(rng.normal(0, 0.35, 12))
            seen = EdgeWindow("service:lab/a", CALLEE, until - WINDOW_NS, until, 12, 0, times, times * 0.6)
            found.append(Normal(edges=(seen,), at_ns=until, worth={CALLEE: worth} if worth < 1 else {}))
    return found


def told(detector: EdgeShift, phases: Sequence[tuple[int, float, float]]) -> list[Transition]:
    return [t for normal in edge_windows(phases) for t in detector.score(normal).transitions]


@pytest.mark.parametrize("seed", range(4))
def test_a_fault_after_a_starved_beginning_is_seen(seed: int) -> None:
    phases = [(24, 160.0, 0.1), (12, 40.0, 1.0), (12, 120.0, 1.0)]
    windows = edge_windows(phases, seed)
    detector, blind = EdgeShift({}), EdgeShift({})
    found = [t for w in windows for t in detector.score(w).transitions if t.firing]
    without = [Normal(edges=w.edges, at_ns=w.at_ns) for w in windows]
    missed = [t for w in without for t in blind.score(w).transitions if t.firing and t.since_ns > windows[35].at_ns]
    assert len(found) == 1
    assert found[0].channel == "latency"
    assert missed == []  # as it was before


def test_what_is_usual_on_a_calm_host_survives_an_hour_of_starvation() -> None:
    detector = EdgeShift({})
    told(detector, [(120, 40.0, 1.0), (720, 60.0, 0.04)])
    reference = next(iter(detector._edges.values())).reference
    assert reference.latency_ms / reference.timed == pytest.approx(40.0 * 1.06, rel=0.15)


def test_nothing_is_told_of_calls_that_stay_as_they_were() -> None:
    assert told(EdgeShift({}), [(60, 40.0, 1.0), (60, 42.0, 0.1), (60, 40.0, 1.0)]) == []


def test_a_starved_beginning_is_judged_all_the_same() -> None:
    found = told(EdgeShift({}), [(30, 50.0, 0.1), (12, 400.0, 0.1)])
    assert [t.channel for t in found if t.firing] == ["latency"]


def test_the_decision_is_repeated_from_its_frozen_inputs() -> None:
    detector = EdgeShift({})
    for t in told(detector, [(24, 160.0, 0.1), (12, 40.0, 1.0), (12, 120.0, 1.0)]):
        assert EdgeShift({}).decide(t.inputs) == t.output


def test_a_restart_in_between_changes_nothing() -> None:
    phases = [(24, 160.0, 0.1), (12, 40.0, 1.0), (12, 120.0, 1.0)]
    whole, first = EdgeShift({}), EdgeShift({})
    windows = edge_windows(phases)
    expected = [t for w in windows for t in whole.score(w).transitions]
    found = [t for w in windows[:20] for t in first.score(w).transitions]
    second = EdgeShift({})
    second.restore(first.snapshot())
    found += [t for w in windows[20:] for t in second.score(w).transitions]
    assert found == expected


SERIES = Series(0, 9, CALLEE, "http.server.request.duration.p95", (), "s", "up")


def samples(values: np.ndarray, worth: float, first: int = 0) -> Normal:
    at = START_NS + (first + np.arange(len(values))) * SAMPLE_NS
    batch = MetricBatch(np.zeros(len(values), np.uint32), at, values)
    given = (SERIES,) if first == 0 else ()
    return Normal(metrics=batch, new_series=given, worth={CALLEE: worth} if worth < 1 else {})


def level(detector: RobustSeason) -> float:
    return float(detector._rows["level"][0])


def noise(count: int, middle: float, seed: int) -> np.ndarray:
    return middle * (1 + 0.1 * np.random.default_rng(seed).standard_normal(count))


def test_a_grown_series_learns_little_while_its_host_is_starved() -> None:
    discounted, full = RobustSeason({}), RobustSeason({})
    for detector, worth in ((discounted, 0.05), (full, 1.0)):
        detector.score(samples(noise(300, 0.10, 1), 1.0))
        detector.score(samples(noise(600, 0.14, 2), worth, 300))
    assert level(discounted) < 0.117
    assert level(full) > 0.125


def test_a_young_series_stays_young_and_learns_anew() -> None:
    discounted, full = RobustSeason({}), RobustSeason({})
    for detector, worth in ((discounted, 0.05), (full, 1.0)):
        detector.score(samples(noise(400, 0.4, 1), worth))
    assert discounted._rows["count"][0] == 30
    for detector in (discounted, full):
        detector.score(samples(noise(60, 0.1, 2), 1.0, 400))
    assert level(discounted) < 0.15
    assert level(full) > 0.25


def test_worth_that_is_said_of_nobody_changes_no_bit() -> None:
    one, other = RobustSeason({}), RobustSeason({})
    one.score(samples(noise(300, 0.1, 1), 1.0))
    told_of = samples(noise(300, 0.1, 1), 1.0)
    other.score(Normal(metrics=told_of.metrics, new_series=told_of.new_series, worth={"service:lab/z": 0.1}))
    assert one.snapshot() == other.snapshot()


def test_batches_may_be_cut_anywhere_while_it_is_starved() -> None:
    values, worth = noise(200, 0.1, 1), {CALLEE: 0.2}
    whole, cut = RobustSeason({}), RobustSeason({})
    batch = samples(values, 0.2).metrics
    assert batch is not None
    whole.score(Normal(metrics=batch, new_series=(SERIES,), worth=worth))
    cut.score(Normal(new_series=(SERIES,), worth=worth))
    for k in range(0, 200, 7):
        part = MetricBatch(batch.series[k : k + 7], batch.at_ns[k : k + 7], batch.value[k : k + 7])
        cut.score(Normal(metrics=part, worth=worth))
    assert whole.snapshot() == cut.snapshot()

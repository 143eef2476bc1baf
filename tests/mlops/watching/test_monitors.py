"""ADWIN cuts where the mean changes and hardly ever elsewhere, in memory that hardly grows; river's is the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.mlops.watching.monitors import BUCKETS, Adwin


def stream(*parts: tuple[int, float], seed: int = 0) -> list[float]:
    lots = np.random.default_rng(seed)
    return [value for n, mean in parts for value in lots.binomial(1, mean, n).astype(float).tolist()]


def cuts(values: list[float], delta: float = 0.002) -> list[int]:
    monitor = Adwin(delta=delta)
    return [place for place, value in enumerate(values) if monitor.add(value)]


@pytest.mark.parametrize("seed", range(10))
def test_no_cut_where_nothing_changes(seed: int) -> None:
    assert cuts(stream((3000, 0.3), seed=seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_change_is_found_within_two_hundred(seed: int) -> None:
    found = cuts(stream((1000, 0.2), (400, 0.6), seed=seed))
    assert 1000 < found[0] < 1200


def test_the_window_forgets_what_was_before() -> None:
    monitor = Adwin()
    for value in stream((1000, 0.2), (1000, 0.8)):
        monitor.add(value)
    assert monitor.mean > 0.75
    assert monitor.n < 1100


def test_a_cut_says_from_where_to_where() -> None:
    monitor = Adwin()
    found = [cut for value in stream((1000, 0.1), (400, 0.9)) if (cut := monitor.add(value))]
    assert found[0].before < 0.2
    assert found[-1].after > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_it_cuts_about_where_rivers_does(seed: int) -> None:
    drift = pytest.importorskip("river.drift")
    values = stream((800, 0.3), (800, 0.7), seed=seed)
    theirs = drift.ADWIN(delta=0.002, clock=1)
    places = []
    for place, value in enumerate(values):
        theirs.update(value)
        if theirs.drift_detected:
            places.append(place)
    mine = cuts(values)
    assert abs(mine[0] - places[0]) <= 40
    assert mine[0] > 800


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_buckets_hold_what_they_were_given(values: list[float]) -> None:
    monitor = Adwin(delta=1e-12)
    for value in values:
        monitor.take(value)
    assert monitor.n == len(values)
    assert monitor.mean == pytest.approx(np.mean(values))
    spread = monitor.rows[0]
    for bucket in monitor.rows[1:]:
        spread = spread.joined(bucket)
    assert spread.spread == pytest.approx(np.var(values) * len(values), abs=1e-9)


def test_memory_grows_with_the_logarithm() -> None:
    monitor = Adwin()
    for value in stream((20_000, 0.5)):
        monitor.take(value)
    assert len(monitor.rows) <= (BUCKETS + 1) * 15
    sizes = [bucket.n for bucket in monitor.rows]
    assert sizes == sorted(sizes, reverse=True)

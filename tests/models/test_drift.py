"""Drift is told when the data moved, and not when there are few of them or very many."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mainstay.domain.errors import BadInput
from mainstay.models.drift import BINS, compare, counted, ks, psi, reference_of


def draw(seed, rows, columns=1):
    return np.random.default_rng(seed).standard_normal((rows, columns))


def judged(then, now):
    reference = reference_of(["a"], then)
    [line] = compare(reference, counted(reference.edges, [now]))
    return line


def test_the_same_source_is_stable_at_any_size():
    for rows in (200, 2_000, 200_000):
        for seed in range(20):
            assert judged(draw(seed, 5_000), draw(100 + seed, rows)).status == "stable"


def test_a_million_rows_do_not_make_a_hair_a_drift():
    line = judged(draw(1, 50_000), draw(2, 1_000_000) + 0.02)
    assert line.p_value < 0.001
    assert line.status == "stable"


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: x * 3, np.abs, lambda x: x * 0 + 7])
def test_what_moved_is_seen(change):
    assert judged(draw(1, 5_000), change(draw(2, 1_000))).status == "drifted"


def test_a_little_is_said_to_be_a_little():
    assert judged(draw(1, 50_000), draw(2, 5_000) + 0.4).status == "moved"


def test_fifty_rows_say_nothing():
    assert judged(draw(1, 5_000), draw(2, 50) + 5).status == "too few"


def test_missing_values_are_a_drift_of_their_own():
    now = draw(2, 1_000)
    now[::2] = math.nan
    line = judged(draw(1, 5_000), now)
    assert (line.status, line.missing) == ("drifted", 0.5)


def test_a_constant_that_stays_and_one_that_goes():
    then = np.full((1_000, 1), 3.0)
    assert judged(then, np.full((1_000, 1), 3.0)).status == "stable"
    assert judged(then, np.full((1_000, 1), 4.0)).status == "drifted"


def test_the_farthest_comes_first():
    reference = reference_of(["still", "moved"], draw(1, 5_000, 2))
    lines = compare(reference, counted(reference.edges, [draw(2, 1_000, 2) + np.array([0, 2])]))
    assert [line.feature for line in lines] == ["moved", "still"]


def test_counting_in_parts_is_counting_at_once():
    rows, edges = draw(1, 10_000, 3), reference_of("abc", draw(2, 500, 3)).edges
    assert (counted(edges, np.array_split(rows, 7)) == counted(edges, [rows])).all()


@settings(max_examples=200, deadline=None)  # the first one compiles
@given(arrays(np.float64, (60, 1), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_every_row_is_counted_once_where_numpy_would_put_it(rows):
    edges = reference_of("a", draw(1, 500)).edges
    counts = counted(edges, [rows])[0]
    finite = rows[np.isfinite(rows)]
    assert counts[:BINS].tolist() == np.bincount(np.searchsorted(edges[0], finite), minlength=BINS).tolist()
    assert counts[BINS] == len(rows) - len(finite)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_both_measures_are_bounded_and_symmetric(one, other):
    one, other = np.array(one), np.array(other)
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))
    distance, p_value = ks(one, other)
    assert 0 <= distance <= 1
    assert 0 <= p_value <= 1


def test_the_p_value_of_the_textbook():
    """Kolmogorov's 5 % point is 1.358 (Smirnov 1948)."""
    counts = np.array([500_000, 500_000])
    shift = round(1.358 / math.sqrt(500_000) * 1_000_000)
    assert ks(counts, np.array([500_000 + shift, 500_000 - shift]))[1] == pytest.approx(0.05, abs=0.001)


def test_a_reference_of_nothing_is_refused():
    with pytest.raises(BadInput, match="shape"):
        reference_of(["a", "b"], draw(1, 10))
    with pytest.raises(BadInput, match="rows"):
        reference_of(["a"], np.empty((0, 1)))

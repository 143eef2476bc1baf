"""Tails, histograms, words and the clock of windows: small, so exact."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import BadInput, Corrupt, MainstayError
from mainstay.domain.words import clock, quantity, short, span
from mainstay.models.passing import PATIENCE, WindowClock
from mainstay.models.tails import binomial, poisson
from mainstay.models.traces.histogram import BINS, above, bin_of, blended, counted, pooled, quantile, total

W = 5


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.001, 0.02, 0.1, 0.5, 0.9]))
def test_the_binomial_tail_is_exact_above_the_mean_and_1_below(k, n, share):
    p = Fraction(share)
    exact = float(sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1)))
    assert binomial(k, n, share) == pytest.approx(exact if k > n * share else 1.0, rel=1e-9, abs=1e-300)


@given(st.integers(0, 60), st.floats(0.01, 30))
def test_the_poisson_tail_is_exact(k, expected):
    exact = 1.0 - math.fsum(math.exp(i * math.log(expected) - expected - math.lgamma(i + 1)) for i in range(k))
    assert poisson(k, expected) == pytest.approx(exact, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("args", "p"), [((5, 0.0), 0.0), ((0, 0.0), 1.0), ((10, 1.0, 20.0), 1.0)])
def test_the_poisson_tail_at_its_ends(args, p):
    assert poisson(*args) == p


def test_large_counts_are_quick_and_finite():
    assert 0 <= binomial(60_000, 100_000, 0.5) < 1e-300
    assert 0 <= poisson(10**7, 10**6) < 1e-300


def test_clustered_counts_are_believed_less():
    assert poisson(30, 10.0, 4.0) > poisson(30, 10.0)


@given(st.lists(st.floats(0.1, 1e5), min_size=1, max_size=80), st.sampled_from([0.05, 0.5, 0.9, 1.0]))
def test_a_quantile_is_right_within_a_bin(latencies, share):
    exact = sorted(latencies)[max(math.ceil(share * len(latencies)) - 1, 0)]
    assert quantile(counted(latencies), share) == pytest.approx(exact, rel=0.06)


@given(st.lists(st.floats(), max_size=50))
def test_any_float_has_a_bin(latencies):
    counts = counted(latencies)
    assert all(0 <= index < BINS for index in counts)
    assert total(counts) == len(latencies)
    assert 0 <= above(counts, 10.0) <= len(latencies)


def test_a_reference_forgets_and_stays_small():
    reference = counted([10.0] * 100)
    for _ in range(20_000):
        reference = blended(reference, 0.999, counted([50.0]))
    assert bin_of(10.0) not in reference
    assert total(reference) == pytest.approx(1000, rel=0.01)
    assert pooled([{1: 1.0}, {1: 2.0, 3: 1.0}]) == {1: 3.0, 3: 1.0}
    assert math.isnan(quantile({}, 0.5))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=30))
def test_a_period_is_over_once_and_in_order_however_late_windows_come(steps):
    windows, over = WindowClock(window_ns=W), []
    for start, length in steps:
        over += windows.saw(start * W, (start + length) * W)
    assert over == sorted(set(over))
    assert all(until < windows.now_ns for until in over)


@given(st.integers(-3, 3))
def test_ticks_that_jitter_make_no_silent_period(jitter):
    windows, since, over = WindowClock(window_ns=100), 1000, []
    for step in range(50):
        until = since + 100 + (jitter if step % 2 else -jitter) * 10
        over += windows.saw(since, until)
        over += windows.saw(since, until)
        since = until
    assert len(over) == 49


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_silence_is_found_after_patience_whatever_the_senders_clock_says(skew, pauses):
    windows, at = WindowClock(window_ns=W), 10**7
    windows.saw(at - W, at)
    windows.received(at + skew, brought=True)
    quiet = 0
    for pause in pauses:
        quiet += pause
        periods = windows.received(at + skew + quiet * W, brought=False)
        assert windows.now_ns == at + max(quiet - PATIENCE, 0) * W
        assert all(p < windows.now_ns for p in periods)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.31, "s", "310 ms"),
        (2.41, "s", "2.41 s"),
        (0.0004, "s", "0.4 ms"),
        (95.0, "%", "95 %"),
        (1536, "By", "1.5 KiB"),
        (0, "By", "0 B"),
        (12.0, "{message}", "12 {message}"),
        (float("inf"), "", "∞"),
        (float("-inf"), "", "−∞"),
        (float("nan"), "ms", "no number ms"),
        (1e308, "", "1e+308"),
        (123456.7, "1", "123457"),
    ],
)
def test_numbers_in_words(value, unit, text):
    assert quantity(value, unit) == text


def test_ranges_times_and_names():
    assert span(120, 310, "ms") == "120–310 ms"
    assert span(0.2, 0.4, "1") == "0.2–0.4"
    assert span(512, 2**20, "By") == "512 B – 1 MiB"
    assert clock(np.int64(1_767_225_600_000_000_000)) == "00:00:00"
    assert clock(-1) == "23:59:59"
    assert short("payments") == "payments"
    assert issubclass(Corrupt, MainstayError)
    assert issubclass(BadInput, MainstayError)

"""The test that may be looked at after every window: rarely wrong however often one looks, and soon sure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mainstay.mlops.rollouts.sequential import evidence_against, is_above, is_beyond, is_too_often

ALPHA = 0.05


@pytest.mark.parametrize("most", [0.05, 0.2])
def test_looking_after_every_finding_sends_back_at_most_alpha_of_those_within_the_limit(most):
    rng, wrong = np.random.default_rng(3), 0
    runs = 400
    for _ in range(runs):
        hits = np.cumsum(rng.random(150) < most)
        wrong += any(is_beyond(int(k), n, most, ALPHA) for n, k in enumerate(hits, 1))
    assert wrong / runs <= ALPHA


@pytest.mark.parametrize(("share", "most", "needs"), [(1.0, 0.05, 3), (1.0, 0.2, 5), (0.2, 0.05, 53), (0.5, 0.2, 31)])
def test_how_soon_it_is_sure(share, most, needs):
    sure = next(n for n in range(1, 200) if is_beyond(round(share * n), n, most, 0.01 / 3))
    assert sure == needs


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (0, 10), (0, 1000)])
def test_no_hit_is_no_evidence(hits, n):
    assert evidence_against(hits, n, 0.1) <= 0.0


def test_limits_of_nothing_and_everything():
    assert evidence_against(1, 5, 0.0) == math.inf
    assert not is_beyond(5, 5, 1.0, 0.01)
    assert is_beyond(1, 1, 0.0, 0.01)


def test_many_counts_are_no_trouble():
    assert is_beyond(30_000, 100_000, 0.2, 1e-6)
    assert not is_beyond(20_000, 100_000, 0.2, 1e-6)


@pytest.mark.parametrize(("hits", "n", "is_so"), [(0, 0, False), (2, 20, False), (8, 38, True), (20, 20, True)])
def test_a_sample_that_is_looked_at_once(hits, n, is_so):
    assert is_above(hits, n, 0.05, 0.01) is is_so


def test_a_stream_within_its_limit_is_seldom_called_too_often_however_long_one_looks():
    rng, wrong = np.random.default_rng(4), 0
    runs = 400
    for _ in range(runs):
        at = np.cumsum(rng.exponential(size=60))  # in times of one expected event; looked at when it says most: at each
        wrong += any(is_too_often(n, float(passed), ALPHA) for n, passed in enumerate(at, 1))
    assert wrong / runs <= ALPHA


@pytest.mark.parametrize(("hits", "allowed"), [(2, 0.012), (3, 0.068), (4, 0.18), (5, 0.34), (8, 1.1)])
def test_how_many_so_soon_are_too_often(hits, allowed):
    each = 0.01 / 8
    assert is_too_often(hits, allowed, each)
    assert not is_too_often(hits, 1.1 * allowed, each)
    assert not is_too_often(hits - 1, allowed, each)
    assert not is_too_often(hits, 0.0, each)


def test_many_events_are_no_trouble():
    assert is_too_often(100_000, 10_000.0, 1e-6)
    assert not is_too_often(100_000, 100_000.0, 1e-6)

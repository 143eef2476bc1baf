"""The arithmetic of the budget: what is promised is kept, whatever comes, as long as the chances are what they say."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.detect import chances

PROMISED = st.floats(0.0, 200.0)
WEEK_S = 7 * 86_400


@given(PROMISED)
def test_places_and_reserve_are_the_promise(promised: float) -> None:
    assert chances.places(promised) + chances.reserved(promised) == pytest.approx(promised)
    assert chances.reserved(promised) >= 0


@given(PROMISED, st.integers(0, 300))
def test_the_more_is_spent_the_rarer_it_must_be_and_the_reserve_stays(promised: float, used: int) -> None:
    now, next_one = chances.level(promised, used), chances.level(promised, used + 1)
    assert next_one <= now
    assert now >= chances.reserved(promised)
    if used >= chances.places(promised):
        assert now == chances.reserved(promised)


def test_a_team_that_accepts_nothing_is_woken_by_nothing_that_chance_brings() -> None:
    assert chances.level(0.0, 0) == 0.0
    assert chances.expected(1, 300.0) > 0.0


@given(st.lists(st.floats(0.0, 300.0), max_size=8))
def test_agreement_is_worth_less_than_independence_and_more_than_nothing(strengths: list[float]) -> None:
    both = chances.together(strengths)
    assert max(strengths, default=0.0) <= both <= math.fsum(strengths) + 1e-9


@pytest.mark.parametrize("p_value", [None, float("nan"), -1.0, 1.0, 2.0])
def test_what_gives_no_chance_is_no_evidence(p_value: float | None) -> None:
    assert chances.strength(p_value) == 0.0


@given(st.floats(0.0, 1.0), st.integers(0, 10**7))
def test_a_chance_is_always_a_finite_number(p_value: float, watched: int) -> None:
    found = chances.expected(watched, chances.strength(p_value))
    assert 0.0 < found < math.inf


def test_trust_falls_only_after_more_false_pages_than_promised() -> None:
    falls = [chances.trust(false, 7) for false in range(30)]
    assert falls[:5] == [1.0] * 5
    assert falls == sorted(falls, reverse=True)
    assert falls[-1] > 0.1


@pytest.mark.parametrize("promised", [1.0, 3.0, 7.0, 20.0])
@pytest.mark.parametrize("per_week", [5, 100, 3000])
def test_in_no_week_are_more_false_pages_than_promised(promised: float, per_week: int) -> None:
    """Only noise, with chances that are right; ten weeks of it, each page opens an incident, nobody says a word."""
    drawn, taken, rare = random.Random(int(promised) * 1000 + per_week), [], []
    for at in sorted(drawn.uniform(0, 10 * WEEK_S) for _ in range(10 * per_week)):
        # of `per_week` starts by chance, the share that is expected less than x times a week is x / per_week
        expected = drawn.random() * per_week
        used = sum(1 for one in taken if at - one < WEEK_S)
        if expected <= chances.reserved(promised):
            rare.append(at)
        elif expected <= chances.level(promised, used):
            taken.append(at)
    weeks = [sum(1 for one in taken if start <= one < start + WEEK_S) for start in taken]
    assert max(weeks, default=0) <= chances.places(promised)
    assert len(rare) <= 10 * chances.reserved(promised) + 4 * math.sqrt(10 * chances.reserved(promised))

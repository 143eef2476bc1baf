"""What creeps is never learned as normal while it creeps; what has come to rest is; weekends are learned once."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.test_days import DAILY, DAY_NS, MONDAY_NS, feed, on_day, traffic, watching

from mainstay.domain.calendar import NO_CALENDAR
from mainstay.domain.protocols import Transition
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.anomaly.season import usual_of
from mainstay.models.anomaly.state import SLOTS, UNSEEN

MINUTES, BASE = 1440, 100e6


def memory(days: float, *, noise: float, season: float, seed: int = 1) -> np.ndarray:
    """Bytes in use, once a minute."""
    t = np.arange(int(days * MINUTES)) / MINUTES
    return BASE * (1 + season * np.sin(2 * np.pi * t) + noise * np.random.default_rng(seed).normal(size=len(t)))


def told(values: np.ndarray, metric: str = "process.memory.usage") -> list[Transition]:
    detector = RobustSeason({})
    detector.score(Normal(new_series=(Series(0, 7, "service:shop/web", metric, (), "By", "up"),)))
    at = MONDAY_NS + np.arange(len(values)) * 60 * 10**9
    return list(detector.score(Normal(metrics=MetricBatch(np.zeros(len(values), np.uint32), at, values))).transitions)


def leaking(a_day: float, days: float, **shape: float) -> list[Transition]:
    """Four calm days, then so much more every day."""
    values = memory(4 + days, **shape)
    since = 4 * MINUTES
    values[since:] += a_day * BASE * np.arange(len(values) - since) / MINUTES
    return told(values)


SHAPES = [{"noise": noise, "season": season} for noise in (0.005, 0.03) for season in (0.0, 0.1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("a_day", "within"), [(10.0, 0.1), (2.0, 0.3), (0.5, 1.0), (0.25, 1.7), (0.12, 4.0)])
def test_a_leak_is_told_before_memory_has_grown_by_half(a_day, within, shape):
    found = leaking(a_day, within, **shape)
    assert [(t.firing, t.channel) for t in found][:1] == [(True, "drift")]
    assert found[0].at_ns > MONDAY_NS + 4 * DAY_NS


@pytest.mark.parametrize("shape", SHAPES)
def test_a_leak_of_a_twentieth_a_day_is_told_before_memory_has_doubled(shape):
    found = leaking(0.05, 16, **shape)
    assert [(t.channel, t.output["event"]) for t in found][:1] == [("drift", "started")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("a_day", "days"), [(10.0, 1.5), (2.0, 2.0), (0.5, 2.0)])
def test_a_leak_that_goes_on_is_not_taken_for_normal(a_day, days, shape):
    assert [t.output["event"] for t in leaking(a_day, days, **shape)] == ["started"]


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_leak_nothing_creeps(shape):
    assert told(memory(12, **shape)) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_that_has_come_to_rest_is_the_new_normal_within_a_day(shape):
    values = memory(6, **shape)
    values[4 * MINUTES :] += 0.6 * BASE
    found = told(values)
    assert [t.output["event"] for t in found] == ["started", "adopted"]
    assert found[1].at_ns - found[0].at_ns < DAY_NS
    assert "now taken as the new normal" in found[1].summary


def test_a_step_of_what_cannot_leak_is_the_new_normal_after_four_hours():
    values = np.full(2 * MINUTES, 60.0) + np.random.default_rng(2).normal(0, 2, 2 * MINUTES)
    values[MINUTES:] *= 4
    found = told(values, metric="orders.rate")
    assert [t.output["event"] for t in found] == ["started", "adopted"]
    assert abs(found[1].at_ns - found[0].since_ns - 4 * 3600 * 10**9) < 120 * 10**9


def test_a_leak_that_is_mended_is_calm():
    values = memory(6, noise=0.01, season=0.0)
    values[4 * MINUTES : 5 * MINUTES] += 2.0 * BASE * np.arange(MINUTES) / MINUTES
    assert [t.output["event"] for t in told(values)] == ["started", "calm"]


def test_quiet_weekends_are_learned_from_the_first():
    at = np.arange(35 * DAILY)
    is_weekend = at // DAILY % 7 >= 5
    values = traffic(35) * np.where(is_weekend, 0.2, 1.0)
    found = [t for t in feed(watching(), values, NO_CALENDAR) if t.firing]
    assert {int((t.at_ns - MONDAY_NS) // DAY_NS) for t in found} <= {5, 6, 7}


def test_a_fault_is_still_told_when_weekends_are_known():
    values = traffic(31) * np.where(np.arange(31 * DAILY) // DAILY % 7 >= 5, 0.2, 1.0)
    noon = 30 * DAILY + DAILY // 2
    values[noon : noon + 24] *= 5
    assert on_day(feed(watching(), values, NO_CALENDAR), 30)


def test_what_every_hour_adds_is_no_rhythm():
    season = np.full(SLOTS, UNSEEN, np.int8)
    assert usual_of(season) == 0.0
    season[:4] = [10, 20, 30, 40]
    assert usual_of(season) == 25.0

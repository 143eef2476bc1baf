"""A rise that began lately is found with its beginning; what is none is not; a habit is not believed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.forecast import Forecaster
from mainstay.models.forecast.ramp import Wander, ramp_of
from mainstay.models.forecast.reach import Habit, reached


def noise(n, seed=1, size=0.3):
    return np.random.default_rng(seed).standard_normal(n) * size


def risen(before, rising, slope, seed=1):
    return np.concatenate([np.full(before, 20.0), 20 + slope * np.arange(1, rising + 1)]) + noise(before + rising, seed)


@pytest.mark.parametrize(("before", "rising"), [(80, 16), (40, 40), (10, 80), (0, 60)])
def test_a_rise_is_found_where_it_began(before, rising):
    found = ramp_of(risen(before, rising, 2.0))
    assert found is not None
    assert abs(found.points - rising) <= 4
    assert found.slope == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("row", [
    noise(96), np.full(96, 7.0), np.concatenate([np.full(60, 1.0), np.full(36, 9.0)]),
    20 - np.arange(96.0), np.sin(np.arange(96) / 4), np.arange(7.0),
], ids=["noise", "flat", "step", "falling", "wave", "short"])  # fmt: skip
def test_what_is_no_rise_is_none(row):
    assert ramp_of(row) is None


def test_a_rise_that_ended_is_over():
    assert ramp_of(np.concatenate([risen(30, 40, 2.0), np.full(16, 100.0) + noise(16)])) is None


def test_nine_of_ten_arrivals_are_inside_and_the_middle_is_right():
    held, ratio = [], []
    draw = np.random.default_rng(3)
    for seed in range(120):
        lasting = int(draw.integers(10, 70))
        steps = 1.5 * np.exp(0.3 * np.random.default_rng(seed).standard_normal(400))  # it wanders
        row = np.concatenate([np.full(96 - lasting, 20.0), 20 + np.cumsum(steps)]) + noise(496 - lasting, seed)
        limit = row[95] + float(draw.uniform(10, 2 * lasting))
        found = reached(row[:96], limit, Habit(), None)
        if found["is_believed"]:
            truth = int(np.flatnonzero(row[96:] >= limit)[0]) + 1
            held.append(found["earliest"] - 1 <= truth <= found["latest"] + 1)
            ratio.append(truth / found["expected"])
    assert len(held) > 80
    assert np.mean(held) >= 0.88
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)


def test_what_was_as_full_before_is_a_habit():
    row = np.concatenate([risen(0, 40, 2.0), risen(0, 20, 2.0, 2)])  # it fell once already, from higher up
    found = reached(row, 200.0, Habit(), None)
    assert (found["by"], found["is_believed"]) == ("rise", False)
    assert "before" in found["says"]
    fresh = reached(risen(40, 40, 2.0), 150.0, Habit(170.0), None)  # and so says a longer memory
    assert not fresh["is_believed"]
    assert reached(risen(40, 40, 2.0), 150.0, Habit(90.0), None)["is_believed"]


def test_a_young_rise_is_not_believed_for_long():
    found = reached(risen(80, 12, 1.0), 500.0, Habit(), None)
    assert not found["is_believed"]
    assert "long enough" in found["says"]


def test_what_is_at_its_limit_is_full_and_without_a_value_nothing_is_said():
    assert reached(np.array([50.0, 101.0]), 100.0, Habit(), None)["by"] == "full"
    assert reached(np.empty(0), 100.0, Habit(), None)["by"] == ""


def asked(values, **how):
    given_ = {"values": [float(v) for v in values], "horizon": 24, "reach": True, **how}
    return Forecaster({}).decide(json.loads(json.dumps(given_)))["reach"]


def test_the_forecaster_says_when_a_falling_reserve_is_empty():
    found = asked(200 - risen(40, 40, 2.0), limit=0.0, rising=False, peak=150.0)
    assert found["by"] == "rise"
    assert found["is_believed"]
    assert found["expected"] == pytest.approx(50, abs=4)  # 100 left at 2 a step


def test_without_a_rise_the_forecast_that_was_tried_says_it():
    row = 50 + 5 * np.sin(2 * np.pi * np.arange(240) / 24) + noise(240)
    found = asked(row, limit=54.0, season=24)
    assert found["by"] in {"forecast", "full"}
    assert asked(row, limit=90.0, season=24)["by"] == ""


def test_a_date_is_not_forecast():
    found = asked([1_000.0], limit=1_600.0, is_deadline=True)
    assert (found["by"], found["expected"], found["latest"], found["is_believed"]) == ("deadline", 600.0, 600.0, True)
    assert asked([2_000.0], limit=1_600.0, is_deadline=True)["expected"] == 0.0


def test_nothing_of_it_is_said_when_it_is_not_asked_for():
    assert "reach" not in Forecaster({}).decide({"values": [1.0] * 60, "horizon": 5, "limit": 3.0})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e300, 1e300)), max_size=100), st.floats(-1e9, 1e9), st.booleans())
def test_whatever_it_is_asked_it_answers_in_json(values, limit, rising):
    inputs = {"values": values, "horizon": 9, "limit": limit, "rising": rising, "reach": True}
    found = Forecaster({}).decide(inputs)
    json.dumps(found, allow_nan=False)
    times = [found["reach"][name] for name in ("earliest", "expected", "latest")]
    known = [one for one in times if one is not None]
    assert known == sorted(known)


def test_a_habit_may_be_what_it_was_for_most_of_the_time_and_more_must_be_left_behind():
    row = np.concatenate([np.full(60, 40.0), [90.0, 95.0], np.full(20, 40.0), 40 + 2.0 * np.arange(20)])  # ends at 78
    assert not reached(row, 150.0, Habit(), None)["is_believed"]  # it was at 95 once
    assert reached(row, 150.0, Habit(seen=0.9), None)["is_believed"]
    assert reached(row, 150.0, Habit(peak=60.0, seen=0.9, beyond=0.1), None)["is_believed"]  # above 60 + 9
    assert not reached(row, 150.0, Habit(peak=60.0, seen=0.9, beyond=0.25), None)["is_believed"]
    assert reached(row, 150.0, Habit(peak=np.nan, seen=0.9), None)["is_believed"]


def test_slopes_that_wander_further_widen_the_interval_and_are_believed_later():
    row = np.concatenate([np.full(40, 40.0), 40 + 2.0 * np.arange(20)])
    narrow, wide = (reached(row, 110.0, Habit(), None, Wander(share)) for share in (0.15, 0.4))
    assert narrow["expected"] == wide["expected"]
    assert wide["earliest"] < narrow["earliest"] < narrow["expected"] < narrow["latest"] < wide["latest"]
    assert not reached(row, 110.0, Habit(), None, Wander(0.7))["is_believed"]
    by_factor = reached(row, 110.0, Habit(), None, Wander(0.4, is_factor=True))
    assert by_factor["latest"] / by_factor["expected"] == pytest.approx(by_factor["expected"] / by_factor["earliest"])
    assert reached(row, 110.0, Habit(), None, Wander(0.9, is_factor=True))["latest"] is None

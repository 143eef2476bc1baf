"""A forecast goes on as the past did, says how sure it is, and when a line is crossed; a short past is said to be."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.forecast import Forecaster

DAY = 24


def said(values, **how):
    asked = {"values": [float(v) for v in values], "horizon": DAY, **how}
    return Forecaster({}).decide(json.loads(json.dumps(asked)))


def noisy(seed, n=240):
    return np.random.default_rng(seed).standard_normal(n) * 0.2


def test_a_disk_that_fills_is_full_when_it_will_be():
    found = said(50 + 0.2 * np.arange(240) + noisy(1), limit=100.0)
    steps = found["crosses"]
    assert steps["earliest"] <= steps["expected"]
    assert 9 <= steps["expected"] <= 13  # 97.8 at the end, 0.2 a step
    assert found["mase"] < 1


def test_what_stays_crosses_nothing():
    assert said(50 + noisy(2), limit=60.0)["crosses"] == {"expected": None, "earliest": None, "latest": None}


def test_a_season_is_gone_on_with():
    at = np.arange(264)
    truth = 50 + 5 * np.sin(2 * np.pi * at / DAY)
    found = said(truth[:240], season=DAY)
    assert np.abs(np.array(found["path"]) - truth[240:]).max() < 0.5
    assert "season" in found["method"]


def test_a_falling_line_is_crossed_from_above_and_nothing_is_below_its_floor():
    found = said(30 - 0.12 * np.arange(240) + noisy(3), limit=0.5, rising=False, floor=0.0)
    assert found["crosses"]["expected"] is not None
    assert min(found["low"]) == 0.0


@pytest.mark.parametrize("kind", ["noise", "walk", "season"])
def test_nine_of_ten_truths_are_inside(kind):
    held = []
    for seed in range(60):
        draw = np.random.default_rng(seed)
        noise = draw.standard_normal(264)
        base = {"noise": noise, "walk": np.cumsum(noise), "season": noise + 4 * np.sin(np.arange(264) / DAY * 6.2832)}
        row = base[kind]
        found = said(row[:240], season=DAY)
        held.append(np.mean((row[240:] >= found["low"]) & (row[240:] <= found["high"])))
    assert 0.86 <= np.mean(held) <= 0.95


def test_too_little_is_said_and_not_guessed():
    found = said(range(30))
    assert (found["method"], found["path"]) == ("", [])
    assert "too few" in found["says"]


def test_gaps_are_bridged_and_an_empty_series_has_no_forecast():
    values = [None if i % 5 == 0 else 1.0 * i for i in range(120)]
    found = Forecaster({}).decide({"values": values, "horizon": 5})
    assert found["path"][-1] == pytest.approx(124, abs=3)
    assert Forecaster({}).decide({"values": [None] * 99, "horizon": 5})["method"] == ""


def test_one_outlier_is_no_new_level():
    row = 50 + noisy(4)
    row[-1] = 500.0
    path = said(row)["path"]
    assert max(path) < 60


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e300, 1e300)), max_size=120), st.integers(1, 40), st.integers(1, 30))
def test_whatever_it_is_asked_it_answers_in_json(values, horizon, season):
    found = Forecaster({}).decide({"values": values, "horizon": horizon, "season": season, "limit": 1.0})
    if found["path"]:
        assert len(found["path"]) == horizon
        assert all(low <= high for low, high in zip(found["low"], found["high"], strict=True))
    json.dumps(found, allow_nan=False)

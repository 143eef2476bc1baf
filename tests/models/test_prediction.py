"""The predictor adds up what leads to incidents; weights come from what happened; a budget sets the threshold."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.prediction import Predictor
from mainstay.models.prediction.fit import LEAST_CASES, Looks, alarms, fit, threshold_for

FEATURES = ["odd", "change"]
HOUR = 3_600_000


def said(rows, parameters=None, features=FEATURES):
    services = [f"s{i}" for i in range(len(rows))]
    return Predictor(parameters or {}).decide({"features": list(features), "services": services, "rows": rows})


def test_each_indicator_multiplies_the_odds_and_says_by_how_much():
    found = said([[0.0, 0.0], [2.0, 1.0]], {"weights": {"odd": 0.5, "change": 2.0}, "bias": -3.0, "threshold": 0.4})
    odds = {name: p / (1 - p) for name, p in found["probability"].items()}
    assert odds["s1"] / odds["s0"] == pytest.approx(np.exp(3.0))
    assert found["reasons"] == {"s0": [], "s1": [["change", 7.3891], ["odd", 2.7183]]}
    assert found["flagged"] == ["s1"]


def test_a_feature_that_it_does_not_know_counts_nothing():
    assert said([[9.0]], features=["new"])["probability"] == said([[0.0]], features=["new"])["probability"]


def test_its_parameters_are_bounded_and_known():
    for wrong in ({"weights": {"odd": 1e9}}, {"threshold": 2}, {"height": 1}):
        with pytest.raises(ValueError):
            Predictor(wrong)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2), max_size=8))
def test_whatever_it_is_asked_it_gives_probabilities(rows):
    found = said(rows)
    json.dumps(found, allow_nan=False)
    assert all(0 <= p <= 1 for p in found["probability"].values())


def drawn(seed=1, n=4000):
    draw = np.random.default_rng(seed)
    rows = np.column_stack([draw.exponential(1, n), draw.random(n)])
    truth = draw.random(n) < 1 / (1 + np.exp(4 - 1.5 * rows[:, 0]))
    return rows, truth


def test_weights_are_found_again_and_what_says_nothing_weighs_little():
    found = fit(*drawn(), FEATURES)
    assert found["weights"]["odd"] == pytest.approx(1.5, abs=0.35)
    assert abs(found["weights"]["change"]) < 0.6
    assert found["bias"] == pytest.approx(-4, abs=1)
    assert fit(*drawn(), FEATURES) == found


def test_a_rare_and_steep_sign_is_learned_and_does_not_run_away():
    rows = np.zeros((5000, 2))
    truth = np.zeros(5000, bool)
    for start in range(100, 5000, 400):
        rows[start : start + 5, 0] = 1.0
        truth[start : start + 5] = True
    found = fit(rows, truth, FEATURES)
    assert 1 < found["weights"]["odd"] < 50
    assert found["weights"]["change"] == 0.0


def test_too_few_cases_teach_nothing():
    rows, truth = np.zeros((100, 2)), np.zeros(100, bool)
    truth[10 : 10 + LEAST_CASES] = True  # looks at one incident are one case
    assert fit(rows, truth, FEATURES) == {}
    assert fit(rows, np.zeros(100, bool), FEATURES) == {}


def looks():
    at = np.arange(10) * HOUR // 2
    both = np.concatenate([at, at])
    return Looks(np.repeat([0, 1], 10), both, np.zeros((20, 1)), {0: [2 * HOUR], 1: [3 * HOUR, 100 * HOUR]})


def test_a_look_leads_to_what_begins_within_the_horizon():
    assert np.flatnonzero(looks().leads_to(HOUR)[:10]).tolist() == [2, 3]
    assert np.flatnonzero(looks().leads_to(HOUR)[10:]).tolist() == [4, 5]


def test_one_alarm_a_horizon_true_or_false_and_the_lead_of_the_first():
    scores = np.zeros(20)
    scores[[2, 3, 8]] = 1.0  # service 0: at 1 h and 1.5 h (one alarm, true), at 4 h (false)
    found = alarms(looks(), scores, 0.5, HOUR)
    assert (found.true, found.false, found.caught, found.incidents) == (1, 1, 1, 2)  # the third begins after the end
    assert found.leads_s == (3600.0,)


def test_the_threshold_is_the_lowest_within_the_budget():
    scores = np.linspace(0, 1, 20)
    for most in (0, 1, 5):
        threshold = threshold_for(looks(), scores, HOUR, most)
        assert alarms(looks(), scores, threshold, HOUR).false <= most
    assert threshold_for(looks(), scores, HOUR, 0) >= threshold_for(looks(), scores, HOUR, 5)


def test_no_score_between_two_thresholds_that_are_tried_is_passed_over():
    draw = np.random.default_rng(5)
    at = np.tile(np.arange(600) * HOUR // 2, 5)
    many = Looks(np.repeat(np.arange(5), 600), at, np.zeros((3000, 1)), {})
    scores = draw.random(3000)
    for most in (7, 23, 60):
        threshold = threshold_for(many, scores, HOUR, most)
        assert alarms(many, scores, threshold, HOUR).false == most, "each look that is flagged more is an alarm more"


def test_nothing_gives_no_alarm():
    empty = Looks(np.empty(0, int), np.empty(0, int), np.empty((0, 1)), {})
    assert alarms(empty, np.empty(0), 0.5, HOUR).incidents == 0
    assert threshold_for(empty, np.empty(0), HOUR, 1) == 1.0

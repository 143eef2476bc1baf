"""A predictor is learned from the past and judged on what came after, through its deployment, beside the baseline."""

import dataclasses

import numpy as np
import pytest

from mainstay.app.mlops.deployed import deployed
from mainstay.mlops.prediction import Looks, Seen, judged, outcomes, register, said, scores_of
from mainstay.models.prediction.fit import alarms

HOUR = 3_600_000
FEATURES = ("odd", "again")


@pytest.fixture(scope="module")
def platform():
    with deployed() as found:
        yield found


def seen(announced=True, incidents=30):
    """One service, a look every ten minutes for 60 days; odd values an hour before each incident."""
    draw = np.random.default_rng(2)
    at = np.arange(60 * 144) * HOUR // 6
    begins = sorted(draw.choice(np.arange(12, 60 * 24), incidents, replace=False).tolist())
    begins = [hour * HOUR for hour in begins]
    rows = np.column_stack([draw.exponential(0.2, len(at)), np.full(len(at), 0.5)])
    for begin in begins if announced else ():
        rows[(at >= begin - HOUR) & (at < begin), 0] += 3.0
    looks = Looks(np.zeros(len(at), int), at, rows, {0: begins})
    return Seen(looks, np.full(len(at), 0.01), FEATURES, 3600.0, 36 * 24 * HOUR, days=24.0, past_days=36.0)


def test_the_same_looks_give_the_same_version(platform):
    one, other = register(platform.registry, seen()), register(platform.registry, seen())
    assert one is not None
    assert one == other
    assert one.kind == "predictor"
    assert len(one.dataset) == 64
    assert one.parameters["horizon_s"] == 3600.0
    assert one.parameters["weights"]["odd"] > 1


def test_what_announces_itself_is_foretold_and_the_baseline_is_not_better(platform):
    figures = judged(platform.serving, platform.registry, seen())
    learned, offender = figures["learned"], figures["repeat_offender"]
    assert learned["recall"] > 0.9
    assert learned["false_per_day"] <= 1.5
    assert learned["lead_s"] == pytest.approx(3600, abs=600)
    assert offender["recall"] <= 0.2
    assert learned["recall_within"][0] < learned["recall"] <= learned["recall_within"][1]
    assert learned["lead_s_within"][0] <= learned["lead_s"] <= learned["lead_s_within"][1]
    assert 0.5 < learned["expected_by_came"] < 2
    assert learned["brier_skill"] > 0.5 > offender["brier_skill"]
    assert set(figures["weights"]) == set(FEATURES)


def test_what_comes_without_a_sign_is_not_foretold(platform):
    figures = judged(platform.serving, platform.registry, seen(announced=False))
    assert figures["learned"]["recall"] < 0.7  # one false alarm a day covers something by luck


def test_the_threshold_has_room_for_the_chance_of_both_stretches():
    found = seen(announced=False)
    draw = np.random.default_rng(8)
    for days in (36.0, 360.0):
        longer = dataclasses.replace(found, past_days=days)
        room = days - 1.28 * np.sqrt(2 * days)
        scores = draw.random(int(found.is_past.sum()))
        assert alarms(found.past, scores, longer.threshold(scores), HOUR).false <= room


def test_too_few_incidents_teach_nothing_and_the_shipped_weights_are_judged_alone(platform):
    figures = judged(platform.serving, platform.registry, seen(incidents=3))
    assert "learned" not in figures
    assert {"shipped", "repeat_offender"} <= set(figures)


def test_outcomes_add_up(platform):
    one, other = (outcomes(platform.serving, platform.registry, seen(incidents=n))[0]["learned"] for n in (30, 40))
    both = one + other
    assert both.told.incidents == one.told.incidents + other.told.incidents
    assert both.told.leads_s == one.told.leads_s + other.told.leads_s
    assert len(both.told.foretold) == both.told.caught == one.told.caught + other.told.caught
    assert said(both, 48.0)["false_per_day"] == round((one.told.false + other.told.false) / 48, 3)


def test_scores_come_from_the_version_that_is_named(platform):
    found = register(platform.registry, seen())
    shipped = platform.registry.register_shipped("predictor")
    looks = seen().looks.part(np.arange(60 * 144) < 50)
    assert scores_of(platform.serving, found.ref, looks, FEATURES).shape == (50,)
    again = scores_of(platform.serving, shipped.ref, looks, FEATURES)
    assert platform.serving.deployment("predictor").live == shipped.ref
    assert again.max() < 0.1

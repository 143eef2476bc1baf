"""A costlier way to go on from a series: tried on its past like the others, and taken only where it was better."""

import importlib.util

import numpy as np
import pytest

from mainstay.domain.errors import Refused
from mainstay.mlops.artefacts import Artefacts
from mainstay.mlops.own.building import built
from mainstay.mlops.own.decomposed import mstl
from mainstay.models.forecast import Forecaster

SEASON = 24
AT = np.arange(400)
WHOLE = 10 + np.random.default_rng(4).standard_normal(400) + 3 * np.sin(2 * np.pi * AT / SEASON)
PAST, TRUTH = WHOLE[:376], WHOLE[376:]
HAS_EXTRA = importlib.util.find_spec("statsforecast") is not None


class Oracle:
    """Knows how the series goes on, up to an error."""

    def __init__(self, off: float) -> None:
        self._off, self.asked = off, []

    def __call__(self, y, season, horizon):
        self.asked.append((len(y), season))
        return WHOLE[len(y) : len(y) + horizon] + self._off


def said(way, **given):
    asked = {"values": PAST.tolist(), "horizon": 24, "season": SEASON, "matters": True, **given}
    return Forecaster({"mstl": True}, way).decide(asked)


def test_it_is_taken_where_it_was_better_on_the_same_past():
    way = Oracle(0.1)
    found = said(way)
    assert (found["method"], found["trials"]) == ("mstl", 6)
    assert [n for n, _ in way.asked[:-1]] == sorted({n for n, _ in way.asked[:-1]}, reverse=True), "the latest moments"
    assert way.asked[-1] == (len(PAST), SEASON), "and then from now"
    assert found["path"] == pytest.approx((TRUTH + 0.1).tolist())
    assert all(low <= y <= high for low, y, high in zip(found["low"], TRUTH, found["high"], strict=True))
    assert found["mase"] < 0.2


def test_it_is_left_where_it_was_not_and_nothing_else_changes():
    plain = Forecaster({}).decide({"values": PAST.tolist(), "horizon": 24, "season": SEASON})
    assert said(Oracle(5.0)) == plain
    assert said(Oracle(np.nan)) == plain


@pytest.mark.parametrize("given", [{"matters": False}, {"season": 1}])
def test_it_is_not_asked_about_what_does_not_matter_or_has_no_season(given):
    way = Oracle(0.0)
    assert said(way, **given)["method"] != "mstl"
    assert way.asked == []


def test_a_version_without_it_asks_nobody():
    way = Oracle(0.0)
    asked = {"values": PAST.tolist(), "horizon": 24, "season": SEASON, "matters": True}
    assert Forecaster({}, way).decide(asked)["method"] != "mstl"
    assert way.asked == []


def test_the_reach_of_a_limit_comes_from_it_too():
    asked = {"limit": float(TRUTH[:12].max()), "reach": True}
    way = Oracle(0.0)
    found = said(way, **asked)
    assert found["method"] == "mstl"
    assert found["crosses"]["expected"] == int(np.argmax(asked["limit"] <= TRUTH)) + 1


def test_without_its_library_a_version_is_refused_and_says_what_to_install(tmp_path):
    with pytest.raises(ValueError, match="mainstay\\[statsforecast\\]"):
        Forecaster({"mstl": True})
    if not HAS_EXTRA:
        with pytest.raises(Refused, match="pip install 'mainstay\\[statsforecast\\]'"):
            built("tried-forecast", {"mstl": True}, Artefacts(tmp_path))


@pytest.mark.skipif(not HAS_EXTRA, reason="the extra statsforecast is not installed")
@pytest.mark.filterwarnings("ignore")
def test_the_library_goes_on_with_season_and_trend():
    path = mstl()(PAST, SEASON, 24)
    assert np.abs(TRUTH - path).mean() < 1.5

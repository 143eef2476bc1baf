"""What is foretold of a change: from what was measured, little by little, and from what is known of it."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mainstay.models.impact import ChangeRisk
from mainstay.models.impact.mixing import Skill, mixed

MODEL = ChangeRisk({})
FACTS: dict[str, Any] = {"entity": "service:t/pay", "kind": "deploy"}


def told(**facts: Any) -> dict[str, Any]:
    return MODEL.decide({**FACTS, **facts})


def chance(**facts: Any) -> float:
    return float(told(**facts)["probability"])


def test_without_any_record_the_prior_of_the_kind_speaks():
    assert (chance(), chance(kind="flag"), chance(kind="rollback")) == (0.12, 0.06, 0.04)
    assert [reason["name"] for reason in told()["reasons"]] == ["base"]


def test_what_was_measured_takes_over_from_the_prior():
    assert chance(of_kinds={"deploy": (20, 10)}) == 0.4123
    assert chance(of_kinds={"deploy": (2000, 1000)}) > 0.49


def test_a_platform_where_much_goes_wrong_tells_of_kinds_that_were_never_scored():
    much = {"deploy": (60, 30)}
    assert 0.1 < chance(kind="flag", of_kinds=much) < chance(of_kinds=much)
    assert chance(kind="flag", of_kinds={"deploy": (60, 0)}) < 0.02


def test_few_verdicts_are_said_and_stay_near_the_prior():
    found = told(of_kinds={"deploy": (3, 0)}, of_service=(3, 0))
    assert 0.07 < found["probability"] < 0.12
    assert found["says"].endswith("; 3 changes were scored here so far: it is mostly what is usual elsewhere")
    assert "elsewhere" not in told(of_kinds={"deploy": (20, 2)})["says"]


def test_two_changes_of_a_service_say_little_and_forty_say_much():
    proven = {"scored": 100, "base": 20.0, "factors": 10.0}
    assert 0.12 < chance(of_service=(2, 2), skill=proven) < 0.22
    assert chance(of_service=(40, 20), skill=proven) > 0.36
    assert chance(of_service=(40, 0), skill=proven) < 0.05


def test_factors_that_foretold_nothing_are_hardly_heard():
    failed = {"scored": 100, "base": 10.0, "factors": 12.0}
    found = told(of_service=(40, 20), skill=failed)
    assert found["by_factors"] > 0.36
    assert abs(found["probability"] - found["base"]) < 0.005
    assert found["reasons"][-1]["says"] == (
        "Brier 0.120 with all this, 0.100 without it, of 100 forecasts: it weighs 0%"
    )  # fmt: skip


def test_circumstances_are_noticed_and_count_as_far_as_they_were_scored():
    noticed = {
        "incident": "INC-7", "crowd": 2, "hour": 3, "weekday": 4, "author": "ada", "version": "v2.0.0",
        "previous_version": "v1.9.0", "size": 300,
    }  # fmt: skip
    names = {"incident", "crowd", "night", "friday", "new_author", "major_version", "large"}
    found = told(**noticed)
    assert {one["name"] for one in found["reasons"] if one["odds"] == 1.0} == {*names, "track_record"}
    assert found["probability"] == 0.12
    scored = told(**noticed, of_facts={"night": (20, 10), "friday": (20, 0)})
    odds = {one["name"]: one["odds"] for one in scored["reasons"]}
    assert (odds["night"], odds["friday"], odds["crowd"]) == (3.2947, 0.4681, 1.0)
    assert "at 03 h UTC: 10 of 20 scored deploys did harm" in [one["says"] for one in scored["reasons"]]


@given(st.lists(st.tuples(st.floats(0.005, 0.95), st.floats(0.005, 0.95), st.booleans()), max_size=60))
def test_whatever_comes_the_mixture_is_nearly_as_good_as_the_base(steps):
    skill, lost = Skill(), 0.0
    for base, by_factors, came in steps:
        said = mixed(base, by_factors, skill.weight(0.1))
        assert min(base, by_factors) <= said <= max(base, by_factors)
        lost += (said - came) ** 2
        skill = Skill(skill.scored + 1, skill.base + (base - came) ** 2, skill.factors + (by_factors - came) ** 2)
    assert lost <= skill.base + 0.053
    assert lost <= skill.factors + 1.152


def test_the_odds_of_all_reasons_make_the_probability():
    found = told(of_kinds={"deploy": (30, 9)}, of_service=(9, 5), skill={"scored": 30, "base": 6.0, "factors": 5.5})
    odds = math.prod(one["odds"] for one in found["reasons"])
    assert abs(odds / (1 + odds) - found["probability"]) < 0.001
    assert found["base"] < found["probability"] < found["by_factors"]


def test_an_author_who_knows_the_service_is_not_new():
    assert "new_author" not in [one["name"] for one in told(author="ada", here=3)["reasons"]]
    assert "new_author" in [one["name"] for one in told(author="ada")["reasons"]]


def test_a_build_number_or_a_hash_is_no_major_version():
    assert chance(version="v42", previous_version="v41") == chance(version="1f3c", previous_version="9a") == chance()


def test_callers_share_the_risk_by_distance_and_by_what_was_seen():
    callers = [["service:t/shop", 1, 1], ["service:t/web", 2, 2]]
    services = told(callers=callers)["services"]
    assert [(one["entity"], one["hops"], one["probability"]) for one in services] == [
        ("service:t/pay", 0, 0.12), ("service:t/shop", 1, 0.06), ("service:t/web", 2, 0.03),
    ]  # fmt: skip
    felt = told(callers=callers, felt={"1": (20, 20)})["services"]
    assert felt[1]["probability"] == 0.11


def test_risk_is_the_sum_of_its_parts():
    risk = told(tier=1, callers=[["service:t/shop", 1, None]])["risk"]
    assert risk["score"] == sum(part["points"] for part in risk["parts"]) == 39
    assert told()["risk"]["score"] == 14


@given(
    st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda pair: (sum(pair), pair[1])),
    st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda pair: (sum(pair), pair[1])),
    st.integers(0, 10_000_000),
    st.integers(0, 50),
)
def test_a_probability_is_one_whatever_was_counted(of_kind, of_service, size, crowd):
    found = told(of_kinds={"deploy": of_kind}, of_service=of_service, size=size, crowd=crowd)
    assert 0 < found["probability"] <= 0.95
    assert 0 <= found["risk"]["score"] <= 100

"""What is foretold of a change: from what was measured, little by little, and from what is known of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mainstay.models.impact import ChangeRisk

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
    assert chance(of_kind=(20, 10)) == 0.31
    assert chance(of_kind=(2000, 1000)) > 0.49


def test_two_changes_of_a_service_say_little_and_forty_say_much():
    assert 0.12 < chance(of_service=(2, 2)) < 0.32
    assert chance(of_service=(40, 20)) > 0.4
    assert chance(of_service=(40, 0)) < 0.03


def test_circumstances_multiply_the_odds_and_say_so():
    reasons = {
        reason["name"]: reason["odds"]
        for reason in told(
            incident="INC-7", crowd=2, hour=3, weekday=4, author="ada", version="v2.0.0", previous_version="v1.9.0",
            size=300,
        )["reasons"]
    }  # fmt: skip
    assert reasons == {
        "base": 0.1364, "size": 1.69, "incident": 1.5, "crowd": 1.44, "major_version": 1.4, "new_author": 1.2,
        "night": 1.2, "friday": 1.1,
    }  # fmt: skip


def test_an_author_who_knows_the_service_is_not_new():
    assert chance(author="ada", here=3) == chance()
    assert chance(author="ada") > chance()


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
    found = told(of_kind=of_kind, of_service=of_service, size=size, crowd=crowd)
    assert 0 < found["probability"] <= 0.95
    assert 0 <= found["risk"]["score"] <= 100

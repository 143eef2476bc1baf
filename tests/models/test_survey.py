"""The diagnoser with a survey: each kind of signal names its service, victims step back, and doubt stays doubt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.surveys import AT, NAMES, ONSET, case, entity, gauge, habit, pace, work

from mainstay.models.rca import Diagnoser


def asked(inputs: dict[str, Any]) -> dict[str, Any]:
    return Diagnoser({}).decide(inputs)


def first(inputs: dict[str, Any]) -> str:
    entities = asked(inputs)["entities"]
    return str(max(entities, key=lambda name: (entities[name], name))).rpartition("/")[2]


def calm_cpu(*but: str) -> list[dict[str, Any]]:
    return [gauge(name, "cpu", 0.2, 0.2, is_share=True) for name in NAMES if name not in but]


def test_a_calm_survey_is_not_enough_evidence() -> None:
    works = [work(name, habit(20, 20)) for name in NAMES]
    said = asked(case(gauges=calm_cpu(), works=works, paces=[pace(name, 1.0) for name in NAMES]))
    assert said["unknown"] > 0.5
    assert max(said["entities"].values()) < 0.1
    assert len(said["entities"]) == len(NAMES)


def test_a_busy_processor_names_its_service_and_its_cause() -> None:
    said = asked(case(gauges=[*calm_cpu("pay"), gauge("pay", "cpu", 0.95, 0.2, is_share=True)]))
    top = said["suspects"][0]
    assert (top["entity"], top["cause"]) == (entity("pay"), "cpu")
    assert top["probability"] > 0.8
    assert any("cpu.p90 of pay" in item["says"] for item in said["evidence"])


def test_one_odd_sample_is_no_level() -> None:
    spike = gauge("pay", "cpu", 0.2, 0.2, is_share=True)
    spike["value"][5] = 0.99
    assert asked(case(gauges=[*calm_cpu("pay"), spike]))["entities"][entity("pay")] < 0.1


def test_a_metric_that_moves_everywhere_says_little_of_anybody() -> None:
    everywhere = asked(case(gauges=[gauge(name, "cpu", 0.6, 0.2, is_share=True) for name in NAMES]))
    alone = asked(case(gauges=[*calm_cpu("pay"), gauge("pay", "cpu", 0.6, 0.2, is_share=True)]))
    assert everywhere["unknown"] > alone["unknown"]


def test_a_level_that_the_past_knows_too_is_usual() -> None:
    known = gauge("pay", "cpu", 0.6, 0.2, is_share=True, past=[0.2, 0.6] * 20)
    assert asked(case(gauges=[*calm_cpu("pay"), known]))["entities"][entity("pay")] < 0.2


@pytest.mark.parametrize("kind", ["latency", "errors"])
def test_who_is_called_explains_who_calls(kind: str) -> None:
    is_share = kind == "errors"
    now, usual = (0.3, 0.0) if is_share else (900.0, 30.0)
    gauges = [gauge(name, kind, now, usual, is_share=is_share) for name in ("front", "cart", "store")]
    gauges += [gauge(name, kind, usual, usual, is_share=is_share) for name in NAMES[4:]]
    edges = [[entity("front"), entity("cart")], [entity("cart"), entity("store")]]
    assert first(case(gauges=gauges, rest={"edges": edges})) == "store"


def test_calls_in_a_circle_do_no_harm() -> None:
    gauges = [gauge(name, "latency", 900.0, 30.0) for name in ("cart", "store")]
    edges = [[entity("cart"), entity("store")], [entity("store"), entity("cart")]]
    said = asked(case(gauges=gauges, rest={"edges": edges}))
    assert said["entities"][entity("cart")] == pytest.approx(said["entities"][entity("store")], rel=0.2)


def test_own_time_is_whose_it_is() -> None:
    paces = [pace("cart", 6.0), *(pace(name, 1.0) for name in ("front", "store"))]
    assert first(case(paces=paces)) == "cart"


def test_a_slow_network_is_at_the_end_that_all_slow_ways_share() -> None:
    slow = [pace("front", 6.0, toward="pay"), pace("cart", 6.0, toward="pay")]
    quick = [pace("front", 1.0, toward="cart"), pace("front", 1.0, toward="ads"), pace("cart", 1.0, toward="store")]
    said = asked(case(paces=[*slow, *quick]))
    assert first(case(paces=[*slow, *quick])) == "pay"
    assert any("are lost" in item["says"] for item in said["evidence"])


def test_a_way_without_a_past_is_judged_by_the_other_ways() -> None:
    new = pace("front", 6.5, toward="pay")
    new["at_ms"], new["windows"] = new["at_ms"][4:], new["windows"][4:]
    known = [pace("front", 1.0, toward=name) for name in ("cart", "ads", "search", "users")]
    assert first(case(paces=[new, *known])) == "pay"


@pytest.mark.parametrize(
    ("before", "now", "kind"), [(20, 0, "line"), (0, 18, "error"), (20, 1, "call")], ids=["gone", "new", "fewer"]
)
def test_what_an_operation_does_otherwise_names_it(before: int, now: int, kind: str) -> None:
    others = [work(name, habit(20, 20)) for name in ("front", "cart")]
    assert first(case(works=[work("pay", habit(before, now, kind)), *others])) == "pay"


def test_another_way_is_another_request_not_a_fault() -> None:
    other = work("cart", habit(20, 4, "call", "a"), habit(0, 16, "call", "b"))
    broken = work("pay", habit(20, 4, "call", "a"))
    said = asked(case(works=[other, broken]))["entities"]
    assert said[entity("pay")] > 5 * said.get(entity("cart"), 0.0)


def test_few_calls_are_little_evidence_and_spans_of_one_trace_are_not_many() -> None:
    few = work("pay", habit(1, 0), calls=1, traces=8)
    many = work("pay", habit(20, 0))
    together = work("pay", habit(20, 0), traces=8)
    found = [asked(case(works=[one]))["entities"][entity("pay")] for one in (few, together, many)]
    assert found == sorted(found)
    assert found[2] > 1.5 * found[1]


def test_after_whom_callers_give_up_is_suspected_rather_than_they() -> None:
    front = work(
        "front", habit(20, 0, "call", "/pay", "pay"), habit(20, 20, "call", "/store", "store"),
        habit(0, 20, "last", "", "store"), habit(20, 0, "last", "", "pay"),
    )  # fmt: skip
    assert first(case(works=[front, work("store", habit(20, 20)), work("pay", habit(20, 20))])) == "store"


def test_the_onset_is_found_and_a_wrong_candidate_does_little() -> None:
    gauges = [*calm_cpu("pay"), gauge("pay", "cpu", 0.95, 0.2, is_share=True)]
    sure = asked(case(gauges=gauges))
    unsure = asked(case(gauges=gauges, onsets_ms=[AT[2], AT[3], ONSET, AT[5]]))
    assert first(case(gauges=gauges, onsets_ms=[AT[2], AT[3], ONSET, AT[5]])) == "pay"
    assert unsure["entities"][entity("pay")] > 0.7 * sure["entities"][entity("pay")]
    assert unsure["evidence"][0]["at_ms"] <= ONSET


def complaint(name: str, signal: str = "latency") -> dict[str, Any]:
    return {"id": "A", "entity": entity(name), "signal": signal, "severity": "major", "since_ms": ONSET}


def test_who_complains_is_the_victim_of_what_it_depends_on() -> None:
    gauges = [gauge(name, "latency", 900.0, 30.0, count=[100.0] * len(AT)) for name in ("front", "cart")]
    rest = {"alerts": [complaint("front")], "edges": [[entity("front"), entity("cart")]]}
    assert first(case(gauges=gauges, rest=rest)) == "cart"
    assert first(case(gauges=gauges[:1], rest=rest)) == "front"


def test_a_slow_service_that_nobody_calls_does_not_slow_the_shop() -> None:
    front = gauge("front", "latency", 60.0, 30.0, count=[1000.0] * len(AT))
    rare = gauge("ads", "latency", 900.0, 30.0, count=[1.0] * len(AT))
    much = gauge("cart", "latency", 80.0, 30.0, count=[900.0] * len(AT))
    rest = {
        "alerts": [complaint("front")],
        "edges": [[entity("front"), entity("ads")], [entity("front"), entity("cart")]],
    }
    assert first(case(gauges=[front, rare, much], rest=rest)) == "cart"


def test_trouble_elsewhere_bears_less_on_a_complaint() -> None:
    gauges = [gauge(name, "latency", 900.0, 30.0) for name in ("cart", "mail")]
    rest = {"alerts": [complaint("front")], "edges": [[entity("front"), entity("cart")]]}
    said = asked(case(gauges=gauges, rest=rest))["entities"]
    assert said[entity("cart")] > 2 * said[entity("mail")]


def test_a_person_rules_out_also_what_a_survey_says() -> None:
    gauges = [*calm_cpu("pay"), gauge("pay", "cpu", 0.95, 0.2, is_share=True)]
    said = asked(case(gauges=gauges, rest={"ruled_out": [entity("pay")]}))
    assert entity("pay") not in said["entities"]


def test_without_a_survey_nothing_is_said_of_all_entities() -> None:
    assert "entities" not in asked({"at_ms": 1, "incident": "INC-1", "onset_ms": 0})


VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=len(AT), max_size=len(AT))
COUNTS = st.lists(st.integers(0, 50), min_size=len(AT), max_size=len(AT))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES, VALUES), max_size=4), st.lists(COUNTS, max_size=3))
def test_any_survey_gets_an_answer_that_adds_up(series: list[Any], counts: list[list[int]]) -> None:
    gauges = [
        {"entity": entity(name), "kind": "latency", "metric": "m", "at_ms": AT, "value": value, "past": past}
        for name, value, past in series
    ]
    works = [
        {**work(name), "calls": [50] * len(AT), "habits": [{"kind": "line", "what": "x", "heard": heard}]}
        for name, heard in zip(NAMES, counts, strict=False)
    ]
    said = asked(case(gauges=gauges, works=works, onsets_ms=[AT[0], ONSET]))
    assert sum(said["entities"].values()) <= 1.0 + 1e-9
    assert all(0.0 <= share <= 1.0 for share in said["entities"].values())
    assert sum(s["probability"] for s in said["suspects"]) + said["unknown"] == pytest.approx(1.0, abs=1e-3)
    assert msgspec.json.decode(msgspec.json.encode(said)) == said


def test_the_order_of_facts_changes_nothing() -> None:
    gauges = [gauge(name, "latency", 30.0 + 200 * i, 30.0) for i, name in enumerate(NAMES)]
    works = [work(name, habit(20, 20 - i), habit(0, i, "error")) for i, name in enumerate(NAMES)]
    straight = asked(case(gauges=gauges, works=works))
    turned = asked(case(gauges=gauges[::-1], works=works[::-1]))
    assert straight["entities"] == pytest.approx(turned["entities"], abs=1e-9)

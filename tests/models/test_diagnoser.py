"""The diagnoser by itself: any case gets an answer, the answer adds up, and the order of facts does not matter."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.rca import Diagnoser

NAMES = [f"service:p/{letter}" for letter in "abcde"] + ["database:p/db", "queue:p/mail"]
ENTITY = st.sampled_from(NAMES)
MS = st.integers(900_000, 1_100_000)
SHARE = st.floats(0, 1)
MORE = st.floats(0, 5000)


def alerts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "id": st.uuids().map(str), "entity": ENTITY, "since_ms": MS,
        "signal": st.sampled_from(["latency", "errors", "traffic", "saturation", "logs", "availability", "other"]),
        "severity": st.sampled_from(["critical", "major", "minor", "info"]),
        "caller": st.sampled_from(["", *NAMES]), "callee": st.sampled_from(["", *NAMES]),
        "own_share": st.none() | SHARE, "resource": st.sampled_from(["", "memory", "cpu", "disk", "queue", "delay"]),
    })  # fmt: skip


def calls() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "caller": st.sampled_from(["", *NAMES]), "callee": ENTITY, "before_ms": MORE, "now_ms": MORE,
        "own_before_ms": st.none() | MORE, "own_now_ms": st.none() | MORE, "errors_before": SHARE, "errors_now": SHARE,
        "rate_before": MORE, "rate_now": MORE,
    })  # fmt: skip


def vitals() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "entity": ENTITY, "kind": st.sampled_from(["memory", "cpu", "disk", "queue", "delay"]), "metric": st.just("m"),
        "series": st.integers(0, 9), "before": MORE, "now": MORE, "spread": MORE, "per_min": st.floats(-100, 100),
        "limit": st.none() | MORE, "peak": st.just(0.0) | MORE,
    })  # fmt: skip


def logs() -> st.SearchStrategy[dict[str, Any]]:
    said = ["database is locked", "connection refused by b", "no space left on device", "queue is full", "hello"]
    return st.fixed_dictionaries({
        "entity": ENTITY, "template": st.integers(0, 9), "text": st.sampled_from(said), "severity": st.integers(0, 24),
        "count": st.integers(1, 99), "since_ms": MS, "is_new": st.booleans(),
    })  # fmt: skip


def changes() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "id": st.uuids().map(str), "entity": ENTITY, "at_ms": MS, "by_mainstay": st.booleans(),
        "kind": st.sampled_from(["deploy", "rollback", "config", "flag", "scale", "restart", "other"]),
    })  # fmt: skip


def cases() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "at_ms": st.just(1_100_000), "incident": st.just("INC-1"), "onset_ms": st.just(1_000_000),
        "alerts": st.lists(alerts(), max_size=8), "edges": st.lists(st.tuples(ENTITY, ENTITY), max_size=12),
        "calls": st.lists(calls(), max_size=8, unique_by=lambda c: (c["caller"], c["callee"])),
        "vitals": st.lists(vitals(), max_size=5), "logs": st.lists(logs(), max_size=5),
        "changes": st.lists(changes(), max_size=4), "silent": st.dictionaries(ENTITY, MS, max_size=2),
        "hosts": st.dictionaries(ENTITY, st.sampled_from(["host:p/h", "host:p/i"]), max_size=6),
    })  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(cases())
def test_any_case_gets_an_answer_that_adds_up(case: dict[str, Any]) -> None:
    said = Diagnoser({}).decide(case)
    probabilities = [suspect["probability"] for suspect in said["suspects"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) + said["unknown"] == pytest.approx(1.0, abs=1e-3)
    assert sum(probabilities) <= 1.0
    ids = [item["id"] for item in said["evidence"]]
    assert ids == [f"E{number}" for number in range(1, len(ids) + 1)]
    assert all(set(suspect["evidence"]) <= set(ids) for suspect in said["suspects"])
    named = {change["id"]: change for change in case["changes"]}
    for suspect in said["suspects"]:
        if suspect["change"]:
            change = named[suspect["change"]]
            assert not change["by_mainstay"]
            assert change["at_ms"] <= 1_100_000
            assert change["entity"] == suspect["entity"]
    assert msgspec.json.decode(msgspec.json.encode(said)) == said


@settings(max_examples=150, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_change_who_is_suspected(case: dict[str, Any], random) -> None:
    shuffled = {k: random.sample(v, len(v)) if isinstance(v, list) else v for k, v in case.items()}
    before, after = Diagnoser({}).decide(case), Diagnoser({}).decide(shuffled)
    assert [(s["entity"], s["cause"]) for s in before["suspects"]] == [
        (s["entity"], s["cause"]) for s in after["suspects"]
    ]
    assert [s["probability"] for s in before["suspects"]] == pytest.approx(
        [s["probability"] for s in after["suspects"]], abs=2e-4
    )


def test_an_empty_case_suspects_nobody() -> None:
    said = Diagnoser({}).decide({"at_ms": 1, "incident": "INC-1", "onset_ms": 0})
    assert (said["suspects"], said["unknown"], said["evidence"]) == ([], 1.0, [])
    assert said["says"] == "not enough evidence for a suspect yet"


def case(**rest: Any) -> dict[str, Any]:
    slow = {"id": "A", "entity": NAMES[0], "signal": "latency", "severity": "major", "since_ms": 0, "own_share": 1.0}
    return {"at_ms": 30_000, "incident": "INC-1", "onset_ms": 0, "alerts": [slow], **rest}


def first(**rest: Any) -> tuple[str, str]:
    suspect = Diagnoser({}).decide(case(**rest))["suspects"][0]
    return suspect["entity"], suspect["cause"]


def test_a_person_has_the_last_word() -> None:
    assert first() == (NAMES[0], "unknown")
    assert first(confirmed=NAMES[3], confirmed_by="ada")[0] == NAMES[3]
    assert NAMES[0] not in {s["entity"] for s in Diagnoser({}).decide(case(ruled_out=[NAMES[0]]))["suspects"]}


@pytest.mark.parametrize(
    ("age_s", "blamed"), [(5, True), (60, True), (300, True), (1200, False), (-5, True), (-30, False)]
)
def test_how_long_before_the_onset_a_deploy_is_still_suspected(age_s: int, blamed: bool) -> None:
    change = {"id": "C", "entity": NAMES[0], "kind": "deploy", "at_ms": -age_s * 1000}
    assert (first(changes=[change])[1] == "deploy") is blamed


def test_a_complaint_counts_against_whom_it_names() -> None:
    edges = [[NAMES[0], NAMES[1]], [NAMES[0], NAMES[5]]]
    log = {
        "entity": NAMES[0],
        "template": 1,
        "text": "b: connection refused",
        "severity": 17,
        "count": 9,
        "since_ms": 0,
    }
    alert = {"id": "B", "entity": NAMES[1], "signal": "errors", "severity": "major", "since_ms": 0}
    said = Diagnoser({}).decide(case(edges=edges, logs=[log], alerts=[alert]))["suspects"]
    assert (said[0]["entity"], said[0]["cause"]) == (NAMES[1], "dependency")
    assert all(suspect["cause"] != "dependency" for suspect in said if suspect["entity"] == NAMES[5])


def test_weights_are_parameters_of_the_version() -> None:
    change = {"id": "C", "entity": NAMES[0], "kind": "deploy", "at_ms": -5_000}
    deaf = Diagnoser({"change": 0.0}).decide(case(changes=[change]))["suspects"]
    assert deaf[0]["cause"] == "unknown"


def test_time_that_nobody_accounts_for_is_no_excuse() -> None:
    waits = {"id": "A", "entity": NAMES[0], "callee": NAMES[0], "signal": "latency", "severity": "major", "since_ms": 0,
             "own_share": 0.0}  # fmt: skip
    vital = {"entity": NAMES[0], "kind": "delay", "metric": "m", "series": 1, "before": 0.002, "now": 0.24}
    alone = Diagnoser({}).decide(case(alerts=[waits], vitals=[vital]))["suspects"][0]
    assert (alone["entity"], alone["cause"]) == (NAMES[0], "cpu")
    assert alone["probability"] > 0.6
    ill = {"id": "B", "entity": NAMES[5], "callee": NAMES[5], "signal": "latency", "severity": "major", "since_ms": 0}
    below = Diagnoser({}).decide(case(alerts=[waits, ill], edges=[[NAMES[0], NAMES[5]]]))["suspects"][0]
    assert below["entity"] == NAMES[5]


def starved(names: list[str], *, late_s: float = 0.08, added_ms: float = 50.0) -> dict[str, Any]:
    """Services of one host: how late each wakes, and what the calls to it take."""
    return {
        "hosts": dict.fromkeys(names, "host:p/h"),
        "vitals": [
            {"entity": name, "kind": "delay", "metric": "late", "series": number, "before": 0.005, "now": 0.004,
             "spread": 0.002, "peak": late_s, "unit": "s"}
            for number, name in enumerate(names)
        ],
        "calls": [
            {"caller": "", "callee": name, "before_ms": 20.0, "now_ms": 20.0 + added_ms, "own_before_ms": 10.0,
             "own_now_ms": 10.0 + added_ms}
            for name in names
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("many", "is_host"), [(2, False), (3, True), (5, True)])
def test_so_many_must_be_starved_before_it_is_their_host(many: int, is_host: bool) -> None:
    assert (first(**starved(NAMES[:many]))[1] == "host") is is_host


@pytest.mark.parametrize(("late_s", "added_ms", "is_host"), [(0.08, 50, True), (0.01, 50, False), (0.08, 4, False)])
def test_a_starved_host_needs_lateness_and_slowness(late_s: float, added_ms: float, is_host: bool) -> None:
    assert (first(**starved(NAMES[:4], late_s=late_s, added_ms=added_ms))[1] == "host") is is_host


def test_who_uses_the_processor_is_not_excused_by_it() -> None:
    facts = starved(NAMES[:4])
    used = {"entity": NAMES[0], "kind": "cpu", "metric": "cpu", "series": 9, "before": 0.1, "now": 1.8, "unit": "1"}
    change = {"id": "C", "entity": NAMES[0], "kind": "deploy", "at_ms": -20_000}
    facts["vitals"].append(used)
    said = Diagnoser({}).decide(case(**facts, changes=[change]))["suspects"]
    assert (said[0]["entity"], said[0]["cause"]) == (NAMES[0], "deploy")


@pytest.mark.parametrize(("signal", "leave"), [("errors", ["service:p/mail", "service:p/shop"]), ("traffic", None)])
def test_a_second_cause_is_one_of_trouble_and_not_of_fewer_calls(signal: str, leave: list[str] | None) -> None:
    """Even where little would suffice: what was not called for was not broken."""
    onset_ms = 1_000_000
    slow = {"id": "A-1", "entity": "service:p/pay", "signal": "latency", "severity": "critical", "since_ms": onset_ms,
            "caller": "service:p/front", "callee": "service:p/pay", "own_share": 1.0}  # fmt: skip
    other = {"id": "A-2", "entity": "service:p/shop", "signal": signal, "severity": "minor",
             "since_ms": onset_ms + 5000, "caller": "service:p/shop", "callee": "service:p/mail"}  # fmt: skip
    edges = [["service:p/front", "service:p/pay"], ["service:p/front", "service:p/shop"]]
    changes = [{"id": f"c-{name}", "entity": f"service:p/{name}", "kind": "deploy", "at_ms": onset_ms + late_ms}
               for name, late_ms in (("pay", -2000), ("mail", 4000))]  # fmt: skip
    case = {"at_ms": onset_ms + 60_000, "incident": "INC-1", "onset_ms": onset_ms, "alerts": [slow, other],
            "edges": [*edges, ["service:p/shop", "service:p/mail"]], "changes": changes}  # fmt: skip
    second = Diagnoser({"second_at": 0.3}).decide(case).get("second")
    assert (second["leave"] if second else None) == leave

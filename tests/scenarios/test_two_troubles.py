"""Two faults at once below one caller: two incidents, each with its own cause first; one fault remains one."""

from __future__ import annotations

import pytest
from tests.scenarios.drill import Drill, Fault, deploy, failing, metric, slow, storm
from tests.scenarios.shops import SHOPS, WIDE, entity

from mainstay.domain.incidents import Incident

PAIRS = [
    ("wide", "index", "pricing"), ("wide", "profile", "search"), ("wide", "rates", "index"),
    ("deep", "offers", "db:session"), ("deep", "media", "ledger"), ("deep", "session", "db:media"),
]  # fmt: skip


def both(shop: str, first: Fault, second: Fault) -> Drill:
    drill = Drill(SHOPS[shop])
    told = [*storm(drill.shop, first), *storm(drill.shop, second, errors=True, detect_s=11)]
    drill.run(until_s=240, faults=[first, second], script=list({a.id: (at, a) for at, a in told}.values()))
    drill.judges.reperform()
    return drill


def of(drill: Drill, where: str) -> Incident:
    found = [
        incident for incident in drill.open
        if any(drill.alerts[grouping.alert].about == entity(where) for grouping in incident.groupings)
    ]  # fmt: skip
    assert len(found) == 1, [incident.id for incident in found]
    return found[0]


@pytest.mark.parametrize(("shop", "one", "other"), PAIRS)
@pytest.mark.parametrize("apart_s", [20, 40])
def test_two_faults_below_one_caller_are_two_incidents(shop: str, one: str, other: str, apart_s: int) -> None:
    drill = both(shop, Fault(one, extra_ms=400), Fault(other, at_s=120 + apart_s, errors=0.4))
    first, second = of(drill, one), of(drill, other)
    assert first.id != second.id
    assert first.suspects[0].entity == entity(one)
    assert second.suspects[0].entity == entity(other)


def test_who_suffers_from_both_does_not_name_the_other_ones_cause() -> None:
    drill = both("wide", Fault("rates", extra_ms=400), Fault("index", at_s=160, errors=0.4))
    second = of(drill, "index")
    assert {a.about for g in second.groupings for a in [drill.alerts[g.alert]]} > {entity("index")}
    asked = [said.inputs for kind, said in drill.judges.decisions if kind == "diagnoser"]
    ruled_out = {case["incident"]: set(case["ruled_out"]) for case in asked}
    assert entity("rates") in ruled_out[second.id]
    assert entity("index") in ruled_out[of(drill, "rates").id]


@pytest.mark.parametrize(("shop", "one", "other"), PAIRS)
def test_what_begins_in_the_same_window_is_one(shop: str, one: str, other: str) -> None:
    drill = both(shop, Fault(one, extra_ms=400), Fault(other, at_s=121, errors=0.4))
    assert of(drill, one).id == of(drill, other).id


def deployed(shop: str, one: str, other: str, *, is_acknowledged: bool = False) -> Drill:
    """Both are deployed at one moment, and both deploys are bad; what the second breaks is told half a minute later."""
    faults = [Fault(one, extra_ms=400), Fault(other, at_s=121, errors=0.4)]
    told = [*storm(SHOPS[shop], faults[0]), *storm(SHOPS[shop], faults[1], errors=True, detect_s=40)]
    alerts = list({alert.id: (at, alert) for at, alert in told}.values())
    script = [(118, deploy(one, 118)), (119, deploy(other, 119)), *alerts]
    drill = Drill(SHOPS[shop])
    drill.run(until_s=150, faults=faults, script=[line for line in script if line[0] <= 150])
    if is_acknowledged:
        drill.say("acknowledge", "INC-1", 150)
    drill.run(until_s=240, since_s=150, faults=faults, script=[line for line in script if line[0] > 150])
    return drill


@pytest.mark.parametrize(("shop", "one", "other"), [("wide", "rates", "index"), ("deep", "media", "ledger")])
def test_a_second_cause_leaves_with_what_it_alone_explains(shop: str, one: str, other: str) -> None:
    drill = deployed(shop, one, other)
    first, second = of(drill, one), of(drill, other)
    assert first.suspects[0].entity == entity(one)
    assert second.suspects[0].entity == entity(other)
    assert (first.id, second.id) == ("INC-1", "INC-2")
    assert "(deploy) are two causes: neither depends on the other" in second.groupings[0].why
    assert any("split off into INC-2 by diagnoser@1" in line.says for line in first.timeline)
    drill.judges.reperform()


def test_what_a_person_took_on_stays_whole() -> None:
    drill = deployed("wide", "rates", "index", is_acknowledged=True)
    assert [(incident.id, incident.status) for incident in drill.open] == [("INC-1", "acknowledged")]
    assert of(drill, "rates").id == of(drill, "index").id


def test_a_caller_whose_own_fault_shows_on_all_its_calls_is_one_incident() -> None:
    script = [(134, failing("cart", "pricing", 121, 134)), (135, failing("cart", "orders", 124, 135)),
              (136, failing("front", "cart", 122, 136)), (138, failing("", "front", 122, 138))]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=180, script=script)
    assert [len(incident.groupings) for incident in drill.open] == [4]


def test_a_new_symptom_of_a_victim_goes_where_it_began_just_now() -> None:
    script = [(134, slow("front", "cart", 121, 134, severity="critical")), (135, slow("", "front", 122, 135)),
              (170, failing("front", "search", 157, 170)), (171, failing("", "front", 158, 171))]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=200, script=script)
    assert of(drill, "cart").id != of(drill, "search").id
    where = {g.alert: i.id for i in drill.open for g in i.groupings}
    assert where[failing("", "front", 158, 171).id] == of(drill, "search").id


def test_what_a_known_victim_suffers_from_anew_opens_with_one_alert() -> None:
    script = [(134, slow("front", "cart", 121, 134, severity="critical")), (135, slow("", "front", 122, 135)),
              (165, failing("", "front", 158, 165)), (170, failing("front", "search", 157, 170))]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=200, script=script)
    assert of(drill, "search").id != of(drill, "cart").id


def test_a_hint_neither_keeps_an_incident_open_nor_reaches_for_more() -> None:
    trouble = {"since_s": 121, "at_s": 134, "severity": "critical"}
    hint = slow("", "front", 122, 140, severity="info", signal="traffic")
    script = [(134, slow("front", "cart", **trouble)), (140, hint),
              (150, slow("front", "cart", **trouble, ended_s=150))]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=190, script=script)
    assert [(i.status, len(i.groupings)) for i in drill.incidents.values()] == [("resolved", 2)]


def test_a_full_disk_is_not_the_leak_of_before_come_back() -> None:
    leak = {"severity": "major", "since_s": 100, "at_s": 110, "near_exhaustion": "true"}
    disk = metric("cart", "system.filesystem.utilization", 200, 205, severity="major", near_exhaustion="true")
    script = [(110, metric("cart", "process.memory.usage", **leak)),
              (130, metric("cart", "process.memory.usage", **leak, ended_s=130)), (205, disk)]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=220, script=script)
    assert [(i.status, len(i.groupings)) for i in drill.incidents.values()] == [("resolved", 1), ("open", 1)]


def test_the_leak_itself_comes_back() -> None:
    leak = {"severity": "major", "near_exhaustion": "true"}
    script = [(110, metric("cart", "process.memory.usage", 100, 110, **leak)),
              (130, metric("cart", "process.memory.usage", 100, 110, **leak, ended_s=130)),
              (205, metric("cart", "process.memory.usage", 200, 205, **leak))]  # fmt: skip
    drill = Drill(WIDE)
    drill.run(until_s=220, script=script)
    assert [(i.status, len(i.groupings)) for i in drill.incidents.values()] == [("open", 2)]

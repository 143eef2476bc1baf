"""The stage: storms, recurrences, people's commands, and what is left in the ledger."""

from __future__ import annotations

import msgspec
import pytest
from tests.scenarios.drill import Drill, Fault, deploy, failing, metric, ms, slow, storm
from tests.scenarios.shops import DEEP, WIDE, entity

from mainstay.correlate import Correlate
from mainstay.domain.errors import Corrupt
from mainstay.domain.signals import Normal


def stormy(until_s: float = 180) -> Drill:
    drill, fault = Drill(WIDE), Fault("pricing", extra_ms=400)
    drill.run(until_s=until_s, faults=[fault], script=[(112, deploy("pricing", 112)), *storm(WIDE, fault)])
    return drill


def calm(drill: Drill, at_s: float) -> None:
    """Every alert ends."""
    ended = [
        slow(*_ends(a.subject), (a.since_ms - ms(0)) / 1000, at_s, ended_s=at_s)
        for a in drill.alerts.values()
        if a.call[1]
    ]
    drill.record(Normal(), at_s, ended)


def _ends(subject: str) -> tuple[str, str]:
    caller, _, callee = subject.removeprefix("edge:").partition(">")
    return caller.rpartition("/")[2], callee.rpartition("/")[2]


def test_quiet_ends_it_and_a_recurrence_brings_it_back() -> None:
    drill = stormy()
    calm(drill, 200)
    drill.record(Normal(), 215)
    assert drill.incidents["INC-1"].status == "open"
    drill.record(Normal(), 221)
    assert drill.incidents["INC-1"].status == "resolved"
    assert drill.incidents["INC-1"].resolved_ms == ms(221)
    assert not drill.open
    drill.record(Normal(), 300, [slow("cart", "pricing", 290, 300)])
    assert drill.incidents["INC-1"].status == "open"
    assert [e.output["event"] for e in drill.entries if e.kind == "incident"] == ["opened", "reopened"]
    assert list(drill.incidents) == ["INC-1"]


def test_one_calm_alert_of_many_ends_nothing() -> None:
    drill = stormy()
    drill.record(Normal(), 200, [slow("cart", "pricing", 122, 200, ended_s=200)])
    drill.record(Normal(), 260)
    assert drill.open


def test_two_faults_in_unconnected_parts_are_two() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20, severity="critical")])
    drill.record(
        Normal(), 22, [metric("mailer", "messaging.process.duration", 6, 22, severity="critical", signal="errors")]
    )
    assert len(drill.open) == 2


def test_two_faults_minutes_apart_are_two() -> None:
    drill = Drill(DEEP)
    drill.record(Normal(), 20, [slow("catalogue", "media", 5, 20, severity="critical")])
    drill.record(Normal(), 620, [slow("api", "session", 605, 620, severity="critical")])
    assert len(drill.open) == 2


def test_what_lingers_of_an_incident_swallows_nothing() -> None:
    """Most of it is over and its cause is not sure; one caller's slow tail is told for minutes more."""
    drill = Drill(WIDE)
    told = [("", "front"), ("front", "cart"), ("front", "profile"), ("front", "search")]
    drill.record(Normal(), 20, [slow(*call, 5, 20, severity="critical") for call in told])
    assert [incident.suspects[0].probability < 0.5 for incident in drill.open] == [True]
    drill.record(Normal(), 100, [slow(*call, 5, 100, ended_s=100) for call in told[1:]])
    drill.record(Normal(), 150, [slow("front", "cart", 140, 150, signal="errors", severity="critical")])
    assert len(drill.open) == 2
    drill.record(Normal(), 160, [slow("", "front", 141, 160, signal="errors", severity="critical")])
    assert [len(incident.groupings) for incident in drill.open] == [4, 2]


def test_a_log_line_that_stays_keeps_no_cause_burning() -> None:
    drill = Drill(WIDE)
    line = slow("front", "cart", 5, 20, severity="major", signal="logs")
    line = msgspec.structs.replace(line, subject=f"log:{entity('cart')}#7", entity=entity("cart"))
    drill.record(Normal(), 20, [slow("front", "cart", 5, 20, severity="critical", own=1.0), line])
    drill.say("right-cause", "INC-1", 30, entity=entity("cart"))
    drill.record(Normal(), 60, [slow("front", "cart", 5, 60, ended_s=60)])
    drill.record(Normal(), 100, [slow("front", "cart", 90, 100, signal="errors", severity="critical")])
    assert [len(incident.groupings) for incident in drill.open] == [2, 1]


def test_calls_that_are_not_made_any_more_tie_no_other_trouble_of_who_is_called() -> None:
    """`front` fails because `cart` does, so it calls `search` less; what ails `index` is its own story."""
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [failing("front", "cart", 5, 20, severity="critical")])
    drill.record(Normal(), 30, [slow("front", "search", 8, 30, signal="traffic", severity="minor")])
    assert [len(incident.groupings) for incident in drill.open] == [2]
    drill.record(Normal(), 60, [slow("search", "index", 45, 60, severity="critical")])
    assert [len(incident.groupings) for incident in drill.open] == [2, 1]


def test_what_ends_or_mends_a_trouble_asks_for_no_other_cause() -> None:
    """What the calls look like while it ends says nothing of why it began."""
    drill = Drill(WIDE)
    told = [("", "front"), ("front", "cart"), ("cart", "pricing"), ("pricing", "rates")]
    alerts = [slow(*call, 5, 20, severity="critical") for call in told]
    drill.record(Normal(), 20, [*alerts, metric("rates", "disk.usage", 6, 20)])
    asked = drill.stage._state.held["INC-1"].diagnosed_ms
    drill.record(Normal(), 24, [metric("rates", "disk.usage", 6, 20, ended_s=24)])
    drill.record(Normal(changes=(deploy("rates", 26, kind="restart"),)), 26)
    drill.record(Normal(changes=(deploy("cart", 27, kind="rollback"),)), 27)
    held = drill.stage._state.held["INC-1"]
    assert held.diagnosed_ms == asked
    assert [line.says for line in held.incident.timeline if line.kind == "change"] == [
        "restart rates@v42 by ci",
        "rollback cart@v42 by ci",
    ]
    drill.record(Normal(changes=(deploy("cart", 28),)), 28)
    assert drill.stage._state.held["INC-1"].diagnosed_ms > asked


def test_who_is_called_less_burns_no_longer() -> None:
    drill = Drill(WIDE)
    fewer = slow("front", "cart", 21, 40, severity="minor", signal="traffic")
    drill.record(Normal(), 20, [slow("front", "cart", 5, 20, severity="critical", own=1.0)])
    drill.say("right-cause", "INC-1", 30, entity=entity("cart"))
    drill.record(Normal(), 40, [fewer])
    drill.record(Normal(), 60, [slow("front", "cart", 5, 60, ended_s=60)])
    drill.record(Normal(), 100, [slow("front", "cart", 90, 100, signal="errors", severity="critical")])
    assert [len(incident.groupings) for incident in drill.open] == [2, 1]


def test_lone_load_is_listed_and_opens_nothing_until_it_is_near_exhaustion() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [metric("cart", "process.cpu.utilization", 5, 20)])
    assert not drill.incidents
    assert [a.entity for a in drill.pending] == [entity("cart")]
    drill.record(Normal(), 40, [metric("cart", "disk.usage", 30, 40, near_exhaustion="true")])
    assert len(drill.open) == 1


def test_a_waiting_alert_that_became_worse_is_asked_about_again() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("cart", "pricing", 5, 20)])
    drill.record(Normal(), 25, [slow("cart", "pricing", 5, 25)])
    assert len([e for e in drill.entries if e.kind == "grouping"]) == 1
    drill.record(Normal(), 30, [slow("cart", "pricing", 5, 30, severity="critical")])
    assert len(drill.open) == 1


def test_every_decision_is_in_the_ledger_with_its_inputs_and_rests_on_what_came_before() -> None:
    drill = stormy()
    by_kind = {kind: [e for e in drill.entries if e.kind == kind] for kind in ("grouping", "incident", "diagnosis")}
    came = [e for e in by_kind["grouping"] if e.output["action"] == "along"]
    by_kind["grouping"] = [e for e in by_kind["grouping"] if e not in came]
    assert len(by_kind["grouping"]) == len(drill.alerts)
    assert {e.output["incident"] for e in came} <= {"INC-1"}
    assert len({e.id for e in drill.entries}) == len(drill.entries)
    for entry in (*by_kind["grouping"], *by_kind["diagnosis"]):
        assert entry.inputs
        assert entry.actor in ("correlator@1", "diagnoser@1")
    known: set[str] = set()
    for entry in drill.entries:
        if entry.kind in ("grouping", "incident"):
            assert set(entry.rests_on) <= known
        known.add(entry.id)
    drill.judges.reperform()
    found = drill.incidents["INC-1"]
    assert {g.alert for g in found.groupings} == set(drill.alerts)
    assert all(str(g.decided_by) == "correlator@1" and g.why for g in found.groupings)


def test_two_records_of_one_millisecond_have_entries_of_their_own() -> None:
    drill = Drill(WIDE)
    for at_s, severity in ((20, "major"), (20, "critical")):
        drill.record(Normal(), at_s, [slow("cart", "pricing", 5, 20, severity=severity)])
    groupings = [e for e in drill.entries if e.kind == "grouping"]
    assert [e.output["action"] for e in groupings] == ["hold", "open"]
    assert len({e.id for e in groupings}) == 2
    assert len({e.at_ms for e in groupings}) == 1


def test_the_timeline_tells_it_in_order() -> None:
    found = stormy().incidents["INC-1"]
    assert [line.at_ms for line in found.timeline] == sorted(line.at_ms for line in found.timeline)
    kinds = [line.kind for line in found.timeline]
    assert kinds[0] == "change"
    assert found.timeline[0].says == "deploy pricing@v42 by ci"
    assert {"change", "alert", "decision"} == set(kinds)
    assert any(line.says.startswith("suspect pricing (deploy") for line in found.timeline)


def test_acknowledge_and_resolve_by_a_person() -> None:
    drill = stormy()
    drill.say("acknowledge", "INC-1", 190)
    assert drill.incidents["INC-1"].acknowledged_by == "ada"
    drill.record(Normal(), 200, [slow("front", "profile", 192, 200)])
    assert drill.incidents["INC-1"].status == "acknowledged"
    drill.say("resolve", "INC-1", 210)
    assert drill.incidents["INC-1"].status == "resolved"
    assert [e.actor for e in drill.entries if e.kind == "resolution"] == ["user:ada"]


def test_merge_by_a_person() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20, severity="critical")])
    drill.record(Normal(), 22, [metric("mailer", "x", 6, 22, severity="critical", signal="errors")])
    assert drill.say("merge", "INC-2", 30, into="INC-1") == "merged into INC-1"
    assert (drill.incidents["INC-2"].status, drill.incidents["INC-2"].merged_into) == ("merged", "INC-1")
    assert len(drill.incidents["INC-1"].groupings) == 2
    assert "two open" in drill.say("merge", "INC-2", 31, into="INC-1")


def test_split_by_a_person_stays_split() -> None:
    drill = stormy()
    name = next(n for n in drill.alerts if ">service:prod/front" in n)
    assert drill.say("split", "INC-1", 190, alert=name) == "split into INC-2"
    assert [g.alert for g in drill.incidents["INC-2"].groupings] == [name]
    assert name not in {g.alert for g in drill.incidents["INC-1"].groupings}
    drill.record(Normal(), 195, [drill.alerts[name]])
    assert len(drill.open) == 2
    assert str(drill.incidents["INC-2"].decided_by) == "user/ada@0"


def test_a_persons_cause_stays_first() -> None:
    drill = stormy()
    drill.say("verdict", "INC-1", 190, kind="wrong-cause", target=entity("orders"))
    assert drill.incidents["INC-1"].suspects[0].entity == entity("orders")
    assert "ada says so" in drill.incidents["INC-1"].suspects[0].says
    drill.record(Normal(), 205, [slow("front", "profile", 192, 205)])
    drill.run(since_s=205, until_s=300, faults=[Fault("pricing", extra_ms=400)])
    assert drill.incidents["INC-1"].suspects[0].entity == entity("orders")
    drill.judges.reperform()


def test_a_cause_that_a_person_rules_out_is_gone() -> None:
    drill = stormy()
    drill.say("verdict", "INC-1", 190, kind="wrong-cause", target="")
    assert entity("pricing") not in {s.entity for s in drill.incidents["INC-1"].suspects}


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "merge", "split", "verdict", "plan-outcome", "suppress"])
def test_a_command_about_nothing_says_so_and_changes_nothing(kind: str) -> None:
    drill = stormy()
    before = drill.stage.snapshot()
    assert drill.say(kind, "INC-99", 190)
    assert drill.stage.snapshot() == before


def test_what_a_person_asks_for_is_a_line_of_the_timeline() -> None:
    drill = stormy()
    drill.say("request-plan", "INC-1", 200, title="Restart pricing")
    assert drill.incidents["INC-1"].timeline[-1].says == "ada asks for: Restart pricing"


def test_the_outcome_of_a_plan_is_a_line_of_the_timeline() -> None:
    drill = stormy()
    drill.say("plan-outcome", "PLAN-1", 200, incident="INC-1", status="succeeded", runbook="roll-back", says="calm")
    assert drill.incidents["INC-1"].timeline[-1].says == "roll-back: succeeded, calm"


def test_state_of_another_stage_is_refused() -> None:
    with pytest.raises(Corrupt):
        Correlate(Drill(WIDE).judges).restore(b"\x93\xa1x\x01\xc4\x00")

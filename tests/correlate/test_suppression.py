"""Symptoms of what burns below: proposed at first, held once a team says so, told when the suppressor is gone."""

from __future__ import annotations

import msgspec
import pytest
from tests.correlate.test_silences import held, records, silence
from tests.scenarios.drill import Drill, Fault, metric, ms, slow
from tests.scenarios.shops import WIDE, entity

from mainstay.correlate import Correlate
from mainstay.domain.alerts import Alert
from mainstay.domain.signals import Normal

LATE_S = 1200.0  # so long after, the correlator groups nothing any more


def drill(mode: str = "on") -> Drill:
    """The main database has burned for twenty minutes, and was told."""
    made = Drill(WIDE)
    if mode != "proposed":
        made.say("suppression", "default", 1, mode=mode, why="seen")
    made.record(Normal(), 20, [slow("rates", "db:main", 5, 20, severity="critical")])
    assert not held(made)
    return made


def symptoms(at_s: float = LATE_S, **fields: object) -> list[Alert]:
    """Two callers of the database, one of them indirectly."""
    return [slow("pricing", "rates", at_s, at_s + 15, **fields), slow("cart", "pricing", at_s + 1, at_s + 15, **fields)]  # type: ignore[arg-type]


def suffer(made: Drill, at_s: float = LATE_S, **fields: object) -> str:
    """Symptoms begin; the incident that they are."""
    made.record(Normal(), at_s + 15, symptoms(at_s, **fields))
    return made.stage.incident_of(symptoms(at_s)[0].id)


def over(made: Drill, at_s: float) -> None:
    made.record(Normal(), at_s, [slow("rates", "db:main", 5, at_s, severity="critical", ended_s=at_s)])


def test_proposed_holds_nothing_and_notes_what_it_would_have_held() -> None:
    made = drill("proposed")
    name = suffer(made)
    assert name == "INC-2"
    assert not held(made, name)
    assert all(alert.withheld is None for e in made.effects for alert in e.alerts.values())
    record = records(made)[name]
    assert (record.mode, record.status, record.suppressor, record.entity) == (
        "proposed", "held", "INC-1", entity("db:main"),
    )  # fmt: skip
    over(made, LATE_S + 60)
    assert records(made)[name].status == "released"


def test_off_asks_nobody() -> None:
    made = drill("off")
    assert not held(made, suffer(made))
    assert records(made) == {}
    assert "suppressor" not in {kind for kind, _ in made.judges.decisions}


def test_on_holds_the_symptoms_and_each_says_why_and_by_which_version() -> None:
    made = drill()
    name = suffer(made)
    assert held(made, name)
    marked = {alert.id: alert for alert in made.effects[-1].alerts.values()}
    assert {str(alert.withheld.decided_by) for alert in marked.values() if alert.withheld} == {"suppressor@1"}
    assert made.incidents[name].withheld.why.startswith("a symptom of INC-1: latency of main, 1 call below")  # type: ignore[union-attr]
    entry = next(e for e in made.entries if e.id.startswith("symptom:"))
    assert entry.inputs is not None
    assert made.judges.judges["suppressor"].decide(entry.inputs) == entry.output
    switch = next(e for e in made.entries if e.kind == "silence")
    assert switch.id in entry.rests_on
    made.judges.reperform()


def test_when_the_suppressor_is_calm_what_still_burns_pages() -> None:
    made = drill()
    name = suffer(made)
    over(made, LATE_S + 60)
    assert not held(made, name)
    record = records(made)[name]
    assert (record.status, record.ended_why) == ("released", "main is calm, and this burns on")
    assert made.incidents[name].timeline[-1].says.startswith("paged now")
    assert [a.withheld for a in made.effects[-1].alerts.values() if a.status == "firing"] == [None, None]


def test_when_the_suppressor_falls_silent_what_still_burns_pages() -> None:
    made = Drill(WIDE)
    made.say("suppression", "default", 1, mode="on", why="")
    made.record(made.window(5), 5)
    made.record(made.window(10), 10, [slow("cart", "pricing", 5, 10, severity="critical")])
    at_s = LATE_S
    felt = slow("", "front", at_s - 10, at_s)
    made.record(made.window(at_s), at_s, [felt, slow("front", "cart", at_s - 10, at_s)])
    name = made.stage.incident_of(felt.id)
    assert held(made, name)
    made.record(made.window(at_s + 5), at_s + 5)
    dead = [Fault("pricing", at_s=at_s + 6, is_silent=True)]
    for step in range(8):
        made.record(made.window(at_s + 10 + 5 * step, dead), at_s + 10 + 5 * step)
    assert not held(made, name)
    assert "fell silent" in records(made)[name].ended_why


def test_what_ends_with_its_suppressor_was_never_told() -> None:
    made = drill()
    name = suffer(made)
    ended = [msgspec.structs.replace(a, status="resolved", ended_ms=ms(LATE_S + 40)) for a in symptoms()]
    made.record(Normal(), LATE_S + 40, ended)
    made.record(Normal(), LATE_S + 80)
    assert made.incidents[name].status == "resolved"
    assert records(made)[name].status == "over"


@pytest.mark.parametrize("exempt", ["critical", "rule", "exhausted"])
def test_critical_alerts_rules_of_ones_own_and_full_disks_always_page(exempt: str) -> None:
    made = drill()
    first, second = symptoms()
    if exempt == "critical":
        second = msgspec.structs.replace(second, severity="critical")
    elif exempt == "rule":
        second = msgspec.structs.replace(second, source="prometheus")
    else:
        second = metric("pricing", "disk.usage", LATE_S, LATE_S + 15, near_exhaustion="true")
    made.record(Normal(), LATE_S + 15, [first, second])
    assert not held(made, made.stage.incident_of(first.id))


def test_an_own_rule_that_joins_a_held_incident_pages_it() -> None:
    made = drill()
    name = suffer(made)
    rule = msgspec.structs.replace(slow("front", "cart", LATE_S + 20, LATE_S + 30), source="prometheus")
    made.record(Normal(), LATE_S + 30, [rule])
    assert made.stage.incident_of(rule.id) == name
    assert not held(made, name)
    assert records(made)[name].ended_why == "not all of it is withheld"


def test_one_more_symptom_joins_what_is_held() -> None:
    made = drill()
    name = suffer(made)
    more = slow("front", "cart", LATE_S + 20, LATE_S + 30)
    made.record(Normal(), LATE_S + 30, [more])
    assert made.stage.incident_of(more.id) == name
    record = records(made)[name]
    assert (held(made, name), record.status, record.pages) == (True, "held", 1)
    assert more.id in record.alerts


def test_what_began_first_or_lies_elsewhere_is_no_symptom() -> None:
    made = drill()
    made.record(
        Normal(), LATE_S, [slow("search", "index", LATE_S - 9, LATE_S), slow("front", "search", LATE_S - 9, LATE_S)]
    )
    assert not held(made, made.stage.incident_of(slow("search", "index", LATE_S - 9, LATE_S).id))
    early = Drill(WIDE)
    early.say("suppression", "default", 1, mode="on", why="")
    early.record(Normal(), 20, symptoms(5))
    early.record(Normal(), LATE_S, [slow("rates", "db:main", LATE_S - 9, LATE_S, severity="critical")])
    assert not any(held(early, name) for name in early.incidents)


def test_a_team_decides_for_its_own() -> None:
    made = drill()
    entities = {k: msgspec.structs.replace(e, owner="shop") for k, e in made.topology.entities.items()}
    made.topology = msgspec.structs.replace(made.topology, entities=entities)
    name = suffer(made)
    assert not held(made, name)
    assert (records(made)[name].mode, records(made)[name].ref) == ("proposed", "shop")
    made.say("suppression", "shop", LATE_S + 20, mode="on", why="")
    assert not held(made, name), "what was told stays told"
    assert held(made, suffer(made, LATE_S * 2))


def test_an_hour_is_the_longest_and_it_is_not_asked_about_again() -> None:
    made = drill()
    name = suffer(made)
    made.record(Normal(), LATE_S + 15 + 3599)
    assert held(made, name)
    made.record(Normal(), LATE_S + 15 + 3601)
    assert not held(made, name)
    made.record(Normal(), LATE_S + 15 + 3610, [slow("front", "cart", LATE_S + 3605, LATE_S + 3610)])
    assert not held(made, name)


def test_switched_off_it_lets_go_at_once() -> None:
    made = drill()
    name = suffer(made)
    made.say("suppression", "default", LATE_S + 20, mode="off", why="too much")
    assert not held(made, name)
    assert records(made)[name].ended_why == "ada switched the suppression off"


def test_under_a_silenced_suppressor_symptoms_wait_and_under_both_the_last_to_go_decides() -> None:
    made = Drill(WIDE)
    made.say("suppression", "default", 1, mode="on", why="")
    silence(made, 2, 'kind="database"', until_s=LATE_S + 100)
    made.record(Normal(), 20, [slow("rates", "db:main", 5, 20, severity="critical")])
    assert held(made)
    silence(made, 30, 'service="rates"', until_s=LATE_S + 50, name="S2")
    name = suffer(made)
    assert made.incidents[name].withheld.by == "dependency"  # type: ignore[union-attr]
    made.record(Normal(), LATE_S + 60)
    assert held(made, name), "all of it is a symptom, silenced or not"
    over(made, LATE_S + 70)
    assert not held(made, name)


def test_a_restart_changes_nothing() -> None:
    whole, cut = drill(), drill()
    for made in (whole, cut):
        for step in range(3):
            if made is cut:
                stage = Correlate(made.judges)
                stage.restore(made.stage.snapshot())
                made.stage = stage
            if step == 0:
                suffer(made)
            elif step == 1:
                made.record(Normal(), LATE_S + 30, [slow("front", "cart", LATE_S + 20, LATE_S + 30)])
            else:
                over(made, LATE_S + 60)
    assert whole.incidents == cut.incidents
    assert records(whole) == records(cut)
    assert [e.id for e in whole.entries] == [e.id for e in cut.entries]

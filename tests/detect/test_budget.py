"""What the budget holds back, what it never holds back, and what becomes of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.detect.spoken import AT_MS, Spoken, applied, only, turn
from tests.detect.test_rules import rule

from mainstay.detect import Detect
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import Budget
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology
from mainstay.domain.incidents import Grouping, Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import Transition
from mainstay.domain.records import Command
from mainstay.domain.signals import Normal, Series
from mainstay.domain.verdicts import Verdict, VerdictKind

HOUR, DAY = 3_600_000, 86_400_000
WEAK = 1e-4


def entity(number: int | str, owner: str | None = None) -> Entity:
    return Entity(id=f"service:lab/s{number}", kind="service", name=f"s{number}", owner=owner)


class Line:
    """The stage with a correlator of one rule: an alert of ours that is major and not held back opens an incident."""

    def __init__(self, budget: Budget | None = None, topology: Topology | None = None) -> None:
        self.models, self.seq = Spoken(), 0
        self.stage = Detect(self.models, budget, (), lambda: topology or Topology())
        self.incidents: list[Incident] = []

    def start(self, number: int | str, at_ms: int, *, p_value: float | None = WEAK, **more: Any) -> Alert:
        """A condition of its own entity starts; the alert as it was told."""
        told = turn(True, subject=f"edge:>service:lab/s{number}", at_ms=at_ms, p_value=p_value, **more)
        effects = self.step(at_ms, told, number)
        return next(a for a in effects.alerts.values() if a.entity == f"service:lab/s{number}")

    def calm(self, number: int | str, at_ms: int) -> None:
        self.step(at_ms, turn(False, subject=f"edge:>service:lab/s{number}", at_ms=at_ms), number)

    def step(self, at_ms: int, told: Transition | None = None, number: int | str = "") -> Effects:
        if told is not None:
            self.models.say("edges", _of(told, f"service:lab/s{number}"))
        self.seq += 1
        effects = Effects(decided_seq=self.seq)
        self.stage.apply(Normal(), at_ms, effects)
        for alert in effects.alerts.values():
            if alert.status == "firing" and alert.severity in {"major", "critical"} and not alert.suppressed:
                self._open(alert, effects, at_ms)
        self.stage.saw(effects)
        return effects

    def _open(self, alert: Alert, effects: Effects, at_ms: int) -> None:
        by = VersionRef("correlator", 1)
        incident = Incident(
            id=f"INC-{len(self.incidents) + 1}", status="open", severity=alert.severity, title=alert.name,
            since_ms=alert.since_ms, opened_ms=at_ms, updated_ms=at_ms, decided_by=by,
            groupings=(Grouping(alert=alert.id, at_ms=at_ms, why="", decided_by=by),),
        )  # fmt: skip
        self.incidents.append(incident)
        effects.incidents[incident.id] = incident

    def judge(self, subject: str, kind: VerdictKind = "not-anomaly", at_ms: int = AT_MS) -> Effects:
        effects = Effects(decided_seq=self.seq)
        verdict = Verdict(id=f"V-{subject}-{kind}", kind=kind, subject=subject, by="ada", at_ms=at_ms)
        self.stage.learn(verdict, effects)
        return effects

    def exhausted(self) -> int:
        """Spend every place of the week on weak majors; the time after that."""
        for number in range(40):
            self.start(f"x{number}", AT_MS + number * HOUR)
        return AT_MS + 40 * HOUR

    def used(self) -> int:
        [team] = [team for team in self.stage.standing.teams if team.team == "default"]
        return team.used


def _of(told: Transition, name: str) -> Transition:
    import dataclasses

    return dataclasses.replace(told, entity=name)


@pytest.fixture
def line() -> Line:
    return Line()


def test_weak_pages_are_let_through_while_there_are_places_then_held_back(line: Line) -> None:
    alerts = [line.start(number, AT_MS + number * HOUR) for number in range(20)]
    assert [alert.suppressed for alert in alerts[:3]] == [False] * 3
    held = [alert for alert in alerts if alert.suppressed]
    assert {alert.suppressed_by for alert in held} == {"budget"}
    assert len(alerts) - len(held) <= 6
    assert "page budget of team default (7 false pages a week)" in held[0].suppressed_why
    assert all(alert.status == "firing" for alert in held)


def test_places_come_back_after_a_week(line: Line) -> None:
    later = line.exhausted()
    assert line.start("late", later).suppressed
    assert not line.start("later", later + 7 * DAY).suppressed


def test_what_is_rare_critical_or_nearly_exhausted_passes_at_once_whatever_was_spent(line: Line) -> None:
    at_ms = line.exhausted()
    assert not line.start("rare", at_ms, p_value=1e-12).suppressed
    assert not line.start("critical", at_ms + HOUR, severity="critical").suppressed
    full = {"metric": "disk.usage", "near_exhaustion": "true"}
    assert not line.start("full", at_ms + 2 * HOUR, p_value=None, labels=full).suppressed
    assert line.start("no-chance-given", at_ms + 3 * HOUR, p_value=None).suppressed


def test_a_rule_of_the_user_is_never_held_back(line: Line) -> None:
    at_ms = line.exhausted()
    effects = applied(line.stage, Normal(alerts=(rule(since_ms=at_ms),)), at_ms)
    assert not only(effects).suppressed


def test_one_minor_condition_alone_costs_nothing_and_two_that_agree_do(line: Line) -> None:
    for number in range(30):
        assert not line.start(number, AT_MS + number * HOUR, severity="minor").suppressed
        assert not line.start(f"info{number}", AT_MS + number * HOUR, severity="info").suppressed
    assert line.used() == 0
    at_ms = line.exhausted() + 30 * HOUR
    first = line.start("a", at_ms, severity="minor")
    second = line.start("a", at_ms + 10_000, severity="major", channel="errors")
    assert (first.suppressed, second.suppressed) == (False, True)


def test_evidence_that_grows_releases_what_was_held_back(line: Line) -> None:
    topology = Topology(edges=(Edge(caller="service:lab/s1", callee="service:lab/s2"),))
    line = Line(topology=topology)
    at_ms = line.exhausted()
    held = line.start(1, at_ms, p_value=1e-5)
    assert held.suppressed_by == "budget"
    line.models.say("edges", _of(turn(True, subject="edge:a>b", at_ms=at_ms + 20_000, p_value=1e-5), "service:lab/s2"))
    effects = Effects(decided_seq=99)
    line.stage.apply(Normal(), at_ms + 20_000, effects)
    assert {alert.id: alert.suppressed for alert in effects.alerts.values()}[held.id] is False
    assert len(effects.alerts) == 2
    [released] = [e for e in effects.entries if e.kind == "suppression"]
    assert released.output["released"] is True
    assert released.subject == held.id


def test_later_alerts_of_a_trouble_that_paged_are_the_same_page(line: Line) -> None:
    line.start(1, AT_MS, p_value=1e-12)
    for number, channel in enumerate(("errors", "traffic", "other")):
        assert not line.start(1, AT_MS + number * 90_000, channel=channel).suppressed
    assert line.used() == 0
    at_ms = line.exhausted()
    assert line.start(1, at_ms, channel="new").suppressed  # that page is long ago


def test_what_got_worse_is_asked_about_again(line: Line) -> None:
    at_ms = line.exhausted()
    held = line.start(1, at_ms)
    assert held.suppressed
    worse = line.start(1, at_ms + HOUR, severity="critical")
    assert (worse.id, worse.suppressed) == (held.id, False)


def test_a_page_that_proved_right_gives_its_place_back(line: Line) -> None:
    alerts = [line.start(number, AT_MS + number * HOUR) for number in range(3)]
    line.step(AT_MS + 3 * HOUR)
    assert line.used() == 3
    line.judge(alerts[0].id, "anomaly")
    line.judge(line.incidents[1].id, "right-cause")
    line.stage.worked(line.incidents[2].id)
    line.step(AT_MS + 4 * HOUR)
    assert line.used() == 0


def test_a_rehearsal_of_the_past_leaves_every_place_free(line: Line) -> None:
    at_ms = line.exhausted()
    line.stage.forgive()
    assert not line.start("live", at_ms).suppressed


def test_a_page_that_opened_no_incident_gives_its_place_back(line: Line) -> None:
    line.models.say("edges", turn(True, p_value=WEAK))
    applied(line.stage)
    applied(line.stage, at_ms=AT_MS + 5000)
    assert line.used() == 1
    applied(line.stage, at_ms=AT_MS + HOUR)
    assert line.used() == 0


def test_rare_pages_that_were_false_take_places_and_lower_trust(line: Line) -> None:
    for number in range(10):
        alert = line.start(number, AT_MS + number * HOUR, p_value=1e-12)
        assert not alert.suppressed
        line.judge(alert.id)
    line.step(AT_MS + 13 * HOUR)
    [team] = line.stage.standing.teams
    assert (team.used, team.trust) == (10, 0.4)
    assert line.start("next", AT_MS + 14 * HOUR, p_value=1e-12).suppressed_by == "budget"


def test_a_condition_that_flaps_is_held_back_unless_it_is_rare(line: Line) -> None:
    told = []
    for number in range(5):
        at_ms = AT_MS + number * 300_000
        told.append(line.start(1, at_ms))
        line.calm(1, at_ms + 60_000)
    assert [alert.suppressed_by for alert in told] == ["", "", "", "flapping", "flapping"]
    assert not line.start(1, AT_MS + 5 * 300_000, p_value=1e-12).suppressed
    assert len({alert.id for alert in told}) == 5


def test_teams_have_their_own_budgets() -> None:
    topology = Topology(
        entities={e.id: e for e in (entity(1, "payments"), entity(2, "search"), *(entity(f"x{n}") for n in range(40)))}
    )
    line = Line(Budget(false_pages_per_week=7, teams={"payments": 0.0}), topology)
    assert line.start(1, AT_MS).suppressed
    assert not line.start(2, AT_MS).suppressed
    at_ms = line.exhausted()
    assert not line.start(2, at_ms, channel="errors").suppressed
    assert {t.team: t.promised for t in line.stage.standing.teams} == {"default": 7, "payments": 0, "search": 7}


def test_chances_are_counted_over_everything_that_is_watched(line: Line) -> None:
    at_ms = line.exhausted()
    assert not line.start("few", at_ms, p_value=1e-7).suppressed
    series = tuple(Series(n, 1000 + n, "service:lab/many", f"m{n}") for n in range(2000))
    for _ in range(2):  # told again after a restart, they are not twice as many
        applied(line.stage, Normal(new_series=series), at_ms + HOUR)
    assert line.stage.standing.teams[0].watched == 2001
    assert line.start("many", at_ms + 2 * HOUR, p_value=1e-7).suppressed


def test_the_ledger_says_what_the_budget_went_by(line: Line) -> None:
    at_ms = line.exhausted()
    line.models.say("edges", _of(turn(True, subject="edge:>q", at_ms=at_ms, p_value=WEAK), "service:lab/q"))
    effects = Effects(decided_seq=4711)
    line.stage.apply(Normal(), at_ms, effects)
    raised, held = effects.entries
    assert held.kind == "suppression"
    assert held.rests_on == (raised.id,)
    assert raised.id.endswith("-4711")
    assert held.output["by"] == "budget"
    assert held.output["team"] == "default"
    assert held.output["promised_per_week"] == 7
    assert held.output["expected_per_week"] > 1


def test_undo_takes_back_what_was_learned_and_names_who() -> None:
    line = Line()
    first = line.start(1, AT_MS, effect=4.0)
    [learned] = line.judge(first.id).entries
    assert (learned.kind, learned.actor) == ("policy", "user:ada")
    assert learned.rests_on[0] == f"verdict:V-{first.id}-not-anomaly"
    line.calm(1, AT_MS + 1000)
    again = line.start(1, AT_MS + HOUR, effect=5.0)
    assert again.suppressed_by == "verdict"
    [bar] = line.stage.standing.learned
    assert (bar.held, bar.judged, bar.needed, bar.by) == (1, 4.0, 6.0, "ada")
    effects = Effects(decided_seq=7)
    line.stage.unlearn(Command(kind="suppress", by="bob", at_ms=AT_MS + HOUR, subject=bar.id), effects)
    [entry] = effects.entries
    assert (entry.actor, entry.output["held"], entry.output["why"]) == ("user:bob", 1, "undone")
    assert line.stage.standing.learned == ()
    line.calm(1, AT_MS + HOUR + 1000)
    assert not line.start(1, AT_MS + 5 * HOUR, effect=5.0).suppressed


def test_the_suppression_by_a_verdict_rests_on_it(line: Line) -> None:
    first = line.start(1, AT_MS)
    line.judge(first.id)
    line.calm(1, AT_MS + 1000)
    effects = line.step(AT_MS + HOUR, turn(True, subject="edge:>service:lab/s1", at_ms=AT_MS + HOUR), 1)
    [held] = [e for e in effects.entries if e.kind == "suppression"]
    assert held.rests_on[1] == f"verdict:V-{first.id}-not-anomaly"
    assert f"V-{first.id}-not-anomaly by ada" in held.output["why"]


def test_a_verdict_about_an_incident_is_about_its_alerts(line: Line) -> None:
    alert = line.start(1, AT_MS)
    [entry] = line.judge(line.incidents[0].id).entries
    assert entry.subject == alert.id
    line.judge(line.incidents[0].id, "anomaly")
    assert line.stage.standing.learned == ()


def test_a_storm_of_ten_thousand_services_without_a_call_between_them_is_ten_thousand_bursts() -> None:
    line = Line()
    for number in range(10_000):
        line.models.say("edges", _of(turn(True, subject=f"edge:>{number}", p_value=0.5), f"service:lab/{number}"))
    effects = applied(line.stage)
    assert len(effects.alerts) == 200
    assert line.stage.standing.waiting == 9800
    assert line.used() == 4  # the fifth place is not for what chance brings sixty thousand times a week
    assert sum(1 for alert in effects.alerts.values() if alert.suppressed) == 196


def test_a_restart_at_any_moment_changes_nothing() -> None:
    through, stopped, told = Line(), Line(), []
    for number in range(30):
        for one in (through, stopped):
            told.append(
                msgspec.to_builtins(one.start(number % 11, AT_MS + number * 400_000, p_value=10.0 ** -(number % 9)))
            )
            one.calm(number % 11, AT_MS + number * 400_000 + 150_000)
        assert told[-1] == told[-2]
        if number == 8:
            for one in (through, stopped):
                one.judge(told[-1]["id"])
        state = stopped.stage.snapshot()
        again = Detect(stopped.models)
        again.restore(state)
        assert again.snapshot() == state
        stopped.stage = again
    assert any(alert["suppressed"] for alert in told)

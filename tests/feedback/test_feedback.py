"""Verdicts become labels about the right version, once per person; labels become honest shares."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.incidents import Grouping, Incident, Suspect
from mainstay.domain.models import Deployment, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan, Verify
from mainstay.domain.shares import wilson
from mainstay.domain.verdicts import Label, Verdict, VerdictKind
from mainstay.feedback import Feedback, scorecard

EDGES, CORRELATOR, DIAGNOSER, PLANNER = (VersionRef(n, 3) for n in ("edges", "correlator", "diagnoser", "planner"))


@dataclass
class Shelf:
    """A control store in memory."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)

    def alert(self, alert: str) -> Alert | None:
        return self.alerts.get(alert)

    def incident(self, incident: str) -> Incident | None:
        return self.incidents.get(incident)

    def plan(self, plan: str) -> Plan | None:
        return self.plans.get(plan)

    def deployments(self) -> list[Deployment]:
        live = {"metrics": VersionRef("metrics", 7), "edges": EDGES, "diagnoser": DIAGNOSER}
        return [Deployment(kind=kind, live=ref) for kind, ref in live.items()]  # type: ignore[arg-type]


def shelf() -> Shelf:
    alerts = {
        name: Alert(id=name, fingerprint=name, entity="service:p/a", name="slow", severity="major", status="firing",
                    since_ms=1, at_ms=2, decided_by=EDGES)
        for name in ("A-1", "A-2")
    }  # fmt: skip
    groupings = tuple(Grouping(alert=name, at_ms=3, why="near", decided_by=CORRELATOR) for name in alerts)
    suspect = Suspect(entity="service:p/a", cause="deploy", probability=0.9, decided_by=DIAGNOSER, change="C-1")
    incidents = {
        name: Incident(id=name, status="open", severity="major", title=name, since_ms=1, opened_ms=3, updated_ms=3,
                       decided_by=CORRELATOR, groupings=groupings if name == "INC-1" else (),
                       suspects=(suspect,) if name == "INC-1" else ())
        for name in ("INC-1", "INC-2")
    }  # fmt: skip
    plan = Plan(
        id="PLAN-1", incident="INC-1", runbook="roll-back", title="t", parameters={}, targets=(), steps=(), undo=(),
        verify=Verify(), risk_class="normal", decided_by=PLANNER, created_ms=4, suspect="service:p/a",
    )  # fmt: skip
    return Shelf(alerts, incidents, {"PLAN-1": plan})


def say(kind: VerdictKind, subject: str, target: str = "", by: str = "ada", at_ms: int = 10, **rest: object) -> Verdict:
    return Verdict(id=f"V-{at_ms}-{kind}", kind=kind, subject=subject, by=by, at_ms=at_ms, target=target, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "about", "is_true", "kind"),
    [
        (say("anomaly", "A-1"), {EDGES}, True, "alert"),
        (say("not-anomaly", "A-1"), {EDGES}, False, "alert"),
        (say("right-cause", "INC-1"), {DIAGNOSER}, True, "cause"),
        (say("wrong-cause", "INC-1", "service:p/b"), {DIAGNOSER}, False, "cause"),
        (say("merge", "INC-1", "INC-2"), {CORRELATOR}, False, "grouping"),
        (say("split", "INC-1", "A-2"), {CORRELATOR}, False, "grouping"),
        (say("missed", "service:p/z"), {VersionRef("metrics", 7), EDGES}, False, "missed"),
        (say("plan-worked", "PLAN-1"), {PLANNER}, True, "plan"),
        (say("plan-failed", "PLAN-1"), {PLANNER}, False, "plan"),
    ],
)
def test_what_each_verdict_is_about(verdict: Verdict, about: set[VersionRef], is_true: bool, kind: str) -> None:
    effects = Effects()
    labels = Feedback(shelf()).record(verdict, effects)
    assert set(effects.verdicts[verdict.id].about) == about
    assert {VersionRef(label.model, label.version) for label in labels} == about
    assert all(
        (label.is_true, label.kind, label.from_verdict, label.by) == (is_true, kind, verdict.id, "ada")
        for label in labels
    )
    assert [entry.kind for entry in effects.entries] == ["verdict", *["label"] * len(labels)]
    assert effects.entries[0].actor == "user:ada"
    assert all(entry.rests_on == (effects.entries[0].id,) for entry in effects.entries[1:])


def test_what_the_caller_writes_into_about_is_not_believed() -> None:
    effects = Effects()
    Feedback(shelf()).record(say("anomaly", "A-1", about=(VersionRef("other", 1),)), effects)
    assert next(iter(effects.verdicts.values())).about == (EDGES,)


def test_an_incident_that_is_no_anomaly_judges_each_of_its_alerts() -> None:
    assert {label.subject for label in Feedback(shelf()).record(say("not-anomaly", "INC-1"), Effects())} == {
        "A-1",
        "A-2",
    }


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (say("anomaly", "A-9"), NotFound),
        (say("right-cause", "INC-9"), NotFound),
        (say("right-cause", "INC-2"), BadInput),
        (say("merge", "INC-1", "INC-1"), BadInput),
        (say("merge", "INC-1", "INC-9"), NotFound),
        (say("split", "INC-1", "A-9"), BadInput),
        (say("missed", ""), BadInput),
        (say("plan-worked", "PLAN-9"), NotFound),
    ],
)
def test_a_verdict_about_nothing_leaves_nothing(verdict: Verdict, error: type[Exception]) -> None:
    effects = Effects()
    with pytest.raises(error):
        Feedback(shelf()).record(verdict, effects)
    assert effects == Effects()


def test_who_changes_their_mind_replaces_their_label_and_the_ledger_keeps_both() -> None:
    effects, feedback = Effects(), Feedback(shelf())
    feedback.record(say("anomaly", "A-1", at_ms=10), effects)
    feedback.record(say("not-anomaly", "A-1", at_ms=20), effects)
    feedback.record(say("anomaly", "A-1", by="bob", at_ms=15), effects)
    assert sorted((label.by, label.is_true) for label in effects.labels.values()) == [("ada", False), ("bob", True)]
    assert len({entry.id for entry in effects.entries}) == 6


def outcome(status: str) -> Command:
    return Command(kind="plan-outcome", by="mainstay", at_ms=50, subject="PLAN-1",
                   arguments={"status": status, "says": "quiet", "incident": "INC-1"})  # fmt: skip


def test_a_plan_that_worked_confirms_the_cause_and_one_that_failed_refutes_nothing() -> None:
    feedback = Feedback(shelf())
    worked = feedback.outcome(outcome("succeeded"), Effects())
    assert [(label.kind, label.is_true, label.by) for label in worked] == [
        ("plan", True, "outcome"),
        ("cause", True, "outcome"),
    ]
    assert [(label.kind, label.is_true) for label in feedback.outcome(outcome("undone"), Effects())] == [
        ("plan", False)
    ]
    for status in ("approved", "running", "expired", "rejected", "unknown"):
        assert not feedback.outcome(outcome(status), Effects())


def test_merging_and_splitting_is_a_verdict_too() -> None:
    effects = Effects()
    Feedback(shelf()).regrouped(
        Command(kind="merge", by="ada", at_ms=9, subject="INC-1", arguments={"into": "INC-2"}), effects
    )
    Feedback(shelf()).regrouped(
        Command(kind="split", by="ada", at_ms=9, subject="INC-1", arguments={"alert": "A-1"}), effects
    )
    assert sorted(label.subject for label in effects.labels.values()) == ["A-1", "INC-1"]


def label(number: int, *, is_true: bool = True, kind: str = "alert", by: str = "ada", at_ms: int = 0) -> Label:
    return Label(id=f"{number}-{by}-{kind}", model="metrics", version=7, subject=f"A-{number}", is_true=is_true,
                 kind=kind, from_verdict="V", by=by, at_ms=at_ms)  # type: ignore[arg-type]  # fmt: skip


def test_the_scorecard_says_its_counts_and_how_far_to_trust_them() -> None:
    labels = [label(n, is_true=n >= 5) for n in range(37)] + [label(99, kind="missed", is_true=False)]
    [score] = scorecard(labels)
    assert (score.right, score.wrong, score.missed) == (32, 5, 1)
    assert score.precision.says == "precision 0.86 [0.72–0.94] n=37"
    assert score.recall.says == "recall 0.97 [0.85–0.99] n=33"
    [few] = scorecard(labels[:3])
    assert (few.precision.value, few.precision.says) == (None, "precision: too few (0 of 3, needs 8)")


def test_a_decision_counts_once_and_a_person_outweighs_an_outcome() -> None:
    said = [label(1, by="outcome", at_ms=9), label(1, is_true=False, by="ada", at_ms=5), label(1, by="bob", at_ms=2)]
    assert [(s.right, s.wrong) for s in scorecard(said)] == [(0, 1)]
    assert scorecard([]) == []


@given(st.integers(1, 500), st.integers(0, 500))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(n: int, hits: int) -> None:
    hits = min(hits, n)
    low, high = wilson(hits, n)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert wilson(0, 0) == (0.0, 1.0)

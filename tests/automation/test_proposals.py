"""One plan at a time per incident; answered ones are not proposed again; state survives."""

import msgspec
import pytest
from tests.automation.test_planning import NOW_MS, ROLL_BACK, FixedPlanner, deploys, incident, topology

from mainstay.automation import load_runbooks
from mainstay.automation.proposals import KEPT_INCIDENTS, Proposals
from mainstay.domain.effects import Effects
from mainstay.domain.errors import Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.watching import Standing


def desk(planner=None):
    proposals = Proposals(load_runbooks(), planner or FixedPlanner(ROLL_BACK), topology)
    proposals.learn(Effects(changes={change.id: change for change in deploys()}))
    return proposals


def apply(proposals, one, seq=1):
    effects = Effects(decided_seq=seq)
    proposals.apply(one, NOW_MS, effects)
    return effects


def other(runbook="restart-service"):
    return FixedPlanner({**ROLL_BACK, "runbook": runbook, "parameters": {}})


def asked(proposals, plan, by="rita"):
    effects = Effects(decided_seq=9)
    made = msgspec.structs.replace(plan, requested_by=f"user:{by}")
    arguments = {"plan": msgspec.json.encode(made).decode()}
    proposals.request(
        Command(kind="request-plan", by=by, at_ms=NOW_MS, subject=plan.incident, arguments=arguments), effects
    )
    return effects


def outcome(plan, status):
    arguments = {"incident": plan.incident, "status": status, "runbook": plan.runbook, "says": ""}
    return Command(kind="plan-outcome", by="mainstay", at_ms=NOW_MS, subject=plan.id, arguments=arguments)


def test_the_same_plan_is_proposed_once():
    proposals = desk()
    assert len(apply(proposals, incident()).plans) == 1
    assert not apply(proposals, incident()).plans


def test_it_is_withdrawn_when_the_incident_is_over():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    [gone] = apply(proposals, msgspec.structs.replace(incident(), status="resolved")).plans.values()
    assert (gone.id, gone.status) == (plan.id, "withdrawn")


def test_what_is_withdrawn_is_in_the_ledger_with_the_reason():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    [entry] = apply(proposals, msgspec.structs.replace(incident(), status="resolved"), 5).entries
    assert (entry.kind, entry.subject, entry.actor) == ("plan", plan.id, "mainstay")
    assert entry.output == {"status": "withdrawn", "why": "the incident is over"}
    assert entry.rests_on == ("INC-7", f"plan-digest:{plan.digest}")
    assert not apply(proposals, msgspec.structs.replace(incident(), status="resolved")).entries


def test_a_diagnosis_that_turns_and_turns_back_makes_plans_that_no_yes_confuses():
    proposals = desk()
    [first] = apply(proposals, incident()).plans.values()
    back, proposals._models = proposals._models, other()
    turned = apply(proposals, incident(), 2)
    assert [(p.runbook, p.status) for p in turned.plans.values()] == [
        ("roll-back-deploy", "withdrawn"),
        ("restart-service", "proposed"),
    ]
    assert [e.id for e in turned.entries] == [f"plan:{first.id}:withdrawn:2", f"plan:{list(turned.plans)[1]}"]
    proposals._models = back
    again = apply(proposals, incident(), 3)
    [second] = [p for p in again.plans.values() if p.status == "proposed"]
    assert second.id == f"{first.id}~2"
    assert second.digest != first.digest
    assert not apply(proposals, incident(), 4).plans


def test_what_a_person_asks_for_takes_the_place_of_what_was_proposed():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    wished = msgspec.structs.replace(plan, id="PLAN-by-hand", runbook="restart-service", title="Restart payments")
    effects = asked(proposals, wished)
    assert [(p.id, p.status) for p in effects.plans.values()] == [(plan.id, "withdrawn"), (wished.id, "proposed")]
    assert [(e.actor, e.subject) for e in effects.entries] == [("mainstay", plan.id), ("user:rita", wished.id)]
    assert effects.entries[1].output["asked"] == "restart-service"
    assert not apply(proposals, incident()).plans, "while it waits nothing is proposed beside it"
    proposals.command(outcome(wished, "rejected"))
    proposals._models = other("clean-disk")
    assert apply(proposals, incident()).plans


def test_the_plan_that_was_proposed_can_become_somebodys():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    effects = asked(proposals, plan)
    assert [(p.id, p.requested_by, p.digest) for p in effects.plans.values()] == [(plan.id, "user:rita", plan.digest)]


def test_two_people_cannot_ask_at_once_and_nobody_while_a_plan_runs():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    asked(proposals, plan)
    with pytest.raises(Refused, match="user:rita asked for"):
        asked(proposals, msgspec.structs.replace(plan, id="PLAN-2"), by="bob")
    proposals.command(outcome(plan, "approved"))
    with pytest.raises(Refused, match="approved or running"):
        asked(proposals, msgspec.structs.replace(plan, id="PLAN-2"))


def test_an_incident_that_comes_back_remembers_what_was_tried():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    proposals.command(outcome(plan, "approved"))
    apply(proposals, msgspec.structs.replace(incident(), status="resolved"))
    assert not apply(proposals, incident()).plans, "the plan still runs"
    proposals.command(outcome(plan, "succeeded"))
    assert not apply(proposals, incident()).plans, "it was done, and here we are again"
    assert proposals._models.asked[-1]["tried"] == ["roll-back-deploy"]


def test_what_is_remembered_is_bounded():
    proposals = desk()
    for number in range(KEPT_INCIDENTS + 10):
        apply(proposals, msgspec.structs.replace(incident(), id=f"INC-{number}"))
    assert len(proposals._tried) == KEPT_INCIDENTS


def test_while_a_plan_runs_nothing_else_is_proposed_and_afterwards_not_the_same():
    proposals = desk()
    [plan] = apply(proposals, incident()).plans.values()
    proposals.command(outcome(plan, "approved"))
    assert not apply(proposals, incident()).plans
    proposals.command(outcome(plan, "undone"))
    assert not apply(proposals, incident()).plans


def test_the_state_survives():
    proposals = desk()
    apply(proposals, incident())
    again = desk()
    again.restore(proposals.snapshot())
    assert again.snapshot() == proposals.snapshot()
    assert not apply(again, incident()).plans


def unsound(*says):
    version = VersionRef("metrics", 7)
    standing = Standing(version=version, scope="*", is_sound=False, reasons=("drifting",), says=says)
    return lambda incident, plan, at_ms: (standing,) if says else ()


def watched(*says):
    proposals = Proposals(load_runbooks(), FixedPlanner(ROLL_BACK), topology, unsound(*says))
    proposals.learn(Effects(changes={change.id: change for change in deploys()}))
    return proposals


def test_a_plan_from_models_that_stand_asks_nobody_for_their_sake():
    effects = apply(watched(), incident())
    assert [plan.asks for plan in effects.plans.values()] == [()]
    assert not [entry for entry in effects.entries if entry.id.endswith(":asks")]


def test_a_plan_from_a_model_that_drifts_asks_a_human_and_says_why():
    effects = apply(watched("metrics@7 drifts"), incident())
    [plan] = effects.plans.values()
    assert plan.asks == ("metrics@7 drifts",)
    [entry] = [entry for entry in effects.entries if entry.id.endswith(":asks")]
    assert entry.output == {"asks": ["metrics@7 drifts"], "reasons": ["drifting"]}
    assert entry.rests_on == (f"plan:{plan.id}", "version-metrics@7")


def test_why_it_asks_is_no_part_of_what_is_approved():
    [sound], [asks] = (apply(one, incident()).plans.values() for one in (watched(), watched("metrics@7 drifts")))
    assert sound.digest == asks.digest

"""One plan at a time per incident; answered ones are not proposed again; state survives."""

import msgspec
from tests.automation.test_planning import NOW_MS, ROLL_BACK, FixedPlanner, deploys, incident, topology

from mainstay.automation import load_runbooks
from mainstay.automation.proposals import Proposals
from mainstay.domain.effects import Effects
from mainstay.domain.records import Command


def desk(planner=None):
    proposals = Proposals(load_runbooks(), planner or FixedPlanner(ROLL_BACK), topology)
    proposals.learn(Effects(changes={change.id: change for change in deploys()}))
    return proposals


def apply(proposals, one):
    effects = Effects()
    proposals.apply(one, NOW_MS, effects)
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

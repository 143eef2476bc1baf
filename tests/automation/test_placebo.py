"""The placebo does nothing. It must be found out: not verified, failed, escalated."""

from __future__ import annotations

import asyncio

from tests.automation.world import ENTITY, NOW_MS, FixedPlanner, deploys, incident, topology

from mainstay.automation import Inventory, load_runbooks, propose


def test_a_placebo_is_not_verified_and_escalates(world):
    planner = FixedPlanner({"runbook": "placebo", "suspect": ENTITY, "parameters": {}, "why": "forced"})
    catalogue = load_runbooks(force="placebo")
    made, entry = propose(incident(), catalogue, Inventory.of(topology(), deploys()), planner, NOW_MS)
    ended = asyncio.run(world.run(made))
    assert ended.status == "failed"
    assert f"after 45 s still firing: latency on {ENTITY}" in ended.outcome
    assert [status for *_, status in ((s.phase, s.status) for s in world.control.steps(made.id))] == [
        "succeeded",
        "failed",
    ]
    assert len(world.notified) == 1
    assert world.spy.calls == []
    [command] = world.commands
    assert (command.arguments["status"], command.arguments["escalate"]) == ("failed", "yes")
    verification = next(e for e in world.control.ledger() if e.kind == "verification")
    assert verification.output["verified"] is False
    assert entry.subject == made.id


def test_it_is_not_proposed_unless_forced():
    planner = FixedPlanner({"runbook": "placebo", "suspect": ENTITY, "parameters": {}, "why": ""})
    assert propose(incident(), load_runbooks(), Inventory.of(topology(), ()), planner, NOW_MS) is None

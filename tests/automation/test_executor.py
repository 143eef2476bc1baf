"""Plans run from approval to outcome on the real store, with a real program as target."""

from __future__ import annotations

import asyncio

import pytest
from tests.automation.world import World, plan, step


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.control.close()


def test_a_plan_that_helps_succeeds(world):
    world.heal_after(4)
    ended = asyncio.run(world.run(plan(step("one", "restart", "payments"), step("two", "clean", "payments"))))
    assert ended.status == "succeeded", ended.outcome
    assert world.spy.calls == ["restart payments", "clean payments"]
    assert [(s.phase, s.index, s.status) for s in world.control.steps("PLAN-1")] == [
        ("do", 0, "succeeded"), ("do", 1, "succeeded"), ("verify", 0, "succeeded"),
    ]  # fmt: skip
    [command] = world.commands
    assert (command.kind, command.subject, command.arguments["status"]) == ("plan-outcome", "PLAN-1", "succeeded")
    assert command.arguments["escalate"] == ""
    kinds = [(entry.kind, entry.subject) for entry in world.control.ledger()]
    assert kinds == [("approval", "PLAN-1"), ("step", "PLAN-1"), ("step", "PLAN-1"), ("verification", "PLAN-1")]
    assert world.control.verify_ledger().first_bad is None


def test_a_plan_that_does_not_help_is_undone_and_escalates(world):
    made = plan(step("one", "redeploy", "payments"), undo=(step("back", "redeploy", "payments", "--version", "v2"),))
    ended = asyncio.run(world.run(made))
    assert ended.status == "undone"
    assert world.spy.calls == ["redeploy payments", "redeploy payments --version v2"]
    assert "still firing" in ended.outcome
    assert world.commands[0].arguments["escalate"] == "yes"

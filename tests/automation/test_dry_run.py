"""A dry run says exactly what would be done, and does nothing: no call, no record, no time."""

from __future__ import annotations

import asyncio
import sqlite3

from tests.automation.test_actions import Target
from tests.automation.world import ENTITY, NOW_MS, FixedPlanner, deploys, incident, plan, step, topology

from mainstay.app.platform import Platform
from mainstay.automation import Inventory, load_runbooks, propose
from mainstay.automation.actions import actions_of
from mainstay.domain.runbooks import Step
from mainstay.settings import Settings


def dump(path):
    with sqlite3.connect(path) as connection:
        return list(connection.iterdump())


def dry(world, made):
    return asyncio.run(world.executor().dry_run(made))


def test_nothing_happens_at_any_target(world):
    target = Target()
    world.actions.update(
        actions_of({"shopctl": world.spy.rule}, lambda *said: world.notified.append(said), [target.url])
    )
    made = world.keep(
        plan(
            step("restart it", "restart", "payments"),
            Step(name="tell the gate", action="http", with_={"url": f"{target.url}/drain"}),
            Step(name="tell people", action="notify", with_={"text": "restarting"}),
            undo=(step("put it back", "redeploy", "payments", "--version", "v2"),),
        )
    )
    before, at_ms = dump(world.folder / "control.db"), world.clock.at_ms
    lines = dry(world, made)
    target.server.shutdown()
    target.server.server_close()
    assert (world.spy.calls, target.seen, world.notified, world.commands) == ([], [], [], [])
    assert dump(world.folder / "control.db") == before
    assert world.clock.at_ms == at_ms
    assert not (world.folder / "runs.db").exists()
    assert [line.partition(":")[0] for line in lines] == [
        "restart it", "tell the gate", "tell people", "verify", "undo",
    ]  # fmt: skip
    assert "restart payments" in lines[0]
    assert f"would send: POST {target.url}/drain" in lines[1]
    assert "alerts of the incident end within 30 s and stay so 5 s" in lines[3]
    assert lines[4].startswith("undo: put it back: would run: ")
    assert lines[4].endswith("redeploy payments --version v2 (at most 60 s)")


def test_what_could_not_run_is_said(world):
    lines = dry(world, plan(step("one", "format"), Step(name="two", action="nothing")))
    assert lines[0].startswith("one: would fail: verb 'format' is not allowed")
    assert lines[1] == "two: would fail: there is no action 'nothing'"


def test_every_shipped_runbook_dry_runs_cleanly(world):
    for runbook in load_runbooks():
        planner = FixedPlanner({"runbook": runbook.name, "suspect": ENTITY, "parameters": {}, "why": ""})
        catalogue = load_runbooks(force=runbook.name)
        made, _ = propose(incident(), catalogue, Inventory.of(topology(), deploys()), planner, NOW_MS)
        lines = dry(world, made)
        assert not any("would fail" in line for line in lines), lines
        assert any("payments" in line for line in lines)
    assert world.spy.calls == []


def test_the_settings_say_which_addresses_a_step_may_call(tmp_path):
    steps = [
        Step(name=path, action="http", with_={"url": f"http://127.0.0.1:9000/{path}"}) for path in ("hooks/x", "y")
    ]
    platform = Platform(tmp_path / "data", Settings(http_targets=("http://127.0.0.1:9000/hooks/",)))
    platform.control.save_plan(plan(*steps))
    allowed, refused, _ = asyncio.run(platform.dry_run("PLAN-1"))
    assert allowed.startswith("hooks/x: would send: POST http://127.0.0.1:9000/hooks/x")
    assert refused.startswith("y: would fail: url 'http://127.0.0.1:9000/y' is not allowed")
    platform.line.close()

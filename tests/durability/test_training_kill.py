"""Kill -9 between any two durable moments of a training: it goes on where it was, and does nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mlops.training.test_runs import premade
from tests.mlops.training.world import Course, World

from mainstay.automation.durable import Durable

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_between_any_two_steps(tmp_path):
    script = ROOT / "tests" / "durability" / "training_process.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    whole = found.pop()
    assert whole["first"] == 0
    assert whole["status"] == "live"
    assert len(found) >= 20, "every durable moment of the run is one to die at"
    for life in found:
        at = f"killed at moment {life['moment']}: {life}"
        assert (life["first"], life["second"]) == (-9, 0), at
        assert life["status"] == "live", at
        assert set(life["reached"]) == set(whole["reached"]), at
        assert life["artefact"] == whole["artefact"], f"another artefact; {at}"
        assert life["versions"] == ["edges@1", "edges@2"], at
        assert (life["experiments"], life["asked"]) == (1, 1), at
        assert sorted(life["ledger"]) == sorted(whole["ledger"]), at
        assert life["ledger_ok"], at


def test_stopped_in_good_order_while_it_waits_it_is_taken_up(tmp_path):
    """A rollout may take days: the platform is stopped and started meanwhile."""
    world = World(tmp_path / "w", stages=("shadow", "shadow"))
    run = world.asked()
    premade(world, run)

    async def begin():
        durable = opened(world)
        await durable.begin("training", run.id, run.id)
        for _ in range(2000):
            if world.run(run.id).stage == "shadow":
                break
            await asyncio.sleep(0.01)
        await durable.close()

    async def go_on():
        world.rollouts = Course(tmp_path / "w" / "rollouts.jsonl")
        durable = opened(world)
        assert await durable.is_going_on(run.id), "taken up by itself"
        said = await durable.result(run.id)
        await durable.close()
        return said

    asyncio.run(begin())
    assert world.run(run.id).status == "running"
    assert asyncio.run(go_on()) == "live"
    assert len(world.rollouts.asked) == 1
    world.close()


def opened(world: World) -> Durable:
    async def unused(*_given) -> str:
        return ""

    durable = Durable(world.folder / "workflows.db", unused)
    durable.also("training", world.runs().run)
    durable.load()
    durable.open()
    return durable

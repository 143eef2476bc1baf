"""A process that runs a plan and is killed at a chosen point; started by `test_runbook_kill.py`.

`python runbook_process.py FOLDER SCENARIO` kills the run at its first write, resumes it, notes what happened, goes on
with the second write, until a run ends before its point is reached. Each run is a process of its own (forked before any
thread exists), and its end is a real SIGKILL.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path

import dbos  # noqa: F401 - imported before the fork, so that each run starts at once
import msgspec
from tests.automation.world import ADA, World, plan, step

from mainstay.domain.runbooks import Verify

MOST_POINTS = 80
AT_ONCE = 8  # each mostly waits: for signals to be quiet
STARTED, KILLED = "started", -signal.SIGKILL


class Killer:
    """Counts the moments at which something has just become durable, or is about to; the n-th is the last."""

    def __init__(self, last: int) -> None:
        self.last, self.seen = last, 0

    def moment(self) -> None:
        self.seen += 1
        if self.seen == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """Any object, with a moment before and after each call of the named methods."""

    def __init__(self, inner, killer: Killer, *names: str) -> None:
        self._inner, self._killer, self._names = inner, killer, names

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def around(*given, **named):
            self._killer.moment()
            done = found(*given, **named)
            self._killer.moment()
            return done

        return around


class WatchedAction:
    """An action with a moment before and after its effect."""

    name = "command"

    def __init__(self, inner, killer: Killer) -> None:
        self._inner, self._killer = inner, killer

    def check(self, arguments):
        return self._inner.check(arguments)

    async def run(self, arguments, context):
        self._killer.moment()
        done = await self._inner.run(arguments, context)
        self._killer.moment()
        return done

    async def probe(self, arguments, context):
        return await self._inner.probe(arguments, context)


def made(scenario: str):
    one, two = step("one", "restart", "a"), step("two", "clean", "b")
    undo = (step("back", "redeploy", "c"),) if scenario != "heals" else ()
    if scenario == "probes":
        steps = [
            msgspec.structs.replace(s, with_={**s.with_, "probe": {"verb": "probe", "arguments": [s.with_["verb"]]}})
            for s in (one, two)
        ]
        one, two = steps
    return plan(one, two, undo=undo, verify=Verify(within_s=3, quiet_s=1))


def life(folder: Path, scenario: str, last: int) -> None:
    """One process: run (or resume) the plan to its end, or be killed."""
    logging.disable(logging.CRITICAL)
    world, killer = World(folder), Killer(last)
    world.control = Watched(world.control, killer, "save_plan", "save_step", "use_approval")
    world.approvals._control = world.control
    world.actions["command"] = WatchedAction(world.actions["command"], killer)
    if scenario != "undoes":
        world.heal_after(1)

    async def submit(command):
        killer.moment()
        with (folder / "commands.jsonl").open("a") as file:
            file.write(json.dumps(command.arguments) + "\n")
        killer.moment()

    world.submit = submit
    asyncio.run(to_the_end(world))


async def to_the_end(world: World) -> None:
    executor = world.executor()
    await executor.open()
    await executor.result("PLAN-1")
    os._exit(0)


def forked(folder: Path, scenario: str, last: int) -> int:
    """Exit code of one life; negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            life(folder, scenario, last)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def outcome(folder: Path) -> dict:
    """What is true after the last life, read by a fresh process."""
    world = World(folder)
    kept = world.control.plan("PLAN-1")
    commands = folder / "commands.jsonl"
    return {
        "status": kept.status,
        "effects": [line for line in world.spy.calls if not line.startswith("probe")],
        "steps": {f"{s.phase} {s.index}": s.status for s in world.control.steps("PLAN-1")},
        "commands": [json.loads(line) for line in commands.read_text().splitlines()] if commands.exists() else [],
        "used": [a.used_ms is not None for a in world.control.approvals("PLAN-1")],
        "ledger": [e.id for e in world.control.ledger()],
        "ledger_ok": world.control.verify_ledger().first_bad is None,
    }


def begun(folder: Path, scenario: str) -> None:
    """The plan, approved: made once, copied for each point."""
    folder.mkdir()
    world, wished = World(folder), made(scenario)
    world.keep(wished)
    world.approvals.approve(wished.id, ADA, wished.digest)
    world.control.close()


def at_point(folder: Path, scenario: str, point: int) -> None:
    """Killed at one moment, resumed, and what is true then."""
    shutil.copytree(folder.parent / "begun", folder)
    first = forked(folder, scenario, point)
    second = forked(folder, scenario, -1) if first == KILLED else None
    found = {"point": point, "first": first, "second": second, **outcome(folder)}
    (folder / "outcome.json").write_text(json.dumps(found))


def main() -> None:
    root, scenario = Path(sys.argv[1]), sys.argv[2]
    begun(root / "begun", scenario)
    for start in range(1, MOST_POINTS, AT_ONCE):
        points = range(start, start + AT_ONCE)
        children = []
        for point in points:
            if (child := os.fork()) == 0:
                at_point(root / str(point), scenario, point)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        for point in points:
            found = json.loads((root / str(point) / "outcome.json").read_text())
            print(json.dumps(found), flush=True)
            if found["first"] != KILLED:
                return


if __name__ == "__main__":
    main()

"""A process that runs a training and is killed at a chosen moment; started by `test_training_kill.py`.

`python training_process.py FOLDER` kills the run at its first durable moment, resumes it, notes what is true, goes on
with the second moment, until a run ends before its moment is reached. Each life is a process of its own (forked before
any thread exists) and ends by a real SIGKILL; the work is done by the real worker.
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

import dbos  # noqa: F401 - imported before the fork, so that each life starts at once
from tests.mlops.training.world import World

from mainstay.automation.durable import Durable
from mainstay.domain.training import Experiment

MOST_MOMENTS = 60
AT_ONCE = 2
WITH_WORKER = 6
"""Up to this moment the worker has still to work, and does; later ones find the files that it left in the whole run."""
KILLED = -signal.SIGKILL
RUN = "training-edges-1"
TRIALS = 4
"""Few: how the search goes is not what is asked here."""


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

        async def around_async(*given, **named):
            self._killer.moment()
            done = await found(*given, **named)
            self._killer.moment()
            return done

        return around_async if asyncio.iscoroutinefunction(found) else around


async def unused(*_given) -> str:
    return ""


def life(folder: Path, last: int) -> None:
    """One process: begin the run, or take it up, and go to its end, or be killed."""
    logging.disable(logging.CRITICAL)
    world, killer = World(folder), Killer(last)
    world.asked(trials=TRIALS)
    world.store = Watched(world.store, killer, "save")
    world.registry = Watched(world.registry, killer, "register")
    world.prepares = Watched(world.prepares, killer, "job")
    world.rollouts = Watched(world.rollouts, killer, "start")
    asyncio.run(to_the_end(world, folder))


async def to_the_end(world: World, folder: Path) -> None:
    durable = Durable(folder / "workflows.db", unused)
    durable.also("training", world.runs().run)
    durable.load()
    durable.open()
    await durable.begin("training", RUN, RUN)
    await durable.result(RUN)
    os._exit(0)


def forked(folder: Path, last: int) -> int:
    """Exit code of one life; negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            life(folder, last)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def outcome(folder: Path) -> dict:
    """What is true after the last life."""
    world = World(folder)
    run = world.run(RUN)
    ledger = [entry.id for entry in world.control.ledger()]
    found = {
        "status": run.status,
        "stage": run.stage,
        "reached": sorted(run.reached),
        "artefact": run.artefact,
        "versions": [str(one.ref) for one in world.registry.versions("edges")],
        "experiments": len(world.store.find(Experiment)),
        "asked": len(world.rollouts.asked),
        "ledger": ledger,
        "ledger_ok": world.control.verify_ledger().first_bad is None,
    }
    world.close()
    return found


def at_moment(root: Path, moment: int) -> None:
    folder = root / str(moment)
    shutil.copytree(root / "begun", folder)
    if moment > WITH_WORKER:
        shutil.copytree(root / "whole" / "training", folder / "training")
    first = forked(folder, moment)
    second = forked(folder, -1) if first == KILLED else None
    found = {"moment": moment, "first": first, "second": second, **outcome(folder)}
    (folder / "outcome.json").write_text(json.dumps(found))


def main() -> None:
    root = Path(sys.argv[1])
    world = World(root / "begun")
    world.asked(trials=TRIALS)
    world.close()
    shutil.copytree(root / "begun", root / "whole")
    assert forked(root / "whole", -1) == 0
    for start in range(1, MOST_MOMENTS, AT_ONCE):
        moments = range(start, start + AT_ONCE)
        children = []
        for moment in moments:
            if (child := os.fork()) == 0:
                at_moment(root, moment)
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        for moment in moments:
            found = json.loads((root / str(moment) / "outcome.json").read_text())
            print(json.dumps(found), flush=True)
            if found["first"] != KILLED:
                return


if __name__ == "__main__":
    main()

"""Many changes to one shop, half of them harmful: what a platform says of changes, before and after, can be checked."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mainstay.lab.fault.inside import draw_of
from mainstay.lab.fault.kinds import KINDS, needed
from mainstay.lab.lab import Lab
from mainstay.lab.operate.changes import utc_text
from mainstay.lab.releasing import configure_harmless

HARMFUL = {"bad-deploy-slow": "deploy", "bad-deploy-errors": "deploy", "bad-config": "config"}
HARMLESS = ("deploy", "deploy", "config")
"""As many of each kind among the harmless as among the harmful: the kind must not tell."""


@dataclass(frozen=True)
class ChangePace:
    """How long things last.

    Args:
        watch_s: After each change; a harmful one is undone then.
        settle_s: After that, for users to calm down.
    """

    watch_s: float = 60.0
    settle_s: float = 30.0


@dataclass(frozen=True)
class Intended:
    """What will be done. `fault` is "" for a change that does no harm."""

    number: int
    service: str
    kind: str
    fault: str = ""


@dataclass(frozen=True)
class Done:
    """What was done: the id of its change event, the moments, and whether users were hurt."""

    intended: Intended
    change_id: str
    at: str
    undone_at: str = ""
    was_felt: bool = False


def conduct_changes(
    lab: Lab, truth: Path, count: int, pace: ChangePace, before: Callable[[Intended], None]
) -> list[Done]:
    """Make changes one after the other, and undo those that do harm; `before` is told of each before it is made.

    Each is written to the file `truth`, outside of the lab's folder, when it is over.
    """
    draw = draw_of(lab.seed, "changes")
    done: list[Done] = []
    for intended in drawn(needed(lab.shop), count, draw):
        before(intended)
        made = _harm(lab, intended, pace, draw) if intended.fault else _no_harm(lab, intended, pace, draw)
        with truth.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(made)) + "\n")
        done.append(made)
        felt = "felt by users" if made.was_felt else "not felt"
        print(f"{len(done)}/{count} {intended.kind} of {intended.service}: {intended.fault or 'harmless'}, {felt}")
    return done


def drawn(services: list[str], count: int, draw: random.Random) -> list[Intended]:
    """Half of them harmful, in an order drawn by the seed; no service twice in a row.

    >>> plan = drawn(["a", "b", "c"], 8, random.Random(1))
    >>> sum(bool(one.fault) for one in plan), any(x.service == y.service for x, y in zip(plan, plan[1:]))
    (4, False)
    """
    faults = [list(HARMFUL)[number % len(HARMFUL)] if number < count // 2 else "" for number in range(count)]
    draw.shuffle(faults)
    found: list[Intended] = []
    for number, fault in enumerate(faults):
        last = {one.service for one in found[-1:]}
        service = draw.choice([name for name in services if name not in last] or services)
        kind = HARMFUL[fault] if fault else draw.choice(HARMLESS)
        found.append(Intended(number, service, kind, fault))
    return found


def _harm(lab: Lab, intended: Intended, pace: ChangePace, draw: random.Random) -> Done:
    service = intended.service if intended.service in KINDS[intended.fault].where(lab.shop) else None
    fault = lab.inject(intended.fault, service, seed=draw.randrange(2**31))
    time.sleep(pace.watch_s)
    lab.lift(fault)
    undone = utc_text(time.time())
    time.sleep(pace.settle_s)
    felt = lab.experience(fault)
    return Done(intended, fault.cause.change_id, fault.started_at, undone, felt.was_hurt)


def _no_harm(lab: Lab, intended: Intended, pace: ChangePace, draw: random.Random) -> Done:
    began_s = time.time()
    if intended.kind == "config":
        change = configure_harmless(lab.folder, intended.service, draw)["change"]
    else:
        change = lab.deploy_harmless(intended.service)["change"]
    time.sleep(pace.watch_s + pace.settle_s)
    felt = lab.users.experience(began_s)
    return Done(intended, change["id"], utc_text(began_s), was_felt=felt.was_hurt)

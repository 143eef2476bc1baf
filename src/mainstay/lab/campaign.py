"""A campaign: labelled faults one after the other, drawn by seed, with harmless deploys and busy hours between."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mainstay.lab.fault import KINDS, Fault, Truth
from mainstay.lab.fault.inside import draw_of
from mainstay.lab.lab import Lab
from mainstay.lab.operate.changes import utc_text
from mainstay.lab.shop import Shop

LOOK_EVERY_S = 1.0
SWINGS = (0.7, 1.0, 1.25, 1.4)


@dataclass(frozen=True)
class Pace:
    """How long a campaign lets things last.

    Args:
        quiet_s: Before each fault: time in which nothing is wrong, though a deploy or busy users may look like it.
        patience_s: How long a fault may last until the campaign ends it itself.
        after_s: After each fault, for users to calm down.
    """

    quiet_s: float = 60.0
    patience_s: float = 120.0
    after_s: float = 20.0


def conduct(
    lab: Lab, truth: Truth, faults: int, pace: Pace | None = None, tell: Callable[[str], None] = print
) -> list[Fault]:
    """Do a number of faults to an open shop; returns them as they ended.

    Nobody needs to mend anything: what is left after `patience_s` is ended as an operator would, and recorded as
    ended by the campaign.
    """
    pace = pace or Pace()
    draw = draw_of(lab.seed, "campaign")
    ended = []
    for number, kind in enumerate(draw_kinds(lab.shop, faults, draw)):
        _quiet(lab, truth, pace, draw)
        fault = lab.inject(kind, seed=draw.randrange(2**31))
        ended.append(_outlast(lab, fault, pace))
        truth.tell(ended[-1])
        felt = "felt by users" if ended[-1].was_felt else "not felt by users"
        tell(f"{number + 1}/{faults} {kind} at {fault.service}: {felt}, ended by {ended[-1].ended_by}")
    return ended


def draw_kinds(shop: Shop, faults: int, draw: random.Random) -> list[str]:
    """As many of each kind as of any other, in an order drawn by the seed."""
    possible = [name for name, kind in KINDS.items() if kind.where(shop)]
    rounds: list[str] = []
    while len(rounds) < faults:
        rounds += draw.sample(possible, len(possible))
    return rounds[:faults]


def _quiet(lab: Lab, truth: Truth, pace: Pace, draw: random.Random) -> None:
    """Let time pass; somewhere in it, often, something harmless happens."""
    before_s = draw.uniform(0.2, 0.5) * pace.quiet_s
    time.sleep(before_s)
    if draw.random() < 0.6:
        change = lab.deploy_harmless()["change"]
        _label(truth, "deploy", change["subject"], change["id"])
    else:
        factor = draw.choice(SWINGS)
        lab.set_traffic(factor)
        _label(truth, "traffic", lab.shop.entry.name, f"x{factor}")
    time.sleep(pace.quiet_s - before_s)


def _label(truth: Truth, kind: str, service: str, what: str) -> None:
    with (truth.directory / "harmless.jsonl").open("a", encoding="utf-8") as file:
        line: dict[str, Any] = {"at": utc_text(time.time()), "kind": kind, "service": service, "what": what}
        file.write(json.dumps(line) + "\n")


def _outlast(lab: Lab, fault: Fault, pace: Pace) -> Fault:
    until = fault.started_s + pace.patience_s
    ended_by = "an operator"
    while lab.is_present(fault):
        if time.time() > until:
            lab.lift(fault)
            ended_by = "the campaign"
            break
        time.sleep(LOOK_EVERY_S)
    ended_at = utc_text(time.time())
    time.sleep(pace.after_s)
    felt = lab.experience(fault)
    return replace(fault, ended_at=ended_at, ended_by=ended_by, was_felt=felt.was_hurt, recovery_s=felt.recovery_s)

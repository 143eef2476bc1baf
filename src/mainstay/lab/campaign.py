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
APART = (0.05, 0.35)
"""After what part of the first one's patience a second fault joins it."""


@dataclass(frozen=True)
class Pace:
    """How long a campaign lets things last.

    Args:
        quiet_s: Before each fault: time in which nothing is wrong, though a deploy or busy users may look like it.
        patience_s: How long a fault may last until the campaign ends it itself.
        after_s: After each fault, for users to calm down.
        together: The share of faults that a second one joins, elsewhere, before they have ended.
    """

    quiet_s: float = 60.0
    patience_s: float = 120.0
    after_s: float = 20.0
    together: float = 0.0


def conduct(
    lab: Lab, truth: Truth, faults: int, pace: Pace | None = None, tell: Callable[[str], None] = print
) -> list[Fault]:
    """Do a number of faults to an open shop; returns them as they ended.

    Nobody needs to mend anything: what is left after `patience_s` is ended as an operator would, and recorded as
    ended by the campaign.
    """
    pace = pace or Pace()
    draw = draw_of(lab.seed, "campaign")
    kinds = draw_kinds(lab.shop, faults, draw)
    ended: list[Fault] = []
    while kinds:
        _quiet(lab, truth, pace, draw)
        present = [lab.inject(kinds.pop(0), seed=draw.randrange(2**31))]
        if kinds and draw.random() < pace.together:
            time.sleep(draw.uniform(*APART) * pace.patience_s)
            present += _join(lab, present[0], kinds, draw)
        for fault in _outlast(lab, present, pace):
            truth.tell(fault)
            ended.append(fault)
            felt = "felt by users" if fault.was_felt else "not felt by users"
            beside = " (two at once)" if len(present) > 1 else ""
            tell(f"{len(ended)}/{faults} {fault.fault} at {fault.service}{beside}: {felt}, ended by {fault.ended_by}")
    return ended


def _join(lab: Lab, first: Fault, kinds: list[str], draw: random.Random) -> list[Fault]:
    """A second fault at another place, of the next kind that has one; nothing when none has."""
    taken = {first.service, *first.cause.accepted, *first.cause.affected}
    for kind in kinds:
        places = [place for place in KINDS[kind].where(lab.shop) if place not in taken]
        if places:
            kinds.remove(kind)
            return [lab.inject(kind, draw.choice(places), seed=draw.randrange(2**31))]
    return []


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


def _outlast(lab: Lab, faults: list[Fault], pace: Pace) -> list[Fault]:
    """Wait until each has been ended, or end it; what users felt of two at once counts for both."""
    ends: dict[str, tuple[str, str]] = {}
    while len(ends) < len(faults):
        for fault in faults:
            if fault.id in ends:
                continue
            if not lab.is_present(fault):
                ends[fault.id] = (utc_text(time.time()), "an operator")
            elif time.time() > fault.started_s + pace.patience_s:
                lab.lift(fault)
                ends[fault.id] = (utc_text(time.time()), "the campaign")
        time.sleep(LOOK_EVERY_S)
    time.sleep(pace.after_s)
    return [_ended(lab, fault, *ends[fault.id]) for fault in faults]


def _ended(lab: Lab, fault: Fault, at: str, by: str) -> Fault:
    felt = lab.experience(fault)
    return replace(fault, ended_at=at, ended_by=by, was_felt=felt.was_hurt, recovery_s=felt.recovery_s)

"""The lab's commands as plain functions: open a shop, do a fault, run a campaign."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

from mainstay.lab.campaign import Pace, conduct
from mainstay.lab.fault import Fault, Truth, inject
from mainstay.lab.lab import Lab

Tell = Callable[[str], None]


def run(lab: Lab, deploys_every_s: float = 180.0, tell: Tell = print) -> None:
    """Keep a shop open until interrupted, with a harmless deploy now and then (0 for none)."""
    closing = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: closing.set())
    with lab:
        tell(f"shop {lab.shop.name} is open in {lab.folder.root}: {len(lab.shop.services)} services; Ctrl-C closes it")
        while not closing.wait(deploys_every_s or None):
            tell(f"deployed {lab.deploy_harmless()['did']}")
    tell("closed")


def fault(
    lab_dir: Path | str, kind: str, service: str | None = None, seed: int = 0, truth_dir: Path | str | None = None
) -> Fault:
    """Do one fault to a shop that runs in another process."""
    return inject(lab_dir, kind, service, seed, truth_dir)


def campaign(lab: Lab, truth_dir: Path | str, faults: int, pace: Pace | None = None, tell: Tell = print) -> list[Fault]:
    """Open a shop, do a number of faults to it one after the other, close it; the truth tells how each ended."""
    with lab:
        return conduct(lab, Truth(Path(truth_dir)), faults, pace, tell)

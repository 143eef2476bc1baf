"""Trials: how they are drawn, and what one is worth.

The search is random with successive halving: all candidates see a little of the data, the better half of them more of
it (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016).
Trial 0 is the version that serves now and is never dropped, so a search cannot end with something worse by its own
measure. In a trial a detector walks through the data set, and what it says is held against the truth.

The loss is what on-call would feel: faults that were missed, false alarms beyond what the page budget allows, and how
long a fault went on unseen. A missed fault weighs most; a false alarm within the budget weighs little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy as np

from mainstay.domain.models import ModelKind
from mainstay.domain.training import Trial
from mainstay.mlops.training.faults import Fault
from mainstay.mlops.training.knobs import drawn
from mainstay.mlops.training.material import Material
from mainstay.models.catalogue import build
from mainstay.models.checks import Streaming

WEEK_NS = 7 * 86_400_000_000_000
GRACE_NS = 60_000_000_000
"""An alert this long after a fault is still about it, and one this long before it: onsets are not known exactly."""
BURST_NS = 120_000_000_000
"""False alarms of one entity within two minutes would be one page."""
OF_FALSE, OF_BUDGET, OF_DELAY = 0.25, 0.02, 0.05


RUNGS = (0.25, 0.5, 1.0)
"""Shares of the subjects (series, calls, entities) that the trials of a rung are tried on."""

Measure = Callable[[dict[str, float], float], dict[str, float]]
"""(knobs, share of the data) → metrics, `loss` among them; smaller is better."""


def search(kind: ModelKind, trials: int, seed: int, measure: Measure) -> list[Trial]:
    """Every trial, the best first. Those of a higher rung rank before those that were dropped earlier.

    `trials` settings are tried beside the one that serves; `measure` is called once per trial and rung.
    """
    rng = np.random.default_rng(seed)
    candidates = [Trial(number=0), *(Trial(number=n, knobs=drawn(kind, rng)) for n in range(1, trials + 1))]
    dropped: list[Trial] = []
    for rung, share in enumerate(RUNGS):
        measured = [msgspec.structs.replace(one, rung=rung, metrics=measure(one.knobs, share)) for one in candidates]
        measured.sort(key=_order)
        kept = len(measured) if share >= 1 else max(1, (len(measured) + 1) // 2)
        ahead = [one for place, one in enumerate(measured) if place < kept or one.number == 0]
        dropped = [*(one for one in measured if one not in ahead), *dropped]
        candidates = ahead
    return [msgspec.structs.replace(one, rank=place) for place, one in enumerate([*candidates, *dropped], start=1)]


def _order(trial: Trial) -> tuple[float, int]:
    """Equal losses: the earlier trial, so that what serves stays when nothing is better."""
    return trial.metrics["loss"], trial.number


@dataclass(frozen=True, slots=True)
class Start:
    """A condition that a detector told of."""

    subject: str
    entity: str
    at_ns: int
    is_note: bool


def starts(algorithm: str, parameters: Mapping[str, Any], material: Material) -> list[Start]:
    """Everything that a detector with these parameters tells of, in the order of the data."""
    detector = cast("Streaming", build(algorithm, parameters))
    found = []
    for normal in material.normals():
        for told in detector.score(normal).transitions:
            if told.firing:
                found.append(Start(told.subject, told.entity, told.at_ns, told.severity == "info"))
    return found


@dataclass(frozen=True, slots=True)
class Heard:
    """What a detector told of a stretch of time: how many faults there were, how late it found some, what was false."""

    faults: int
    delays_s: tuple[float, ...]
    false_alarms: int


def heard(
    told: Sequence[Start], faults: Sequence[Fault], extent: tuple[int, int], unknown: Sequence[Fault] = ()
) -> Heard:
    """Hold what was told against the truth. What is told of `unknown` trouble is neither right nor wrong: its rows were
    left out, and a detector may find that somebody fell silent."""  # noqa: D205, D209
    since_ns, until_ns = extent
    mine = [fault for fault in faults if since_ns <= fault.since_ns <= until_ns]
    then = [one for one in told if since_ns <= one.at_ns <= until_ns]
    delays = [delay / 1e9 for fault in mine if (delay := _delay(fault, then)) is not None]
    trouble = [*faults, *unknown]
    false = _bursts([one for one in then if not one.is_note and not _is_about_any(one, trouble)])
    return Heard(len(mine), tuple(delays), false)


def pooled(rounds: Sequence[Heard]) -> Heard:
    """Several rounds over the same stretch, each with faults of its own. What was false is the same in each: once."""
    delays = tuple(delay for one in rounds for delay in one.delays_s)
    return Heard(sum(one.faults for one in rounds), delays, rounds[0].false_alarms)


def worth(one: Heard, extent: tuple[int, int], pages_per_week: float) -> dict[str, float]:
    """What it is worth.

    Returns:
        `faults`, `detected`, `missed_share`, `delay_s` (median of those detected), `false_alarms`, `allowed_alarms`,
        `precision`, `loss`.
    """
    found, false = len(one.delays_s), one.false_alarms
    allowed = max(1.0, pages_per_week * (extent[1] - extent[0]) / WEEK_NS)
    missed = 1.0 - found / one.faults if one.faults else 0.0
    delay_s = float(np.median(one.delays_s)) if one.delays_s else 0.0
    beyond = math.log2(1.0 + max(0.0, false - allowed) / allowed)
    loss = missed + OF_FALSE * beyond + OF_BUDGET * min(1.0, false / allowed) + OF_DELAY * min(2.0, delay_s / 60.0)
    return {
        "faults": float(one.faults),
        "detected": float(found),
        "missed_share": round(missed, 4),
        "delay_s": round(delay_s, 1),
        "false_alarms": float(false),
        "allowed_alarms": round(allowed, 2),
        "precision": round(found / (found + false), 4) if found or false else 0.0,
        "loss": round(loss, 6),
    }


def _delay(fault: Fault, heard: Sequence[Start]) -> int | None:
    times = [one.at_ns for one in heard if _is_about(one, fault)]
    return max(0, min(times) - fault.since_ns) if times else None


def _is_about_any(one: Start, faults: Sequence[Fault]) -> bool:
    return any(_is_about(one, fault) for fault in faults)


def _is_about(one: Start, fault: Fault) -> bool:
    is_then = fault.since_ns - GRACE_NS <= one.at_ns <= fault.until_ns + GRACE_NS
    return is_then and fault.concerns(one.subject, one.entity)


def _bursts(false: Sequence[Start]) -> int:
    last: dict[str, int] = {}
    count = 0
    for one in sorted(false, key=lambda one: one.at_ns):
        key = one.entity or one.subject
        if one.at_ns - last.get(key, -BURST_NS) >= BURST_NS:
            count += 1
        last[key] = one.at_ns
    return count

"""Trials: which are made, for how long, and what one is worth.

Settings are proposed by Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter
optimization", NeurIPS 2011), one after another, each in the light of those before it. All see a little of the data;
who is not among the better half of what has come so far is dropped there (Li et al., "A system for massively parallel
hyperparameter tuning", MLSys 2020). Trial 0 is the version that serves now and is never dropped, so a search cannot
end with something worse by its own measure. In a trial a detector walks through the data set, and what it says is held
against the truth.

The loss is what on-call would feel: faults that were missed, false alarms beyond what the page budget allows, and how
long a fault went on unseen. A missed fault weighs most; a false alarm within the budget weighs little.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from mainstay.domain.models import ModelKind
from mainstay.domain.training import Trial
from mainstay.domain.watching import BiasCase
from mainstay.mlops.training.faults import Fault
from mainstay.mlops.training.knobs import drawn, searched
from mainstay.mlops.training.material import Material
from mainstay.models.catalogue import build
from mainstay.models.checks import Streaming

if TYPE_CHECKING:
    import optuna

WEEK_NS = 7 * 86_400_000_000_000
GRACE_NS = 60_000_000_000
"""An alert this long after a fault is still about it, and one this long before it: onsets are not known exactly."""
BURST_NS = 120_000_000_000
"""False alarms of one entity within two minutes would be one page."""
OF_FALSE, OF_BUDGET, OF_DELAY = 0.25, 0.02, 0.05


RUNGS = (0.25, 0.5, 1.0)
"""Shares of the subjects (series, calls, entities) that the trials of a rung are tried on."""
HALF = 2
Measure = Callable[[dict[str, float], float], dict[str, float]]
"""(knobs, share of the data) → metrics, `loss` among them; smaller is better."""


def search(kind: ModelKind, trials: int, seed: int, measure: Measure) -> list[Trial]:
    """Every trial, the best first. Those of a higher rung rank before those that were dropped earlier.

    `trials` settings are tried beside the one that serves; `measure` is called once per trial and rung. The same seed
    and measure give the same search.
    """
    study, space = _study(seed), searched(kind)
    study.enqueue_trial(dict.fromkeys(space, 1.0))
    found = []
    for number in range(trials + 1):
        asked = study.ask(space)
        knobs = drawn(asked.params) if number else {}
        found.append(_tried(study, asked, Trial(number=number, knobs=knobs), measure))
    found.sort(key=lambda one: (-one.rung, one.metrics["loss"], one.number))  # of equals the earlier: what serves stays
    return [msgspec.structs.replace(one, rank=place) for place, one in enumerate(found, start=1)]


def _study(seed: int) -> optuna.Study:
    import optuna  # a quarter of a second: only where a training runs

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=HALF),
    )


def _tried(study: optuna.Study, asked: optuna.Trial, trial: Trial, measure: Measure) -> Trial:
    """As far as it is worth it."""
    from optuna.trial import TrialState

    for rung, share in enumerate(RUNGS):
        trial = msgspec.structs.replace(trial, rung=rung, metrics=measure(trial.knobs, share))
        asked.report(trial.metrics["loss"], HALF**rung)
        if trial.number and rung + 1 < len(RUNGS) and asked.should_prune():
            study.tell(asked, state=TrialState.PRUNED)
            return trial
    study.tell(asked, trial.metrics["loss"])
    return trial


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
    false = _first_of_bursts([one for one in then if not one.is_note and not _is_about_any(one, trouble)])
    return Heard(len(mine), tuple(delays), len(false))


def cases_of(
    told: Sequence[Start], faults: Sequence[tuple[Fault, str]], extent: tuple[int, int], unknown: Sequence[Fault] = ()
) -> list[BiasCase]:
    """The same entity by entity: every fault (and whose it is) found or missed, and what was told for nothing."""
    since_ns, until_ns = extent
    then, found = [one for one in told if since_ns <= one.at_ns <= until_ns], []
    for fault, entity in faults:
        if since_ns <= fault.since_ns <= until_ns:
            delay = _delay(fault, then)
            if delay is None:
                found.append(BiasCase(entity=entity, is_missed=True))
            else:
                found.append(BiasCase(entity=entity, is_true=True, delay_s=delay / 1e9))
    trouble = [*(fault for fault, _ in faults), *unknown]
    false = [one for one in then if not one.is_note and not _is_about_any(one, trouble)]
    return [*found, *(BiasCase(entity=one.entity, is_true=False) for one in _first_of_bursts(false))]


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


def _first_of_bursts(false: Sequence[Start]) -> list[Start]:
    last: dict[str, int] = {}
    first = []
    for one in sorted(false, key=lambda one: one.at_ns):
        key = one.entity or one.subject
        if one.at_ns - last.get(key, -BURST_NS) >= BURST_NS:
            first.append(one)
        last[key] = one.at_ns
    return first

"""Random search with successive halving: all candidates see a little of the data, the better half of them more of it.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016.
Trial 0 is the version that serves now and is never dropped, so a search cannot end with something worse by its own
measure. The same seed gives the same trials in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from mainstay.domain.models import ModelKind
from mainstay.domain.training import Trial
from mainstay.mlops.training.knobs import drawn

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

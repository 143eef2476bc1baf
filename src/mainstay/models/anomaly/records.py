"""How strange a sample is: against the records of what the series has lived through.

For each of four statistics v the row keeps the band of what it has reached, [low, high], that slowly closes:

- high ← high + (centre − high) / n, and when v > high: high ← high + ⅕ (v − high); low likewise; n = 4,000 samples.
- e = |v − middle of the band| / half its width: 1 is "as far as ever in n samples".
- Beyond the largest of n samples the tail is taken as exponential (the Gumbel domain of extreme value theory: a level
  reached once in n has p = 1/n, and ln p falls linearly beyond it; Coles, "An Introduction to Statistical Modeling of
  Extreme Values", 2001, sections 3.1 and 4.2): p = n^(−e).

The statistics: the sample itself; its rest after the slow reference and the hour; the mean of the last ~36 rests; the
mean of the last ~36 steps from sample to sample. The two means answer late and for long, so beyond 1 their e counts as
√e. The strangest speaks for all. A fifth at a time: one wild sample does not deafen the series, and what goes on
becomes less strange by itself. Beyond 1, e − 1 is taken times (0.8/β)^⅓ with the series' own mean excess β over three
deviations (peaks over threshold): who lives for spikes breaks records without meaning much by it.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.state import UNSEEN

MEMORY = 4000.0
CLOSE = 1.0 / MEMORY
LEARN = 0.2
LIGHT, HEAVY = 0.8, 1.0 / 3.0  # mean excess of a calm tail; how much less a heavier one lets a record mean
UNTOLD = float(np.float32(LIGHT))  # a tail of which nothing has been seen yet, and what it lets a record mean
CALM = (LIGHT / UNTOLD) ** HEAVY
PACE = 1.0 / 36.0
FULL = 400  # so many samples are full evidence; before, a record means less
FARTHEST = 30.0
LN_MEMORY = math.log(MEMORY + 1.0)
EVIDENCE = np.minimum(np.log(np.arange(FULL + 1) + 1.0) / math.log(FULL + 1.0), 1.0)
VALUE, SEASON, DRIFTED, UNREST = 1, 2, 3, 4


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _beyond(v: float, low: float, high: float, least: float) -> float:
    return abs(2.0 * v - high - low) / max(high - low, least)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _late(e: float) -> float:
    return math.sqrt(e) if e > 1.0 else e


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def strangeness(s: Any, x: float, rest: float, known: int) -> tuple[float, int]:
    """−ln p of the sample before anything is learned of it, and which statistic says so.

    `rest` is x − slow reference − season; `known` what is known of the hour (`UNSEEN`: the rest says nothing yet).
    """
    least = 1e-3 * abs(s.slow) + 1e-9
    e, which = _beyond(x, s.low, s.high, least), VALUE
    if known != UNSEEN:
        other = _beyond(rest, s.rest_low, s.rest_high, least)
        if other > e:
            e, which = other, SEASON
    other = _late(abs(s.drift) / max(s.drift_most, least))
    if other > e:
        e, which = other, DRIFTED
    other = _late(s.unrest / max(s.unrest_most, least))
    if other > e:
        e, which = other, UNREST
    if e > 1.0:
        e = 1.0 + (e - 1.0) * (CALM if s.tail_mean == UNTOLD else (LIGHT / s.tail_mean) ** HEAVY)
    return min(e, FARTHEST) * LN_MEMORY * EVIDENCE[min(s.count, FULL)], which


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def follow(s: Any, x: float, rest: float) -> None:
    """The two means take up the sample, before it is judged."""
    pace = PACE if s.count >= 35 else 1.0 / (s.count + 1.0)
    s.drift += pace * (rest - s.drift)
    s.unrest += pace * (abs(x - s.last) - s.unrest)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def remember(s: Any, x: float, rest: float, worth: float) -> None:
    """The bands close a little, and open for what is beyond them, as far as that is worth it."""
    open_by = LEARN * worth
    s.high += (s.slow - s.high) * CLOSE
    s.low += (s.slow - s.low) * CLOSE
    s.rest_high -= s.rest_high * CLOSE
    s.rest_low -= s.rest_low * CLOSE
    s.drift_most -= s.drift_most * CLOSE
    s.unrest_most -= s.unrest_most * CLOSE
    s.high += open_by * max(x - s.high, 0.0)
    s.low += open_by * min(x - s.low, 0.0)
    s.rest_high += open_by * max(rest - s.rest_high, 0.0)
    s.rest_low += open_by * min(rest - s.rest_low, 0.0)
    s.drift_most += open_by * max(abs(s.drift) - s.drift_most, 0.0)
    s.unrest_most += open_by * max(s.unrest - s.unrest_most, 0.0)

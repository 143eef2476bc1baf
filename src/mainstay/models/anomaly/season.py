"""The rhythm of a series: what each hour of a working day and of a weekend day adds, one byte each."""

from __future__ import annotations

from typing import Any

import numba as nb

from mainstay.models.anomaly.state import HOURS, SEASONAL, SLOTS, UNSEEN

SECOND = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * SECOND, 86_400 * SECOND
EDGE_NS = 300 * SECOND  # jobs do not begin on the second: five minutes round a full hour either hour is right
LEAST_SHARE = 0.2  # an old hour still moves by this share towards its newest visit


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def slot_at(hour: int) -> int:
    """The slot of an hour since 1970, which began on a Thursday: days 2 and 3 of seven are Saturday and Sunday."""
    day = (hour // HOURS) % 7
    return int(hour % HOURS + (HOURS if day == 2 or day == 3 else 0))  # noqa: PLR1714 (numba compares integers)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def steps_of(season: Any, slot: int) -> int:
    """What is known of a slot, of the same hour on the other kind of day if need be; `UNSEEN` if nothing."""
    if season[slot] != UNSEEN:
        return int(season[slot])
    return int(season[(slot + HOURS) % SLOTS])


@nb.njit(cache=True, nogil=True, error_model="numpy")
def season_near(season: Any, unit: float, at_ns: int, rest: float) -> float:
    """What the hour adds; near a full hour that of the two which explains the rest better."""
    early, late = (at_ns - EDGE_NS) // HOUR_NS, (at_ns + EDGE_NS) // HOUR_NS
    steps = steps_of(season, slot_at(late))
    value = 0.0 if steps == UNSEEN else steps * unit
    if early != late:
        steps = steps_of(season, slot_at(early))
        other = 0.0 if steps == UNSEEN else steps * unit
        if abs(rest - other) <= abs(rest - value):
            value = other
    return value


@nb.njit(cache=True, nogil=True, error_model="numpy")
def learn_season(s: Any, season: Any, season_s: float, at_ns: int, rest: float) -> None:
    """An hour ends: its slot moves towards the hour's mean, less with each day that is known, one day teaches little.

    From `season_s` on the level is read without it.
    """
    hour, before = at_ns // HOUR_NS, s.last_ns // HOUR_NS
    if hour != before:
        if s.visits > 0:
            _visited(s, season, slot_at(before), (at_ns // SECOND - s.first_s) / 86_400.0)
        s.visits = 0
        if s.ways & SEASONAL == 0 and season_s > 0.0 and at_ns // SECOND - s.first_s >= season_s:
            s.ways |= SEASONAL
            s.level -= season_near(season, s.unit, at_ns, rest)
    s.visits = min(s.visits + 1, 255)
    s.visit = s.visit + (rest - s.visit) / s.visits if s.visits > 1 else rest


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _visited(s: Any, season: Any, slot: int, days: float) -> None:
    known, mean = steps_of(season, slot), float(s.visit)
    value = mean
    if known != UNSEEN:
        share = 0.5 if season[slot] == UNSEEN else max(1.0 / (1.0 + days), LEAST_SHARE)
        value = known * s.unit + share * (mean - known * s.unit)
    if s.unit == 0.0:
        s.unit = abs(value) / 64.0
    if s.unit == 0.0:
        season[slot] = 0
        return
    while abs(value) > 127.0 * s.unit:
        _rescale(s, season, 2)
    season[slot] = round(value / s.unit)
    _refine(s, season)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _rescale(s: Any, season: Any, by: int) -> None:
    """A step is worth so many times more: everything known is said in the new steps."""
    s.unit *= by
    for i in range(SLOTS):
        if season[i] != UNSEEN:
            season[i] = round(season[i] / by)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _refine(s: Any, season: Any) -> None:
    """Nothing needs a quarter of the range (an outlier has faded): a step is worth half from now on."""
    for i in range(SLOTS):
        if season[i] != UNSEEN and abs(int(season[i])) > 31:
            return
    if s.unit > 1e-30:
        s.unit *= 0.5
        for i in range(SLOTS):
            if season[i] != UNSEEN:
                season[i] *= 2

"""The rhythm of a series: what each hour of a working day and of a weekend day adds, one byte each."""

from __future__ import annotations

from typing import Any

import numba as nb

from mainstay.models.anomaly.state import HOURS, SLOTS, UNSEEN

SECOND = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * SECOND, 86_400 * SECOND
EDGE_NS = 300 * SECOND  # jobs do not begin on the second: five minutes round a full hour either hour is right
FIRST = 0.65  # the first visit to an hour of a kind of day of which only the other kind is known
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
def usual_of(season: Any) -> float:
    """What the hours add on average, in steps: a creep that goes on raises every hour over a reference that lags."""
    total, count = 0, 0
    for i in range(SLOTS):
        if season[i] != UNSEEN:
            total += season[i]
            count += 1
    return total / count if count else 0.0


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def steps_near(season: Any, unit: float, slots: tuple[int, int], rest: float) -> float:
    """What the later of two slots adds, or the earlier where that explains the rest better."""
    late, early = slots
    steps = steps_of(season, late)
    value = 0.0 if steps == UNSEEN else steps * unit
    if early != late:
        steps = steps_of(season, early)
        other = 0.0 if steps == UNSEEN else steps * unit
        if abs(rest - other) <= abs(rest - value):
            value = other
    return value


@nb.njit(cache=True, nogil=True, error_model="numpy")
def season_near(season: Any, unit: float, at_ns: int, rest: float) -> float:
    """What the hour adds; near a full hour that of the two which explains the rest better."""
    return steps_near(
        season, unit, (slot_at((at_ns + EDGE_NS) // HOUR_NS), slot_at((at_ns - EDGE_NS) // HOUR_NS)), rest
    )


@nb.njit(cache=True, nogil=True, error_model="numpy")
def visited(s: Any, known: tuple[Any, Any], slot: int, days: float) -> None:
    """An hour is over: its slot moves towards the hour's mean, less with each day that is known; one teaches little.

    `known` is what each ordinary hour adds, and each hour of a calendar's days: they share the unit.
    """
    season, mean = known[0], float(s.visit)
    steps = steps_of(season, slot)
    value = mean
    if steps != UNSEEN:
        share = FIRST if season[slot] == UNSEEN else max(1.0 / (1.0 + days), LEAST_SHARE)
        value = steps * s.unit + share * (mean - steps * s.unit)
    season[slot] = in_steps(s, known, value)
    refine(s, known)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def in_steps(s: Any, known: tuple[Any, Any], value: float) -> Any:
    """A value in steps of the unit; one that is too large makes a step worth twice as much, for everything known."""
    if s.unit == 0.0:
        s.unit = abs(value) / 64.0
    if s.unit == 0.0:
        return 0
    while abs(value) > 127.0 * s.unit:
        s.unit *= 2
        _times(known[0], 0.5)
        _times(known[1], 0.5)
    return round(value / s.unit)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def refine(s: Any, known: tuple[Any, Any]) -> None:
    """Nothing needs a quarter of the range (an outlier has faded): a step is worth half from now on."""
    if s.unit > 1e-30 and _is_small(known[0]) and _is_small(known[1]):
        s.unit *= 0.5
        _times(known[0], 2.0)
        _times(known[1], 2.0)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _times(hours: Any, by: float) -> None:
    for i in range(len(hours)):
        if hours[i] != UNSEEN:
            hours[i] = round(hours[i] * by)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _is_small(hours: Any) -> bool:
    large = 0
    for i in range(len(hours)):
        large += hours[i] != UNSEEN and abs(int(hours[i])) > 31
    return large == 0

"""Days that are not like others (a calendar's pay days, month ends, holidays): what their hours add, by kind.

They stand beside the row, and only when a calendar is in use: for each series and kind 24 signed bytes in steps of the
row's `unit`, like the hours of ordinary days. The first day of a kind is not known yet: whatever an ordinary working
day or weekend day would bring is expected, in a band twice as wide, and it teaches the day's memory nothing. Days of a
kind are few, so one visit says most of what is known: `FIRST` of the way, then `AGAIN`.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from mainstay.domain.calendar import Calendar
from mainstay.models.anomaly.season import EDGE_NS, HOUR_NS, in_steps, refine, season_near, slot_at, steps_of, visited
from mainstay.models.anomaly.state import HOURS, SEASONAL, UNSEEN

SECOND = 1_000_000_000
FIRST, AGAIN = 0.8, 0.4
WIDE = 2.0  # the band of a day of which nothing is known
Days = npt.NDArray[np.int8]
Table = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
NONE: Table = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))


def table_of(calendar: Calendar) -> Table:
    """The calendar as the kernel reads it; kinds count from 1."""
    columns = calendar.since_ns.astype(np.int64), calendar.until_ns.astype(np.int64)
    return *columns, calendar.kind.astype(np.uint8) + np.uint8(1)


def new_days(count: int, kinds: int) -> Days:
    """Nothing known of any kind for so many series; without a calendar this takes no memory."""
    return np.full((count, kinds * HOURS), UNSEEN, np.int8)


def carried(days: Days, before: tuple[str, ...], now: tuple[str, ...]) -> Days:
    """What is known, under another calendar: kinds are told apart by their names, and one that went is forgotten."""
    moved = new_days(len(days), len(now))
    for i, kind in enumerate(now):
        if kind in before:
            j = before.index(kind)
            moved[:, i * HOURS : (i + 1) * HOURS] = days[:, j * HOURS : (j + 1) * HOURS]
    return moved


@nb.njit(cache=True, nogil=True, error_model="numpy")
def day_at(table: Any, at_ns: int) -> Any:
    """The kind of day (0: like others), and from when until when that holds."""
    since, until, kind = table
    low, high = 0, len(since)
    while low < high:
        middle = (low + high) // 2
        if since[middle] <= at_ns:
            low = middle + 1
        else:
            high = middle
    ends = since[low] if low < len(since) else np.int64(2**63 - 1)
    if low == 0:
        return 0, np.int64(-(2**63)), ends
    if at_ns < until[low - 1]:
        return int(kind[low - 1]), since[low - 1], until[low - 1]
    return 0, until[low - 1], ends


@nb.njit(cache=True, nogil=True, error_model="numpy")
def day_near(known: tuple[Any, Any], unit: float, moment: tuple[int, int], rest: float) -> tuple[float, bool]:
    """What the hour of a day of this kind adds, and whether that is known; near a full hour the better of the two.

    Args:
        known: The series' ordinary hours, and those of its days.
        unit: What a step is worth.
        moment: (kind, ns since 1970).
        rest: What is to be explained.
    """
    season, days = known
    kind, at_ns = moment
    best, is_known, nearest = 0.0, False, np.inf
    for edge in (-EDGE_NS, EDGE_NS):
        hour = (at_ns + edge) // HOUR_NS
        steps = int(days[(kind - 1) * HOURS + hour % HOURS])
        if steps != UNSEEN:
            value = steps * unit
            if not is_known or abs(rest - value) < nearest:
                best, is_known, nearest = value, True, abs(rest - value)
    if is_known:
        return best, True
    slot = slot_at(at_ns // HOUR_NS)
    for other in (slot, (slot + HOURS) % (2 * HOURS)):
        steps = steps_of(season, other)
        value = 0.0 if steps == UNSEEN else steps * unit
        if abs(rest - value) < nearest:
            best, nearest = value, abs(rest - value)
    return best, False


@nb.njit(cache=True, nogil=True, error_model="numpy")
def day_visited(s: Any, known: tuple[Any, Any], kind: int, hour: int) -> None:
    """An hour of such a day is over: what it added is most of what is known of it."""
    days, at, value = known[1], (kind - 1) * HOURS + hour % HOURS, float(s.visit)
    if days[at] != UNSEEN:
        value = days[at] * s.unit + AGAIN * (value - days[at] * s.unit)
    else:
        ordinary = steps_of(known[0], slot_at(hour))
        value *= 1.0 if ordinary == UNSEEN else FIRST
        value += 0.0 if ordinary == UNSEEN else (1.0 - FIRST) * ordinary * s.unit
    days[at] = in_steps(s, known, value)
    refine(s, known)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def learn_hour(
    s: Any, known: tuple[Any, Any], calendar: tuple[Any, int], moment: tuple[int, float], rest: float
) -> None:
    """An hour is over: it teaches its slot. From `season_s` on the season is used. Rare: it is called only then.

    Args:
        s: The row.
        known: The series' ordinary hours, and those of its days.
        calendar: The table of days, and the kind of the sample's day.
        moment: (ns since 1970, history in seconds after which the level is read without the season).
        rest: The sample less the slow reference.
    """
    table, kind = calendar
    at_ns, season_s = moment
    before, age_s = s.last_ns // HOUR_NS, at_ns // SECOND - s.first_s
    was = day_at(table, s.last_ns)[0] if len(table[0]) > 0 else 0
    if s.visits > 0 and was > 0:
        day_visited(s, known, was, before)
    elif s.visits > 0:
        visited(s, known, slot_at(before), age_s / 86_400.0)
    s.visits = 0
    if s.ways & SEASONAL == 0 and season_s > 0.0 and age_s >= season_s:
        s.ways |= SEASONAL
        s.level -= (
            season_near(known[0], s.unit, at_ns, rest) if kind == 0 else day_near(known, s.unit, (kind, at_ns), rest)[0]
        )

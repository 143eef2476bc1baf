"""The state of a watched series: one fixed row, so that a million of them are one block of memory and one `tobytes`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

HOURS = 24
SLOTS = 2 * HOURS  # the hours of a working day, then those of Saturday and Sunday
UNSEEN = -128  # an hour of which nothing is known yet
ROW = np.dtype(
    [
        ("last_ns", "i8"),
        ("since_ns", "i8"),  # onset of what is suspected or firing
        ("out_ms", "u4"),  # newest sample outside, after the onset
        ("first_s", "u4"),  # whole seconds since 1970
        ("level", "f4"),  # robust location (without season)
        ("scale", "f4"),  # robust mean absolute deviation round the level
        ("fast", "f4"),  # mean of the last ~4 samples
        ("slow", "f4"),  # long memory: what it was for a day
        ("slow_scale", "f4"),
        ("last", "f4"),
        ("limit", "f4"),  # what the resource holds at most, 0 is not known
        ("tail_rate", "f4"),  # peaks over threshold: how often |z| > 3 …
        ("tail_mean", "f4"),  # … and by how much on average
        # What it has lived through (kernel page): records of the sample, of its rest after season, …
        ("high", "f4"),
        ("low", "f4"),
        ("rest_high", "f4"),
        ("rest_low", "f4"),
        ("drift", "f4"),  # … of the mean of the last ~36 rests, …
        ("drift_most", "f4"),
        ("unrest", "f4"),  # … and of the mean of the last ~36 steps.
        ("unrest_most", "f4"),
        ("unit", "f4"),  # what one step of `season` is worth
        ("visit", "f4"),  # mean of the hour that goes on, over `slow`
        ("count", "u2"),
        ("bits", "u2"),  # the last 16 samples: outside or not
        ("run", "u2"),  # samples since the onset; while firing: calm samples in a row
        ("rule", "u2"),  # row in the parameter table: version, scope, rule and unit; 0 is not watched
        ("visits", "u1"),  # samples of the hour that goes on
        ("ways", "u1"),  # 1 up is bad, 2 down is bad, 3 both; 4: the season is in use; 8: its past is borrowed
        ("firing", "u1"),  # 0, or the channel that fires
        ("strong", "u1"),  # strong samples in a row; from `STRONG` on it is told
        ("season", "i1", (SLOTS,)),  # what each hour adds to `slow`, in steps of `unit`
    ]
)
"""160 bytes, the season within. A limit's row uses only `since_ns`: 1 + the slot of the series that it limits."""

LEVEL, DRIFT, LIMIT = 1, 2, 4
CHANNELS = ("", "level", "drift", "", "limit")
STRANGE = ("", "value", "season", "drift", "unrest")
STRONG = 3  # so many strong samples in a row raise the severity
SEASONAL, BORROWED = 4, 8  # bits of `ways`
MOST_COUNT = 65_000
Rows = npt.NDArray[Any]


def new_rows(count: int) -> Rows:
    """Rows that have seen nothing."""
    rows = np.zeros(count, dtype=ROW)
    rows["season"] = UNSEEN
    return rows


def freeze(rows: Rows, index: int) -> dict[str, Any]:
    """A row as JSON; floats survive the round trip exactly.

    >>> rows = new_rows(1)
    >>> rows["level"][0] = 0.1
    >>> thaw(freeze(rows, 0)).tobytes() == rows.tobytes()
    True
    """
    return {name: rows[name][index].tolist() for name in ROW.names or ()}


def thaw(frozen: dict[str, Any]) -> Rows:
    """One row of a frozen state, for the same kernel that wrote it."""
    rows = new_rows(1)
    for name in ROW.names or ():
        rows[name][0] = frozen[name]
    return rows


def grown(rows: Rows, count: int) -> Rows:
    """Room for at least `count` rows; an eighth more at a time, so that n new series cost n and little stands empty.

    The same array in its place, or moved by the system: two of a million series would not fit beside each other. So
    whoever holds a view of it holds it no longer.
    """
    have = len(rows)
    if count > have:
        rows.resize(max(count, have * 9 // 8, 64), refcheck=False)
        rows["season"][have:] = UNSEEN
    return rows

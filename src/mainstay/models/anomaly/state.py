"""The state of a watched series: one fixed row, so that a million of them are one block of memory and one `tobytes`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ROW = np.dtype(
    [
        ("level", "f8"),  # robust location (without season)
        ("scale", "f8"),  # robust mean absolute deviation round the level
        ("fast", "f8"),  # mean of the last ~4 samples
        ("slow", "f8"),  # long memory: what it was for a day
        ("slow_scale", "f8"),
        ("range", "f8"),  # usual step from sample to sample
        ("range_fast", "f8"),  # … of the last ~5 samples
        ("last", "f8"),
        ("limit", "f8"),  # what the resource holds at most, 0 is not known
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("since_ns", "i8"),  # onset of what is suspected or firing
        ("out_ns", "i8"),  # newest sample outside
        ("tail_rate", "f4"),  # peaks over threshold: how often |z| > 3 …
        ("tail_mean", "f4"),  # … and by how much on average
        ("count", "u4"),
        ("link", "u4"),  # row in the season table, 0 is none; of a limit: 1 + the series that it limits
        ("bits", "u2"),  # the last 16 samples: outside or not
        ("run", "u2"),  # samples since the onset; while firing: calm samples in a row
        ("rule", "u2"),  # row in the parameter table of the version; 0 is not watched
        ("ways", "u1"),  # 1 up is bad, 2 down is bad, 3 both
        ("firing", "u1"),  # 0, or the channel that fires
        ("strong", "u1"),  # strong samples in a row; from `STRONG` on it is told
        ("spare", "u1", (7,)),
    ]
)
"""136 bytes. `rule` is the "parameter row per version": scopes with other parameters are other rows, still one call."""

LEVEL, DRIFT, RANGE, LIMIT = 1, 2, 3, 4
CHANNELS = ("", "level", "drift", "range", "limit")
STRONG = 3  # so many strong samples in a row raise the severity
HOURS, DAYS = 24, 7
FROZEN = tuple(name for name in ROW.names or () if name != "spare")
Rows = npt.NDArray[Any]


def new_rows(count: int) -> Rows:
    """Rows that have seen nothing."""
    return np.zeros(count, dtype=ROW)


def freeze(rows: Rows, index: int) -> dict[str, float | int]:
    """A row as JSON; floats survive the round trip exactly.

    >>> rows = new_rows(1)
    >>> rows[0]["level"] = 0.1
    >>> thaw(freeze(rows, 0))["level"].item()
    0.1
    """
    return {name: rows[name][index].item() for name in FROZEN}


def thaw(frozen: dict[str, float | int]) -> Rows:
    """One row of a frozen state, for the same kernel that wrote it."""
    rows = new_rows(1)
    for name in FROZEN:
        rows[name][0] = frozen[name]
    return rows


def grown(rows: Rows, count: int) -> Rows:
    """Room for at least `count` rows; doubling, so that n new series cost n."""
    if count <= len(rows):
        return rows
    larger = np.zeros(max(count, 2 * len(rows), 64), dtype=rows.dtype)
    larger[: len(rows)] = rows
    return larger

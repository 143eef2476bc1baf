"""Samples of followed series into their short histories: compiled, so that what is not followed costs a look-up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from mainstay.domain.signals import F64, I64, U32

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
NATIVE = 96
"""Samples that are kept as they came, at most one a second."""
COARSE = 168
"""Means that are kept of each longer step."""
STEPS_MS = (300_000, 3_600_000)
"""The longer steps: half a day of five minutes, a week of hours."""
WAITING = 32
"""So many samples may wait for the longer steps; so the `NATIVE - WAITING` before each of them are always there."""
AHEAD_MS = 60_000
"""A sample that is so far ahead of its record is of a clock that is wrong."""


@njit(cache=True, nogil=True)
def observe(
    series: U32, at_ns: I64, value: F64, now_ms: int, row_of: I32, at_ms: I64, values: F64, counts: I64, sizes: F64
) -> int:  # pragma: no cover  compiled
    """Keep the samples of followed series in their rings; returns how many samples were taken.

    It stops before a ring goes round over samples that are not in the longer steps yet.

    Arrays:
        row_of: i32[slots]: the row of a series; −1 when it is not followed, and so is a slot beyond; −2 − i for one of
            which only the last value matters: `sizes[i]`.
        at_ms, values: i64, f64[rows, NATIVE]: rings. counts: i64[2, rows]: how many were written ever, and how many of
            them are in the longer steps.
    """
    known = len(row_of)
    for i in range(len(series)):
        if series[i] >= known:
            continue
        row = row_of[series[i]]
        if row == -1 or not np.isfinite(value[i]):
            continue
        if row < -1:
            sizes[-2 - row] = value[i]
            continue
        at = at_ns[i] // 1_000_000
        if at > now_ms + AHEAD_MS:
            continue
        head = counts[0, row]
        if head - counts[1, row] >= WAITING:
            return i
        if head > 0 and at < at_ms[row, (head - 1) % NATIVE] + 1000:
            continue
        at_ms[row, head % NATIVE] = at
        values[row, head % NATIVE] = value[i]
        counts[0, row] = head + 1
    return len(series)


@njit(cache=True, nogil=True)
def condense(
    step_ms: int, which: I64, at_ms: I64, values: F64, written: I64,
    bins: I64, sums: F64, counts: I64, means: F32,
) -> None:  # fmt: skip  # pragma: no cover  compiled
    """Samples that came since the last time, into means of a longer step.

    Arrays:
        which: the rows of which means are kept. written: the `counts` of `observe`.
        bins, sums, counts: of each row, the step that is open now. means: f32[rows, COARSE]: those that are closed.
    """
    for row in which:
        first = max(written[1, row], written[0, row] - NATIVE)
        for one in range(first, written[0, row]):
            place = at_ms[row, one % NATIVE] // step_ms
            if place > bins[row]:
                if bins[row] >= 0:
                    means[row, bins[row] % COARSE] = sums[row] / counts[row] if counts[row] > 0 else np.nan
                    for gap in range(bins[row] + 1, min(place, bins[row] + 1 + COARSE)):
                        means[row, gap % COARSE] = np.nan
                bins[row], sums[row], counts[row] = place, 0.0, 0
            sums[row] += values[row, one % NATIVE]
            counts[row] += 1


@njit(cache=True, nogil=True)
def condense_medians(
    which: I64, at_ms: I64, values: F64, written: I64,
    bins: I64, counts: I64, medians: F32, long_bins: I64, long_medians: F32,
) -> None:  # fmt: skip  # pragma: no cover  compiled
    """Samples that came since the last time, into medians of the two longer steps: one spike moves none of them.

    A median of the shorter step is of its last `NATIVE - WAITING` samples, one of the longer of the shorter's medians.
    Both go on sample by sample, so that it does not matter how many come at once.

    Arrays:
        which: the rows of which medians are kept. written: the `counts` of `observe`.
        bins, counts: the step that is open, and its samples so far.
        medians, long_medians: f32[rows, COARSE]: of steps that are closed.
    """
    held = np.empty(NATIVE - WAITING)
    for row in which:
        for one in range(max(written[1, row], written[0, row] - NATIVE), written[0, row]):
            place, hour = at_ms[row, one % NATIVE] // STEPS_MS[0], at_ms[row, one % NATIVE] // STEPS_MS[1]
            if place > bins[row]:
                if bins[row] >= 0:
                    count = min(counts[row], len(held))
                    for i in range(count):
                        held[i] = values[row, (one - count + i) % NATIVE]
                    medians[row, bins[row] % COARSE] = np.median(held[:count])
                    if hour > long_bins[row]:  # before the gaps are made: they may go round over its medians
                        long_medians[row, long_bins[row] % COARSE] = _of_hour(medians[row], long_bins[row], bins[row])
                        _leave_out(long_medians[row], long_bins[row] + 1, hour)
                    _leave_out(medians[row], bins[row] + 1, place)
                bins[row], counts[row], long_bins[row] = place, 0, hour
            counts[row] += 1


@njit(cache=True, nogil=True)
def _of_hour(medians: F32, hour: int, last: int) -> float:  # pragma: no cover  compiled
    """The median of an hour's medians, of which `last` is the last that is closed."""
    each = STEPS_MS[1] // STEPS_MS[0]
    held = np.empty(each)
    count = 0
    for place in range(hour * each, min(hour * each + each, last + 1)):
        if not np.isnan(medians[place % COARSE]):
            held[count] = medians[place % COARSE]
            count += 1
    return np.median(held[:count]) if count > 0 else np.nan


@njit(cache=True, nogil=True)
def _leave_out(kept: F32, first: int, end: int) -> None:  # pragma: no cover  compiled
    """Steps in which nothing was heard."""
    for gap in range(first, min(end, first + COARSE)):
        kept[gap % COARSE] = np.nan


@njit(cache=True, nogil=True)
def native_thirds(at_ms: I64, values: F64, heads: I64, out: F64) -> None:  # pragma: no cover  compiled
    """Of the samples of each row: mean of the first third, of the last third, and the milliseconds between them.

    Arrays:
        out: f64[rows, 3]; NaN where fewer than six samples are there.
    """
    for row in range(len(heads)):
        out[row, :] = np.nan
        count = min(heads[row], NATIVE)
        if count < 6:
            continue
        third, first = count // 3, heads[row] - count
        low, high, low_ms, high_ms = 0.0, 0.0, 0.0, 0.0
        for i in range(third):
            early, late = (first + i) % NATIVE, (first + count - third + i) % NATIVE
            low += values[row, early]
            high += values[row, late]
            low_ms += at_ms[row, early] - at_ms[row, (heads[row] - 1) % NATIVE]
            high_ms += at_ms[row, late] - at_ms[row, (heads[row] - 1) % NATIVE]
        out[row, 0], out[row, 1], out[row, 2] = low / third, high / third, (high_ms - low_ms) / third


@njit(cache=True, nogil=True)
def coarse_thirds(step_ms: int, bins: I64, means: F32, out: F64) -> None:  # pragma: no cover  compiled
    """The same of the closed means of a longer step; gaps are left out."""
    known = np.empty(COARSE, np.int64)
    for row in range(len(bins)):
        out[row, :] = np.nan
        count = 0
        for place in range(bins[row] - COARSE, bins[row]):
            if place >= 0 and not np.isnan(means[row, place % COARSE]):
                known[count] = place
                count += 1
        if count < 6:
            continue
        third = count // 3
        low, high, apart = 0.0, 0.0, 0.0
        for i in range(third):
            early, late = known[i], known[count - third + i]
            low += means[row, early % COARSE]
            high += means[row, late % COARSE]
            apart += late - early
        out[row, 0], out[row, 1], out[row, 2] = low / third, high / third, apart * step_ms / third

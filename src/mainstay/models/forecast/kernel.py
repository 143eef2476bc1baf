"""Six ways to go on from a series, tried on its own past: compiled, about a millisecond for all of it."""

from __future__ import annotations

import numpy as np
from numba import njit

from mainstay.domain.signals import F64

METHODS = ("last", "level", "trend", "line", "season", "season and level", "season and trend")
ALPHAS = np.array([0.05, 0.15, 0.4, 0.8])
BETAS = np.array([0.02, 0.1, 0.3])
DAMP = 0.98
CLIP = 4.0
"""A step of more than so many usual ones moves the level by this much only: an outlier is no new level."""
LINE_POINTS = 64
CYCLES = 6
"""The season is the median of so many last cycles."""


@njit(cache=True, nogil=True)
def backtest(y: F64, season: int, horizon: int, folds: int, stride: int) -> F64:  # pragma: no cover  compiled
    """Errors (truth − forecast), f64[methods, folds, horizon], of forecasts from `folds` moments of the past.

    NaN where a method could not be asked.
    """
    errors = np.full((7, folds, horizon), np.nan)
    n = len(y)
    for fold in range(folds):
        origin = n - horizon - fold * stride
        for method in range(7):
            path = go_on(y[:origin], season, horizon, method)
            errors[method, fold] = y[origin : origin + horizon] - path
    return errors


@njit(cache=True, nogil=True)
def go_on(y: F64, season: int, horizon: int, method: int) -> F64:  # pragma: no cover  compiled
    """The next `horizon` values by one method; NaN where it needs more than there is."""
    path = np.full(horizon, np.nan)
    n = len(y)
    if method == 0:
        path[:] = y[n - 1]
    elif method == 1:
        path[:] = _smoothed(y, horizon, False)
    elif method == 2:
        path[:] = _smoothed(y, horizon, True)
    elif method == 3:
        path[:] = _line(y, horizon)
    elif season > 1 and n >= 2 * season:
        if method == 4:
            for h in range(horizon):
                path[h] = y[n - season + h % season]
        else:
            shape = _season(y, season)
            rest = np.empty(n)
            for i in range(n):
                rest[i] = y[i] - shape[(n - 1 - i) % season]
            path[:] = _smoothed(rest, horizon, method == 6)
            for h in range(horizon):
                path[h] += shape[(season - 1 - h % season) % season]
    return path


@njit(cache=True, nogil=True)
def _season(y: F64, season: int) -> F64:  # pragma: no cover  compiled
    """By phase, counted back from the end: the median, over the last cycles, of the distance from the cycle's mean."""
    n = len(y)
    cycles = min(n // season, CYCLES)
    table = np.empty((season, cycles))
    for c in range(cycles):
        first = n - (c + 1) * season
        mean = y[first : first + season].mean()
        for phase in range(season):
            table[phase, c] = y[first + season - 1 - phase] - mean
    shape = np.empty(season)
    for phase in range(season):
        shape[phase] = np.median(table[phase])
    shape -= shape.mean()
    return shape


@njit(cache=True, nogil=True)
def _smoothed(y: F64, horizon: int, with_trend: bool) -> F64:  # pragma: no cover  compiled
    """Exponential smoothing (Holt, damped when with a trend), its rates chosen by the one-step error."""
    best, level, slope = np.inf, y[-1], 0.0
    betas = BETAS if with_trend else np.zeros(1)
    for alpha in ALPHAS:
        for beta in betas:
            cost, here, now = _walk(y, alpha, beta)
            if cost < best:
                best, level, slope = cost, here, now
    path = np.empty(horizon)
    step = slope
    for h in range(horizon):
        step *= DAMP
        level += step
        path[h] = level
    return path


@njit(cache=True, nogil=True)
def _walk(y: F64, alpha: float, beta: float) -> tuple[float, float, float]:  # pragma: no cover  compiled
    """Mean absolute one-step error over the second half, and level and slope at the end."""
    n = len(y)
    level, slope, cost = y[0], 0.0, 0.0
    scale = 0.0
    for i in range(1, min(n, 12)):
        scale += abs(y[i] - y[i - 1])
    scale /= max(min(n, 12) - 1, 1)
    for i in range(1, n):
        error = y[i] - (level + DAMP * slope)
        if i >= n // 2:
            cost += abs(error)
        bound = CLIP * scale
        moved = error if scale == 0.0 or abs(error) <= bound else (bound if error > 0 else -bound)
        scale += 0.05 * (min(abs(error), 2 * bound if scale > 0.0 else abs(error)) - scale)
        level += DAMP * slope + alpha * moved
        slope = DAMP * slope + alpha * beta * moved
    return cost / max(n - n // 2, 1), level, slope


@njit(cache=True, nogil=True)
def _line(y: F64, horizon: int) -> F64:  # pragma: no cover  compiled
    """Theil and Sen: the median slope between points of the series, through its last values' median."""
    n = len(y)
    points = min(n, LINE_POINTS)
    at = np.empty(points)
    for i in range(points):
        at[i] = np.floor(i * (n - 1) / max(points - 1, 1))
    slopes = np.empty(points * (points - 1) // 2)
    k = 0
    for i in range(points):
        for j in range(i + 1, points):
            gap = at[j] - at[i]
            slopes[k] = (y[int(at[j])] - y[int(at[i])]) / gap if gap > 0 else 0.0
            k += 1
    slope = np.median(slopes[:k]) if k else 0.0
    tail = min(n, 8)
    middle = np.empty(tail)
    for i in range(tail):
        middle[i] = y[n - tail + i] + slope * (tail - 1 - i)
    path = np.empty(horizon)
    for h in range(horizon):
        path[h] = np.median(middle) + slope * (h + 1)
    return path

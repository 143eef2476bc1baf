"""Drift: is what a model sees now still what it learned from?

Each feature keeps a *reference*: a histogram whose bins hold equal shares of what the model learned from. New data are
counted into the same bins, so memory does not grow with them, and two questions are asked of the counts:

- **PSI**, the population stability index: Σ (now − then) · ln(now / then) over the bins. By long custom below 0.1 is
  nothing, from 0.25 on is drift (Siddiqi, Credit Risk Scorecards, 2006). Its expectation without any drift is about
  bins · (1/n + 1/m): that much is taken off, so that a small sample does not look like drift.
- **KS**, Kolmogorov and Smirnov: the greatest distance of the two cumulative shares (at the bins' edges, so never
  more than that of the data themselves), with its p-value. Drift is told only when both say so: with a million rows
  every difference is significant, and with fifty none is small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mainstay.domain.errors import BadInput

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Status = Literal["stable", "moved", "drifted", "too few"]

BINS = 20
MOVED, DRIFTED = 0.1, 0.25
SIGNIFICANT = 0.001
ENOUGH = 200
"""Fewer rows than this say nothing, whatever their distance."""
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Reference:
    """What the features looked like when the model learned.

    Attributes:
        names: One per feature.
        edges: f64[features, BINS - 1], ascending; equal neighbours where one value holds more than a bin's share.
        counts: i64[features, BINS + 1]; the last bin counts what is no number.
    """

    names: tuple[str, ...]
    edges: F64
    counts: I64


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one feature has moved. `psi` and `ks` are 0 when there is nothing to compare."""

    feature: str
    status: Status
    psi: float
    ks: float
    p_value: float
    missing: float
    rows: int


def reference_of(names: Iterable[str], rows: F64) -> Reference:
    """Bins of equal share of `rows` (f64[n, features]), and how many rows lie in each.

    Raises:
        BadInput: No rows, or not one column per name.
    """
    names = tuple(names)
    if rows.ndim != 2 or rows.shape[1] != len(names) or not len(rows):
        raise BadInput(f"a reference needs rows of {len(names)} columns; got an array of shape {rows.shape}")
    shares = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.empty((len(names), BINS - 1))
    for number in range(len(names)):
        column = rows[:, number]
        finite = column[np.isfinite(column)]
        edges[number] = np.quantile(finite, shares) if len(finite) else 0.0
    return Reference(names, edges, counted(edges, [rows]))


def counted(edges: F64, parts: Iterable[F64]) -> I64:
    """Rows per bin, i64[features, BINS + 1], over any number of parts; only one part is in memory at a time."""
    counts = np.zeros((edges.shape[0], edges.shape[1] + 2), dtype=np.int64)
    for part in parts:
        for first in range(0, len(part), ROWS_AT_ONCE):
            _count(np.ascontiguousarray(part[first : first + ROWS_AT_ONCE], dtype=np.float64), edges, counts)
    return counts


def compare(reference: Reference, counts: I64) -> list[Drift]:
    """One line per feature, the farthest first."""
    lines = [_drift(name, then, now) for name, then, now in zip(reference.names, reference.counts, counts, strict=True)]
    return sorted(lines, key=lambda line: -line.psi)


def psi(then: I64, now: I64) -> float:
    """Population stability index of two histograms over the same bins, less what chance alone gives.

    >>> psi(np.array([50, 50]), np.array([500, 500]))
    0.0
    >>> round(psi(np.array([5000, 5000]), np.array([9000, 1000])), 2)
    0.88
    """
    bins, n, m = len(then), int(then.sum()), int(now.sum())
    if not (n and m):
        return 0.0
    p, q = (then + 0.5) / (n + bins / 2), (now + 0.5) / (m + bins / 2)  # an empty bin is rare, not impossible
    found = float(((q - p) * np.log(q / p)).sum()) - (bins - 1) * (1 / n + 1 / m)
    return max(0.0, found)


def ks(then: I64, now: I64) -> tuple[float, float]:
    """Distance of the cumulative shares at the bins' edges, and the p-value of that distance (asymptotic)."""
    n, m = int(then.sum()), int(now.sum())
    if not (n and m):
        return 0.0, 1.0
    distance = float(np.abs(np.cumsum(then) / n - np.cumsum(now) / m).max())
    root = math.sqrt(n * m / (n + m))
    size = (root + 0.12 + 0.11 / root) * distance  # Stephens 1970
    return distance, _kolmogorov(size)


def _drift(name: str, then: I64, now: I64) -> Drift:
    rows, missing = int(now.sum()), int(now[-1])
    found, (distance, p_value) = psi(then, now), ks(then, now)
    share = missing / rows if rows else 0.0
    return Drift(name, _status(rows, found, p_value), found, distance, p_value, share, rows)


def _status(rows: int, found: float, p_value: float) -> Status:
    if rows < ENOUGH:
        return "too few"
    if p_value > SIGNIFICANT or found < MOVED:
        return "stable"
    return "drifted" if found >= DRIFTED else "moved"


def _kolmogorov(size: float) -> float:
    """How often chance alone gives this much: 2 Σ (−1)^(k−1) exp(−2 k² size²)."""
    if size < 0.2:
        return 1.0  # the series converges slowly there, to 1
    total = sum((1.0, -1.0)[(k - 1) % 2] * math.exp(-2 * k * k * size * size) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * total))


@njit(cache=True, nogil=True)
def _count(rows: F64, edges: F64, counts: I64) -> None:  # pragma: no cover  compiled
    bins = edges.shape[1]
    for row in range(rows.shape[0]):
        for feature in range(rows.shape[1]):
            value = rows[row, feature]
            if not np.isfinite(value):
                counts[feature, bins + 1] += 1
                continue
            low, high = 0, bins
            while low < high:  # the first edge that is not below: a value on an edge belongs to the bin that it closes
                middle = (low + high) // 2
                if edges[feature, middle] < value:
                    low = middle + 1
                else:
                    high = middle
            counts[feature, low] += 1

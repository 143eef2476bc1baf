"""The NAB scorer: windows that reward early detection, one threshold for every series, the standard profile.

Lavin & Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", ICMLA 2015, section
II. Within a window the earliest flag counts, by its position; outside, every flag costs, most far from a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

FALSE_WEIGHT = 0.11
PROBATION_SHARE, PROBATION_POINTS = 0.15, 750


@dataclass(frozen=True, slots=True)
class Recording:
    """One labelled series.

    Args:
        windows: (first, last) row of each anomaly window, in order.
    """

    name: str
    at_ns: I64
    value: F64
    windows: tuple[tuple[int, int], ...] = ()

    @property
    def probation(self) -> int:
        """Rows at the beginning in which nothing counts."""
        return min(int(PROBATION_SHARE * len(self.value)), PROBATION_POINTS)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Every row that counts of some recordings: the window it lies in (-1 is none) and what a flag there is worth."""

    window: I64
    worth: F64
    score: F64
    windows: int

    def curve(self) -> tuple[F64, F64]:
        """Thresholds, falling, and the raw score with everything at or above each flagged."""
        order = np.argsort(-self.score, kind="stable")
        score, window, worth = self.score[order], self.window[order], self.worth[order]
        gains = np.where(window < 0, worth, 0.0)
        best = np.full(self.windows, -1.0)
        for i in np.flatnonzero(window >= 0):
            gains[i] = max(worth[i] - best[window[i]], 0.0)
            best[window[i]] = max(worth[i], best[window[i]])
        is_last = np.append(score[1:] != score[:-1], True)
        raw = np.cumsum(gains)[is_last] - self.windows
        return np.append(np.inf, score[is_last]), np.append(-float(self.windows), raw)

    def best(self) -> tuple[float, float]:
        """The threshold with the highest raw score, and that score."""
        thresholds, raw = self.curve()
        at = int(np.argmax(raw))
        return float(thresholds[at]), float(raw[at])

    def at(self, threshold: float) -> float:
        """The raw score at one threshold."""
        flagged = self.score >= threshold
        best = np.full(self.windows, -1.0)
        np.maximum.at(best, self.window[flagged & (self.window >= 0)], self.worth[flagged & (self.window >= 0)])
        return float(self.worth[flagged & (self.window < 0)].sum() + best.sum())


def normalised(raw: float, windows: int) -> float:
    """0 for a detector that flags nothing, 100 for one that flags the first row of each window and no other."""
    return 100.0 * (raw + windows) / (2.0 * windows) if windows else float("nan")


def weighed(recordings: Sequence[Recording], scores: Sequence[F64]) -> Weighed:
    """The rows after probation of all recordings, with the worth of a flag on each."""
    windows, worths, kept, count = [], [], [], 0
    for recording, score in zip(recordings, scores, strict=True):
        start = recording.probation
        window, worth = worth_of(len(recording.value), recording.windows)
        windows.append(np.where(window >= 0, window + count, -1)[start:])
        worths.append(worth[start:])
        kept.append(score[start:])
        count += len(recording.windows)
    return Weighed(np.concatenate(windows), np.concatenate(worths), np.concatenate(kept), count)


def worth_of(rows: int, windows: Sequence[tuple[int, int]]) -> tuple[I64, F64]:
    """Per row the window it lies in (-1 is none), and what a flag there is worth.

    >>> worth_of(6, [(2, 3)])[1].round(2).tolist()
    [-0.11, -0.11, 1.0, 0.86, -0.11, -0.11]
    """
    at = np.arange(rows)
    window, worth = np.full(rows, -1), np.full(rows, -FALSE_WEIGHT)
    for first, last in windows:
        after = at > last
        worth[after] = FALSE_WEIGHT * _sigmoid((at[after] - last) / max(last - first, 1))
    for number, (first, last) in enumerate(windows):
        inside = slice(first, last + 1)
        window[inside] = number
        worth[inside] = _sigmoid(-(last - at[inside] + 1) / (last - first + 1)) / _sigmoid(np.array(-1.0))
    return window, worth


def _sigmoid(position: F64) -> F64:
    """+1 well before the end of a window, 0 at it, -1 well after."""
    scaled: F64 = np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)
    return scaled

"""How rare a score is, from the entity's own history: a histogram, and beyond its last percent a power law."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from mainstay.domain.signals import F64

BINS, PER_OCTAVE, LOWEST = 256, 16, 2.0**-4  # 16 octaves from 1/16: a usual row scores 1
TAIL = 0.01  # the share of rows by which the power law is fitted
STEEPEST, FLATTEST = 12.0, 2.0  # few rows may look steeper than they are, and one burst flatter


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """Scores beyond `above` come with chance `TAIL` · (score / above) ** -`steepness`; `rows` it was fitted on."""

    above: float
    steepness: float
    rows: float

    def p_value(self, score: float) -> float:
        """Chance of a score of at least this much, at most `TAIL`.

        >>> Tail(above=2.0, steepness=2.0, rows=1000.0).p_value(20.0)
        0.0001
        """
        return float(TAIL * (max(score, self.above) / self.above) ** -self.steepness)


def bin_of(score: float) -> int:
    """Where a score stands in the histogram.

    >>> bin_of(LOWEST), bin_of(1.0), bin_of(1e300)
    (0, 64, 255)
    """
    return min(max(int(math.log2(max(score, LOWEST) / LOWEST) * PER_OCTAVE), 0), BINS - 1)


def edges() -> F64:
    """Lower borders of the bins."""
    return np.asarray(LOWEST * 2.0 ** (np.arange(BINS + 1) / PER_OCTAVE))


def fitted(counts: F64) -> Tail:
    """The tail of a histogram: Hill's estimate (Annals of Statistics 1975) on bins, from the (1 − TAIL) quantile."""
    total = float(counts.sum())
    survive = np.cumsum(counts[::-1])[::-1] / total
    borders = edges()
    above = float(borders[_first_at(survive, TAIL)])
    middle = np.sqrt(borders[:-1] * borders[1:])
    beyond = middle >= above
    log_excess = float((counts[beyond] * np.log(middle[beyond] / above)).sum())
    count = float(counts[beyond].sum())
    steepness = count / log_excess if log_excess > 0.0 else STEEPEST
    return Tail(
        above=above,
        steepness=min(max(steepness, FLATTEST), STEEPEST),
        rows=total,
    )


def share_beyond(counts: F64, score: float) -> float:
    """Share of the past rows with at least this score, straight lines inside a bin; for what is not in the tail."""
    at, borders = bin_of(score), edges()
    inside = (borders[at + 1] - score) / (borders[at + 1] - borders[at])
    beyond = float(counts[at + 1 :].sum()) + float(counts[at]) * min(max(inside, 0.0), 1.0)
    return float(min(1.0, (beyond + 1.0) / (float(counts.sum()) + 1.0)))


def _first_at(survive: F64, share: float) -> int:
    """First bin that at most this share of the rows reaches."""
    return int(np.argmax(survive <= share)) if bool((survive <= share).any()) else BINS - 1

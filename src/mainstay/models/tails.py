"""Chances of counts at least this large, without scipy: exact sums in logarithms, since the counts are small."""

from __future__ import annotations

import math


def binomial(k: int, n: int, share: float) -> float:
    """P(X ≥ k) of n tries that each succeed with `share`; 1.0 at or below the mean, where nothing is strange.

    >>> round(binomial(2, 2, 0.5), 6), binomial(0, 5, 0.1)
    (0.25, 1.0)
    """
    if k <= n * share or share >= 1.0:
        return 1.0
    if k > n or share <= 0.0:
        return 0.0
    odds = share / (1.0 - share)
    term = math.exp(_log_choose(n, k) + k * math.log(share) + (n - k) * math.log1p(-share))
    total = term
    for i in range(k + 1, n + 1):
        term *= odds * (n - i + 1) / i
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)


def poisson(k: float, expected: float, dispersion: float = 1.0) -> float:
    """P(X ≥ k) of a count with this mean and variance/mean ratio (over 1: the count is clustered).

    Counts and mean are divided by the dispersion (quasi-Poisson); the sum stops when its terms no longer matter.

    >>> round(poisson(1, 1.0), 6)
    0.632121
    """
    k, expected = math.floor(k / dispersion), expected / dispersion
    if k <= 0:
        return 1.0
    if expected <= 0.0:
        return 0.0
    if k > expected:
        term = math.exp(k * math.log(expected) - expected - math.lgamma(k + 1))
        return min(1.0, _series(term, expected, k))
    return max(0.0, 1.0 - math.fsum(math.exp(i * math.log(expected) - expected - math.lgamma(i + 1)) for i in range(k)))


def _series(term: float, expected: float, k: int) -> float:
    total, i = term, k
    while term > total * 1e-12:
        i += 1
        term *= expected / i
        total += term
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

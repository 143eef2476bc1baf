"""Tests that may be looked at after every window: their chance of a false alarm holds over all looks together."""

from __future__ import annotations

import math

FASTER = range(1, 13)


def evidence_against(hits: int, n: int, most: float) -> float:
    """How many times likelier these hits are when their share is above `most` than when it is at most that: a mixture
    over all larger shares (uniform) against `most` itself, as a logarithm.

    Under "the share is at most `most`" this is a nonnegative supermartingale in n, so by Ville's inequality the chance
    that it *ever* exceeds ln(1/α) is at most α, however often one looks and whenever one stops.

    Source: H. Robbins, "Statistical methods related to the law of the iterated logarithm" (1970); J. Ville (1939); the
    mSPRT of Johari et al., "Always valid inference", Operations Research 70 (2022).

    >>> round(evidence_against(2, 2, 0.05), 2), round(evidence_against(1, 20, 0.05), 2)
    (4.94, -2.35)
    """  # noqa: D205
    if n == 0:
        return 0.0
    if most <= 0.0:
        return math.inf if hits else -math.log1p(n)
    if most >= 1.0:
        return -math.inf
    beta = math.lgamma(hits + 1) + math.lgamma(n - hits + 1) - math.lgamma(n + 2)
    mixture = beta + _log_tail(hits, n + 1, most) - math.log1p(-most)
    return mixture - hits * math.log(most) - (n - hits) * math.log1p(-most)


def is_beyond(hits: int, n: int, most: float, alpha: float) -> bool:
    """Whether the share of hits is above `most`, with a chance of at most `alpha` to ever say so of one that is not.

    >>> is_beyond(1, 2, 0.05, 0.01), is_beyond(2, 2, 0.05, 0.01), is_beyond(30, 100, 0.25, 0.01)
    (False, True, False)
    """
    return evidence_against(hits, n, most) >= math.log(1 / alpha)


def is_too_often(hits: int, allowed: float, alpha: float) -> bool:
    """Whether something happens too often, with a chance of at most `alpha` to ever say so of what keeps to its limit.

    `allowed` is how many there are in this time, on average, at the limit; of no time nothing is said. The mean of the
    likelihoods of Poisson streams 2, 4, … 2¹² times as fast, over that of the stream allowed: again a nonnegative
    supermartingale, now in time. The factor is not known to an order of magnitude, so each of them weighs the same.

    >>> is_too_often(1, 0.007, 0.00125), is_too_often(2, 0.007, 0.00125), is_too_often(2, 0.1, 0.00125)
    (False, True, False)
    """
    if allowed <= 0.0:
        return False
    logs = [hits * n * math.log(2) - (2.0**n - 1.0) * allowed for n in FASTER]
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs) / len(logs)) >= math.log(1 / alpha)


def is_above(hits: int, n: int, most: float, alpha: float) -> bool:
    """As `is_beyond` for a sample that is looked at once: the exact binomial test.

    >>> is_above(8, 38, 0.05, 0.01), is_above(3, 38, 0.05, 0.01)
    (True, False)
    """
    if n == 0 or not 0.0 < most < 1.0:
        return n > 0 and hits > most * n
    return -math.expm1(_log_tail(hits - 1, n, most)) <= alpha if hits else False


def _log_tail(most_hits: int, n: int, p: float) -> float:
    """Logarithm of P(Binomial(n, p) ≤ most_hits): the weight that the Beta posterior leaves above p."""
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
        for k in range(min(most_hits, n) + 1)
    ]
    top = max(logs)
    return min(0.0, top + math.log(sum(math.exp(one - top) for one in logs)))

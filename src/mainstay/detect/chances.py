"""How rare a page must be: chances counted over everything that is watched, and a level that falls as places go.

With N false pages a week promised to a team that watches M things, each looked at L = 120,960 times a week (every five
seconds), chance alone brings `M · L · p` alerts a week that are as rare as p. N is cut in two:

- a reserve κ = N − ⌊6N/7⌋: whatever is expected at most κ times a week passes, always. By the union bound at most κ
  such pages a week are false, however the series depend on each other.
- ⌊6N/7⌋ places for what is not as rare. A place is taken when such a page opens an incident, returns after seven days,
  or at once when the page proved right. So at most ⌊6N/7⌋ such pages a week are false.

Together N. The first half of the places goes to whoever comes; of the other half the next must be a hundred times rarer
than the one before: a bad Monday does not spend the week.

Source: alpha-investing (Foster and Stine, "α-investing", JRSS B 70, 2008) with a memory of one week, as anomaly
detection needs it (Rebjock et al., "Online false discovery rate control for anomaly detection in time series", NeurIPS
2021). Here the expected *number* of false pages is bounded (PFER), which is what a team promises itself; it is stricter
than a bound on their share (LORD, SAFFRON), and a place comes back for a discovery that people confirmed, not for any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

LOOKS_A_WEEK = 120_960
STEP = 100.0
RAREST = 300.0  # −log10 of the smallest p-value that is told apart from 0
AGREEING = 0.5  # what a second witness adds: half of its evidence, since neighbours do not err independently


def places(promised: float) -> int:
    """Pages a week that need not be rare by themselves.

    >>> places(7), places(1), places(14)
    (6, 0, 12)
    """
    return math.floor(promised * 6 / 7 + 1e-9)


def reserved(promised: float) -> float:
    """False pages a week that are left for what is rare by itself.

    >>> reserved(7), reserved(0.5)
    (1, 0.5)
    """
    return promised - places(promised)


def level(promised: float, used: int) -> float:
    """The most often, in alerts a week by chance, that what pages next may be; infinite while there is plenty.

    >>> [level(7, used) for used in range(8)]
    [inf, inf, inf, 1000000.0, 10000.0, 100.0, 1.0, 1.0]
    """
    room, kept = places(promised), reserved(promised)
    if 2 * (used + 1) <= room:
        return math.inf
    return kept * math.pow(STEP, max(room - used, 0))


def strength(p_value: float | None) -> float:
    """Evidence of one alert: −log10 p; none where a detector gives no chance.

    >>> strength(1e-6), strength(None), strength(0.0)
    (6.0, 0.0, 300.0)
    """
    if p_value is None or not p_value >= 0.0:
        return 0.0
    return RAREST if p_value < 10.0**-RAREST else max(-math.log10(min(p_value, 1.0)), 0.0)


def together(strengths: Iterable[float]) -> float:
    """Evidence of alerts that agree, one per entity: the strongest, and half of each other.

    >>> together([6.0, 4.0])
    8.0
    """
    first, *others = sorted(strengths, reverse=True) or [0.0]
    return first + AGREEING * math.fsum(others)


def expected(watched: int, evidence: float) -> float:
    """How many alerts of this strength chance brings in a week over all that is watched.

    >>> round(expected(1000, 8.0), 2)
    1.21
    """
    return math.pow(10.0, max(math.log10(max(watched, 1) * LOOKS_A_WEEK) - evidence, -RAREST))


def trust(false_pages: int, promised: float) -> float:
    """Exponent on p-values: one, until more rare pages of four weeks were judged false than the reserve allows.

    >>> trust(4, 7), trust(8, 7)
    (1.0, 0.5)
    """
    return 4.0 / (4.0 + max(false_pages - 4 * reserved(promised), 0.0))

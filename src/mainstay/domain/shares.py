"""Shares of counts with honest intervals: few counts, and shares near 0 and 1, have wide ones."""

from __future__ import annotations

import math

from mainstay.domain.watching import Share

Z = 1.959964  # two-sided 95 %


def wilson(hits: int, n: int, z: float = Z) -> tuple[float, float]:
    """The Wilson score interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    >>> low, high = wilson(0, 10)
    >>> low, round(high, 3)
    (0.0, 0.278)
    """
    if n <= 0:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    low = 0.0 if hits == 0 else max(0.0, (middle - spread) / whole)
    return low, 1.0 if hits == n else min(1.0, (middle + spread) / whole)


def counts(n: int, z: float = Z) -> tuple[float, float]:
    """The interval of what is to be expected where so many were counted (Poisson).

    Source: Byar's approximation, in Breslow and Day, "Statistical Methods in Cancer Research" II (1987), section 2.3.

    >>> [round(end, 1) for end in counts(10)], [round(end, 1) for end in counts(0)]
    ([4.8, 18.4], [0.0, 3.7])
    """
    more = n + 1
    low = n * (1 - 1 / (9 * n) - z / (3 * math.sqrt(n))) ** 3 if n else 0.0
    return max(low, 0.0), more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def share(hits: int, n: int, least: int = 1) -> Share:
    """A share with its interval; its value is None below `least` counts.

    >>> share(3, 4, least=8).value is None, share(9, 10).value
    (True, 0.9)
    """
    low, high = wilson(hits, n)
    value = round(hits / n, 4) if n >= max(1, least) else None
    return Share(hits=hits, n=n, value=value, low=round(low, 4), high=round(high, 4))


def told(one: Share) -> str:
    """A share in words.

    >>> told(share(32, 37)), told(share(1, 2, least=8))
    ('0.86 [0.72–0.94] n=37', 'too few (1 of 2)')
    """
    if one.value is None:
        return f"too few ({one.hits} of {one.n})"
    return f"{one.value:.2f} [{one.low:.2f}–{one.high:.2f}] n={one.n}"


def two_shares(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Chance that two equal shares differ so much (Fisher's exact test, two-sided); 1 when a side is empty.

    >>> round(two_shares(3, 20, 15, 20), 5), round(two_shares(5, 10, 5, 10), 5)
    (0.00033, 1.0)
    """
    if not (n and other_n):
        return 1.0
    total = hits + other_hits
    logs = [_ways(n, k) + _ways(other_n, total - k) for k in range(max(0, total - other_n), min(n, total) + 1)]
    seen = _ways(n, hits) + _ways(other_n, other_hits)
    whole = _ways(n + other_n, total)
    return min(1.0, sum(math.exp(log - whole) for log in logs if log <= seen + 1e-9))


def _ways(n: int, k: int) -> float:
    """Logarithm of the ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

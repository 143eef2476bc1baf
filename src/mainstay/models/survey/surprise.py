"""How surprising something is: evidence in nats, so that what different signals say can be added up."""

from __future__ import annotations

import math
from math import lgamma


def shifted(z: float, freedom: float = 4.0) -> float:
    """Evidence of a shift of `z` usual variations; nothing for a shift the other way.

    Tails of telemetry are heavier than normal ones, so it grows with the logarithm of z (Student's t): a shift of
    1,000 variations is not a hundred times as sure as one of 10.

    >>> [round(shifted(z), 1) for z in (-2.0, 1.0, 3.0, 10.0)]
    [0.0, 0.6, 2.9, 8.1]
    """
    return 0.0 if z <= 0 else (freedom + 1) / 2 * math.log1p(z * z / freedom)


def changed(heard: float, of: float, heard_now: float, of_now: float) -> float:
    """Log Bayes factor of "another share now than before" against "the same": below 0 speaks for the same.

    Both shares have Jeffreys' prior, so that 0 of 3 is little and 0 of 300 is much (Kass and Raftery, 1995).

    >>> round(changed(100, 100, 0, 5), 1), round(changed(50, 100, 3, 5), 1)
    (18.4, -1.0)
    """
    apart = _beta(heard_now + 0.5, of_now - heard_now + 0.5) - _beta(0.5, 0.5)
    both = _beta(heard + heard_now + 0.5, of + of_now - heard - heard_now + 0.5)
    return apart - (both - _beta(heard + 0.5, of - heard + 0.5))


def bounded(evidence: float, most: float) -> float:
    """Evidence that never exceeds `most`: beyond some point another assumption is likelier wrong than this right.

    >>> [round(bounded(e, 12.0), 1) for e in (1.0, 12.0, 500.0)]
    [1.0, 7.6, 12.0]
    """
    return most * -math.expm1(-max(evidence, 0.0) / most)


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)

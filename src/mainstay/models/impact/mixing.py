"""Two forecasts of one event, mixed by how they did so far: nearly as good as the better one, whatever comes."""

from __future__ import annotations

import math

import msgspec

ETA = 2.0  # the square loss of a yes or no is mixable up to here (Vovk 1990)


class Skill(msgspec.Struct, frozen=True):
    """What was scored: how many forecasts, and the sum of squared errors without the factors and with them."""

    scored: int = 0
    base: float = 0.0
    factors: float = 0.0

    def weight(self, share: float) -> float:
        """How much the factors are trusted: `share` at first, then by what they spared or cost.

        >>> Skill().weight(0.2), round(Skill(40, 9.0, 8.0).weight(0.2), 2), round(Skill(40, 8.0, 9.0).weight(0.2), 2)
        (0.2, 0.65, 0.03)
        """
        spared = min(max(ETA * (self.base - self.factors), -50.0), 50.0)
        return share / (share + (1 - share) * math.exp(-spared))

    def says(self, weight: float) -> str:
        """The record, as a person reads it."""
        if not self.scored:
            return f"what was measured so far, but never put to the test, weighs {weight:.0%}"
        briers = f"Brier {self.factors / self.scored:.3f} with all this, {self.base / self.scored:.3f} without it"
        return f"{briers}, of {self.scored} forecasts: it weighs {weight:.0%}"


def mixed(base: float, by_factors: float, weight: float) -> float:
    """The forecast whose squared error is never above the mixture of both, whichever outcome comes.

    With a first weight of w for the factors, the sum of its squared errors stays below the base's plus ln(1/(1−w))/2.

    >>> round(mixed(0.2, 0.6, 0.5), 3), mixed(0.2, 0.6, 0.0)
    (0.415, 0.2)
    """

    def loss(outcome: int) -> float:
        of_base, of_factors = (math.exp(-ETA * (said - outcome) ** 2) for said in (base, by_factors))
        return -math.log((1 - weight) * of_base + weight * of_factors) / ETA

    return min(max(0.5 + (loss(0) - loss(1)) / 2, min(base, by_factors)), max(base, by_factors))

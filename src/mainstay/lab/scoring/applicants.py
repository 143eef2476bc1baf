"""People who ask for a loan: what is known of them, and whether they will pay it back."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

FEATURES = ("income_k", "debt_share", "employed_years", "amount_k")


@dataclass(frozen=True)
class Logistic:
    """A logistic regression over `FEATURES`, as a trained model is: its weights and its intercept."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, features: Mapping[str, float]) -> float:
        """Of not paying back.

        >>> round(GOOD.probability({"income_k": 35, "debt_share": 0.3, "employed_years": 5, "amount_k": 10}), 3)
        0.139
        """
        logit = self.bias + sum(w * features[name] for w, name in zip(self.weights, FEATURES, strict=True))
        return 1 / (1 + math.exp(-logit))


GOOD = Logistic(weights=(-0.03, 5.0, -0.08, 0.06), bias=-2.475)
"""How it is in this world; the model that was released has learned just that. One in six does not pay back, and one in
sixteen is declined at a threshold of a half."""


def applicant(draw: random.Random) -> dict[str, float]:
    """What one person puts into the form."""
    return {
        "income_k": round(draw.lognormvariate(3.5, 0.5), 2),
        "debt_share": round(draw.betavariate(2, 5), 3),
        "employed_years": round(draw.expovariate(1 / 6), 1),
        "amount_k": round(draw.lognormvariate(2.2, 0.6), 1),
    }


def will_default(features: Mapping[str, float], draw: random.Random) -> bool:
    """What becomes of the loan."""
    return draw.random() < GOOD.probability(features)

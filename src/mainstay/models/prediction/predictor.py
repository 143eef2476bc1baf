"""The probability of an incident of each service, as a sum of leading indicators that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.signals import F64

Weight = Annotated[float, msgspec.Meta(ge=-50, le=50)]
REASONS = 3
MOST_REASONS = 200
PRIORS = {
    "odd": 0.25,
    "alerts": 0.8,
    "change": 1.0,
    "burn": 0.5,
    "runs_out": 3.0,
    "again": 0.7,
    "callee_odd": 0.1,
    "callee_change": 0.3,
}
"""Set by hand, not learned."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the predictor: log-odds.

    Attributes:
        weights: By feature; a feature that has none counts nothing.
        bias: Log-odds of a service of which nothing is known.
        threshold: From this probability on a service is flagged: chosen so that false alarms stay within the budget.
        horizon_s: What it was trained for; 0 for hand-set priors.
    """

    weights: dict[str, Weight] = msgspec.field(default_factory=lambda: dict(PRIORS))
    bias: Weight = -6.0
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.3
    horizon_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Services with their features: `rows[i]` belongs to `services[i]`, in the order of `features`."""

    features: list[str]
    services: list[str]
    rows: list[list[float]]


class Predictor:
    """Logistic regression over leading indicators: each adds to the odds, and says how much.

    The shipped weights are priors set by hand, not learned: `mainstay evaluate prediction` says what they are worth,
    and what weights are that were trained on a recording (`fit.py`).

    Source: logistic regression with a ridge (le Cessie and van Houwelingen 1992).
    """

    ALGORITHM: ClassVar[str] = "leading-logistic"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(Parameters())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = msgspec.convert({**self.DEFAULTS, **parameters}, Parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The probability of each service.

        Returns:
            `probability` by service, `reasons` of the likeliest 200 (the features that raise it most, each with the
            factor that the odds are multiplied by), `flagged`: those above the threshold.
        """
        asked = msgspec.convert(inputs, Asked)
        weights = np.array([self._parameters.weights.get(name, 0.0) for name in asked.features])
        rows = np.array(asked.rows, np.float64).reshape(len(asked.services), len(asked.features))
        adds = np.where(np.isfinite(rows), rows, 0.0) * weights
        probability = chance(adds.sum(axis=1) + self._parameters.bias)
        most = np.sort(np.argsort(-probability, kind="stable")[:MOST_REASONS])
        reasons = {
            service: [
                [asked.features[at], round(float(np.exp(min(one[at], 50.0))), 4)]
                for at in np.argsort(-one, kind="stable")[:REASONS].tolist()
                if one[at] > 0
            ]
            for service, one in ((asked.services[at], adds[at]) for at in most.tolist())
        }
        listed = probability.tolist()
        flagged = [s for s, p in zip(asked.services, listed, strict=True) if p >= self._parameters.threshold]
        return {
            "probability": dict(zip(asked.services, listed, strict=True)),
            "reasons": reasons,
            "flagged": flagged,
            "threshold": self._parameters.threshold,
        }


def chance(log_odds: F64) -> F64:
    """Probabilities of log-odds.

    >>> chance(np.array([0.0])).tolist()
    [0.5]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))

"""A cold service borrows the version of its nearest peer, until it has enough history of its own.

Near is what is measured alike and stands alike: the same metrics, the same tier and environment, about as many callers
and callees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

LEAST_LIKENESS = 0.5
"""Below it a peer says no more than what serves everything."""
OF_METRICS, OF_TIER, OF_ENVIRONMENT, OF_PLACE = 0.5, 0.2, 0.1, 0.2


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a service before it has a history."""

    metrics: frozenset[str] = frozenset()
    tier: int | None = None
    environment: str = ""
    callers: int = 0
    callees: int = 0


def nearest(cold: Profile, others: Mapping[str, Profile]) -> tuple[str, float] | None:
    """The most alike, with its likeness from 0 to 1; None when none is alike enough. A tie goes to the first by name.

    >>> web = Profile(frozenset({"latency", "cpu"}), 1, "prod", 1, 2)
    >>> nearest(web, {"service=a": web, "service=b": Profile(frozenset({"queue.depth"}))})
    ('service=a', 1.0)
    """
    found = sorted(((-likeness(cold, other), name) for name, other in others.items()), key=lambda pair: pair)
    if not found or -found[0][0] < LEAST_LIKENESS:
        return None
    return found[0][1], round(-found[0][0], 3)


def likeness(one: Profile, other: Profile) -> float:
    """How alike two services are, from 0 to 1.

    >>> likeness(Profile(frozenset({"cpu"}), 1), Profile(frozenset({"cpu"}), 2))
    0.8
    """
    tier = float(one.tier == other.tier)
    environment = float(one.environment == other.environment)
    place = (_ratio(one.callers, other.callers) + _ratio(one.callees, other.callees)) / 2
    metrics = _shared(one.metrics, other.metrics)
    return OF_METRICS * metrics + OF_TIER * tier + OF_ENVIRONMENT * environment + OF_PLACE * place


def _shared(one: Collection[str], other: Collection[str]) -> float:
    """Jaccard's index; nothing is alike to nothing by half."""
    both = set(one) | set(other)
    return len(set(one) & set(other)) / len(both) if both else 0.5


def _ratio(one: int, other: int) -> float:
    return (min(one, other) + 1) / (max(one, other) + 1)

"""A tie of an alert to what is there, and how strong ties can be at most."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec


class Link(msgspec.Struct, frozen=True, gc=False):
    """How strongly an alert is tied to a member of an incident, 0–1, and by what.

    `is_victim`: only because the alert's entity depends on the member, so it may suffer from others as well.
    """

    score: float
    says: str
    gap_ms: int
    is_victim: bool = False
    names: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """In words; put together only when asked, as most ties are found to be weaker than another.

        >>> Link(0.85, "{} depends on {}", 0, names=("service:shop/cart", "service:shop/stock")).why
        'cart depends on stock'
        """
        return self.says.format(*map(short, self.names)) if self.names else self.says


NO_LINK = Link(0.0, "nothing in common", 0)


class Bounds(msgspec.Struct, frozen=True):
    """How strong a tie can be at most, by the weights of a version: what cannot be the strongest is not looked into.

    Attributes:
        longest_ms: After so long a gap even the closest tie would be too weak to join by.
        same, other, aside: The most that any closeness is: to its own entity, to another, to one that neither depends
            on it nor it on that. tau_s: The slowest that any of them fades.
        noticed: The most that a witness ties; he does not go by the gap to the member.
    """

    longest_ms: float
    same: float
    other: float
    aside: float
    noticed: float
    tau_s: float

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Bounds:
        """Of one version."""
        slowest_s = max(weights["same_entity_tau_s"], weights["victim_tau_s"], weights["tau_s"])
        names = ("same_host", "shared_callee", "shared_caller", "unconnected", "same_words", "shared_change")
        aside = math.inf if weights["per_hop"] > 1 else max(weights[name] for name in names)
        other = max(aside, weights["per_hop"])
        return cls(
            longest_ms=-math.log(max(weights["join_at"], 1e-9)) * slowest_s * 1000,
            same=max(1.0, other),
            other=other,
            aside=aside,
            noticed=weights["witness"],
            tau_s=max(slowest_s, weights["shared_tau_s"], weights["moment_tau_s"]),
        )


def short(entity: str) -> str:
    """The name of an entity without its kind and environment."""
    return entity.rpartition("/")[2] or entity

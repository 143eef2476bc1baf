"""Before a change: how likely it harms the service that is changed, and who else would feel it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of

Counts = tuple[int, int]
"""How many changes were scored, and how many of them did harm."""
MOST_SERVICES = 50
NIGHT_H = range(6)  # UTC
FRIDAY = 4


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a change before it is made.

    Attributes:
        tier: Of the changed service; None is not known. hour, weekday: Of the change, UTC; Monday is 0.
        callers: (entity, hops, tier) of everybody who depends on it, nearest first.
        of_kind, of_service, of_author: Changes scored so far with this kind, on this service, by this author.
        here: How many changes this author made on this service before. felt: By hops, how often callers so far away
            were looked at when a change did harm, and how often they felt it.
        incident: One that is open on the service or on what it calls; "" for none.
        crowd: Other changes on it or its neighbours in the half hour before.
    """

    entity: str
    kind: str
    version: str = ""
    previous_version: str = ""
    author: str = ""
    size: int = 0
    tier: int | None = None
    hour: int = 12
    weekday: int = 0
    callers: tuple[tuple[str, int, int | None], ...] = ()
    of_kind: Counts = (0, 0)
    of_service: Counts = (0, 0)
    of_author: Counts = (0, 0)
    here: int = 0
    felt: dict[str, Counts] = {}
    incident: str = ""
    crowd: int = 0


class ChangeRisk:
    """A logistic model whose base is what was measured.

    The base rate of the kind, that of the service and that of the author are Beta-binomial: so many changes did harm of
    so many that were scored, beside a prior that counts as `…_weight` changes, so a service with two changes is hardly
    told from any other. What the service and the author differ from the kind by multiplies the odds, and so do facts
    of the change itself, by hand-set factors: nobody measured them on your systems, and the calibration that is shown
    says how good they are. No factor is drawn from what a change says about itself in words.
    """

    ALGORITHM: ClassVar[str] = "beta-logistic"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        # share of changes that fail: DORA reports 5 % (elite) to 15 % and more; rollbacks return to what worked
        "prior": {"deploy": 0.12, "rollback": 0.04, "config": 0.12, "flag": 0.06, "scale": 0.04, "restart": 0.04,
                  "infrastructure": 0.15, "other": 0.06},
        "kind_weight": 20.0,
        "service_weight": 8.0,
        "author_weight": 8.0,
        "odds": {"incident": 1.5, "crowd": 1.2, "night": 1.2, "friday": 1.1, "new_author": 1.2, "major_version": 1.4,
                 "per_tenfold_size": 1.3},
        "usual_size": 3.0,
        "felt_prior": 0.5,  # a caller feels what its callee feels, half as likely with each hop
        "felt_weight": 4.0,
        "tier_points": {"1": 25, "2": 16, "3": 8},
        "unknown_tier_points": 8,
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Foretell.

        Returns:
            `probability`, `services` (entity, probability, hops, tier), `reasons` (name, odds, says), `risk` (score and
            parts), `says`.
        """
        facts = msgspec.convert(inputs, Facts)
        base = self._base(facts)
        reasons = [reason for reason in (*self._records(facts, base), *self._circumstances(facts)) if reason]
        reasons.sort(key=lambda reason: (-abs(math.log(reason["odds"])), reason["name"]))
        odds = base / (1 - base) * math.prod(reason["odds"] for reason in reasons)
        probability = round(min(odds / (1 + odds), 0.95), 4)
        services = self._services(facts, probability)
        tried, harmed = facts.of_kind
        first = f"{harmed} of {tried} scored changes of kind {facts.kind} did harm" if tried else "nothing scored yet"
        return {
            "probability": probability,
            "services": services,
            "reasons": [_reason("base", round(base / (1 - base), 4), f"{base:.0%} of {facts.kind} changes: {first}"),
                        *reasons],
            "risk": self._risk(facts, probability, services),
            "says": f"{probability:.0%} likely to do harm; {len(services) - 1} callers downstream of it",
        }  # fmt: skip

    def _base(self, facts: Facts) -> float:
        prior = self._weights["prior"].get(facts.kind, self._weights["prior"]["other"])
        return _shrunk(facts.of_kind, prior, self._weights["kind_weight"])

    def _records(self, facts: Facts, base: float) -> list[dict[str, Any] | None]:
        """What service and author differ from the kind by."""
        found = []
        for name, counts in (("service", facts.of_service), ("author", facts.of_author)):
            own = _shrunk(counts, base, self._weights[f"{name}_weight"])
            says = f"{counts[1]} of {counts[0]} scored changes of this {name} did harm"
            found.append(_reason(f"{name}_record", _odds(own) / _odds(base), says) if counts[0] else None)
        return found

    def _circumstances(self, facts: Facts) -> list[dict[str, Any] | None]:
        odds = self._weights["odds"]
        tenfold = math.log10(facts.size / self._weights["usual_size"]) if facts.size else 0.0
        is_major = _major(facts.version) != _major(facts.previous_version) and bool(facts.previous_version)
        return [
            _reason("incident", odds["incident"], f"{facts.incident} is open on it or what it calls")
            if facts.incident else None,
            _reason("crowd", odds["crowd"] ** min(facts.crowd, 3), f"{facts.crowd} other changes near it within 30 min")
            if facts.crowd else None,
            _reason("night", odds["night"], f"at {facts.hour:02d} h UTC") if facts.hour in NIGHT_H else None,
            _reason("friday", odds["friday"], "on a Friday") if facts.weekday == FRIDAY else None,
            _reason("new_author", odds["new_author"], f"{facts.author} has not changed this service before")
            if facts.author and not facts.here else None,
            _reason("major_version", odds["major_version"], f"{facts.previous_version} → {facts.version}")
            if is_major else None,
            _reason("size", odds["per_tenfold_size"] ** tenfold, f"{facts.size} files touched") if facts.size else None,
        ]  # fmt: skip

    def _services(self, facts: Facts, probability: float) -> list[dict[str, Any]]:
        chances = [(probability, 0, facts.entity, facts.tier)]
        for entity, hops, tier in facts.callers:
            prior = self._weights["felt_prior"] ** hops
            share = _shrunk(facts.felt.get(str(hops), (0, 0)), prior, self._weights["felt_weight"])
            chances.append((round(probability * share, 4), hops, entity, tier))
        chances.sort(key=lambda one: (-one[0], one[1], one[2]))
        return [
            {"entity": entity, "probability": chance, "hops": hops, "tier": tier}
            for chance, hops, entity, tier in chances[:MOST_SERVICES]
        ]

    def _risk(self, facts: Facts, probability: float, services: list[dict[str, Any]]) -> dict[str, Any]:
        """0–100: how likely, how many, how critical."""
        tiers = [one["tier"] for one in services if one["tier"] is not None]
        points = self._weights["tier_points"].get(str(min(tiers)), 4) if tiers else self._weights["unknown_tier_points"]
        callers = len(facts.callers)
        critical = f"tier {min(tiers)} is in reach" if tiers else "no tier is known of what is in reach"
        parts = [
            {"name": "likelihood", "points": round(50 * probability), "says": f"{probability:.0%} likely to do harm"},
            {"name": "blast", "points": round(25 * (1 - 0.7**callers)), "says": f"{callers} callers downstream"},
            {"name": "tier", "points": points, "says": critical},
        ]
        kept = [part for part in parts if part["points"]]
        return {"score": min(100, sum(part["points"] for part in kept)), "parts": kept}


def _shrunk(counts: Counts, prior: float, weight: float) -> float:
    """Mean of the Beta posterior: a prior that counts as `weight` changes, and what was scored.

    >>> _shrunk((0, 0), 0.1, 20), _shrunk((20, 10), 0.1, 20)
    (0.1, 0.3)
    """
    scored, harmful = counts
    return (prior * weight + harmful) / (weight + scored)


def _odds(share: float) -> float:
    return share / (1 - share)


def _major(version: str) -> str:
    """The first number of a dotted version; "" when it is none, so that nothing is made of it.

    >>> _major("v2.1.0"), _major("v41"), _major("3f9c")
    ('2', '', '')
    """
    found = re.match(r"v?(\d+)\.\d", version)
    return found[1] if found else ""


def _reason(name: str, odds: float, says: str) -> dict[str, Any]:
    return {"name": name, "odds": round(odds, 4), "says": says}

"""Before a change: how likely it harms the service that is changed, and who else would feel it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of
from mainstay.models.impact.mixing import Skill, mixed

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
        of_kinds: Changes of this platform scored so far, by kind. of_service, of_author, of_facts: Of this kind, on
            this service, by this author, by circumstance.
        here: How many changes this author made on this service before. felt: By hops, how often callers so far away
            were looked at when a change did harm, and how often they felt it.
        incident: One that is open on the service or on what it calls; "" for none.
        crowd: Other changes on it or its neighbours in the half hour before.
        skill: How the forecasts that were scored so far did without the factors, and with them.
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
    of_kinds: dict[str, Counts] = {}
    of_service: Counts = (0, 0)
    of_author: Counts = (0, 0)
    of_facts: dict[str, Counts] = {}
    here: int = 0
    felt: dict[str, Counts] = {}
    incident: str = ""
    crowd: int = 0
    skill: Skill = Skill()


class ChangeRisk:
    """How often changes of this platform did harm, moved by what was measured of changes like this one.

    It begins at a base rate: so many of this platform's changes were judged harmful, of this kind and of all, beside a
    prior that counts as a few changes. What the service, the author and each circumstance differ from it by multiplies
    the odds, shrunk in the same way: what was seen twice says little, and what was never scored says nothing. Last, the
    factors must have earned it: with and without them every forecast is scored, and the two are mixed by their record
    (Vovk's aggregating algorithm), so that factors which tell nothing cost 0.053 of summed squared error at most.
    Nothing is learned but from verdicts on changes; no factor is drawn from what a change says about itself in words.

    Source: Vovk 1990 (aggregating strategies), for the square loss with two outcomes.
    """

    ALGORITHM: ClassVar[str] = "beta-aggregated"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        # share of changes that fail: DORA reports 5 % (elite) to 15 % and more; rollbacks return to what worked
        "prior": {"deploy": 0.12, "rollback": 0.04, "config": 0.12, "flag": 0.06, "scale": 0.04, "restart": 0.04,
                  "infrastructure": 0.15, "other": 0.06},
        # teams differ so much (DORA's clusters: 5 % to 40 %) that the prior is worth six changes
        "level_weight": 6.0,
        "kind_weight": 6.0,
        "factor_weight": 20.0,
        "factors_share": 0.1,  # of trust, before anything was scored
        "few": 20,
        "large_size": 30,
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
            `probability`, `base` and `by_factors` (what it was mixed of), `services` (entity, probability, hops, tier),
            `reasons` (name, odds, says; all odds multiplied are those of `probability`), `risk` (score and parts),
            `says`.
        """
        facts = msgspec.convert(inputs, Facts)
        base = self._base(facts)
        reasons = self._factors(facts, base)
        by_factors = _bounded(_share(math.prod([_odds(base), *(one["odds"] for one in reasons)])))
        weight = facts.skill.weight(self._weights["factors_share"])
        probability = round(mixed(base, by_factors, weight), 4)
        reasons.sort(key=lambda reason: (-abs(math.log(reason["odds"])), reason["name"]))
        record = _reason("track_record", _odds(probability) / _odds(by_factors), facts.skill.says(weight))
        services = self._services(facts, probability)
        return {
            "probability": probability,
            "base": round(base, 4),
            "by_factors": round(by_factors, 4),
            "services": services,
            "reasons": [self._base_reason(facts, base), *reasons, *([record] if reasons else [])],
            "risk": self._risk(facts, probability, services),
            "says": self._says(facts, probability, services),
        }

    def _base(self, facts: Facts) -> float:
        """Of this kind; its prior is as much safer or riskier as all other kinds are here, against their own priors."""
        priors = self._weights["prior"]
        prior = priors.get(facts.kind, priors["other"])
        others = {kind: counts for kind, counts in facts.of_kinds.items() if kind != facts.kind}
        scored, harmed = (sum(counts[at] for counts in others.values()) for at in (0, 1))
        if scored:
            usual = sum(n * priors.get(kind, priors["other"]) for kind, (n, _) in others.items()) / scored
            level = _odds(_shrunk((scored, harmed), usual, self._weights["level_weight"])) / _odds(usual)
            prior = _share(_odds(prior) * level)
        return _bounded(_shrunk(facts.of_kinds.get(facts.kind, (0, 0)), prior, self._weights["kind_weight"]))

    def _base_reason(self, facts: Facts, base: float) -> dict[str, Any]:
        tried, harmed = facts.of_kinds.get(facts.kind, (0, 0))
        first = f"{harmed} of {tried} scored changes of kind {facts.kind} did harm" if tried else "nothing scored yet"
        return _reason("base", _odds(base), f"{base:.0%} of {facts.kind} changes: {first}")

    def _says(self, facts: Facts, probability: float, services: list[dict[str, Any]]) -> str:
        says = f"{probability:.0%} likely to do harm; {len(services) - 1} callers downstream of it"
        scored = sum(counts[0] for counts in facts.of_kinds.values())
        few = f"; {scored} changes were scored here so far: it is mostly what is usual elsewhere"
        return says + few if scored < self._weights["few"] else says

    def _factors(self, facts: Facts, base: float) -> list[dict[str, Any]]:
        """By what the service, the author and the circumstances move the odds; ×1 what was not scored yet."""
        found = []
        known = [("service_record", facts.of_service, "changes of this service"),
                 ("author_record", facts.of_author, "changes of this author")]  # fmt: skip
        noticed = [(name, facts.of_facts.get(name, (0, 0)), says) for name, says in self._circumstances(facts)]
        for name, counts, says in [*(one for one in known if one[1][0]), *noticed]:
            own = _shrunk(counts, base, self._weights["factor_weight"])
            measured = f"{counts[1]} of {counts[0]} scored {facts.kind}s did harm" if counts[0] else "not scored yet"
            found.append(_reason(name, _odds(own) / _odds(base), f"{says}: {measured}"))
        return found

    def _circumstances(self, facts: Facts) -> list[tuple[str, str]]:
        """What holds of this change, and how it is said; how often such changes do harm is counted by the name."""
        is_major = _major(facts.version) != _major(facts.previous_version) and bool(facts.previous_version)
        is_new = bool(facts.author) and not facts.here
        known = (
            ("incident", bool(facts.incident), f"{facts.incident} is open on it or what it calls"),
            ("crowd", facts.crowd > 0, f"{facts.crowd} other changes near it within 30 min"),
            ("night", facts.hour in NIGHT_H, f"at {facts.hour:02d} h UTC"),
            ("friday", facts.weekday == FRIDAY, "on a Friday"),
            ("new_author", is_new, f"{facts.author} has not changed this service before"),
            ("major_version", is_major, f"{facts.previous_version} → {facts.version}"),
            ("large", facts.size >= self._weights["large_size"], f"{facts.size} files touched"),
        )
        return [(name, says) for name, holds, says in known if holds]

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


def _share(odds: float) -> float:
    return odds / (1 + odds)


def _bounded(share: float) -> float:
    """Nobody is surer than this of what is still to come."""
    return min(max(share, 0.005), 0.95)


def _major(version: str) -> str:
    """The first number of a dotted version; "" when it is none, so that nothing is made of it.

    >>> _major("v2.1.0"), _major("v41"), _major("3f9c")
    ('2', '', '')
    """
    found = re.match(r"v?(\d+)\.\d", version)
    return found[1] if found else ""


def _reason(name: str, odds: float, says: str) -> dict[str, Any]:
    return {"name": name, "odds": round(odds, 4), "says": says}

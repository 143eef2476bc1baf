"""Which alert to look at first: severity, tier, who depends on it, and how rare it is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mainstay.domain.alerts import Alert, Priority, Severity
from mainstay.domain.entities import Entity, Topology

SEVERITY: dict[Severity, int] = {"critical": 45, "major": 30, "minor": 15, "info": 3}
TIER = {1: 25, 2: 15, 3: 8}
UNKNOWN_TIER, OTHER_TIER = 8, 3
MOST_BLAST, MOST_RARITY = 15, 15
RULE_RARITY = 10
"""A rule of the user's own has no p-value: somebody thought it worth writing."""
LEVELS: tuple[tuple[int, Priority], ...] = ((75, "P1"), (58, "P2"), (42, "P3"), (25, "P4"), (0, "P5"))
MOST_WALKED = 200


class Callers:
    """Who depends on whom, any number of calls away; made once per topology."""

    def __init__(self, topology: Topology) -> None:
        self._above: dict[str, list[str]] = {}
        for edge in topology.edges:
            self._above.setdefault(edge.callee, []).append(edge.caller)
        self._known: dict[str, int] = {}

    def of(self, entity: str) -> int:
        """How many depend on it, directly or not; at most 200 are counted, a circle is walked once."""
        if entity not in self._known:
            seen, waiting = {entity}, [entity]
            while waiting and len(seen) <= MOST_WALKED:
                for caller in self._above.get(waiting.pop(), ()):
                    if caller and caller not in seen:
                        seen.add(caller)
                        waiting.append(caller)
            self._known[entity] = min(len(seen) - 1, MOST_WALKED)
        return self._known[entity]


def priority_of(alert: Alert, entity: Entity | None, callers: int) -> tuple[Priority, tuple[str, ...]]:
    """P1 to P5, and the points behind it.

    Args:
        alert: Its severity, and its p-value.
        entity: What it is about, as the topology knows it.
        callers: How many depend on that.
    """
    parts = list(_parts(alert, entity.tier if entity else None, callers))
    points = sum(points for points, _ in parts)
    level = next(name for least, name in LEVELS if points >= least)
    why = [f"+{points} {says}" for points, says in parts]
    if entity is None or not entity.owner:
        why.append("no owner is known: name one in the catalog")
    return level, (f"{points} points", *why)


def _parts(alert: Alert, tier: int | None, callers: int) -> Iterable[tuple[int, str]]:
    yield SEVERITY[alert.severity], alert.severity
    if tier is None:
        yield UNKNOWN_TIER, "tier not known"
    else:
        yield TIER.get(tier, OTHER_TIER), f"tier {tier}"
    yield round(MOST_BLAST * (1 - 0.7**callers)), f"{callers} depend on it"
    if alert.p_value is None:
        yield RULE_RARITY, "your own rule"
    else:
        rarity = min(MOST_RARITY, round(2 * -math.log10(max(alert.p_value, 1e-30))))
        yield rarity, f"chance brings it once in {1 / max(alert.p_value, 1e-30):.0e}"

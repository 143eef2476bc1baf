"""Is it drift, or is something broken? A change becomes drift by its breadth, by having settled, and by no fault.

The rule, in the order in which it is asked:

1. A series *moved* when it looks different from then **and** has arrived: its two halves look alike. What still climbs,
   as a slow leak does, never counts.
2. Where an incident was open within the span, a change is the incident's: it is *held*, not counted. Unless what comes
   from outside moved, and upwards: at least half of the sources of demand. No fault of ours makes that.
3. Of a scope, at least a third of what can be judged moved, `BROAD` series or more, over three entities or more. One
   service alone: half of it, four series or more.
4. It is so at two looks one after another (`book.py`).

What is narrower is left to the detectors: one series of one service that behaves differently is an alert.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from mainstay.domain.entities import Entity
from mainstay.mlops.watching.characters import Judged

BROAD, BROAD_SHARE, ENTITIES = 5, 1 / 3, 3
NARROW, NARROW_SHARE = 4, 0.5


class Breadth(msgspec.Struct, frozen=True):
    """How much of one scope moved, of what could be judged there."""

    scope: str
    moved: tuple[Judged, ...]
    held: int
    judged: int
    needed: float
    is_drift: bool

    @property
    def share(self) -> float:
        """Moved of judged."""
        return len(self.moved) / self.judged if self.judged else 0.0


def breadth(
    judged: Sequence[Judged], entities: Mapping[str, Entity], troubled: Collection[str], demand: Sequence[Judged] = ()
) -> list[Breadth]:
    """The broadest scopes that drift: all of it, or environments and tiers, or single services. Empty: none does.

    Args:
        judged: Every source that has a past.
        entities: What is known of them.
        troubled: Entities that had an open incident within the span.
        demand: What comes from outside, of all models.
    """
    held = set() if is_demand_up(demand) else set(troubled)
    for scope_of in (_everything, _environment_and_tier, _service):
        by_scope: dict[str, list[Judged]] = {}
        for one in judged:
            for scope in scope_of(one.source.entity, entities):
                by_scope.setdefault(scope, []).append(one)
        measured = [_measured(scope, by_scope[scope], held) for scope in sorted(by_scope)]
        found = [one for one in measured if one.is_drift]
        if found:
            return found
    return []


def is_demand_up(demand: Sequence[Judged]) -> bool:
    """Whether what comes from outside changed: half of it, and some of that upwards."""
    known = [one for one in demand if one.status in {"same", "moved", "climbing"}]
    moved = [one for one in known if one.status == "moved"]
    return bool(moved) and 2 * len(moved) >= len(known) and any(one.now > one.before for one in moved)


def _measured(scope: str, judged: Sequence[Judged], troubled: set[str]) -> Breadth:
    able = [one for one in judged if one.status in {"same", "moved", "climbing"}]
    moved = [one for one in able if one.status == "moved" and one.source.entity not in troubled]
    held = sum(one.status == "moved" for one in able) - len(moved)
    is_one = scope.startswith("service=")
    least, needed, among = (NARROW, NARROW_SHARE, 1) if is_one else (BROAD, BROAD_SHARE, ENTITIES)
    is_broad = len({one.source.entity for one in moved}) >= among
    is_drift = is_broad and len(moved) >= least and len(moved) >= needed * len(able)
    farthest = sorted(moved, key=lambda one: (-one.psi, one.source.key))
    return Breadth(scope, tuple(farthest), held, len(able), needed, is_drift)


Scopes = Callable[[str, Mapping[str, Entity]], list[str]]


def _everything(_entity: str, _entities: Mapping[str, Entity]) -> list[str]:
    return ["*"]


def _environment_and_tier(entity: str, entities: Mapping[str, Entity]) -> list[str]:
    known = entities.get(entity)
    if known is None:
        return []
    environment = [f"environment={known.environment}"] if known.environment else []
    return environment + ([f"tier={known.tier}"] if known.tier is not None else [])


def _service(entity: str, entities: Mapping[str, Entity]) -> list[str]:
    known = entities.get(entity)
    return [f"service={known.name}"] if known is not None and known.kind == "service" else []

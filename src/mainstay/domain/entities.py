"""What is watched: services, hosts, databases, queues, and the calls between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

EntityKind = Literal["service", "host", "pod", "database", "queue", "model", "unplaced"]
Labels = tuple[tuple[str, str], ...]
"""A label set: pairs sorted by name, so that equal sets compare and hash equal."""

DEFAULT_TENANT = "default"


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """A mapping as a label set.

    >>> labels_of({"b": "2", "a": "1"})
    (('a', '1'), ('b', '2'))
    """
    return tuple(sorted(pairs.items()))


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can break, known by one id however many names its senders give it.

    Attributes:
        id: `kind:environment/name`, readable and stable, e.g. `service:prod/payments`.
        tier: 1 is the most critical; None is not known.
        objective: Percent of requests that must not fail (its SLO); None where the catalog names none.
        latency_ms: What the 95th percentile of its answers must stay below; None where the catalog names none.
        attributes: What senders said of it (version, region, host), newest value.
    """

    id: str
    kind: EntityKind
    name: str
    environment: str = ""
    tenant: str = DEFAULT_TENANT
    tier: int | None = None
    owner: str | None = None
    objective: float | None = None
    latency_ms: float | None = None
    attributes: dict[str, str] = {}


def entity_id(kind: EntityKind, environment: str, name: str) -> str:
    """The id under which an entity is known everywhere.

    >>> entity_id("service", "prod", "payments")
    'service:prod/payments'
    """
    return f"{kind}:{environment}/{name}"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Caller depends on callee: a fault of the callee can be felt by the caller, not the other way round."""

    caller: str
    callee: str
    seen_ms: int = 0


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """Who is there and who calls whom, as known at one moment."""

    entities: dict[str, Entity] = {}
    edges: tuple[Edge, ...] = ()

    def callees(self, entity: str) -> tuple[str, ...]:
        """What this entity depends on."""
        return tuple(e.callee for e in self.edges if e.caller == entity)

    def callers(self, entity: str) -> tuple[str, ...]:
        """Who depends on this entity."""
        return tuple(e.caller for e in self.edges if e.callee == entity)

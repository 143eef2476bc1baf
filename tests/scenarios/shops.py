"""Two shops of different shape, as topologies with usual times; neither is the lab's."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.domain.entities import Edge, Entity, Topology, entity_id

ENV = "prod"


def entity(name: str) -> str:
    """`db:x`, `queue:x` or a service's bare name as an entity id."""
    kind, _, rest = name.partition(":")
    if not rest:
        return entity_id("service", ENV, name)
    return entity_id({"db": "database", "queue": "queue", "host": "host"}[kind], ENV, rest)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Shop:
    """`calls[caller]` lists callees; `own_ms` is each one's own time; `entry` is what users call."""

    entry: str
    calls: dict[str, tuple[str, ...]]
    own_ms: dict[str, float]
    tiers: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return sorted({self.entry, *self.calls, *(c for found in self.calls.values() for c in found)})

    def total_ms(self, name: str) -> float:
        return self.own_ms[name] + sum(self.total_ms(callee) for callee in self.calls.get(name, ()))

    def above(self, name: str) -> list[str]:
        """Who depends on it, nearest first, itself not among them."""
        found: list[str] = []
        border = [name]
        while border:
            border = [c for c, callees in sorted(self.calls.items()) if set(callees) & set(border) and c not in found]
            found += border
        return found

    def topology(
        self, missing: set[tuple[str, str]] = frozenset(), wrong: tuple[tuple[str, str], ...] = ()
    ) -> Topology:  # type: ignore[assignment]
        pairs = [(a, b) for a, found in sorted(self.calls.items()) for b in found if (a, b) not in missing]
        return Topology(
            entities={
                entity(n): Entity(
                    id=entity(n), kind=entity(n).partition(":")[0], name=entity(n).rpartition("/")[2],  # type: ignore[arg-type]
                    environment=ENV, tier=self.tiers.get(n),
                )
                for n in self.names
            },
            edges=tuple(Edge(caller=entity(a), callee=entity(b)) for a, b in (*pairs, *wrong)),
        )  # fmt: skip


WIDE = Shop(  # many services behind one door, one database for three of them, one queue
    entry="front",
    calls={
        "front": ("search", "cart", "profile"),
        "search": ("index",),
        "cart": ("pricing", "orders"),
        "pricing": ("rates",),
        "orders": ("db:main", "queue:mail"),
        "profile": ("db:main",),
        "rates": ("db:main",),
        "queue:mail": ("mailer",),
    },
    own_ms={"front": 3, "search": 6, "cart": 5, "profile": 8, "index": 12, "pricing": 7, "orders": 6, "rates": 5,
            "db:main": 4, "queue:mail": 1, "mailer": 40},
    tiers={"front": 1, "cart": 1, "search": 2, "orders": 1, "mailer": 3},
)  # fmt: skip

DEEP = Shop(  # a chain of calls with a side branch, each with its own database
    entry="edge",
    calls={
        "edge": ("api",),
        "api": ("session", "catalogue"),
        "catalogue": ("offers", "media"),
        "offers": ("ledger",),
        "ledger": ("db:ledger",),
        "session": ("db:session",),
        "media": ("db:media",),
    },
    own_ms={"edge": 2, "api": 4, "session": 5, "catalogue": 9, "offers": 11, "ledger": 14, "media": 20,
            "db:ledger": 3, "db:session": 2, "db:media": 6},
    tiers={"edge": 1, "api": 1, "session": 2, "catalogue": 2, "offers": 2, "ledger": 1, "media": 3},
)  # fmt: skip

SHOPS = {"wide": WIDE, "deep": DEEP}

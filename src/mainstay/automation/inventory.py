"""What is running where, and what ran there before: the facts from which a runbook's parameters are filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mainstay.domain.changes import Change
from mainstay.domain.entities import Entity, Topology

_MOVES_VERSION = ("deploy", "rollback")
KEPT_CHANGES = 2000
"""The last few versions of each service are needed: hundreds of services fit."""


@dataclass(frozen=True)
class Inventory:
    """Entities and what changed on them, oldest change first. The same topology and changes give the same facts."""

    entities: Mapping[str, Entity] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, topology: Topology, changes: Iterable[Change]) -> Inventory:
        """The inventory as known now."""
        return cls(topology.entities, tuple(sorted(changes, key=lambda change: (change.at_ms, change.id))))

    def facts(self, entity: str, change: str | None = None) -> dict[str, str]:
        """What is known of an entity, keyed by parameter source; what is not known is not there.

        The versions of the suspected `change` are facts only while what it brought still runs: when somebody has
        already rolled back, there is nothing to roll back.
        """
        known = self.entities.get(entity)
        facts = {"entity.id": entity, "entity.name": known.name if known else entity.partition("/")[2]}
        current = self.version(entity)
        previous = self._before(entity, current)
        if current:
            facts["entity.version"] = current
        if current and previous:
            facts["entity.previous_version"] = previous
        suspect = next((c for c in self.changes if c.id == change and c.entity == entity), None)
        if suspect and suspect.kind in _MOVES_VERSION and suspect.version and suspect.version == current:
            facts["change.version"] = suspect.version
            good = suspect.previous_version or previous
            if good and good != suspect.version:
                facts["change.previous_version"] = good
        return facts

    def version(self, entity: str) -> str:
        """The version that runs now: of the newest deploy or rollback, else what the entity says; "" unknown."""
        history = self._history(entity)
        if history:
            return history[-1].version
        known = self.entities.get(entity)
        attributes = known.attributes if known else {}
        return attributes.get("service.version") or attributes.get("version") or ""

    def _before(self, entity: str, current: str) -> str:
        """The newest other version that nobody has rolled back from."""
        history = self._history(entity)
        left = {change.previous_version for change in history if change.kind == "rollback"}
        for change in reversed(history):
            for version in (change.version, change.previous_version):
                if version and version != current and version not in left:
                    return version
        return ""

    def _history(self, entity: str) -> list[Change]:
        return [c for c in self.changes if c.entity == entity and c.kind in _MOVES_VERSION and c.version]

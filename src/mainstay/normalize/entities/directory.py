"""Who is there: every entity by its id and other names, with tier and owner; and why a label set was put there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from mainstay.domain.entities import Entity, EntityKind, Labels, entity_id
from mainstay.normalize.entities.catalog import Catalog
from mainstay.normalize.entities.mapping import EntityMapping, Place
from mainstay.normalize.masking import mask_to
from mainstay.normalize.memo import Memo

MAX_ENTITIES = 20_000
MAX_UNPLACED = 1_000
CACHE_BYTES = 16 << 20


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule placed a label set, and why: what `mainstay entities explain` prints."""

    entity: str
    rule: str
    environment_from: str
    says: tuple[str, ...]
    alias_of: str = ""

    def __str__(self) -> str:
        lines = [f"{self.entity}", f"  by rule: {self.rule or 'none fits: it is listed as unplaced'}"]
        lines.append(f"  environment from: {self.environment_from or 'the default of the mapping'}")
        if self.alias_of:
            lines.append(f"  by the catalog: {self.alias_of}")
        return "\n".join(lines + [f"  not {line}" for line in self.says])


class Directory:
    """All entities that were heard of, named or called. Bounded: beyond `MAX_ENTITIES` a new name is unplaced."""

    def __init__(self, mapping: EntityMapping, catalog: Catalog, tenant: str) -> None:
        self.mapping, self.catalog, self.tenant = mapping, catalog, tenant
        self.entities: dict[str, Entity] = {}
        self.unplaced: dict[Labels, None] = {}
        self.static_edges: dict[tuple[str, str], int] = {}
        self.version = 0
        self._by_name: dict[str, list[str]] = {}
        self._cache = Memo[Labels, tuple[str, frozenset[str], dict[str, str]]](CACHE_BYTES)
        self._heard_as: dict[str, Labels] = {}
        self._new_unplaced: list[Labels] = []
        self._from_catalog()

    def of_labels(self, labels: Labels) -> str:
        """The entity id of a label set; an unplaced one is listed, under the `unplaced:` entity of its environment."""
        return self.located(labels)[0]

    def located(self, labels: Labels) -> tuple[str, frozenset[str]]:
        """(entity id, the labels whose whole value is in it). Only the labels that the mapping reads count."""
        key = tuple(pair for pair in labels if pair[0] in self.mapping.reads)
        found = self._cache.get(key)
        if found is None:
            found = self._place(labels)
            if found is None:
                return self._without_place(labels, self.mapping.environment(dict(labels))[0]), frozenset()
            self._cache.put(key, found, sum(len(name) + len(value) for name, value in key))
        entity, spent, attributes = found
        if attributes:
            self._learn(entity, attributes)
        return entity, spent

    def is_unplaced(self, entity: str) -> bool:
        """Whether this is where label sets are that no rule places."""
        return self.entities[entity].kind == "unplaced"

    def heard(self, entity: str, labels: Labels) -> None:
        """Take up what a sender says of itself (version, host), when that changed."""
        if self._heard_as.get(entity) != labels:
            self._heard_as[entity] = labels
            self._learn(entity, self._attributes(dict(labels)))

    def place(self, labels: Mapping[str, str]) -> Place | None:
        """The rule's place, with the catalog's name in place of an alias."""
        place = self.mapping.place(labels)
        return self._canonical(place) if place else None

    def named_entity(self, kind: EntityKind, environment: str, name: str) -> str:
        """The id of a thing known by name only (a peer, a database, a catalog entry); it exists from now on."""
        place = self._canonical(Place(kind, environment, mask_to(name, 200), "", frozenset()))
        return self._known(place.kind, place.environment, place.name)

    def resolve(self, word: str, environment: str = "") -> str:
        """The entity that a person's or pipeline's word means: an id, a name, an alias; "" when none or not only one.

        A name without its environment is enough when only one environment knows it.
        """
        if word in self.entities:
            return word
        item = self.catalog.named(environment, word)
        name = item.name if item else word.rsplit("/", 1)[-1]
        named = self._by_name.get(name.lower(), ())
        found = [e for e in named if not environment or self.entities[e].environment == environment]
        services = [e for e in found if self.entities[e].kind == "service"]
        found = services or found
        return found[0] if len(found) == 1 else ""

    def of_alert(self, labels: Mapping[str, str]) -> str:
        """The entity of an alert, by its labels; without an environment label the only entity of that name."""
        place = self.place(labels)
        if place is None:
            return self.of_labels(tuple(sorted(labels.items())))
        if place.id not in self.entities and not self.mapping.environment(labels)[1]:
            return self.resolve(place.name) or self._known(place.kind, place.environment, place.name)
        return self._known(place.kind, place.environment, place.name)

    def explain(self, labels: Mapping[str, str]) -> Explanation:
        """Which rule places this label set and why the ones before it do not. Changes nothing."""
        place, says = self.mapping.trace(labels)
        environment, said_by = self.mapping.environment(labels)
        if place is None:
            return Explanation(entity=_unplaced(environment), rule="", environment_from=said_by, says=tuple(says))
        named = self._canonical(place)
        alias = "" if named.name == place.name else f"{place.name} is an alias of {named.name}"
        return Explanation(entity=named.id, rule=place.rule, environment_from=said_by, says=tuple(says), alias_of=alias)

    def take_unplaced(self) -> tuple[Labels, ...]:
        """The unplaced label sets that came since the last call."""
        new, self._new_unplaced = tuple(self._new_unplaced), []
        return new

    def _from_catalog(self) -> None:
        """Entries with an environment are there before anything is heard of them."""
        for item in self.catalog.items:
            if item.environment:
                self._known(item.kind, item.environment, item.name)

    def _place(self, labels: Labels) -> tuple[str, frozenset[str], dict[str, str]] | None:
        """(entity, labels spent, attributes); None when no rule places it, or there is no room."""
        known = dict(labels)
        place = self.place(known)
        if place is None or (len(self.entities) >= MAX_ENTITIES and place.id not in self.entities):
            return None
        return self._known(place.kind, place.environment, place.name), place.spent, self._attributes(known)

    def _without_place(self, labels: Labels, environment: str) -> str:
        masked = _masked(labels)
        if masked not in self.unplaced and len(self.unplaced) < MAX_UNPLACED:
            self.unplaced[masked] = None
            self._new_unplaced.append(masked)
        entity = _unplaced(environment)
        if entity not in self.entities:
            self._add(Entity(id=entity, kind="unplaced", name="labels", environment=environment, tenant=self.tenant))
        return entity

    def _canonical(self, place: Place) -> Place:
        item = self.catalog.find(place.kind, place.environment, place.name)
        name = item.name if item else mask_to(place.name, 200)
        return Place(place.kind, mask_to(place.environment, 100), name, place.rule, place.spent)

    def _known(self, kind: EntityKind, environment: str, name: str) -> str:
        identity = entity_id(kind, environment, name)
        if identity in self.entities:
            return identity
        if len(self.entities) >= MAX_ENTITIES:
            return self._without_place((("name", name),), environment)
        item = self.catalog.find(kind, environment, name)
        fields = ("tier", "owner", "objective", "latency_ms")
        said: dict[str, Any] = {name: getattr(item, name) for name in fields} if item else {}
        entity = Entity(id=identity, kind=kind, name=name, environment=environment, tenant=self.tenant)
        self._add(msgspec.structs.replace(entity, **said))
        for word in item.depends_on if item else ():
            self.static_edges[identity, self.catalog.dependency(word, environment)] = item.said_ms if item else 0
        return identity

    def _add(self, entity: Entity) -> None:
        self.entities[entity.id] = entity
        self._by_name.setdefault(entity.name.lower(), []).append(entity.id)
        self.version += 1

    def _attributes(self, labels: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for name, keys in self.mapping.file.attributes.items():
            value = next((labels[key] for key in keys if labels.get(key)), "")
            if value:
                found[name] = mask_to(value, 200)
        return found

    def _learn(self, identity: str, attributes: dict[str, str]) -> None:
        entity = self.entities.get(identity)
        if entity is None or entity.kind == "unplaced":
            return
        if not attributes.items() <= entity.attributes.items():
            merged = {**entity.attributes, **attributes}
            self.entities[identity] = msgspec.structs.replace(
                entity, attributes=merged, owner=entity.owner or attributes.get("team")
            )
            self.version += 1

    def state(self) -> dict[str, Any]:
        return {
            "entities": list(self.entities.values()),
            "unplaced": list(self.unplaced),
            "heard_as": [(entity, _masked(labels)) for entity, labels in self._heard_as.items()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a state. Tier, owner and dependencies are asked of the catalog anew: it may have been edited."""
        heard = {entity: _labels(pairs) for entity, pairs in state["heard_as"]}
        self.entities, self._by_name, self.static_edges = {}, {}, {}
        self._cache.clear()
        for entity in msgspec.convert(state["entities"], list[Entity]):
            if entity.kind == "unplaced":
                self._add(entity)
            else:
                self._learn(self._known(entity.kind, entity.environment, entity.name), entity.attributes)
        self._from_catalog()
        self._heard_as = heard
        self.unplaced = {_labels(pairs): None for pairs in state["unplaced"]}


def _unplaced(environment: str) -> str:
    return entity_id("unplaced", environment, "labels")


def _masked(labels: Labels) -> Labels:
    return tuple((name, mask_to(value, 200)) for name, value in labels[:64])


def _labels(pairs: Iterable[Iterable[str]]) -> Labels:
    return tuple((name, value) for name, value in pairs)

"""What the company knows of its services: tier, owner, other names, and what they depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mainstay.domain.entities import entity_id
from mainstay.files import Document

SLOWEST_MS = 86_400_000.0


class CatalogItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry. `aliases` are other names of it; `depends_on` names, `kind:name`, or full ids.

    Without an `environment` the entry speaks of this name in every environment. `said_ms`: when whoever keeps it last
    said so; its dependencies are as old. `objective`: percent of requests that must not fail within 30 days.
    `latency_ms`: what the 95th percentile of its answers must stay below.
    """

    name: str
    kind: Literal["service", "host", "pod", "database", "queue", "model"] = "service"
    environment: str = ""
    tier: Annotated[int, msgspec.Meta(ge=1, le=9)] | None = None
    owner: str | None = None
    objective: Annotated[float, msgspec.Meta(gt=0, lt=100)] | None = None
    latency_ms: Annotated[float, msgspec.Meta(gt=0, le=SLOWEST_MS)] | None = None
    aliases: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    said_ms: int = 0


def latency_ms(text: str) -> float | None:
    """The latency objective that somebody wrote, in milliseconds; None where nothing is written.

    Raises:
        ValueError: It is no number of milliseconds above 0, up to a day.

    >>> latency_ms(" 250 "), latency_ms("")
    (250.0, None)
    """
    if not text.strip():
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= SLOWEST_MS:  # so is not a number
        raise ValueError(f"expected milliseconds above 0, at most {SLOWEST_MS:.0f}, got {text.strip()!r}")
    return found


class Catalog:
    """The catalog file, ready to be asked. An empty one knows nothing and asks nothing."""

    def __init__(self, items: tuple[CatalogItem, ...] = ()) -> None:
        self.items = items
        self._by_name: dict[tuple[str, str, str], CatalogItem] = {}
        self._by_any: dict[tuple[str, str], CatalogItem] = {}
        for item in items:
            for name in (item.name, *item.aliases):
                self._by_name.setdefault((item.kind, item.environment, name.lower()), item)
                self._by_any.setdefault((item.environment, name.lower()), item)

    @classmethod
    def load(cls, path: Path | str | None) -> Catalog:
        """Read a catalog file; None is the empty catalog.

        Raises:
            BadFile: With line and what was expected there (a name used twice, too).
        """
        if path is None:
            return cls()
        document = Document.open(path)
        items = document.read(tuple[CatalogItem, ...])
        seen: dict[tuple[str, str, str], str] = {}
        for at, item in enumerate(items):
            for name in (item.name, *item.aliases):
                key = (item.kind, item.environment, name.lower())
                if seen.setdefault(key, item.name) != item.name:
                    raise document.bad((at,), f"expected a name of one entry only, {name!r} is also {seen[key]!r}")
        return cls(items)

    def find(self, kind: str, environment: str, name: str) -> CatalogItem | None:
        """The entry of that name or alias: of the environment first, else one that holds for all."""
        low = name.lower()
        return self._by_name.get((kind, environment, low)) or self._by_name.get((kind, "", low))

    def named(self, environment: str, name: str) -> CatalogItem | None:
        """The entry of that name or alias, whatever its kind."""
        low = name.lower()
        return self._by_any.get((environment, low)) or self._by_any.get(("", low))

    def dependency(self, word: str, environment: str) -> str:
        """The entity id that a `depends_on` word means: an id, `kind:name`, or a name (a service unless listed)."""
        kind, colon, rest = word.partition(":")
        if colon and "/" in rest:
            return word
        if colon:
            return entity_id(kind, environment, rest)  # type: ignore[arg-type]  # a kind of the user's own stays readable
        other = self.named(environment, word)
        return entity_id(other.kind if other else "service", environment, other.name if other else word)

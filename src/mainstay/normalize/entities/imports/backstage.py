"""Backstage's `catalog-info.yaml`: components, resources and the APIs between them.

Source: backstage.io/docs/features/software-catalog/descriptor-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from mainstay.files import Document
from mainstay.normalize.entities.catalog import CatalogItem, latency_ms

Kind = Literal["service", "host", "pod", "database", "queue", "model"]
RESOURCES: tuple[tuple[Kind, str], ...] = (
    ("database", r"database|\bdb\b|sql|bucket|cache|storage|redis|mongo"),
    ("queue", r"queue|topic|stream|broker|kafka"),
    ("host", r"host|server|\bvm\b|node|machine"),
)
TIER = re.compile(r"[1-9]")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is. A tier is told by a label or annotation that is called `tier` or `criticality`, the latency objective
    by one that is called `latency-ms`, with or without a prefix."""  # noqa: D205, D209

    name: str
    namespace: str = "default"
    labels: dict[str, Any] = {}
    annotations: dict[str, Any] = {}


class Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What it is and what it needs."""

    type: str = ""
    owner: str = ""
    depends_on: tuple[str, ...] = ()
    consumes_apis: tuple[str, ...] = ()
    provides_apis: tuple[str, ...] = ()


class Described(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One document of the file."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Spec = Spec()


class Backstage(msgspec.Struct, frozen=True):
    """A file's entries, and the groups and users that it knows as owners."""

    items: tuple[CatalogItem, ...]
    owners: frozenset[str]


def read_backstage(text: str, name: str, at_ms: int) -> Backstage:
    """The components and resources of a catalog file.

    Raises:
        BadFile: With the line and the field that is not as Backstage has it.
    """
    described = [(document, document.read(Described)) for document in _documents(text, name)]
    providers: dict[str, str] = {}
    for _, one in described:
        for api in one.spec.provides_apis:
            providers.setdefault(_bare(api), one.metadata.name)
    items = [_item(document, one, providers, at_ms) for document, one in described if _kind(one)]
    owners = {one.metadata.name for _, one in described if one.kind in ("Group", "User")}
    return Backstage(tuple(items), frozenset(owners))


def is_backstage(text: str) -> bool:
    """Whether a YAML text is one of Backstage's."""
    return re.search(r"^apiVersion:\s*['\"]?backstage\.io/", text, re.MULTILINE) is not None


def _documents(text: str, name: str) -> Iterator[Document]:
    """Each document of the file, with the lines that it has there."""
    lines, first = text.split("\n"), 0
    ends = [n for n, line in enumerate(lines) if re.match(r"---(\s|$)", line)]
    for end in [*ends, len(lines)]:
        part = lines[first:end]
        if any(line.strip() and not line.lstrip().startswith("#") for line in part):
            yield Document("\n".join(part), name, first)
        first = end + 1


def _item(document: Document, one: Described, providers: dict[str, str], at_ms: int) -> CatalogItem:
    kind = _kind(one)
    assert kind is not None
    needs = [_reference(word) for word in one.spec.depends_on if _reference(word)]
    needs += [providers[_bare(api)] for api in one.spec.consumes_apis if _bare(api) in providers]
    others = dict.fromkeys(word for word in needs if word.rpartition(":")[2] != one.metadata.name)
    return CatalogItem(
        name=one.metadata.name, kind=kind, tier=_tier(document, one.metadata), owner=_bare(one.spec.owner) or None,
        latency_ms=_latency(document, one.metadata), depends_on=tuple(others), said_ms=at_ms,
    )  # fmt: skip


def _kind(one: Described) -> Kind | None:
    if one.kind == "Component":
        return "service"
    if one.kind != "Resource":
        return None
    return next((kind for kind, words in RESOURCES if re.search(words, one.spec.type.lower())), "service")


def _tier(document: Document, metadata: Metadata) -> int | None:
    for part, key, value in _said(metadata, "tier", "criticality"):
        found = TIER.search(str(value))
        if found is None:
            says = f"metadata.{part}.{key}: expected a tier from 1 to 9, got {value!r}"
            raise document.bad(("metadata", part, key), says)
        return int(found[0])
    return None


def _latency(document: Document, metadata: Metadata) -> float | None:
    for part, key, value in _said(metadata, "latency-ms", "latency_ms"):
        try:
            return latency_ms(str(value))
        except ValueError as error:
            raise document.bad(("metadata", part, key), f"metadata.{part}.{key}: {error}") from None
    return None


def _said(metadata: Metadata, *names: str) -> Iterator[tuple[str, str, Any]]:
    """What labels and annotations of these names say, whatever their prefix: (part, key, value)."""
    for part, pairs in (("labels", metadata.labels), ("annotations", metadata.annotations)):
        for key, value in pairs.items():
            if key.rpartition("/")[2].lower() in names:
                yield part, key, value


def _reference(word: str) -> str:
    """`resource:default/orders-db` as the catalog writes it; "" for what is neither component nor resource.

    >>> _reference("component:default/cart"), _reference("orders-db"), _reference("api:x")
    ('cart', 'orders-db', '')
    """
    kind, colon, _ = word.partition(":")
    return _bare(word) if not colon or kind.lower() in ("component", "resource") else ""


def _bare(word: str) -> str:
    """The name in `group:default/team-a`."""
    return word.rpartition(":")[2].rpartition("/")[2].strip()

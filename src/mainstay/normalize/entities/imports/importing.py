"""Files of others into Mainstay's own catalog file, and what is odd about what they say: kept, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import yaml

from mainstay.domain.errors import BadFile
from mainstay.normalize.entities.catalog import Catalog, CatalogItem
from mainstay.normalize.entities.imports.backstage import is_backstage, read_backstage
from mainstay.normalize.entities.imports.cmdb import read_csv, read_json
from mainstay.written import write_whole

Key = tuple[str, str, str]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog holds now, and what a person may want to mend in the sources.

    Attributes:
        read, changed: Entries in the files, and those of them that are new or other than before.
        cycles: Entries that depend on themselves over others, by name. missing: `who needs whom` where nobody describes
            the latter. alone: Entries without any dependency, in or out. ownerless: Without an owner, or with one that
            the files' groups do not know.
    """

    read: int
    changed: int
    entries: int
    dependencies: int
    cycles: tuple[tuple[str, ...], ...] = ()
    missing: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    ownerless: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report in words."""
        holds = f"the catalog holds {self.entries}, with {self.dependencies} dependencies"
        found = [f"{self.read} entries read, {self.changed} new or changed; {holds}"]
        found += [f"kept, but a cycle: {' → '.join((*cycle, cycle[0]))}" for cycle in self.cycles]
        found += [f"kept, but not described: {one}" for one in self.missing]
        found += [f"kept, but an orphan (nothing needs it, and it needs nothing): {one}" for one in self.alone]
        return found + [f"kept, but of unknown owner: {one}" for one in self.ownerless]


def import_files(files: Sequence[Path], catalog: Path, at_ms: int) -> Imported:
    """Read the files and write the catalog with them: the same entry is brought up to date, the others stay.

    Raises:
        BadFile: One of them cannot be read; then nothing is written.
    """
    before = Catalog.load(catalog).items if catalog.exists() else ()
    owners: set[str] = set()
    read: list[CatalogItem] = []
    for file in files:
        items, known = _read(file, at_ms)
        read += items
        owners |= known
    merged = {_key(item): item for item in before}
    changed = 0
    for item in read:
        old = merged.get(_key(item))
        new = item if old is None else _updated(old, item)
        changed += old is None or msgspec.structs.replace(old, said_ms=0) != msgspec.structs.replace(new, said_ms=0)
        merged[_key(item)] = new
    items_now = tuple(merged.values())
    _check(items_now, catalog)
    text = "# Written by `mainstay topology import`; your own entries and edits stay.\n"
    plain = [_plain(item) for item in items_now]
    write_whole(catalog, (text + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)).encode())
    return _report(items_now, len(read), changed, owners)


def _read(file: Path, at_ms: int) -> tuple[tuple[CatalogItem, ...], frozenset[str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(str(file), 1, f"cannot be read: {error}") from None
    suffix = file.suffix.lower()
    if suffix == ".csv":
        return read_csv(text, str(file), at_ms), frozenset()
    if suffix == ".json":
        return read_json(text, str(file), at_ms), frozenset()
    if is_backstage(text):
        found = read_backstage(text, str(file), at_ms)
        return found.items, found.owners
    raise BadFile(str(file), 1, "expected Backstage's YAML (apiVersion: backstage.io/…), or a CMDB's .csv or .json")


def _updated(old: CatalogItem, new: CatalogItem) -> CatalogItem:
    """What the newer one says; what it does not say stays."""
    return msgspec.structs.replace(
        old,
        tier=new.tier if new.tier is not None else old.tier,
        owner=new.owner or old.owner,
        latency_ms=new.latency_ms if new.latency_ms is not None else old.latency_ms,
        aliases=tuple(dict.fromkeys((*old.aliases, *new.aliases))),
        depends_on=new.depends_on or old.depends_on,
        said_ms=new.said_ms,
    )


def _check(items: Iterable[CatalogItem], catalog: Path) -> None:
    """No name may mean two entries: the platform would refuse the file at its start."""
    seen: dict[Key, str] = {}
    for item in items:
        for name in (item.name, *item.aliases):
            key = (item.kind, item.environment, name.lower())
            if seen.setdefault(key, item.name) != item.name:
                says = f"aliases: expected a name of one entry only, {name!r} is of {seen[key]!r} and {item.name!r}"
                raise BadFile(str(catalog), 1, says)


def _report(items: Sequence[CatalogItem], read: int, changed: int, owners: set[str]) -> Imported:
    by_name = {name.lower(): item.name for item in items for name in (item.name, *item.aliases)}
    needs = {item.name: [by_name.get(_name(w).lower(), "") for w in item.depends_on] for item in items}
    missing = [f"{item.name} needs {word}" for item in items for word in item.depends_on
               if _name(word).lower() not in by_name]  # fmt: skip
    needed = {other for others in needs.values() for other in others}
    alone = [item.name for item in items if not item.depends_on and item.name not in needed]
    ownerless = [item.name for item in items if not item.owner or (owners and item.owner not in owners)]
    return Imported(
        read=read, changed=changed, entries=len(items), dependencies=sum(len(item.depends_on) for item in items),
        cycles=tuple(_cycles(needs)), missing=tuple(missing), alone=tuple(alone), ownerless=tuple(ownerless),
    )  # fmt: skip


def _cycles(needs: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Ways that lead back to where they began, each once; no recursion, an export may be deep."""
    done: set[str] = set()
    found = []
    for start in needs:
        way: dict[str, None] = {}
        stack = [(start, False)]
        while stack:
            name, is_left = stack.pop()
            if is_left:
                del way[name]
                done.add(name)
            elif name in way:
                names = list(way)
                found.append(tuple(names[names.index(name) :]))
            elif name not in done:
                way[name] = None
                stack.append((name, True))
                stack += [(other, False) for other in needs.get(name, ()) if other]
    return found


def _name(word: str) -> str:
    return word.rpartition(":")[2].rpartition("/")[2]


def _key(item: CatalogItem) -> Key:
    return item.kind, item.environment, item.name.lower()


def _plain(item: CatalogItem) -> dict[str, object]:
    fields = msgspec.to_builtins(item)
    return {name: value for name, value in fields.items() if value not in (None, "", [], 0, ())}

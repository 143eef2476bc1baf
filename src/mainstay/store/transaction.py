"""One write to the control store: documents, ledger entries, and what the feed will tell once it is committed."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from mainstay.domain.errors import Corrupt
from mainstay.domain.ledger import Entry, LedgerEntry
from mainstay.ledger import Head, canonical, chain, digest
from mainstay.store import schema
from mainstay.store.database import insert_new, upsert
from mainstay.store.documents import Kind, in_parts, storable

log = logging.getLogger(__name__)
T = TypeVar("T")
_PLACE = ("seq", "id", "previous", "hash")
_LEDGER = schema.ledger.c
_STREAM_PART = 1_000


class Transaction:
    """What happens between `BEGIN IMMEDIATE` and `COMMIT`. Use it inside `Database.writing`."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self.connection, self.tenant = connection, tenant
        self.changed: list[tuple[str, str]] = []

    def save(self, kind: Kind[T], documents: Iterable[T]) -> None:
        """Write documents; the newest state per key wins."""
        kept = list(documents)
        upsert(self.connection, kind.table, kind.rows(kept, self.tenant))
        self._tell(kind, kept)

    def save_new(self, kind: Kind[T], documents: Iterable[T]) -> None:
        """Write documents that are not there yet; those that are stay as they are."""
        kept = list(documents)
        insert_new(self.connection, kind.table, kind.rows(kept, self.tenant))
        self._tell(kind, kept)

    def append(self, entries: Iterable[Entry]) -> list[LedgerEntry]:
        """Chain entries in their order behind the head; one that is in the ledger already, word for word, is skipped.

        An id under which something else was written is a fault of whoever made it, but no decision is lost by it: the
        second one goes in as `ID~DIGEST`, and the log says so.
        """
        given = list(entries)
        told = self._told_under([storable(entry.id) for entry in given])
        last: LedgerEntry | Head | None = head(self.connection, self.tenant)
        placed: list[LedgerEntry] = []
        new: list[Entry] = []
        for entry in given:
            mine = self._own_id(entry, told)
            if mine not in told:
                placed.append(chain(last, msgspec.structs.replace(entry, id=mine)))
                new.append(entry)
                last = told[mine] = placed[-1]
        if placed:
            self.connection.execute(insert(schema.ledger), [_row(entry, self.tenant) for entry in placed])
            self._freeze(new)
        return placed

    def _told_under(self, ids: Iterable[str]) -> dict[str, LedgerEntry]:
        told: dict[str, LedgerEntry] = {}
        for part in in_parts(list(dict.fromkeys(ids))):
            known = select(schema.ledger).where(_LEDGER.tenant == self.tenant, _LEDGER.id.in_(part))
            told.update((row.id, entry_of(row)) for row in self.connection.execute(known))
        return told

    def _own_id(self, entry: Entry, told: dict[str, LedgerEntry]) -> str:
        """The id under which an entry belongs: its own, unless that already stands for something else."""
        name: str = storable(entry.id)
        if name not in told or _says(told[name]) == (says := _says(chain(None, entry))):
            return name
        second = f"{name}~{digest(says)[:16]}"
        told.update(self._told_under([second]))
        if second not in told:
            log.warning("ledger: %s already stands for another decision; this one is written as %s", name, second)
        return second

    def next_seq(self) -> int:
        """The place that the next ledger entry will have."""
        last = head(self.connection, self.tenant)
        return last.seq + 1 if last else 1

    def set_meta(self, name: str, value: str) -> None:
        """Keep a small value under a name."""
        kept = schema.meta.c
        where = (kept.tenant == self.tenant, kept.name == name)
        if self.connection.execute(update(schema.meta).where(*where).values(value=value)).rowcount == 0:
            row = {"tenant": self.tenant, "name": name, "value": value}
            self.connection.execute(insert(schema.meta), [row])

    def _freeze(self, entries: Iterable[Entry]) -> None:
        newest_ms = 0
        frozen: dict[str, bytes] = {}
        for entry in entries:
            if entry.inputs is not None:
                body = canonical(entry.inputs)
                frozen[sha256(body).hexdigest()] = body
                newest_ms = max(newest_ms, entry.at_ms)
        rows = [
            {"tenant": self.tenant, "digest": digest, "body": zlib.compress(body), "at_ms": newest_ms}
            for digest, body in frozen.items()
        ]
        insert_new(self.connection, schema.frozen, rows)
        self._rest_on_again(frozen, newest_ms)

    def _rest_on_again(self, digests: Iterable[str], at_ms: int) -> None:
        """Inputs that were frozen before stay as long as the newest entry that rests on them."""
        kept = schema.frozen.c
        for part in in_parts(sorted(digests)):
            older = (kept.tenant == self.tenant, kept.digest.in_(part), kept.at_ms < at_ms)
            self.connection.execute(update(schema.frozen).where(*older).values(at_ms=at_ms))

    def _tell(self, kind: Kind[T], documents: Sequence[T]) -> None:
        if kind.event:
            self.changed += [(kind.event, kind.subject(document)) for document in documents]


def meta(connection: Connection, tenant: str, name: str) -> str | None:
    """A small value kept under a name."""
    kept = schema.meta.c
    return connection.execute(select(kept.value).where(kept.tenant == tenant, kept.name == name)).scalar()


def head(connection: Connection, tenant: str) -> Head | None:
    """Place and hash of the last entry; None before the first."""
    query = select(_LEDGER.seq, _LEDGER.hash).where(_LEDGER.tenant == tenant).order_by(_LEDGER.seq.desc()).limit(1)
    row = connection.execute(query).first()
    return Head(row.seq, row.hash) if row else None


def entries_of(connection: Connection, tenant: str, after: int, limit: int) -> list[LedgerEntry]:
    """Entries behind place `after`, in their order."""
    query = select(schema.ledger).where(_LEDGER.tenant == tenant, _LEDGER.seq > after).order_by(_LEDGER.seq)
    return [entry_of(row) for row in connection.execute(query.limit(limit))]


def stream(connection: Connection, tenant: str, ahead: dict[str, bytes] | None = None) -> Iterator[LedgerEntry]:
    """The whole chain from its first entry, in pieces: memory does not grow with the ledger.

    `ahead`, when given, holds the frozen inputs of the piece at hand, read with one query for all of them.
    """
    after: int | None = None  # a place below 1 would be a forgery, and must be seen
    query = select(schema.ledger).where(_LEDGER.tenant == tenant).order_by(_LEDGER.seq).limit(_STREAM_PART)
    while rows := connection.execute(query if after is None else query.where(_LEDGER.seq > after)).all():
        if ahead is not None:
            ahead.clear()
            ahead.update(_frozen_of(connection, tenant, {row.inputs_digest for row in rows}))
        yield from map(entry_of, rows)
        after = rows[-1].seq


def _frozen_of(connection: Connection, tenant: str, digests: set[str]) -> Iterator[tuple[str, bytes]]:
    frozen = schema.frozen.c
    for part in in_parts(sorted(digests - {""})):
        query = select(frozen.digest, frozen.body).where(frozen.tenant == tenant, frozen.digest.in_(part))
        yield from ((row.digest, row.body) for row in connection.execute(query))


def entry_of(row: Row[Any]) -> LedgerEntry:
    """The entry that a row holds.

    Raises:
        Corrupt: The row is no entry any more.
    """
    fields: dict[str, Any] = {name: getattr(row, name) for name in LedgerEntry.__struct_fields__}
    try:
        fields["output"] = msgspec.json.decode(row.output)
        fields["rests_on"] = msgspec.json.decode(row.rests_on)
        return msgspec.convert(fields, LedgerEntry)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Corrupt(f"ledger entry {row.seq} ({row.id}) cannot be read: {error}") from None


def frozen_bytes(connection: Connection, tenant: str, digest: str) -> bytes | None:
    """The canonical bytes of frozen inputs; None when there are none under this digest.

    Raises:
        Corrupt: What is stored is not compressed data.
    """
    frozen = schema.frozen.c
    query = select(frozen.body).where(frozen.tenant == tenant, frozen.digest == digest)
    return thawed(connection.execute(query).scalar(), digest)


def thawed(body: bytes | None, digest: str) -> bytes | None:
    """Frozen inputs as they were when they were frozen.

    Raises:
        Corrupt: What is stored is not compressed data.
    """
    try:
        return None if body is None else zlib.decompress(body)
    except zlib.error as error:
        raise Corrupt(f"the frozen inputs {digest} cannot be read: {error}") from None


def _says(entry: LedgerEntry) -> list[Any]:
    """What an entry says, its name and its place left out."""
    return [getattr(entry, name) for name in entry.__struct_fields__ if name not in _PLACE]


def _row(entry: LedgerEntry, tenant: str) -> dict[str, Any]:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    fields["output"] = canonical(entry.output).decode()
    fields["rests_on"] = canonical(entry.rests_on).decode()
    return {"tenant": tenant, **fields}

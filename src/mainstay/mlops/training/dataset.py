"""Data sets: which rows a version learned from, named by a digest, and kept by themselves when that is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mainstay.domain.entities import Entity
from mainstay.domain.errors import BadInput, Corrupt, NotFound, Refused
from mainstay.domain.training import DatasetQuery, DatasetSnapshot, Span
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.training.material import TABLES
from mainstay.written import sync_folder, write_whole

MOST_ROWS = 4_000_000
ROWS_AT_ONCE = 4096
"""A data set holds at most so many, the newest: 24 trials over them take minutes, and they fit in 200 MB."""
_TIMES = {"points": "at_ns", "edge_windows": "until_ns", "logs": "at_ns", "looks": "at_ns"}
_SUBJECT = {"points": "entity", "edge_windows": "callee", "logs": "entity", "looks": "service"}
_MS = 1_000_000
_ENCODER = msgspec.msgpack.Encoder()


class History(Protocol):
    """What of the telemetry store is read."""

    def history(
        self, table: str, since_ms: int, until_ms: int, entities: Sequence[str] = ()
    ) -> tuple[pa.Table, tuple[str, ...]]: ...
    def extent(self, table: str, entities: Sequence[str] = ()) -> tuple[int, int, int]: ...


def entities_in(scope: str, known: Iterable[Entity]) -> tuple[str, ...]:
    """The entities that a scope stands for; none for `*`, which is all of them.

    Raises:
        BadInput: Not a scope. Refused: No entity is in it.
    """
    if scope == "*":
        return ()
    what, equals, name = scope.partition("=")
    if not equals or what not in ("service", "tier", "environment"):
        raise BadInput(f"a scope is *, service=NAME, tier=N or environment=NAME; got {scope[:80]!r}")
    found = sorted(one.id for one in known if _is_in(one, what, name))
    if not found:
        raise Refused(f"no entity is in scope {scope[:80]!r}; `mainstay entities list` shows those that are known")
    return tuple(found)


def snapshot(history: History, query: DatasetQuery) -> tuple[DatasetSnapshot, pa.Table]:
    """Read the rows of a query and name them.

    More rows than `MOST_ROWS` are cut to the newest; the snapshot's own range says from when on.

    Raises:
        Refused: There is nothing to learn from.
    """
    name = TABLES[query.kind]
    rows, blocks = history.history(name, _begin(history, query, name), query.until_ms, query.entities)
    rows = without(rows, name, query.excluded)
    if not rows.num_rows:
        raise Refused(f"no {query.kind} data in scope {query.scope} between the times that were asked for")
    times = rows[_TIMES[name]].to_numpy()
    extent = int(times.min()) // _MS, int(times.max()) // _MS
    return snapshot_of(query, digest_of(rows), rows.num_rows, blocks, extent), rows


def snapshot_of(
    query: DatasetQuery, rows: str, row_count: int, blocks: tuple[str, ...], extent: tuple[int, int]
) -> DatasetSnapshot:
    """The name of rows with this digest that answered a query."""
    named = canonical({"query": msgspec.to_builtins(query), "blocks": list(blocks), "rows": rows})
    return DatasetSnapshot(
        digest=hashlib.sha256(named).hexdigest(),
        query=query,
        since_ms=extent[0],
        until_ms=extent[1],
        row_count=row_count,
        rows=rows,
        blocks=blocks,
    )


def without(rows: pa.Table, table: str, spans: Sequence[Span]) -> pa.Table:
    """The rows that lie in none of the spans of their entity."""
    if not spans:
        return rows
    return rows.filter(pa.array(~within(rows, table, spans)))


def within(rows: pa.Table, table: str, spans: Sequence[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows lie in a span of their entity; a call lies in those of its callee and of its caller."""
    at_ms = rows[_TIMES[table]].to_numpy() // _MS
    names = [rows[_SUBJECT[table]].to_numpy(zero_copy_only=False)]
    if table == "edge_windows":
        names.append(rows["caller"].to_numpy(zero_copy_only=False))
    found = np.zeros(rows.num_rows, bool)
    for span in spans:
        is_then = (at_ms >= span.since_ms) & (at_ms <= span.until_ms)
        found |= is_then & np.logical_or.reduce([name == span.entity for name in names])
    return found


def digest_of(rows: pa.Table) -> str:
    """sha256 over names, types and values of all columns; how they are cut into chunks changes nothing."""
    digest = hashlib.sha256()
    for name in rows.column_names:
        column = rows[name]
        kind = f"[{column.type.value_type}]" if pa.types.is_list(column.type) else column.type  # Parquet renames items
        digest.update(f"{name}:{kind}:{len(column)}\n".encode())
        plain = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if plain and not column.null_count:
            digest.update(np.ascontiguousarray(column.to_numpy()).data)
        else:
            for piece in _packed(column):
                digest.update(piece)
    return digest.hexdigest()


def _packed(column: pa.ChunkedArray) -> Iterator[bytes]:
    """A column as one list of MessagePack, some thousand rows at a time.

    Who makes objects of all rows in one call lets no other thread in meanwhile: at 4 M rows senders wait for it.
    """
    count = len(column)
    if count < 1 << 4:
        yield bytes([0x90 | count])
    else:
        yield b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")
    for at in range(0, count, ROWS_AT_ONCE):
        rows = column.slice(at, ROWS_AT_ONCE).to_pylist()
        yield b"".join(map(_ENCODER.encode, rows))


def write_rows(rows: pa.Table, file: Path) -> str:
    """The rows as a Parquet file; returns the sha256 of the file."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    body = sink.getvalue().to_pybytes()
    write_whole(file, body)
    return hashlib.sha256(body).hexdigest()


def read_rows(file: Path, snapshot: DatasetSnapshot) -> pa.Table:
    """The rows of a snapshot.

    Raises:
        NotFound: There is no such file. Corrupt: They are not the rows that were named.
    """
    if not file.is_file():
        raise NotFound(f"the rows of data set {snapshot.digest[:16]} are not kept: {file.name} is not there")
    try:
        rows = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise Corrupt(f"{file}: not a data set: {error}") from None
    if digest_of(rows) != snapshot.rows:
        raise Corrupt(f"{file}: these are not the rows of data set {snapshot.digest[:16]}")
    return rows


def freeze(rows: pa.Table, snapshot: DatasetSnapshot, folder: Path) -> DatasetSnapshot:
    """Keep the rows by themselves, under the digest of their file, for as long as the folder lives."""
    arriving = folder / f".{snapshot.digest}.part"
    name = write_rows(rows, arriving)
    arriving.rename(folder / f"{name}.parquet")
    sync_folder(folder)
    return msgspec.structs.replace(snapshot, frozen=name)


def _begin(history: History, query: DatasetQuery, table: str) -> int:
    count, first_ms, last_ms = history.extent(table, query.entities)
    since_ms = max(query.since_ms, first_ms)
    until_ms = min(query.until_ms, last_ms)
    share = max(until_ms - since_ms, 0) / max(last_ms - first_ms, 1)
    expected = count * share
    return since_ms if expected <= MOST_ROWS else until_ms - int((until_ms - since_ms) * MOST_ROWS / expected)


def _is_in(entity: Entity, what: str, name: str) -> bool:
    if what == "service":
        return name in (entity.name, entity.id)
    return str(entity.tier) == name if what == "tier" else entity.environment == name

"""Sealed telemetry: Parquet files that are written once, hashed, and end by being unlinked.

The order that survives a kill at any point: write under a temporary name, fsync, rename, fsync the folder, and only
then commit the one transaction that removes the rows from the hot table and registers the block. A file that no
transaction registered is removed at the next start; a registered one is whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import duckdb

from mainstay.store.telemetry.tables import Table

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """One sealed file: of which table, from when to when (both included), how much, and its digest."""

    file: str
    source: str
    since_ns: int
    until_ns: int
    row_count: int
    bytes: int
    sha256: str


class Blocks:
    """The folder of sealed files. A file that a reader may still be reading is unlinked later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = Lock()
        self._readers = 0
        self._doomed: list[str] = []

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """At start: remove files that no transaction registered. Returns registered files that are missing."""
        registered = {row[0] for row in connection.execute("SELECT file FROM blocks").fetchall()}
        for path in self.folder.iterdir():
            if path.name not in registered:
                path.unlink()
        return sorted(name for name in registered if not (self.folder / name).exists())

    def seal(self, connection: duckdb.DuckDBPyConnection, table: Table, cut_ns: int) -> Block | None:
        """Move the rows before `cut_ns` from the hot table into one file. None when there are none."""
        where = f"FROM {table.name} WHERE {table.time} < {int(cut_ns)}"  # names are constants, the cut is a number
        connection.begin()
        try:
            query = f"SELECT min({table.time}), max({table.time}), count(*) {where}"
            first, last, count = connection.execute(query).fetchall()[0]
            if not count:
                connection.rollback()
                return None
            block = self._write(connection, table, where, (first, last, count))
            connection.execute(f"DELETE {where}")
            connection.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)",
                [block.file, block.source, block.since_ns, block.until_ns, block.row_count, block.bytes, block.sha256],
            )
            connection.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed is rolled back already
                connection.rollback()
            raise
        return block

    def expire(self, connection: duckdb.DuckDBPyConnection, table: Table, before_ns: int) -> int:
        """Forget and unlink blocks of a table whose newest row is older; how many."""
        rows = connection.execute(
            "DELETE FROM blocks WHERE source = ? AND until_ns < ? RETURNING file", [table.name, before_ns]
        ).fetchall()  # one statement is one transaction: registered or gone
        with self._lock:
            self._doomed += [row[0] for row in rows]
        self._unlink()
        return len(rows)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """As long as this is open, no file is unlinked."""
        with self._lock:
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
            self._unlink()

    @property
    def is_being_read(self) -> bool:
        """Whether anybody is in the middle of a question."""
        with self._lock:
            return self._readers > 0

    def verify(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Files that are missing or not what was sealed."""
        with self.reading():
            rows = connection.execute("SELECT file, sha256 FROM blocks ORDER BY file").fetchall()
            paths = [(self.folder / name, digest) for name, digest in rows]
            return [path.name for path, digest in paths if not path.exists() or _digest(path) != digest]

    def _write(
        self, connection: duckdb.DuckDBPyConnection, table: Table, where: str, extent: tuple[int, int, int]
    ) -> Block:
        first, last, count = extent
        temporary = self.folder / f".{table.name}.tmp"
        target = str(temporary).replace("'", "''")
        connection.execute(
            f"COPY (SELECT {table.sealed} {where} ORDER BY {table.sort}) TO '{target}' ({table.packing})"
        )
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        digest = _digest(temporary)
        name = f"{table.name}-{first}-{last}-{digest[:12]}.parquet"
        temporary.chmod(0o600)
        temporary.rename(self.folder / name)
        _sync_folder(self.folder)
        return Block(name, table.name, first, last, count, (self.folder / name).stat().st_size, digest)

    def _unlink(self) -> None:
        with self._lock:
            if self._readers:
                return
            for name in self._doomed:
                (self.folder / name).unlink(missing_ok=True)
            self._doomed.clear()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

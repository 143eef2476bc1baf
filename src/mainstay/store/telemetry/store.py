"""The telemetry store: hot hours in DuckDB, older ones in sealed Parquet blocks, each row exactly once."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from mainstay.domain.errors import Corrupt, Overloaded
from mainstay.domain.outlook import RiskLook
from mainstay.domain.protocols import BandBatch
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import Normal, Series, Template
from mainstay.store.telemetry import tables
from mainstay.store.telemetry.blocks import Blocks
from mainstay.store.telemetry.catalogue import Catalogue
from mainstay.store.telemetry.reads import Reads

FILE = "hot.duckdb"
HOUR_S = 3600
EXPIRE_EVERY_NS = 60 * 10**9
THREADS = 2
FLUSHED_FROM = "4MB"  # of what a query freed; DuckDB's own 128 and 512 MB are more than it may hold here


class Telemetry(Reads):
    """Writes what normalize says and answers questions about it.

    Rows wait in memory until `commit`, which writes all of them and the applied sequence in one transaction: after a
    kill everything up to some sequence is there, nothing beyond. A write that is applied already is dropped.
    One thread writes, seals and expires; any thread reads.

    Args:
        retention_s: Rows older than this go, a whole block at a time.
        hot_s: Rows older than this move into blocks, a stretch of `min(hot_s, 1 h)` at a time.
        memory_limit: DuckDB's own bound; what does not fit spills beside the file.

    Attributes:
        applied_seq: The last sequence whose rows are committed; 0 when there is none.
        catalogue: Which series there are.

    Raises:
        Corrupt: The file cannot be opened or was written by another format.
    """

    def __init__(
        self, directory: Path, *, retention_s: float, hot_s: float = HOUR_S, memory_limit: str = "256MB"
    ) -> None:
        self.directory = directory
        self.applied_seq = 0
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._retention_ns, self._hot_ns = int(retention_s * 1e9), int(hot_s * 1e9)
        self._stretch_ns = min(self._hot_ns, HOUR_S * 10**9)
        self._blocks = Blocks(directory / "blocks")
        self._memory_limit = memory_limit
        self._root = _open(directory, memory_limit)  # runs nothing itself: cursors are taken from it in any thread
        self._connection = self._root.cursor()
        self._writing, self._opening = RLock(), Lock()
        self.applied_seq = self._prepare()
        self._arrived: dict[str, list[pa.Table]] = {}
        self._series: list[pa.Table] = []
        self._templates: dict[int, Template] = {}
        self._ids = np.zeros(1024, np.uint64)
        self._known = 0
        self._sealed_ns = self._expired_ns = 0
        super().__init__(self._new_cursor, self._blocks, self._blocks.tidy(self._connection))
        self.catalogue = Catalogue(self._ask)

    def know(self, series: Sequence[Series]) -> None:
        """Learn which slot is which series; `write` does it with the series that come with a record."""
        if not series:
            return
        told = SeriesColumns.of(series)
        last = int(told.slot.max())
        if last >= len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros(max(len(self._ids), last), np.uint64)])
        self._ids[told.slot] = told.id
        self._known = max(self._known, last + 1)

    def write(self, normal: Normal, seq: int) -> None:
        """Take the rows of one record; kept by the next `commit`. One whose sequence is applied already is dropped."""
        self.know(normal.new_series)
        if seq <= self.applied_seq:
            return
        if normal.new_series:
            self._series.append(tables.series(SeriesColumns.of(normal.new_series)))
        self._templates.update((template.id, template) for template in normal.new_templates)
        if normal.metrics is not None and len(normal.metrics):
            self._check(normal.metrics.series)
            self._keep("points", tables.points(self._ids, normal.metrics))
        if normal.logs is not None and len(normal.logs):
            lines = tables.logs(normal.logs)
            self._keep("logs", lines)
            if normal.logs.variables is not None:
                self._keep("parameters", tables.parameters(lines, normal.logs.variables))
        if normal.spans is not None and len(normal.spans):
            self._keep("spans", tables.spans(normal.spans))
        if normal.traces:
            self._keep("traces", tables.traces(normal.traces))
        if normal.edges:
            self._keep("edge_windows", tables.edges(normal.edges))

    def write_bands(self, bands: BandBatch, seq: int) -> None:
        """Take the expected bands of one record; dropped when its sequence is applied already."""
        if seq > self.applied_seq and len(bands.series):
            self._check(bands.series)
            self._keep("bands", tables.bands(self._ids, bands))

    def write_look(self, look: RiskLook, seq: int) -> None:
        """Take the leading indicators of one look at the services; dropped when its sequence is applied already."""
        if seq > self.applied_seq:
            self._keep("looks", tables.looks(look))

    def forget(self) -> None:
        """Drop what was written and not committed: its records come again. A database that ended is opened again.

        Only here, where nothing waits to be written: what is applied is known anew afterwards.

        Raises:
            duckdb.Error, Corrupt, Overloaded: There is still no room, or somebody still reads; try again later.
        """
        self._drop()
        self._expired_ns = 0  # something failed, perhaps for want of room: it is made as soon as can be
        if self._has_ended():
            self._reopen()

    def _drop(self) -> None:
        self._arrived, self._series, self._templates = {}, [], {}

    def _has_ended(self) -> bool:
        """DuckDB ends a whole database when a checkpoint finds no room; what was committed is in its log."""
        try:
            self._connection.execute("SELECT 1")
        except (duckdb.FatalException, duckdb.ConnectionException):
            return True
        return False

    def _reopen(self) -> None:
        with self._writing, self._opening:
            if self._blocks.is_being_read:  # the root closes its cursors with it, under whoever still reads
                raise Overloaded("telemetry is still being read; it is opened again in a moment")
            self._connection.close()
            self._root.close()
            self._root = _open(self.directory, self._memory_limit)
            self._connection = self._root.cursor()
            self.applied_seq = self._prepare()

    def commit(self, seq: int) -> None:
        """Make everything written durable, together with `seq`. On an error nothing changed; it may be tried again."""
        if seq <= self.applied_seq:
            return
        with self._writing:
            self._connection.begin()
            try:
                self._insert()
                self._connection.execute("UPDATE meta SET value = ? WHERE key = 'applied_seq'", [seq])
                self._connection.commit()
            except BaseException:
                with contextlib.suppress(duckdb.Error):  # a commit that failed is rolled back already
                    self._connection.rollback()
                raise
            self.applied_seq = seq
            self._drop()

    def seal(self, now_ns: int) -> int:
        """Move what is older than the hot window into blocks, when a whole stretch is due; how many were made."""
        cut_ns = (now_ns - self._hot_ns) // self._stretch_ns * self._stretch_ns
        if cut_ns <= self._sealed_ns:
            return 0
        with self._writing:
            made = [self._blocks.seal(self._connection, table, cut_ns) for table in tables.TABLES]
            self._sealed_ns = cut_ns
            if any(made):
                self._checkpoint()
        return sum(block is not None for block in made)

    def expire(self, now_ns: int) -> int:
        """Drop what is older than the retention; how many blocks went. Looks once in a sixtieth of it, or a minute.

        Two questions for each table: asked after every batch, they were a third of what the pipeline did at full load.
        """
        if 0 <= now_ns - self._expired_ns < min(self._retention_ns // 60, EXPIRE_EVERY_NS):
            return 0
        with self._writing:
            gone = 0
            for table in tables.TABLES:
                before_ns = now_ns - max(self._retention_ns, int(table.kept_s * 1e9))
                delete = f"DELETE FROM {table.name} WHERE {table.time} < ?"  # noqa: S608 - names of our own
                self._connection.execute(delete, [before_ns])
                gone += self._blocks.expire(self._connection, table, before_ns)
            if gone:
                self._checkpoint()
        self._expired_ns = now_ns
        return gone

    def backup(self, to: Path) -> None:
        """A consistent copy that `Telemetry` opens again. Blocks never change: they are linked where that works."""
        with self._writing, self._blocks.reading():
            (to / "blocks").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._checkpoint()
            for name in (FILE, f"{FILE}.wal"):
                if (self.directory / name).exists():
                    shutil.copy2(self.directory / name, to / name)
            for (name,) in self._connection.execute("SELECT file FROM blocks").fetchall():
                _link(self._blocks.folder / name, to / "blocks" / name)

    def verify(self) -> list[str]:
        """Names of blocks that are missing or whose bytes changed since they were sealed."""
        cursor = self._new_cursor()
        try:
            return self._blocks.verify(cursor)
        finally:
            cursor.close()

    def disk_bytes(self) -> int:
        """What all of it takes on disk now."""
        return sum(path.stat().st_size for path in self.directory.rglob("*") if path.is_file())

    def close(self) -> None:
        """Close; what was not committed is forgotten (the inbox has it)."""
        with self._writing:
            self._connection.close()
            self._root.close()

    def _prepare(self) -> int:
        for statement in (*(table.create for table in tables.TABLES), *tables.OTHERS):
            self._connection.execute(statement)
        first = "INSERT OR IGNORE INTO meta VALUES ('format_version', ?), ('applied_seq', 0)"
        self._connection.execute(first, [tables.FORMAT])
        meta: dict[str, int] = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        if meta["format_version"] != tables.FORMAT:
            raise Corrupt(
                f"{self.directory / FILE}: expected format {tables.FORMAT}, got {meta['format_version']}: this release "
                "does not read it; start with a new data folder, or with the release that wrote it"
            )
        return meta["applied_seq"]

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            return self._root.cursor()

    def _check(self, slots: Any) -> None:
        if int(slots.max()) >= self._known:
            raise ValueError(f"series slot {int(slots.max())} is not known: its series was never told")

    def _keep(self, name: str, rows: pa.Table) -> None:
        self._arrived.setdefault(name, []).append(rows)

    def _insert(self) -> None:
        for name, parts in self._arrived.items():
            self._add(name, pa.concat_tables(parts))
        if self._series:
            unknown = "WHERE id NOT IN (SELECT id FROM series)"
            self._add("series", tables.once(pa.concat_tables(self._series)), unknown)
        if self._templates:
            rows = list(self._templates.values())
            columns = {"id": pa.array([t.id for t in rows], pa.uint32()), "text": pa.array([t.text for t in rows])}
            self._add("templates", pa.table(columns), "ON CONFLICT DO UPDATE SET text = excluded.text")

    def _add(self, name: str, rows: pa.Table, condition: str = "") -> None:
        self._connection.register("arriving", rows)
        self._connection.execute(f"INSERT INTO {name} SELECT * FROM arriving {condition}")  # noqa: S608
        self._connection.unregister("arriving")

    def _checkpoint(self) -> None:
        """Give freed pages back for use. A reader in the middle of its question may be in the way: then next time."""
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return


def _open(directory: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {
        "threads": THREADS,
        "memory_limit": memory_limit,
        "temp_directory": str(directory / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
        "allocator_background_threads": True,  # what a transaction held goes back soon, not with the next one
        "allocator_flush_threshold": FLUSHED_FROM,
        "allocator_bulk_deallocation_flush_threshold": FLUSHED_FROM,
    }
    try:
        connection = duckdb.connect(str(directory / FILE), config=config)
    except duckdb.Error as error:
        raise Corrupt(f"{directory / FILE}: {error}") from error
    (directory / FILE).chmod(0o600)
    return connection


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)

"""One control database: how it is opened, migrated, read and written.

SQLite in WAL mode: readers see a consistent snapshot and never wait; one writer at a time, and an acknowledged commit
is on disk (`synchronous=FULL`: with NORMAL a loss of power takes the last commits back).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, text

from mainstay.domain.errors import Refused
from mainstay.store.schema import FORMAT_VERSION

_WRITES = "mainstay_writes"
_BUSY_TIMEOUT_MS = 30_000
MOST_CONNECTIONS = 64
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}",
    "PRAGMA secure_delete=OFF",
)


class Database:
    """A file (or URL) with the newest schema, one writer and many readers.

    Args:
        url_or_path: A path, or a SQLAlchemy URL. The file and its WAL are readable by their owner only.

    Raises:
        Refused: The store was written by a newer Mainstay.
    """

    def __init__(self, url_or_path: str | Path) -> None:
        self.url = _url(url_or_path)
        self.engine = _engine(self.url)
        self._lock = threading.RLock()
        self._migrate()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot: everything read inside belongs to one moment."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One `BEGIN IMMEDIATE` transaction: all of it is on disk when the block ends, or none of it."""
        with self._lock, self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let go of the file. What was committed is already safe."""
        self.engine.dispose()

    def _migrate(self) -> None:
        with self.reading() as connection:
            found = _format_of(connection)
        if found > FORMAT_VERSION:
            raise Refused(
                f"{self.url.render_as_string()} has format {found}, this Mainstay knows up to {FORMAT_VERSION}: "
                "start it with the newer version that wrote it, or restore an older backup"
            )
        if found < FORMAT_VERSION:
            with self.writing() as connection:
                migrate(connection)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to a revision, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or replace those whose key is there and whose body differs; what is equal is not written again."""
    if not rows:
        return
    statement = _insert(connection, table)
    body = statement.excluded["body"]
    values = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
    keys = [c.name for c in table.primary_key]
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=values, where=table.c.body != body), list(rows)
    )


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose key is not there yet; the others stay as they are."""
    if rows:
        keys = [c.name for c in table.primary_key]
        connection.execute(_insert(connection, table).on_conflict_do_nothing(index_elements=keys), list(rows))


def _insert(connection: Connection, table: Table) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def _url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, str) and "://" in url_or_path:
        return make_url(url_or_path)
    return URL.create("sqlite", database=str(url_or_path))


def _engine(url: URL) -> Engine:
    # More than all threads of the doors together: a few long reads (a viewer verifies the ledger) must never leave the
    # pipeline without a connection to commit with.
    engine = create_engine(url, max_overflow=MOST_CONNECTIONS)
    if engine.dialect.name == "sqlite":
        if url.database:
            Path(url.database).touch(mode=0o600)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would open transactions by itself, too late for BEGIN IMMEDIATE
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _format_of(connection: Connection) -> int:
    if not inspect(connection).has_table("alembic_version"):
        return 0
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return int(found or 0)

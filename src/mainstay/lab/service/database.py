"""The shop's database file, as a service uses it: real SQLite, real locks between processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

from opentelemetry.trace import SpanKind, StatusCode

from mainstay.lab.service.instruments import Instruments

BUSY_TIMEOUT_S = 1.0
KEPT_ROWS = 4000
SLOW_MS = 250


class Database:
    """One database, used by all threads of a service."""

    def __init__(self, name: str, path: Path, instruments: Instruments) -> None:
        self.name = name
        self._path = path
        self._instruments = instruments
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            connection.execute("PRAGMA synchronous=OFF")  # the lab's data need not survive a power cut
            self._local.connection = connection
        return connection

    def read(self, table: str) -> None:
        statement = f"SELECT id, customer, note FROM {table} WHERE id >= ? LIMIT 10"  # noqa: S608 - names of the shop file
        self._run("SELECT", table, statement, (self._instruments.noise.random.randint(1, 500),))

    def write(self, table: str) -> None:
        customer = self._instruments.noise.random.randint(1, 9999)
        statement = f"INSERT INTO {table} (customer, note) VALUES (?, ?)"  # noqa: S608 - names of the shop file
        row = self._run("INSERT", table, statement, (customer, "x" * 80))
        if row % 500 == 0:
            self._run("DELETE", table, f"DELETE FROM {table} WHERE id < ?", (row - KEPT_ROWS,))  # noqa: S608

    def _run(self, operation: str, table: str, statement: str, values: tuple[object, ...]) -> int:
        labels = {
            "db.system.name": "sqlite", "db.namespace": self.name,
            "db.operation.name": operation, "db.collection.name": table,
        }  # fmt: skip
        started = time.perf_counter()
        with self._instruments.tracer.start_as_current_span(
            f"{operation} {table}",
            kind=SpanKind.CLIENT,
            attributes={**labels, "db.query.text": statement, "server.address": self.name},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                cursor = self._connection().execute(statement, values)
                cursor.fetchall()
            except sqlite3.OperationalError as error:
                labels["error.type"] = error.sqlite_errorname
                span.set_attribute("error.type", error.sqlite_errorname)
                span.set_status(StatusCode.ERROR, str(error))
                raise
            finally:
                took_s = time.perf_counter() - started
                self._instruments.meters.database.record(took_s, labels)
                if took_s * 1000 > SLOW_MS:
                    self._instruments.journal.warning(
                        "slow %s on %s.%s took %d ms", operation, self.name, table, took_s * 1000
                    )
        return cursor.lastrowid or 0

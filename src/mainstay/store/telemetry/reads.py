"""Reading telemetry: hot rows and sealed blocks as one, each question on its own cursor and in its own snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mainstay.domain.signals import F64, I64, EdgeWindow, LogBatch, SpanBatch, Template, TraceLine
from mainstay.store.telemetry.blocks import Blocks
from mainstay.store.telemetry.tables import (
    BANDS,
    EDGES,
    LOGS,
    LOOKS,
    PARAMETERS,
    POINTS,
    SPANS,
    TRACES,
    Table,
    thin,
)  # fmt: skip

NO_SLOT = 0xFFFFFFFF
T = TypeVar("T")
_MS = 1_000_000
_LONG_MS = 60_000  # longer than this no trace is waited for


class Reads:
    """The questions that console, judges and people ask. Safe from any thread, while the writer writes and seals."""

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection], blocks: Blocks, missing: Sequence[str]) -> None:
        self._cursor, self._blocks, self._missing = cursor, blocks, frozenset(missing)

    def points(self, series_id: int, since_ms: int, until_ms: int, most: int = 10_000) -> tuple[I64, F64]:
        """(at_ms, value) of one series in time order, both ends included; thinned to the extremes of each stretch."""
        found = self._select(POINTS, "at_ns, value", series_id, (since_ms, until_ms))
        order = np.lexsort((found["value"], found["at_ns"]))  # equal times: the same order, hot or sealed
        return thin(found["at_ns"][order] // _MS, found["value"][order], most)

    def bands(self, series_id: int, since_ms: int, until_ms: int) -> tuple[I64, F64, F64]:
        """(at_ms, low, high) of one series in time order."""
        found = self._select(BANDS, "at_ns, low, high", series_id, (since_ms, until_ms))
        order = np.lexsort((found["low"], found["at_ns"]))
        return found["at_ns"][order] // _MS, found["low"][order], found["high"][order]

    def logs(self, entity: str, since_ms: int, until_ms: int, limit: int = 1_000) -> LogBatch:
        """The newest `limit` lines of an entity ("": of all), oldest first."""
        condition, values = ("entity = $1", [entity]) if entity else ("true", [])
        tail = f"ORDER BY at_ns DESC, entity DESC, body DESC LIMIT {int(limit)}"
        rows = self._rows(LOGS, condition, values, (since_ms, until_ms), tail)[::-1]
        entities, at, severity, template, body, trace = zip(*rows, strict=True) if rows else ((),) * 6
        return LogBatch(
            tuple(entities), np.array(at, np.int64), np.array(severity, np.uint8), np.array(template, np.uint32),
            tuple(body), tuple(trace),
        )  # fmt: skip

    def spans(self, trace_id: bytes) -> SpanBatch:
        """All spans of a trace, by their start."""
        rows = self._rows(SPANS, "trace_id = $1", [trace_id], None, "ORDER BY start_ns, span_id LIMIT 10000")
        trace, span, parent, entity, peer, name, kind, is_error, start, duration = (
            zip(*rows, strict=True) if rows else ((),) * 10
        )
        return SpanBatch(
            tuple(entity), tuple(peer), tuple(trace), tuple(span), tuple(parent), tuple(name), np.array(kind, np.uint8),
            np.array(is_error, bool), np.array(start, np.int64), np.array(duration, np.float64),
        )  # fmt: skip

    def traces(
        self, entities: Sequence[str], extent: tuple[int, int], why: str = "", limit: int = 100
    ) -> list[TraceLine]:
        """Kept traces that any of these entities (none: anybody) took part in, newest first; `extent` in ms."""
        values: list[Any] = [why, *([list(entities)] if entities else [])]

        def ask(cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
            columns = ", ".join(name for name, _, _ in TRACES.columns)
            query, among = self._query(cursor, TRACES, columns, "($1 = '' OR why = $1)", extent), ""
            if entities:
                around = extent[0] - _LONG_MS, extent[1] + _LONG_MS  # a trace begins before its spans
                took = self._query(cursor, SPANS, "trace_id", "list_contains($2, entity)", around)
                among = f"WHERE trace_id IN ({took})"
            whole = f"SELECT * FROM ({query}) {among} ORDER BY start_ns DESC, trace_id LIMIT {limit:d}"  # noqa: S608
            return list(cursor.execute(whole, values).fetchall())

        return [TraceLine(*row) for row in self._ask(ask)]

    def traces_among(self, traces: Sequence[bytes], extent: tuple[int, int]) -> list[TraceLine]:
        """Those of these traces that were kept."""
        rows = self._rows(TRACES, "list_contains($1, trace_id)", [list(traces)], extent, "ORDER BY start_ns DESC")
        return [TraceLine(*row) for row in rows]

    def edges(self, entity: str, since_ms: int, until_ms: int) -> list[EdgeWindow]:
        """Windows of the calls from and to an entity ("": all), in time order."""
        condition, values = ("(caller = $1 OR callee = $1)", [entity]) if entity else ("true", [])
        tail = "ORDER BY until_ns, caller, callee LIMIT 100000"
        return [
            EdgeWindow(*row[:6], np.array(row[6], np.float64), np.array(row[7], np.float64))  # type: ignore[call-arg]
            for row in self._rows(EDGES, condition, values, (since_ms, until_ms), tail)
        ]

    def template(self, number: int) -> Template | None:
        """A log template by its id."""
        query = "SELECT id, text FROM templates WHERE id = ?"
        rows = self._ask(lambda cursor: cursor.execute(query, [number]).fetchall())
        return Template(*rows[0]) if rows else None

    def template_lines(self, entity: str, since_ms: int, until_ms: int, limit: int) -> list[tuple[int, int]]:
        """(template, lines) of an entity ("": all), the most said first."""
        condition, values = ("entity = $1", [entity]) if entity else ("true", [])

        def ask(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
            query = self._query(cursor, LOGS, "template", condition, (since_ms, until_ms))
            counted = f"SELECT template, count(*) AS lines FROM ({query}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit:d}"  # noqa: S608
            return list(cursor.execute(counted, values).fetchall())

        return self._ask(ask)

    def values(
        self, template: int, number: int, extent: tuple[int, int], entity: str = "", *, places: int, limit: int = 50
    ) -> tuple[tuple[int, int, int], list[tuple[str, int, int]]]:
        """What stood at place `number` (from 1) of a template that has so many places.

        Returns:
            (lines, different values, lines with another number of places), and (value, lines, newest ms) of the most
            frequent. `extent` is since and until, in ms.
        """
        given: list[Any] = [template, places]
        condition = "template = $1"
        if entity:
            condition, given = "template = $1 AND entity = $3", [*given, entity]
        fits = "len(said) = $2"

        def ask(cursor: duckdb.DuckDBPyConnection) -> tuple[tuple[int, int, int], list[tuple[str, int, int]]]:
            rows = self._query(cursor, PARAMETERS, f"at_ns, said, said[{number:d}] AS value", condition, extent)
            counts = f"count(*) FILTER ({fits}), count(DISTINCT value) FILTER ({fits}), count(*) FILTER (NOT {fits})"
            whole = cursor.execute(f"SELECT {counts} FROM ({rows})", given).fetchall()[0]  # noqa: S608
            most = f"SELECT value, count(*), max(at_ns) FROM ({rows}) WHERE {fits}"  # noqa: S608
            found = cursor.execute(f"{most} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit:d}", given).fetchall()
            return whole, [(value, lines, at_ns // _MS) for value, lines, at_ns in found]

        return self._ask(ask)

    def count(self, table: str) -> int:
        """How many rows a table has, hot and sealed."""
        hot = f"SELECT count(*) FROM {_TABLES[table].name}"  # noqa: S608
        sealed = "SELECT coalesce(sum(row_count), 0) FROM blocks WHERE source = ?"
        query = f"SELECT ({hot}) + ({sealed})"
        return int(self._ask(lambda cursor: cursor.execute(query, [table]).fetchall())[0][0])

    def history(
        self, table: str, since_ms: int, until_ms: int, entities: Sequence[str] = ()
    ) -> tuple[pa.Table, tuple[str, ...]]:
        """Every row of a table in one order, hot or sealed, and the sha256 of each sealed block that was read.

        `points` come with entity, metric, unit and direction of their series. No `entities` means all of them.
        """
        named = _TABLES[table]
        condition, values = _among(table, entities)
        columns = ", ".join(name for name, _, _ in named.columns)

        def ask(cursor: duckdb.DuckDBPyConnection) -> tuple[pa.Table, tuple[str, ...]]:
            query = self._query(cursor, named, columns, condition, (since_ms, until_ms))
            if table == "points":
                query = (
                    f"SELECT p.*, s.entity, s.metric, s.unit, s.direction FROM ({query}) p"  # noqa: S608
                    " JOIN series s ON s.id = p.series"
                )
            ordered = f"SELECT * FROM ({query}) ORDER BY {_ORDERS[table]}"  # noqa: S608
            rows = cursor.sql(ordered, params=values).to_arrow_table()
            found = cursor.execute(
                "SELECT sha256 FROM blocks WHERE source = ? AND until_ns >= ? AND since_ns <= ? ORDER BY file",
                [table, since_ms * _MS, until_ms * _MS + _MS - 1],
            ).fetchall()
            return rows, tuple(digest for (digest,) in found)

        return self._ask(ask)

    def extent(self, table: str, entities: Sequence[str] = ()) -> tuple[int, int, int]:
        """(rows, first ms, last ms) of a table, hot and sealed; (0, 0, 0) when there are none."""
        named = _TABLES[table]
        condition, values = _among(table, entities)

        def ask(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
            query = self._query(cursor, named, named.time, condition, None)
            asked = f"SELECT count(*), min({named.time}), max({named.time}) FROM ({query})"  # noqa: S608
            count, first, last = cursor.execute(asked, values).fetchall()[0]
            return int(count), int(first or 0) // _MS, int(last or 0) // _MS

        return self._ask(ask)

    def count_of(self, metric: str) -> int:
        """How many samples the series of a metric have (`*` stands for anything), hot and sealed."""

        def ask(cursor: duckdb.DuckDBPyConnection) -> int:
            query = self._query(
                cursor, POINTS, "series", "series IN (SELECT id FROM series WHERE metric GLOB $1)", None
            )
            return int(cursor.execute(f"SELECT count(*) FROM ({query})", [metric]).fetchall()[0][0])  # noqa: S608

        return self._ask(ask)

    def _select(
        self, table: Table, columns: str, series_id: int, extent: tuple[int, int]
    ) -> dict[str, npt.NDArray[Any]]:
        def ask(cursor: duckdb.DuckDBPyConnection) -> dict[str, npt.NDArray[Any]]:
            query = self._query(cursor, table, columns, "series = $1", extent)
            return dict(cursor.execute(query, [series_id]).fetchnumpy())

        return self._ask(ask)

    def _rows(
        self, table: Table, condition: str, values: list[Any], extent: tuple[int, int] | None, tail: str
    ) -> list[tuple[Any, ...]]:
        columns = ", ".join(name for name, _, _ in table.columns)

        def ask(cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
            query = self._query(cursor, table, columns, condition, extent)
            return list(cursor.execute(f"{query} {tail}", values).fetchall())

        return self._ask(ask)

    def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._blocks.reading():
            cursor = self._cursor()
            try:
                cursor.begin()  # hot rows and the list of blocks as of one moment: sealing moves none in between
                return question(cursor)
            finally:
                cursor.close()

    def _query(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: Table,
        columns: str,
        condition: str,
        extent: tuple[int, int] | None,
    ) -> str:
        since, until = (extent[0] * _MS, extent[1] * _MS + _MS - 1) if extent else (-(2**62), 2**62)
        within = f"{condition} AND {table.time} BETWEEN {since} AND {until}"
        query = f"SELECT {columns} FROM {table.name} WHERE {within}"  # noqa: S608 - our own names, values are bound
        found = cursor.execute(
            "SELECT file FROM blocks WHERE source = ? AND until_ns >= ? AND since_ns <= ? ORDER BY file",
            [table.name, since, until],
        ).fetchall()
        files = [self._path(name) for (name,) in found if name not in self._missing]
        if files:
            sealed = table.opened(f"read_parquet([{', '.join(files)}])")
            query += f" UNION ALL SELECT {columns} FROM {sealed} WHERE {within}"  # noqa: S608
        return query

    def _path(self, name: str) -> str:
        path: Path = self._blocks.folder / name
        return "'" + str(path).replace("'", "''") + "'"


_TABLES = {table.name: table for table in (POINTS, BANDS, LOGS, PARAMETERS, SPANS, TRACES, EDGES, LOOKS)}
_ORDERS = {
    "points": "at_ns, series, value",
    "edge_windows": "until_ns, caller, callee, since_ns",
    "logs": "at_ns, entity, template, body",
    "looks": "at_ns, service",
}
"""The whole order, so that the same rows give the same digest."""


def _among(table: str, entities: Sequence[str]) -> tuple[str, list[Any]]:
    """The condition that keeps what is of these entities, and its values."""
    if not entities:
        return "true", []
    names = list(entities)
    if table == "points":
        return "series IN (SELECT id FROM series WHERE list_contains($1, entity))", [names]
    if table == "edge_windows":
        return "list_contains($1, callee)", [names]
    if table == "looks":
        return "list_contains($1, service)", [names]
    return "list_contains($1, entity)", [names]

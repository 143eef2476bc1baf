"""The telemetry tables, and how rows get into them: columns, never one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mainstay.domain.outlook import RiskLook
from mainstay.domain.protocols import BandBatch
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, I64, U32, EdgeWindow, LogBatch, MetricBatch, SpanBatch, TraceLine, Variables

FORMAT = 3
_SCALES = ("1e3::DOUBLE", "1e6::DOUBLE")
FEW = 512
_FAR = "1e9"  # thousandths and millionths of less are whole numbers that a double holds


@dataclass(frozen=True, slots=True)
class Table:
    """A table of things that happened at a time: it is sealed into blocks by that time, and expires by it.

    Attributes:
        kept_s: At least so long, whatever the retention of the rest is.
        is_measured: Numbers, in the order of their series. A sealed column of these has a dictionary up to `FEW`
            different values in a row group; beyond that differences take less: ids of series that have eight points
            each took 12.5 bytes in a dictionary, and 7.7 as the steps from one to the next.
    """

    name: str
    columns: tuple[tuple[str, str, pa.DataType], ...]
    time: str
    sort: str
    decimal: str = ""
    kept_s: float = 0.0
    is_measured: bool = False

    @property
    def packing(self) -> str:
        """How DuckDB is to write a block."""
        few = f", DICTIONARY_SIZE_LIMIT {FEW}" if self.is_measured else ""
        return f"FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 61440{few}"

    @property
    def sealed(self) -> str:
        """The columns as they go into a block: a decimal one as whole thousandths (or millionths) where it is that.

        Most measurements have few decimals. As a double these take 6 bytes when compressed, as a whole number 2; what a
        division of the two numbers would not give back to the bit stays a double.
        """
        plain = ", ".join(name for name, _, _ in self.columns if name != self.decimal)
        if not self.decimal:
            return plain
        value = self.decimal
        fits = " ".join(f"WHEN round({value} * {scale}) / {scale} = {value} THEN {scale}" for scale in _SCALES)
        is_near = f"abs({value}) < {_FAR} AND NOT ({value} = 0 AND signbit({value}))"
        scale = f"CASE WHEN {is_near} THEN CASE {fits} END END"
        return (
            f"{plain}, {scale} AS scale, CASE WHEN scale IS NULL THEN {value} END AS {value},"
            f" CAST(round({value} * scale) AS BIGINT) AS scaled"
        )

    def opened(self, blocks: str) -> str:
        """What a block's columns are again, as something to select from."""
        if not self.decimal:
            return blocks
        plain = ", ".join(name for name, _, _ in self.columns if name != self.decimal)
        return f"(SELECT {plain}, coalesce({self.decimal}, scaled / scale) AS {self.decimal} FROM {blocks})"  # noqa: S608

    @property
    def create(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns})"

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, kind) for name, _, kind in self.columns])


_U64, _I64, _F64 = ("UBIGINT", pa.uint64()), ("BIGINT", pa.int64()), ("DOUBLE", pa.float64())
_TEXT = ("VARCHAR", pa.string())
_BYTES, _U8, _U32 = ("BLOB", pa.binary()), ("UTINYINT", pa.uint8()), ("UINTEGER", pa.uint32())
_FLOATS = ("DOUBLE[]", pa.list_(pa.float64()))


def _columns(**kinds: tuple[str, pa.DataType]) -> tuple[tuple[str, str, pa.DataType], ...]:
    return tuple((name, sql, arrow) for name, (sql, arrow) in kinds.items())


POINTS = Table(
    "points", _columns(series=_U64, at_ns=_I64, value=_F64), "at_ns", "series, at_ns", "value", is_measured=True
)
BANDS = Table(
    "bands", _columns(series=_U64, at_ns=_I64, low=_F64, high=_F64), "at_ns", "series, at_ns", is_measured=True
)
LOGS = Table(
    "logs",
    _columns(entity=_TEXT, at_ns=_I64, severity=_U8, template=_U32, body=_TEXT, trace_id=_BYTES),
    "at_ns",
    "entity, at_ns",
)
SPANS = Table(
    "spans",
    _columns(
        trace_id=_BYTES, span_id=_BYTES, parent_id=_BYTES, entity=_TEXT, peer=_TEXT, name=_TEXT, kind=_U8,
        is_error=("BOOLEAN", pa.bool_()), start_ns=_I64, duration_ms=_F64,
    ),
    "start_ns",
    "trace_id, start_ns",
)  # fmt: skip
EDGES = Table(
    "edge_windows",
    _columns(
        caller=_TEXT, callee=_TEXT, since_ns=_I64, until_ns=_I64, count=_I64, errors=_I64, latency_ms=_FLOATS,
        own_ms=_FLOATS,
    ),
    "until_ns",
    "callee, caller, until_ns",
)  # fmt: skip
PARAMETERS = Table(
    "parameters",
    _columns(template=_U32, at_ns=_I64, entity=_TEXT, said=("VARCHAR[]", pa.list_(pa.string()))),
    "at_ns",
    "template, at_ns",
)
"""What varied in each line that had anything: values of one template side by side, which is how they are asked for."""
TRACES = Table(
    "traces",
    _columns(
        trace_id=_BYTES, start_ns=_I64, duration_ms=_F64, entity=_TEXT, name=_TEXT, spans=_I64, errors=_I64, why=_TEXT
    ),
    "start_ns",
    "start_ns",
)
LOOKS = Table(
    "looks",
    _columns(
        service=_TEXT, at_ns=_I64, horizon_s=_F64, view=_U32, usual=_F64, in_trouble=("BOOLEAN", pa.bool_()),
        features=_FLOATS,
    ),
    "at_ns",
    "service, at_ns",
    kept_s=90 * 86_400,
)  # fmt: skip
"""Leading indicators of each service as they were looked at: what is learned from is what was seen. Incidents are rare,
so these rows stay for 90 days; there are at most 100 a look on the average."""
TABLES = (POINTS, BANDS, LOGS, PARAMETERS, SPANS, TRACES, EDGES, LOOKS)

OTHERS = (
    "CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value BIGINT)",
    """CREATE TABLE IF NOT EXISTS series (
        id UBIGINT, entity VARCHAR, metric VARCHAR, labels BLOB, unit VARCHAR, direction VARCHAR)""",
    "CREATE TABLE IF NOT EXISTS templates (id UINTEGER PRIMARY KEY, text VARCHAR)",
    """CREATE TABLE IF NOT EXISTS blocks (
        file VARCHAR PRIMARY KEY, source VARCHAR, since_ns BIGINT, until_ns BIGINT, row_count BIGINT, bytes BIGINT,
        sha256 VARCHAR)""",
)


def points(ids: Any, batch: MetricBatch) -> pa.Table:
    """Samples, their slots as durable ids."""
    return _table(POINTS, ids[batch.series], batch.at_ns, batch.value)


def bands(ids: Any, batch: BandBatch) -> pa.Table:
    return _table(BANDS, ids[batch.series], batch.at_ns, batch.low, batch.high)


def logs(batch: LogBatch) -> pa.Table:
    return _table(LOGS, batch.entity, batch.at_ns, batch.severity, batch.template, batch.body, batch.trace_id)


def parameters(lines: pa.Table, variables: Variables) -> pa.Table:
    """What varied in these lines; `lines` are their rows of the table of logs."""
    count, values = len(variables.first) - 1, len(variables.begin) - 1
    text = pa.Array.from_buffers(
        pa.string(), values, [None, pa.py_buffer(variables.begin), pa.py_buffer(variables.data)]
    )
    said = pa.ListArray.from_buffers(
        pa.list_(pa.string()), count, [None, pa.py_buffer(variables.first)], children=[text]
    )
    rows = pa.Table.from_arrays([lines["template"], lines["at_ns"], lines["entity"], said], schema=PARAMETERS.schema)
    has = np.diff(variables.first) > 0
    return rows if has.all() else rows.filter(pa.array(has))


def spans(batch: SpanBatch) -> pa.Table:
    return _table(
        SPANS, batch.trace_id, batch.span_id, batch.parent_id, batch.entity, batch.peer, batch.name, batch.kind,
        batch.is_error, batch.start_ns, batch.duration_ms,
    )  # fmt: skip


def traces(lines: Sequence[TraceLine]) -> pa.Table:
    names = ("trace", "start_ns", "duration_ms", "entity", "name", "spans", "errors", "why")
    return _table(TRACES, *([getattr(line, name) for line in lines] for name in names))


def edges(windows: Sequence[EdgeWindow]) -> pa.Table:
    plain = [
        [getattr(w, name) for w in windows] for name in ("caller", "callee", "since_ns", "until_ns", "count", "errors")
    ]
    return _table(EDGES, *plain, [w.latency_ms for w in windows], [w.own_ms for w in windows])


def looks(look: RiskLook) -> pa.Table:
    count = len(look.services)
    return _table(
        LOOKS, look.services, [look.at_ms * 1_000_000] * count, [look.horizon_s] * count, [look.view] * count,
        look.usual, look.in_trouble, look.rows,
    )  # fmt: skip


def _table(table: Table, *columns: Any) -> pa.Table:
    arrays = [pa.array(column, kind) for column, (_, _, kind) in zip(columns, table.columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def series(told: SeriesColumns) -> pa.Table:
    """Series as they are kept: each word once, labels as they came."""
    count, words = len(told), told.names
    begin = np.zeros(count + 1, np.int32)
    begin[1:] = told.end
    labels = pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(begin), pa.py_buffer(told.labels)])
    return pa.table({
        "id": told.id,
        "entity": _worded(told.entity, told.entities),
        "metric": _worded(told.said, [said.metric for said in words]),
        "labels": labels,
        "unit": _worded(told.said, [said.unit for said in words]),
        "direction": _worded(told.said, [said.direction for said in words]),
    })  # fmt: skip


def once(rows: pa.Table) -> pa.Table:
    """Series that were told, each once. Nearly always they are; to ask DuckDB for it (`DISTINCT ON`) took as long as
    to write them."""  # noqa: D205, D209
    ids = rows["id"].to_numpy()
    different, first = np.unique(ids, return_index=True)
    return rows if len(different) == len(ids) else rows.take(pa.array(np.sort(first)))


def _worded(which: U32, words: Sequence[str]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(which))


def thin(at: I64, value: F64, most: int) -> tuple[I64, F64]:
    """At most `most` points that look the same: the lowest and the highest of each stretch of time.

    >>> at, value = thin(np.arange(1000), np.where(np.arange(1000) == 500, 9.0, 0.0), 10)
    >>> len(at) <= 10, float(value.max())
    (True, 9.0)
    """
    if len(at) <= max(most, 2):
        return at, value
    stretches = max(most // 2, 1)
    width = max(int(at[-1] - at[0]) + 1, 1)
    stretch = ((at - at[0]).astype(np.float64) * stretches / width).astype(np.int64)
    order = np.lexsort((value, stretch))
    ends = np.flatnonzero(np.diff(stretch[order], append=stretches + 1))
    begins = np.concatenate(([0], ends[:-1] + 1))
    kept = np.unique(np.concatenate((order[begins], order[ends])))
    return at[kept], value[kept]

"""A data set as the detectors take it: rows of the telemetry store become the `Normal` batches they were written from.

What normalisation made of the telemetry is stored whole for metrics and calls, so a detector that reads a data set sees
the values it saw live. Log windows are cut anew, by the time that the lines carry (live: by their receipt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mainstay.domain.models import ModelKind
from mainstay.domain.signals import F64, I64, U32, EdgeWindow, LogBatch, MetricBatch, Normal, Series, TemplateWindow

WINDOW_NS = 5_000_000_000
ROWS_AT_ONCE = 65_536
TABLES: dict[ModelKind, str] = {
    "metrics": "points", "entities": "points", "edges": "edge_windows", "logs": "logs", "predictor": "looks",
}  # fmt: skip
"""Which table of the telemetry store a kind learns from; the judges learn from the ledger."""
WARN, ERROR = 13, 17  # OpenTelemetry severity numbers


@dataclass(frozen=True, slots=True)
class Material:
    """What one kind of detector is fed with, in the order of time.

    Args:
        slot, at_ns, value: u32[n], i64[n], f64[n]; `slot` is the place in `series`.
    """

    kind: ModelKind
    series: tuple[Series, ...] = ()
    slot: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    at_ns: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    value: F64 = field(default_factory=lambda: np.empty(0))
    edges: tuple[EdgeWindow, ...] = ()
    templates: tuple[TemplateWindow, ...] = ()
    logs: LogBatch | None = None

    @property
    def extent(self) -> tuple[int, int]:
        """First and last time in ns; (0, 0) when it is empty."""
        if len(self.at_ns):
            return int(self.at_ns[0]), int(self.at_ns[-1])
        windows: Sequence[EdgeWindow | TemplateWindow] = self.edges or self.templates
        return (windows[0].since_ns, windows[-1].until_ns) if windows else (0, 0)

    @property
    def subjects(self) -> list[str]:
        """What can be judged: series, calls, entities that log."""
        if self.kind in ("metrics", "entities"):
            return [subject_of(series) for series in self.series]
        found = {f"edge:{e.caller}>{e.callee}" for e in self.edges} or {w.entity for w in self.templates}
        return sorted(found)

    def share(self, part: float) -> Material:
        """A stable part of the subjects, the same ones for the same share."""
        if part >= 1:
            return self
        if self.kind in ("metrics", "entities"):
            is_in = np.array(
                [_lot(one.entity if self.kind == "entities" else str(one.id)) < part for one in self.series]
            )
            kept = is_in[self.slot] if len(is_in) else np.empty(0, bool)
            return replace(self, slot=self.slot[kept], at_ns=self.at_ns[kept], value=self.value[kept])
        edges = tuple(e for e in self.edges if _lot(f"{e.caller}>{e.callee}") < part)
        return replace(self, edges=edges, templates=tuple(w for w in self.templates if _lot(w.entity) < part))

    def before(self, at_ns: int) -> Material:
        """What happened until then."""
        last = int(np.searchsorted(self.at_ns, at_ns))
        return replace(
            self,
            slot=self.slot[:last],
            at_ns=self.at_ns[:last],
            value=self.value[:last],
            edges=tuple(e for e in self.edges if e.until_ns <= at_ns),
            templates=tuple(w for w in self.templates if w.until_ns <= at_ns),
        )

    def normals(self) -> Iterator[Normal]:
        """As the pipeline would hand it to a detector; how it is cut changes nothing."""
        if self.kind in ("metrics", "entities"):
            yield from self._samples()
            return
        by_window = groupby(self.edges, key=lambda e: e.until_ns)
        for until_ns, edges in by_window:
            yield Normal(edges=tuple(edges), at_ns=until_ns)
        for until_ns, templates in groupby(self.templates, key=lambda w: w.until_ns):
            yield Normal(templates=tuple(templates), logs=_lines(self.logs, until_ns), at_ns=until_ns)

    def _samples(self) -> Iterator[Normal]:
        yield Normal(new_series=self.series)
        for first in range(0, len(self.slot), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            batch = MetricBatch(self.slot[part], self.at_ns[part], self.value[part])
            yield Normal(metrics=batch, at_ns=int(self.at_ns[part][-1]))


def material_of(kind: ModelKind, rows: pa.Table) -> Material:
    """The rows of a data set as material."""
    if kind in ("metrics", "entities"):
        return _of_points(kind, rows)
    if kind == "edges":
        return Material(kind, edges=tuple(_edges(rows)))
    return Material(kind, templates=tuple(_templates(rows)), logs=_log_batch(rows))


def subject_of(series: Series) -> str:
    """How transitions name a series."""
    return f"metric:{series.id}"


def _of_points(kind: ModelKind, rows: pa.Table) -> Material:
    ids = rows["series"].to_numpy()
    unique, first, slot = np.unique(ids, return_index=True, return_inverse=True)
    about = rows.select(["entity", "metric", "unit", "direction"]).take(pa.array(first)).to_pylist()
    series = tuple(
        Series(number, int(one), told["entity"], told["metric"], (), told["unit"] or "", told["direction"])
        for number, (one, told) in enumerate(zip(unique.tolist(), about, strict=True))
    )
    value = rows["value"].to_numpy().astype(np.float64)
    return Material(kind, series, slot.astype(np.uint32), rows["at_ns"].to_numpy().astype(np.int64), value)


def _edges(rows: pa.Table) -> Iterator[EdgeWindow]:
    for row in rows.to_pylist():
        yield EdgeWindow(
            row["caller"], row["callee"], row["since_ns"], row["until_ns"], row["count"], row["errors"],
            np.array(row["latency_ms"], np.float64), np.array(row["own_ms"], np.float64),
        )  # fmt: skip


def _templates(rows: pa.Table) -> Iterator[TemplateWindow]:
    """Counts per entity and template in windows of 5 s; the loudest severity of a window counts."""
    window = pc.divide(rows["at_ns"], pa.scalar(WINDOW_NS, pa.int64()))
    keys = ["window", "entity", "template"]
    table = rows.select(["entity", "template", "severity", "body"]).append_column("window", window)
    grouped: Any = table.group_by(keys, use_threads=False)
    counted = grouped.aggregate([("severity", "max"), ("body", "first"), ("severity", "count")])
    heard: set[tuple[str, int]] = set()
    for row in counted.sort_by([(key, "ascending") for key in keys]).to_pylist():
        since_ns = row["window"] * WINDOW_NS
        name = (row["entity"], row["template"])
        yield TemplateWindow(
            entity=name[0],
            template=name[1],
            text=row["body_first"],
            severity=row["severity_max"],
            since_ns=since_ns,
            until_ns=since_ns + WINDOW_NS,
            count=row["severity_count"],
            is_new=name not in heard,
        )
        heard.add(name)


def _log_batch(rows: pa.Table) -> LogBatch:
    columns = rows.to_pydict()
    return LogBatch(
        tuple(columns["entity"]),
        rows["at_ns"].to_numpy().astype(np.int64),
        rows["severity"].to_numpy().astype(np.uint8),
        rows["template"].to_numpy().astype(np.uint32), tuple(columns["body"]),
        tuple(trace or b"" for trace in columns["trace_id"]),
    )  # fmt: skip


def _lines(logs: LogBatch | None, until_ns: int) -> LogBatch | None:
    """The lines of the window that ends then."""
    if logs is None:
        return None
    part = slice(*np.searchsorted(logs.at_ns, (until_ns - WINDOW_NS, until_ns)).tolist())
    return LogBatch(
        logs.entity[part], logs.at_ns[part], logs.severity[part], logs.template[part], logs.body[part],
        logs.trace_id[part],
    )  # fmt: skip


def _lot(name: str) -> float:
    """A place in [0, 1) that a name keeps for ever."""
    return crc32(name.encode()) / 2**32

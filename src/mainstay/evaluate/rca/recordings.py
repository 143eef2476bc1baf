"""The tables of recorded incidents: found, cut into cases, and read as sketches and gauges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mainstay.domain.errors import BadInput
from mainstay.domain.signals import F64, I64
from mainstay.evaluate.rca.incidents import PREFIX
from mainstay.evaluate.rca.sketches import Lines, Sketch, Spans, sketch
from mainstay.evaluate.rca.statements import Statements, errors

POD = re.compile(r"(?P<workload>.+)-[a-z0-9]{8,10}-[a-z0-9]{5}")  # as k8s pods are mapped to workloads by default
LATELY = 120  # past samples of a metric: two hours by minutes


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as the table has it; `truth` "" without labels."""

    name: str
    system: str
    began_ms: int
    truth: str


def folder_of(data: Path, suite: str) -> Path:
    """The suite's folder: given itself, or a folder that holds it."""
    for folder in (data, data / suite, data / "rca" / suite):
        if (folder / "cases.parquet").is_file():
            return folder
    raise BadInput(f"there is no cases.parquet in {data}, {suite} or rca/{suite}; give the folder of the recordings")


def case_rows(folder: Path) -> list[CaseRow]:
    """The cases, in the order of the file."""
    table = pq.read_table(folder / "cases.parquet")
    rows = table.to_pylist() if "inject_time" not in table.column_names else table.drop(["inject_time"]).to_pylist()
    return [
        CaseRow(row["case"], row["system"], _began_ms(row["day"], row["minutes"]), row.get("root_cause_service") or "")
        for row in rows
    ]


def _began_ms(day: str, minutes: str) -> int:
    first = minutes.split(",", maxsplit=1)[0].replace("_", ":")
    return int(datetime.fromisoformat(f"{day}T{first}").replace(tzinfo=UTC).timestamp() * 1000)


class Recordings:
    """The tables of one system, cut into cases."""

    def __init__(self, folder: Path, system: str) -> None:
        self._folder, self._system = folder, system
        self._statements = Statements()
        self._spans = _by_case(folder / f"spans_{system}.parquet")
        self._lines = _by_case(folder / f"logs_{system}.parquet")
        self._metrics = _by_case(folder / "metrics.parquet")

    @cached_property
    def edges(self) -> list[tuple[str, str]]:
        """Calls that the recording's topology names, where it has one."""
        path = self._folder / f"topology_{self._system}.parquet"
        if not path.is_file():
            return []
        table = pq.read_table(path, columns=["Source", "Target"])
        return sorted({(row["Source"], row["Target"]) for row in table.to_pylist()})

    @cached_property
    def _normal(self) -> list[tuple[int, Sketch]]:
        """Normal times with the moment of their last span."""
        spans = _by_case(self._folder / "normal_spans.parquet")
        lines = _by_case(self._folder / "normal_logs.parquet")
        found = []
        for name in sorted(spans):
            if name.startswith(f"normal/{self._system}/"):
                table = spans[name]
                until_ms = int(pc.max(table["start"]).cast(pa.int64()).as_py()) // 1_000_000
                found.append((until_ms, self._sketched(table, lines.get(name))))
        return found

    @cached_property
    def _usual(self) -> dict[tuple[str, str], tuple[I64, F64]]:
        path = self._folder / "normal_metrics.parquet"
        if not path.is_file():
            return {}
        return _series(pq.read_table(path, filters=[("system", "==", self._system)]))

    def past(self, row: CaseRow) -> list[Sketch]:
        """Normal times that were over before the case began."""
        return [self._statements.brought_up(one) for until_ms, one in self._normal if until_ms < row.began_ms]

    def sketch(self, case: str) -> Sketch:
        """Times and habits of a case; empty when it has no spans."""
        spans = self._spans.get(case)
        return Sketch() if spans is None else self._statements.brought_up(self._sketched(spans, self._lines.get(case)))

    def gauges(self, row: CaseRow) -> list[dict[str, Any]]:
        """`Gauge` facts of a case."""
        table = self._metrics.get(row.name)
        found = []
        for (entity, metric), (at, value) in (_series(table) if table is not None else {}).items():
            kind, is_share = kind_of(metric)
            if not kind:
                continue
            then, past = self._usual.get((entity, metric), (np.zeros(0, np.int64), np.zeros(0)))
            past = past[then < at[0]][-LATELY:]
            seen, past = (value / 100, past / 100) if is_share else (_positive(value), _positive(past))
            found.append({
                "entity": PREFIX + entity, "kind": kind, "metric": metric, "is_share": is_share,
                "at_ms": at.tolist(), "value": seen.tolist(), "past": past[np.isfinite(past)].tolist(),
            })  # fmt: skip
        return found

    def _sketched(self, spans: pa.Table, lines: pa.Table | None) -> Sketch:
        columns = span_columns(spans)
        return sketch(columns, None if lines is None else self._mined(lines, columns.ids))

    def _mined(self, table: pa.Table, ids: Mapping[str, int]) -> Lines:
        said, known = [], dict[str, int]()
        bodies = [body or "" for body in table["message"].to_pylist()]
        for statement in self._statements.of(bodies, table["trace_id"].to_pylist(), table["span_id"].to_pylist()):
            said.append(known.setdefault(statement, len(known)))
        rows = [ids.get(span, -1) for span in table["span_id"].to_pylist()]
        return Lines(list(known), np.array(said, np.int64), errors(bodies), np.array(rows, np.int64))


def kind_of(metric: str) -> tuple[str, bool]:
    """What a metric is about, and whether it is a percentage. A node's metrics are not about the pod.

    >>> kind_of("CpuUsageRate(%)"), kind_of("PodServerLatencyP90(s)"), kind_of("NodeCpuUsageRate(%)")
    (('cpu', True), ('latency', False), ('', False))
    """
    name = metric.lower()
    if name.startswith("node"):
        return "", False
    if "(%)" in name and ("cpu" in name or "memory" in name):
        return ("cpu" if "cpu" in name else "memory"), True
    return ("latency" if "latency" in name else ""), False


def span_columns(table: pa.Table) -> Spans:
    """Spans, each once, in columns; a parent that is not there is none."""
    ids = table["span_id"].combine_chunks().dictionary_encode()
    rows = np.unique(_numbers(ids.indices), return_index=True)[1]
    row_of = np.arange(len(ids.dictionary))
    parent = _numbers(pc.fill_null(pc.index_in(table["parent_id"].combine_chunks(), value_set=ids.dictionary), -1))
    pods = table["pod"].combine_chunks().dictionary_encode()
    names = [workload(pod) for pod in pods.dictionary.to_pylist()]
    entities = sorted(set(names))
    entity = np.array([entities.index(name) for name in names], np.int64)[_numbers(pods.indices)]
    operations = table["operation"].combine_chunks().dictionary_encode()
    trace = table["trace_id"].combine_chunks().dictionary_encode()
    found = dict(zip(ids.dictionary.to_pylist(), row_of.tolist(), strict=True))
    return Spans(
        entities, operations.dictionary.to_pylist(), found, entity[rows], _numbers(operations.indices)[rows],
        parent[rows], _numbers(trace.indices)[rows],
        _numbers(table["start"].combine_chunks().cast(pa.int64()))[rows],
        _numbers(table["duration_us"].combine_chunks())[rows] / 1000,
    )  # fmt: skip


def workload(pod: str) -> str:
    """The service of a pod.

    >>> workload("cart-579f59597d-wc2lz"), workload("front")
    ('cart', 'front')
    """
    found = POD.fullmatch(pod)
    return found["workload"] if found else pod


def _numbers(column: Any) -> I64:
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.int64)


def _positive(values: F64) -> F64:
    return np.where(values > 0, values, np.nan)  # a time of 0 is that of no request


def _by_case(path: Path) -> dict[str, pa.Table]:
    """A table cut by its column `case`; nothing when there is no such file."""
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    names = table["case"].combine_chunks().dictionary_encode()
    order = np.argsort(_numbers(names.indices), kind="stable")
    ends = np.cumsum(np.bincount(_numbers(names.indices), minlength=len(names.dictionary)))
    table, begin, found = table.take(pa.array(order)), 0, {}
    for name, end in zip(names.dictionary.to_pylist(), ends.tolist(), strict=True):
        found[name] = table.slice(begin, end - begin)
        begin = end
    return found


def _series(table: pa.Table) -> dict[tuple[str, str], tuple[I64, F64]]:
    """(service, metric) → times in ms and values, in order; pods of one service one after the other."""
    entities = table["entity"].combine_chunks().dictionary_encode()
    metrics = table["metric"].combine_chunks().dictionary_encode()
    at = _numbers(table["ts"].combine_chunks().cast(pa.int64())) // 1000
    value = np.asarray(table["value"].combine_chunks().to_numpy(zero_copy_only=False), float)
    key = _numbers(entities.indices) * len(metrics.dictionary) + _numbers(metrics.indices)
    order = np.lexsort((at, key))
    keys, starts = np.unique(key[order], return_index=True)
    found: dict[tuple[str, str], tuple[I64, F64]] = {}
    for number, rows in zip(keys.tolist(), np.split(order, starts[1:]), strict=True):
        entity, metric = divmod(number, len(metrics.dictionary))
        name = (workload(entities.dictionary[entity].as_py()), metrics.dictionary[metric].as_py())
        then, known = found.get(name, (np.zeros(0, np.int64), np.zeros(0)))
        found[name] = np.concatenate([then, at[rows]]), np.concatenate([known, value[rows]])
    return found

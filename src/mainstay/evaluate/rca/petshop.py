"""Recorded faults of a shop in the cloud, with metrics and topology alone: does the deployed diagnoser name it?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from mainstay.app.mlops.deployed import deployed
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import F64
from mainstay.evaluate.rca.incidents import PREFIX, Question, answered, ranked, reported
from mainstay.evaluate.rca.plain import robust_z, traversal
from mainstay.evaluate.rca.recordings import folder_of

PROTOCOL = """\
petshop (amazon-science/petshop-root-cause-analysis): given the service that complains, its metric, the time and the
topology, the deployed diagnoser ranks the services of each case from its metrics and those of the scenario's normal
time. ac1, ac3, avg5: share of cases whose cause is among the first 1, 3, mean of 1 to 5; a tie counts as the worst
rank. said, brier: the mean probability of the first and its Brier score; brier_base: of saying each time how often it
is right. Cases of scenarios without a normal time are apart (no_baseline_*). z_*: the largest robust z-score of a
service's average of the complaint's metric; traversal_*: from the complaining service along those beyond 3, those that
call no such service."""

KINDS = {"latency": "latency", "availability": "errors"}
STEP_MS = 300_000
Key = tuple[str, str, str]
"""Service, metric, statistic."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case; `truth` "" without labels."""

    name: str
    scenario: str
    target: str
    metric: str
    at_ms: int
    truth: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """Series of one case or one normal time: at in ms and values."""

    series: Mapping[Key, tuple[Sequence[int], F64]]


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Figures over the cases with a baseline, per scenario too; `petshop.parquet` when `predictions` is a folder.

    Raises:
        BadInput: No such recordings in `data`, or neither labels nor a folder for predictions.
    """
    folder = folder_of(data, "petshop")
    with deployed() as platform:
        answers = [answered(platform, question) for question in questions(folder)]
    found = reported(answers, "petshop", predictions)
    if "predictions" in found:
        return found
    normal = _with_normal(folder)
    groups = {"": [answer for answer in answers if answer.question.group in normal]}
    groups["no_baseline_"] = [answer for answer in answers if answer.question.group not in normal]
    groups |= {f"{name}_": [a for a in answers if a.question.group == name] for name in sorted(normal)}
    for prefix, mine in groups.items():
        found |= ranked(mine, prefix) if mine else {}
    return found


def questions(folder: Path) -> Iterator[Question]:
    """The cases as a diagnoser's inputs."""
    cases = _metrics(folder / "metrics.parquet", "case")
    normal = _metrics(folder / "normal_metrics.parquet", "scenario")
    edges = _edges(folder / "topology.parquet")
    for row in case_rows(folder):
        if row.name not in cases:
            raise BadInput(f"{row.name} has no metrics")
        yield _question(row, cases[row.name], normal.get(row.scenario), edges.get(row.scenario, []))


def _with_normal(folder: Path) -> set[str]:
    return set(pq.read_table(folder / "normal_metrics.parquet", columns=["scenario"])["scenario"].unique().to_pylist())


def case_rows(folder: Path) -> list[CaseRow]:
    """The cases, in the order of the file."""
    return [
        CaseRow(
            row["case"], row["scenario"], row["target_service"], row["target_metric"],
            int(row["ts"].timestamp() * 1000) if row["ts"].tzinfo else _ms(row["ts"]),
            row.get("root_cause_service") or "",
        )
        for row in pq.read_table(folder / "cases.parquet").to_pylist()
    ]  # fmt: skip


def _ms(moment: Any) -> int:
    return int(np.datetime64(moment, "ms").astype(np.int64))


def _metrics(path: Path, by: str) -> dict[str, Metrics]:
    """Averages of latency, and error shares, by case or by scenario."""
    found: dict[str, dict[Key, list[tuple[int, float]]]] = {}
    columns = pq.read_table(path, columns=[by, "ts", "service", "metric", "statistic", "value"])
    at = columns["ts"].cast("timestamp[ms]").cast("int64").to_pylist()
    names = [columns[name].to_pylist() for name in (by, "service", "metric", "statistic", "value")]
    for when, group, service, metric, statistic, value in zip(at, *names, strict=True):
        if metric in KINDS or metric == "requests":
            found.setdefault(group, {}).setdefault((service, metric, statistic), []).append((when, value))
    return {group: Metrics({key: _sorted(pairs) for key, pairs in series.items()}) for group, series in found.items()}


def _sorted(pairs: list[tuple[int, float]]) -> tuple[Sequence[int], F64]:
    pairs.sort()
    return [at for at, _ in pairs], np.array([value for _, value in pairs], float)


def _edges(path: Path) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault(row["scenario"], []).append((row["row_service"], row["col_service"]))
    return found


def _question(row: CaseRow, now: Metrics, normal: Metrics | None, edges: Sequence[tuple[str, str]]) -> Question:
    begun = time.process_time()
    gauges = [_gauge(key, now, normal) for key in sorted(now.series) if key[1] in KINDS]
    inputs = {
        "at_ms": row.at_ms + 2 * STEP_MS, "incident": row.name, "onset_ms": row.at_ms,
        "alerts": [_alert(row)], "edges": [[PREFIX + a, PREFIX + b] for a, b in edges],
        "survey": {"onsets_ms": [row.at_ms - STEP_MS, row.at_ms], "gauges": gauges},
    }  # fmt: skip
    services = sorted({key[0] for key in now.series})
    cpu_s = time.process_time() - begun
    z = dict.fromkeys(services, 0.0)
    for gauge in gauges:
        if gauge["metric"] != f"{row.metric} Average":
            continue
        name, at, value = gauge["entity"].removeprefix(PREFIX), np.asarray(gauge["at_ms"]), np.asarray(gauge["value"])
        before = np.concatenate([np.asarray(gauge["past"]), value[at < row.at_ms]])
        z[name] = max(z[name], robust_z(before, value[at >= row.at_ms]))
    plain = {"z": z, "traversal": traversal(z, edges, row.target)}
    return Question(row.name, row.scenario, row.truth, inputs, services, plain, cpu_s)


def _alert(row: CaseRow) -> dict[str, Any]:
    return {
        "id": row.name, "entity": PREFIX + row.target, "signal": KINDS.get(row.metric, "other"), "severity": "major",
        "since_ms": row.at_ms, "name": f"{row.metric} of {row.target}", "user_facing": True,
    }  # fmt: skip


def _gauge(key: Key, now: Metrics, normal: Metrics | None) -> dict[str, Any]:
    service, metric, statistic = key
    _, past = normal.series.get(key, ((), np.zeros(0))) if normal else ((), np.zeros(0))
    past = past[np.isfinite(past)]
    at, value = now.series[key]
    requests = dict(zip(*now.series.get((service, "requests", "Sum"), ((), ())), strict=True))
    count = [float(requests.get(when, 0.0)) for when in at] if statistic == "Average" and requests else []
    if metric == "availability":
        past, value = 1 - past / 100, 1 - value / 100
    return {
        "entity": PREFIX + service, "kind": KINDS[metric], "metric": f"{metric} {statistic}",
        "is_share": metric == "availability", "at_ms": list(at), "value": value.tolist(), "past": past.tolist(),
        "count": count,
    }  # fmt: skip

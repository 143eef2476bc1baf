"""Hosts with many metrics: how well the deployed entity detector ranks the labelled points, beside a plain PCA."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mainstay.app.mlops.deployed import Deployed, deployed
from mainstay.domain.errors import BadInput
from mainstay.domain.protocols import Transition
from mainstay.domain.signals import F64, MetricBatch, Normal, Series
from mainstay.evaluate.curves import auc_pr, best_f1

PROTOCOL = """\
smd, asd (labels of OmniAnomaly and InterFusion): the deployed entity detector, in its shipped configuration (one for
both), is shown part=train, then part=test, point by point; the score of a point (-log10 of its p-value) uses nothing
after it. Points have no time: they are spaced so that part=train fills the time after which the reference of a version
settles (settle_s); what it learns during part=test it learns by itself, without labels. auc_pr: average
precision point by point, best_f1: over thresholds in hindsight, both without point adjustment, mean over entities.
*_pca_*: squared residual of a PCA (90 % of the variance) of metrics standardised on part=train, in the same run.
*_hit_1, *_hit_3: among labelled segments during which it told something, the share where one of the first 1 or 3
metrics that it blamed is in the interpretation table; *_told counts those segments, *_segments all of them."""

DATASETS = ("smd", "asd")
START_NS = 1_700_000_000_000_000_000
VARIANCE = 0.9
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recording:
    """One entity. `train` f64[n, d], `test` f64[m, d]; `t` of the test points; `blame` (first, last, metrics)."""

    dataset: str
    entity: str
    train: F64
    test: F64
    t: npt.NDArray[np.int64]
    truth: Bools | None
    blame: tuple[tuple[int, int, frozenset[int]], ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the detector said of one entity: a score per test point, what it told, and the CPU it took."""

    scores: F64
    told: tuple[Transition, ...]
    cpu_s: float
    step_ns: int


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Score every entity; figures when there are labels, `entity.parquet` when `predictions` is a folder.

    Raises:
        BadInput: No recordings in `data`; neither labels nor a folder for predictions; a point without a score.
    """
    recordings = [r for dataset in DATASETS for r in load(data, dataset)]
    if not recordings:
        raise BadInput(f"there is neither smd nor asd (points.parquet) in {data}; give the folder of the recordings")
    with deployed() as platform:
        heard = [listened(platform, number, recording) for number, recording in enumerate(recordings)]
    if predictions is not None:
        write(predictions / "entity.parquet", recordings, heard)
    if any(recording.truth is None for recording in recordings):
        if predictions is None:
            raise BadInput(f"{data} has no labels: give --predictions, there is nothing else to report")
        return {"points": sum(len(r.test) for r in recordings)}
    return figures(recordings, heard)


def listened(platform: Deployed, number: int, recording: Recording) -> Heard:
    """Stream one entity through the live version; a last round only closes the row before it."""
    values = np.concatenate([recording.train, recording.test, recording.test[-1:]])
    step_ns = math.ceil(platform.parameters("entities")["settle_s"] * 1e9 / len(recording.train))
    width, first = values.shape[1], number * 1000
    name = f"host:{recording.dataset}/{number}"
    series = tuple(Series(first + j, first + j + 1, name, f"metric.{j:02d}") for j in range(width))
    slots = np.arange(first, first + width, dtype=np.uint32)
    scores: list[F64] = []
    told: list[Transition] = []
    begun = time.process_time()
    for i, row in enumerate(values):
        batch = MetricBatch(slots, np.full(width, START_NS + i * step_ns), np.ascontiguousarray(row))
        normal = Normal(metrics=batch, new_series=series if i == 0 else ())
        scored = platform.serving.score("entities", normal).scored
        scores.append(scored.scores)
        told += scored.transitions
    p = np.concatenate(scores)
    if len(p) != len(values) - 1:
        raise BadInput(
            f"{recording.entity}: {len(p)} rows were scored, not {len(values) - 1}; are there metrics in it?"
        )
    strange = -np.log10(np.clip(np.nan_to_num(p[len(recording.train) :], nan=1.0), 1e-300, 1.0))
    return Heard(strange, tuple(told), time.process_time() - begun, step_ns)


def figures(recordings: Sequence[Recording], heard: Sequence[Heard]) -> dict[str, Any]:
    """What was reached on each data set, and what the plain PCA reaches."""
    found: dict[str, Any] = {}
    for dataset in DATASETS:
        pairs = [(r, h) for r, h in zip(recordings, heard, strict=True) if r.dataset == dataset]
        if not pairs:
            continue
        truths = [r.truth for r, _ in pairs if r.truth is not None]
        begun = time.process_time()
        plain = [residual(r.train, r.test) for r, _ in pairs]
        plain_s = time.process_time() - begun
        ours = [h.scores for _, h in pairs]
        points = sum(len(r.train) + len(r.test) for r, _ in pairs)
        cpu_s = sum(h.cpu_s for _, h in pairs)
        score, pca = _mean(auc_pr, truths, ours), _mean(auc_pr, truths, plain)
        found |= {
            f"{dataset}_entities": len(pairs),
            f"{dataset}_auc_pr": score,
            f"{dataset}_pca_auc_pr": pca,
            f"{dataset}_ratio": round(score / pca, 3),
            f"{dataset}_best_f1": _mean(best_f1, truths, ours),
            f"{dataset}_pca_best_f1": _mean(best_f1, truths, plain),
            **{f"{dataset}_{name}": value for name, value in blamed(pairs).items()},
            f"{dataset}_cpu_s": round(cpu_s, 2),
            f"{dataset}_cpu_us_per_row": round(cpu_s / points * 1e6, 1),
            f"{dataset}_pca_cpu_s": round(plain_s, 2),
        }
    return found


def blamed(pairs: Sequence[tuple[Recording, Heard]]) -> dict[str, Any]:
    """Whether the metrics blamed first are those of the interpretation table, over the segments that were told."""
    segments = hits_1 = hits_3 = told = 0
    for recording, heard in pairs:
        for first, last, metrics in recording.blame:
            segments += 1
            named = _named(heard, first + len(recording.train), last + len(recording.train))
            told += bool(named)
            hits_1 += bool(metrics & set(named[:1]))
            hits_3 += bool(metrics & set(named[:3]))
    share = {"hit_1": hits_1 / told if told else None, "hit_3": hits_3 / told if told else None}
    return {name: None if value is None else round(value, 3) for name, value in share.items()} | {
        "told": told,
        "segments": segments,
    }


def residual(train: F64, test: F64) -> F64:
    """Squared length of what the first components (90 % of the variance) leave of standardised metrics.

    >>> residual(np.array([[0.0, 0.0], [2.0, 2.0]]), np.array([[1.0, 1.0], [0.0, 2.0]])).round(6).tolist()
    [0.0, 2.0]
    """
    deviation = train.std(axis=0)
    deviation = np.where(deviation > 1e-12, deviation, 1.0)
    known, new = (train - train.mean(axis=0)) / deviation, (test - train.mean(axis=0)) / deviation
    variance, directions = np.linalg.eigh(np.cov(known.T, bias=True))
    share = np.cumsum(variance[::-1]) / variance.sum()
    kept = directions[:, ::-1][:, : int(np.searchsorted(share, VARIANCE)) + 1]
    return np.asarray(((new - new @ kept @ kept.T) ** 2).sum(axis=1))


def load(data: Path, dataset: str) -> list[Recording]:
    """The entities of a data set by name; none when it is not there. NaN stays: it is a value that is missing.

    Raises:
        BadInput: An entity without a part that the protocol needs.
    """
    folder = next((f for f in (data / "metrics" / dataset, data / dataset) if (f / "points.parquet").exists()), None)
    if folder is None:
        return []
    table = pq.read_table(folder / "points.parquet")
    names = [name for name in table.column_names if re.fullmatch(r"m\d+", name)]
    values = np.stack([table[name].to_numpy().astype(np.float64) for name in names], axis=1)
    entity, part = (table[name].to_numpy(zero_copy_only=False) for name in ("entity", "part"))
    t, blame = table["t"].to_numpy().astype(np.int64), _blame(folder / "interpretation.parquet")
    label = table["label"].to_numpy() if "label" in table.column_names else None
    recordings = []
    for name in sorted(set(entity)):
        train, test = (_rows(t, (entity == name) & (part == which)) for which in ("train", "test"))
        if not len(train) or not len(test):
            raise BadInput(f"{dataset} {name} has {len(train)} train and {len(test)} test points; both are needed")
        truth = None if label is None else label[test] > 0
        recordings.append(
            Recording(dataset, str(name), values[train], values[test], t[test], truth, tuple(blame.get(name, ())))
        )
    return recordings


def write(file: Path, recordings: Sequence[Recording], heard: Sequence[Heard]) -> None:
    """One row per test point, in the order of the recordings."""
    lengths = [len(r.test) for r in recordings]
    table = {
        "dataset": np.repeat([r.dataset for r in recordings], lengths),
        "entity": np.repeat([r.entity for r in recordings], lengths),
        "t": np.concatenate([r.t for r in recordings]),
        "score": np.concatenate([h.scores for h in heard]),
    }
    pq.write_table(pa.table(table), file, compression="zstd")


def _named(heard: Heard, first: int, last: int) -> list[int]:
    """Metrics blamed by the alert that began in this segment, or ten points after it, strangest first."""
    for t in heard.told:
        if t.firing and first <= (t.at_ns - START_NS) // heard.step_ns <= last + 10:
            return [int(b["metric"].removeprefix("metric.")) for b in t.output["blame"]]
    return []


def _blame(file: Path) -> dict[str, list[tuple[int, int, frozenset[int]]]]:
    found: dict[str, list[tuple[int, int, frozenset[int]]]] = {}
    for row in pq.read_table(file).to_pylist() if file.exists() else ():
        metrics = frozenset(number - 1 for number in row["dims_1based"])
        found.setdefault(row["entity"], []).append((row["start_t"], row["end_t"], metrics))
    return found


def _rows(t: npt.NDArray[np.int64], chosen: Bools) -> npt.NDArray[np.intp]:
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(t[rows], kind="stable")]


def _mean(figure: Any, truths: Sequence[Bools], scores: Sequence[F64]) -> float:
    return round(float(np.nanmean([figure(truth, score) for truth, score in zip(truths, scores, strict=True)])), 4)

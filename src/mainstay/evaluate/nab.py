"""Series with labelled windows, by the Numenta Anomaly Benchmark's scorer, beside a plain rolling median."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mainstay.app.mlops.deployed import Deployed, deployed
from mainstay.domain.errors import BadInput
from mainstay.domain.signals import F64, MetricBatch, Normal, Series
from mainstay.evaluate.curves import auc_pr, event_recall
from mainstay.evaluate.windows import Recording, normalised, weighed

PROTOCOL = """\
NAB standard profile (Lavin & Ahmad 2015): sigmoid position weights, FP 0.11, FN and TP 1.0, first 15 % of a series (at
most 750 points) not scored, null detector = 0, perfect = 100. One threshold for all series; the score at t uses nothing
after t; scored by the deployed metric detector in its shipped configuration. nab_standard: threshold chosen on the same
series (in_sample). held_out: two folds by series (every other one by name), chosen on one, reported on the other;
held_out_mean, held_out_deviation: the same over ten random halvings.
nab_in_force: at the shipped threshold (p_flag). auc_pr: average precision point by point over all series, unadjusted;
event_recall: windows with a flag at one false flag per 1,000 points; both after probation. plain_*: rolling median/MAD
z, window 144, in the same run (MAD never below a tenth of the standard deviation so far, its best variant)."""

WINDOW, SPLITS = 144, 10
MAD = 1.4826  # of a normal law: standard deviation over median absolute deviation


def run(data: Path, predictions: Path | None) -> dict[str, Any]:
    """Score every recording; figures when there are labels, `nab.parquet` when `predictions` is a folder.

    Raises:
        BadInput: No recordings in `data`; neither labels nor a folder for predictions.
    """
    recordings, is_labelled = load(data)
    with deployed() as platform:
        scores = strangeness(platform, recordings)
        threshold = -float(np.log10(platform.parameters("metrics")["p_flag"]))
    if predictions is not None:
        write(predictions / "nab.parquet", recordings, scores, threshold)
    if not is_labelled:
        if predictions is None:
            raise BadInput(f"{data} has no labels: give --predictions, there is nothing else to report")
        return {"points": sum(len(r.value) for r in recordings)}
    plain = [rolling_z(r.value) for r in recordings]
    return {
        "series": len(recordings),
        "points": sum(len(r.value) for r in recordings),
        "windows": sum(len(r.windows) for r in recordings),
        **figures(recordings, scores),
        "nab_in_force": _in_force(recordings, scores, threshold),
        "threshold_in_force": round(threshold, 3),
        **{f"plain_{name}": value for name, value in figures(recordings, plain).items() if name != "in_sample"},
    }


def figures(recordings: Sequence[Recording], scores: Sequence[F64]) -> dict[str, Any]:
    """What one detector reaches on labelled recordings."""
    everything = weighed(recordings, scores)
    threshold, raw = everything.best()
    rng, count = np.random.default_rng(0), len(recordings)
    halves = [held_out(recordings, scores, rng.permutation(count)) for _ in range(SPLITS)]
    return {
        "nab_standard": round(normalised(raw, everything.windows), 2),
        "in_sample": True,
        "threshold": round(threshold, 4),
        "held_out": round(held_out(recordings, scores, np.arange(count)), 2),
        "held_out_mean": round(float(np.mean(halves)), 2),
        "held_out_deviation": round(float(np.std(halves)), 2),
        "auc_pr": round(auc_pr(everything.window >= 0, everything.score), 4),
        "event_recall": round(event_recall(everything.window, everything.score), 4),
    }


def held_out(recordings: Sequence[Recording], scores: Sequence[F64], order: npt.NDArray[np.int64]) -> float:
    """Two folds, every other series in this order: the threshold is chosen on one, the other is scored with it."""
    folds = [weighed([recordings[i] for i in order[k::2]], [scores[i] for i in order[k::2]]) for k in (0, 1)]
    raw = folds[1].at(folds[0].best()[0]) + folds[0].at(folds[1].best()[0])
    return normalised(raw, folds[0].windows + folds[1].windows)


def _in_force(recordings: Sequence[Recording], scores: Sequence[F64], threshold: float) -> float:
    everything = weighed(recordings, scores)
    return round(normalised(everything.at(threshold), everything.windows), 2)


def strangeness(platform: Deployed, recordings: Sequence[Recording]) -> list[F64]:
    """−log10 of the live version's p-value for every row; 0 where it gives none (a repeated time, no value)."""
    scores = []
    for slot, recording in enumerate(recordings):
        series = Series(slot, slot + 1, f"recording-{slot}:nab", "value")  # a kind of its own: nobody lends it a past
        batch = MetricBatch(np.full(len(recording.value), slot, np.uint32), recording.at_ns, recording.value)
        p = platform.serving.score("metrics", Normal(metrics=batch, new_series=(series,))).scored.scores
        scores.append(-np.log10(np.clip(np.nan_to_num(p, nan=1.0), 1e-300, 1.0)))
    return scores


def rolling_z(value: F64, window: int = WINDOW) -> F64:
    """How many robust deviations a point lies from the median of the `window` points before it; 0 for the first two.

    >>> rolling_z(np.array([1.0, 2.0, 3.0, 2.0, 9.0])).round(1).tolist()
    [0.0, 0.0, 2.0, 0.0, 9.4]
    """
    z = np.zeros(len(value))
    before = [value[max(0, i - window) : i] for i in range(2, min(window, len(value)))]
    if len(value) > window:
        before += list(np.lib.stride_tricks.sliding_window_view(value[:-1], window))
    for i, past in enumerate(before, start=2):
        median = np.median(past)
        floor = 0.1 * value[:i].std()
        deviation = max(MAD * float(np.median(np.abs(past - median))), floor)
        z[i] = abs(value[i] - median) / deviation if deviation > 0 else 50.0 * float(value[i] != median)
    return z


def load(data: Path) -> tuple[list[Recording], bool]:
    """The recordings by name, and whether they are labelled.

    Raises:
        BadInput: There is no points.parquet in the folder, its `metrics/nab` or its `nab`.
    """
    folder = next((f for f in (data / "metrics" / "nab", data / "nab", data) if (f / "points.parquet").exists()), None)
    if folder is None:
        raise BadInput(f"there is no metrics/nab/points.parquet in {data}; give the folder of the labelled recordings")
    points = pq.read_table(folder / "points.parquet", columns=["series", "ts", "value"])
    windows = _windows(folder / "windows.parquet")
    names = points["series"].to_numpy(zero_copy_only=False)
    at_ns = _ns(points["ts"])
    value = points["value"].to_numpy(zero_copy_only=False).astype(np.float64)
    recordings = []
    for name in sorted(set(names)):
        rows = np.flatnonzero(names == name)
        at = at_ns[rows]
        inside = [np.flatnonzero((at >= start) & (at <= end)) for start, end in (windows or {}).get(name, ())]
        found = tuple((int(w[0]), int(w[-1])) for w in inside if len(w))
        recordings.append(Recording(str(name), at, value[rows], found))
    return recordings, windows is not None


def _windows(file: Path) -> dict[str, list[tuple[int, int]]] | None:
    if not file.exists():
        return None
    table = pq.read_table(file)
    if not {"series", "start", "end"} <= set(table.column_names):
        return None
    found: dict[str, list[tuple[int, int]]] = {}
    rows = zip(table["series"].to_pylist(), _ns(table["start"]).tolist(), _ns(table["end"]).tolist(), strict=True)
    for name, start, end in sorted(rows):
        found.setdefault(name, []).append((start, end))
    return found


def _ns(column: Any) -> Any:
    return column.to_numpy(zero_copy_only=False).astype("datetime64[ns]").astype(np.int64)


def write(file: Path, recordings: Sequence[Recording], scores: Sequence[F64], threshold: float) -> None:
    """One row per point, in the order of the recordings.

    Raises:
        BadInput: A point has no score.
    """
    score = np.concatenate(scores)
    if not np.isfinite(score).all():
        raise BadInput(f"{int((~np.isfinite(score)).sum())} points have no score")
    table = {
        "series": np.repeat([r.name for r in recordings], [len(r.value) for r in recordings]),
        "ts": np.concatenate([r.at_ns for r in recordings]).astype("datetime64[ns]").astype("datetime64[us]"),
        "score": score,
        "flagged": score >= threshold,
    }
    pq.write_table(pa.table(table), file, compression="zstd")

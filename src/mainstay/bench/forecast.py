"""How many series a second are forecast, tried on their own past; how far off; how often the truth was inside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mainstay.app.mlops.deployed import Deployed, deployed
from mainstay.bench.reach import reach
from mainstay.bench.slower import slower
from mainstay.domain.effects import Effects
from mainstay.domain.errors import Refused
from mainstay.domain.records import Command
from mainstay.domain.signals import F64
from mainstay.mlops.own.decomposed import mstl
from mainstay.mlops.serving import Serving

SEASON = HORIZON = 24
POINTS = 360
KINDS = (
    "noise",
    "season",
    "season with trend",
    "trend",
    "walk",
    "slow noise",
    "season, slow noise",
    "step",
    "outliers",
)


def forecast(series: int, seed: int, data: Path | None, latencies: int) -> dict[str, Any]:
    """Made series of nine kinds (and recorded ones, when given): the last `HORIZON` steps are the truth.

    Beside them arrivals at a limit, and so many latencies of each kind against an objective.
    """
    draw = np.random.default_rng(seed)
    with deployed() as platform:
        served = platform.serving
        made = {kind: [_made(kind, draw) for _ in range(series // len(KINDS))] for kind in KINDS}
        sets = {**made, **({"recorded": list(_recorded(data))} if data else {})}
        _judge(served, made["season"][:1])  # compiled before it is timed
        by_kind = {kind: _judge(served, rows) for kind, rows in sets.items()}
        arrivals = reach(served, max(series // 2, 4), seed)
        creeping = slower(served, latencies, seed) if latencies else None
        peer = _mstl(platform, [row for rows in made.values() for row in rows[:5]])
    whole = [by_kind[kind] for kind in KINDS]
    return {
        "series": sum(one["series"] for one in whole),
        "trials_per_series": 16,
        "series_per_s": round(sum(o["series"] for o in whole) / sum(o["cpu_s"] for o in whole)),
        "coverage_of_90": round(float(np.mean([one["coverage_of_90"] for one in whole])), 3),
        "mase": round(float(np.mean([one["mase"] for one in whole])), 3),
        "mase_seasonal_naive": round(float(np.mean([one["mase_seasonal_naive"] for one in whole])), 3),
        "by_kind": by_kind,
        "reach": arrivals,
        "latency": creeping,
        "mstl": peer,
    }


def _judge(served: Serving, rows: Sequence[F64]) -> dict[str, Any]:
    held, ours, naive, by = [], [], [], []
    spent = 0.0
    for row in rows:
        past, truth = row[:-HORIZON], row[-HORIZON:]
        began = time.process_time()
        asked = {"values": past.tolist(), "horizon": HORIZON, "season": SEASON, "matters": True}
        said = served.decide("forecaster", asked).output
        spent += time.process_time() - began
        scale = float(np.abs(past[SEASON:] - past[:-SEASON]).mean())
        by.append(said["method"])
        held.append(((truth >= said["low"]) & (truth <= said["high"])).mean())
        ours.append(np.abs(truth - said["path"]).mean() / scale)
        naive.append(np.abs(truth - past[-SEASON:]).mean() / scale)
    return {
        "series": len(rows),
        "cpu_s": round(spent, 3),
        "mstl": by.count("mstl"),
        "coverage_of_90": round(float(np.mean(held)), 3),
        "mase": round(float(np.mean(ours)), 3),
        "mase_seasonal_naive": round(float(np.mean(naive)), 3),
    }


def _made(kind: str, draw: np.random.Generator) -> F64:
    at = np.arange(POINTS + HORIZON)
    noise = draw.standard_normal(len(at))
    if "slow noise" in kind:
        for i in range(1, len(at)):
            noise[i] += 0.7 * noise[i - 1]
    if kind == "walk":
        noise = np.cumsum(noise) * 0.5
    y = 50 + noise * draw.uniform(0.3, 2)
    if "season" in kind or kind == "outliers":
        y += draw.uniform(1, 6) * np.sin(2 * np.pi * (at / SEASON + draw.random()))
    if "trend" in kind:
        y += draw.uniform(-0.05, 0.05) * at
    if kind == "step":
        y += (at > draw.integers(100, POINTS - 60)) * draw.uniform(-8, 8)
    if kind == "outliers":
        y[draw.integers(0, len(at), 8)] += draw.uniform(-30, 30, 8)
    return np.asarray(y)


def _recorded(data: Path) -> Iterator[F64]:
    """Series of a Parquet file with the columns suite, test, region, sku, ts, value: medians of six hours, cut in
    pieces that do not overlap."""  # noqa: D205, D209
    import duckdb

    file = data / "points.parquet" if data.is_dir() else data
    query = (
        "SELECT list(value ORDER BY bucket) FROM (SELECT suite, test, region, sku, time_bucket(INTERVAL '6 hours', ts) "
        "AS bucket, median(value) AS value FROM read_parquet(?) GROUP BY ALL) GROUP BY suite, test, region, sku"
    )
    for (values,) in duckdb.connect().execute(query, [str(file)]).fetchall():
        for first in range(0, len(values) - POINTS + 1, POINTS):
            yield np.array(values[first : first + POINTS], np.float64)


def _mstl(platform: Deployed, rows: Sequence[F64]) -> dict[str, Any]:
    """Of the same series: MSTL alone, ours alone, and a version that tries both on each, when the extra is there."""
    try:
        way = mstl()
    except Refused as absent:
        return {"is_absent": str(absent)}
    began, off = time.process_time(), []
    for row in rows:
        past, truth = row[:-HORIZON], row[-HORIZON:]
        path = way(past, SEASON, HORIZON)
        off.append(np.abs(truth - path).mean() / np.abs(past[SEASON:] - past[:-SEASON]).mean())
    spent = time.process_time() - began
    alone = _judge(platform.serving, rows)
    why = "tries MSTL too"
    version = platform.registry.register("forecaster", "tried-forecast", {"mstl": True}, by="bench", why=why)
    live = {"kind": "forecaster", "live": str(version.ref)}
    command = Command(kind="deploy", by="bench", at_ms=0, subject="forecaster", arguments=live)
    platform.serving.apply(command, Effects())
    both = _judge(platform.serving, rows)
    return {
        "series": len(rows),
        "series_per_s": round(len(rows) / spent, 1),
        "mase": round(float(np.mean(off)), 3),
        "mase_ours": alone["mase"],
        "mase_chosen_per_series": both["mase"],
        "coverage_chosen_per_series": both["coverage_of_90"],
        "series_per_s_chosen": round(len(rows) / max(both["cpu_s"], 1e-3), 1),
        "chosen_share": round(both["mstl"] / len(rows), 3),
    }

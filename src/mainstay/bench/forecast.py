"""How many series a second are forecast, tried on their own past; how far off; how often the truth was inside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.bench.reach import reach
from mainstay.domain.signals import F64
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


def forecast(series: int, seed: int, data: Path | None) -> dict[str, Any]:
    """Made series of nine kinds (and recorded ones, when given): the last `HORIZON` steps are the truth."""
    draw = np.random.default_rng(seed)
    with deployed() as platform:
        served = platform.serving
        made = {kind: [_made(kind, draw) for _ in range(series // len(KINDS))] for kind in KINDS}
        sets = {**made, **({"recorded": list(_recorded(data))} if data else {})}
        _judge(served, made["season"][:1])  # compiled before it is timed
        by_kind = {kind: _judge(served, rows) for kind, rows in sets.items()}
        arrivals = reach(served, max(series // 2, 4), seed)
    whole = [by_kind[kind] for kind in KINDS]
    peer = _mstl([row for rows in made.values() for row in rows[:5]])
    return {
        "series": sum(one["series"] for one in whole),
        "trials_per_series": 16,
        "series_per_s": round(sum(o["series"] for o in whole) / sum(o["cpu_s"] for o in whole)),
        "coverage_of_90": round(float(np.mean([one["coverage_of_90"] for one in whole])), 3),
        "mase": round(float(np.mean([one["mase"] for one in whole])), 3),
        "mase_seasonal_naive": round(float(np.mean([one["mase_seasonal_naive"] for one in whole])), 3),
        "by_kind": by_kind,
        "reach": arrivals,
        "mstl": peer,
    }


def _judge(served: Serving, rows: Sequence[F64]) -> dict[str, Any]:
    held, ours, naive = [], [], []
    spent = 0.0
    for row in rows:
        past, truth = row[:-HORIZON], row[-HORIZON:]
        began = time.process_time()
        said = served.decide("forecaster", {"values": past.tolist(), "horizon": HORIZON, "season": SEASON}).output
        spent += time.process_time() - began
        scale = float(np.abs(past[SEASON:] - past[:-SEASON]).mean())
        held.append(((truth >= said["low"]) & (truth <= said["high"])).mean())
        ours.append(np.abs(truth - said["path"]).mean() / scale)
        naive.append(np.abs(truth - past[-SEASON:]).mean() / scale)
    return {
        "series": len(rows),
        "cpu_s": round(spent, 3),
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


def _mstl(rows: Sequence[F64]) -> dict[str, Any]:
    """The same series by statsforecast's MSTL, when that extra is installed."""
    try:
        from statsforecast.models import MSTL  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return {"is_absent": "statsforecast is not installed: pip install 'mainstay[statsforecast]'"}
    began, off = time.process_time(), []
    for row in rows:
        past, truth = row[:-HORIZON], row[-HORIZON:]
        path = MSTL(season_length=SEASON).forecast(y=past, h=HORIZON)["mean"]
        off.append(np.abs(truth - path).mean() / np.abs(past[SEASON:] - past[:-SEASON]).mean())
    spent = time.process_time() - began
    return {"series": len(rows), "series_per_s": round(len(rows) / spent, 1), "mase": round(float(np.mean(off)), 3)}

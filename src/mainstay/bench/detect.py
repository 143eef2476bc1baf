"""The metric detector's speed: a million series a tick, 200 scopes, 20 sets of rules, beside river in one run."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy as np

from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.mlops.scopes import chosen
from mainstay.models.anomaly.rules import Parameters, Scope
from mainstay.models.anomaly.shipped import shipped
from mainstay.models.anomaly.state import ROW
from mainstay.models.catalogue import SHIPPED, build
from mainstay.models.checks import Streaming

STEP_NS = 15_000_000_000
START_NS = 1_767_225_600_000_000_000
WARM, TICKS = 40, 8  # the first are not judged yet, and a young series still finds much that is new
SHADOW_SHARE = 0.05
METRICS = (("http.server.request.duration.p95", "s"), ("process.cpu.utilization", "1"), ("queue.depth", ""), ("x", ""))
NEIGHBOURS = 50  # series of one entity: they come together and lie side by side
PEER_SERIES, PEER_TICKS = 20, 400


@dataclass(frozen=True, slots=True)
class Plant:
    """What is watched: `series` series spread over scopes, which share `versions` different sets of rules."""

    series: int = 1_000_000
    scopes: int = 200
    versions: int = 20

    def parameters(self) -> dict[str, Any]:
        """Shipped rules, and for every scope one of the varied sets."""
        given = shipped()
        varied = [
            tuple(msgspec.structs.replace(r, tau_s=r.tau_s + v) for r in given.rules) for v in range(self.versions)
        ]
        scopes = tuple(Scope(entity=f"/s{i}-", rules=varied[i % self.versions]) for i in range(self.scopes))
        return cast("dict[str, Any]", msgspec.to_builtins(Parameters(rules=given.rules, scopes=scopes)))

    def watched(self) -> tuple[Series, ...]:
        """Every series, in slots without gaps."""
        count = -(-self.series // NEIGHBOURS)
        entities = [f"service:bench/s{i % max(self.scopes, 1)}-{i}" for i in range(count)]
        return tuple(
            Series(i, i + 1, entities[i // NEIGHBOURS], METRICS[i % 4][0], (), METRICS[i % 4][1], "up")
            for i in range(self.series)
        )

    def batches(self, ticks: int, first: int = 0) -> Iterator[MetricBatch]:
        """One sample of each series a tick: a level with noise, and one sample in ten thousand far away."""
        slots = np.arange(self.series, dtype=np.uint32)
        for tick in range(first, first + ticks):
            rng = np.random.default_rng(tick)
            value = 0.2 + 0.02 * rng.standard_normal(self.series)
            value[rng.integers(0, self.series, self.series // 10_000)] *= 3.0
            yield MetricBatch(slots, np.full(self.series, START_NS + tick * STEP_NS), value)


def detect(plant: Plant) -> dict[str, Any]:
    """All figures; CPU seconds (user and system) of this process, one core."""
    varied, alone = _cpu(plant, plant.parameters()), _cpu(plant, {})
    river = _river()
    return {
        "series": plant.series,
        "scopes": plant.scopes,
        "versions": plant.versions,
        "points_per_s": round(varied.points_per_s),
        "points_per_s_without_scopes": round(alone.points_per_s),
        "scopes_cost": round(alone.points_per_s / varied.points_per_s - 1.0, 3),
        "bytes_per_series": round(varied.state_bytes / plant.series, 1),
        "row_bytes": ROW.itemsize,
        "snapshot_s": round(varied.snapshot_s, 3),
        "restore_s": round(varied.restore_s, 3),
        "shadow_share": SHADOW_SHARE,
        "shadow_cost": round(varied.shadow_cost, 3),
        **_beside(varied.points_per_s, river),
    }


def _beside(points_per_s: float, river: dict[str, Any]) -> dict[str, Any]:
    if river["missing"]:
        return {"river_ratio": None, "river_gaussian_ratio": None, "river_missing": river["missing"]}
    return {
        "river_points_per_s": round(river["trees"]),
        "river_ratio": round(points_per_s / river["trees"]),
        "river_gaussian_points_per_s": round(river["gaussian"]),
        "river_gaussian_ratio": round(points_per_s / river["gaussian"]),
    }


@dataclass(frozen=True, slots=True)
class _Measured:
    points_per_s: float
    state_bytes: int
    snapshot_s: float
    restore_s: float
    shadow_cost: float


def _cpu(plant: Plant, parameters: dict[str, Any]) -> _Measured:
    live, shadow = (cast("Streaming", build(SHIPPED["metrics"], parameters)) for _ in range(2))
    everything = plant.watched()
    drawn = np.random.default_rng(5).random(-(-plant.series // NEIGHBOURS)) < SHADOW_SHARE  # whole entities
    is_shadowed = np.repeat(drawn, NEIGHBOURS)[: plant.series]
    live.score(Normal(new_series=everything))
    shadow.score(Normal(new_series=tuple(s for s in everything if is_shadowed[s.slot])))
    del everything
    for batch in plant.batches(WARM):
        live.score(Normal(metrics=batch))
        shadow.score(Normal(metrics=chosen(batch, is_shadowed)))
    live_s = shadow_s = 0.0
    for batch in plant.batches(TICKS, WARM):
        began = time.process_time()
        live.score(Normal(metrics=batch))
        between = time.process_time()
        shadow.score(Normal(metrics=chosen(batch, is_shadowed)))
        live_s, shadow_s = live_s + between - began, shadow_s + time.process_time() - between
    began = time.process_time()
    state = live.snapshot()
    between = time.process_time()
    again = cast("Streaming", build(SHIPPED["metrics"], parameters))
    again.restore(state)
    restored = time.process_time()
    rows = len(msgspec.msgpack.decode(state)[2]["rows"])
    return _Measured(plant.series * TICKS / live_s, rows, between - began, restored - between, shadow_s / live_s)


def _river() -> dict[str, Any]:
    """Points per CPU second of two of river's detectors, one of each for every series; a reason when it is missing.

    `HalfSpaceTrees` is its streaming detector; `GaussianScorer` its cheapest: mean and deviation of everything so far.
    """
    try:
        anomaly: Any = importlib.import_module("river.anomaly")
    except ImportError as error:
        return {"trees": None, "gaussian": None, "missing": f"river is not installed ({error}): pip install river"}
    values = (0.2 + 0.02 * np.random.default_rng(1).standard_normal((PEER_TICKS, PEER_SERIES))).tolist()
    gaussians = [anomaly.GaussianScorer() for _ in range(PEER_SERIES)]
    trees = [anomaly.HalfSpaceTrees(seed=i) for i in range(PEER_SERIES)]
    began = time.process_time()
    for row in values:
        for scorer, value in zip(gaussians, row, strict=True):
            scorer.score_one(None, value)
            scorer.learn_one(None, value)
    between = time.process_time()
    for row in values:
        for tree, value in zip(trees, row, strict=True):
            tree.score_one({"value": value})
            tree.learn_one({"value": value})
    points = PEER_SERIES * PEER_TICKS
    return {"trees": points / (time.process_time() - between), "gaussian": points / (between - began), "missing": ""}

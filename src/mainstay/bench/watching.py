"""What it costs to watch a detector: the same batches with and without the watch around it, in CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import JudgeKind, Served, StreamKind
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.domain.watching import WatchPolicy
from mainstay.mlops.watching.watch import Watch
from mainstay.models.anomaly.metrics import RobustSeason

STEP_NS = 15 * 10**9
AT_NS = 1_800_000_000 * 10**9
SPAN_S = 600


class Bare:
    """The metric detector without a deployment around it."""

    def __init__(self) -> None:
        self._model = RobustSeason({})

    def score(self, kind: StreamKind, normal: Normal) -> Served:
        """Its scores."""
        return Served(VersionRef(kind, 1), self._model.score(normal))

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        """It decides nothing."""
        return Decision(decided_by=VersionRef(kind, 1), inputs=dict(inputs), output={})


def watching(series: int, rounds: int) -> dict[str, Any]:
    """Score `rounds` batches of all series twice; look as often as a span is due (40 batches of 15 s)."""
    bare = _run(series, rounds, watch=False)
    watched = _run(series, rounds, watch=True)
    return {
        "series": series,
        "rounds": rounds,
        "bare_cpu_ms_per_batch": round(bare["cpu_s"] / rounds * 1e3, 2),
        "watched_cpu_ms_per_batch": round(watched["cpu_s"] / rounds * 1e3, 2),
        "ratio": round(watched["cpu_s"] / bare["cpu_s"], 4),
        "look_cpu_ms": round(watched["look_s"] * 1e3, 2),
        "snapshot_bytes": watched["snapshot_bytes"],
    }


def _run(series: int, rounds: int, *, watch: bool) -> dict[str, Any]:
    bare = Bare()
    watcher = Watch(bare, WatchPolicy(span_s=SPAN_S, look_s=10 * 86_400))
    models = watcher if watch else bare
    lots = np.random.default_rng(1)
    new = [Series(n, n + 1, f"service:prod/s{n % 500}", "cpu") for n in range(series)]
    models.score("metrics", _batch(series, 0, lots, new))
    warm = 2 * SPAN_S // 15
    for number in range(1, warm):
        models.score("metrics", _batch(series, number, lots))
    spent = 0.0
    for number in range(warm, warm + rounds):
        normal = _batch(series, number, lots)
        began = time.process_time()
        models.score("metrics", normal)
        if watch:
            watcher.saw(Effects())
        spent += time.process_time() - began
    began = time.process_time()
    if watch:
        watcher.look(Effects())
    look_s = time.process_time() - began
    return {"cpu_s": spent, "look_s": look_s, "snapshot_bytes": len(watcher.snapshot())}


def _batch(series: int, number: int, lots: np.random.Generator, new: list[Series] | None = None) -> Normal:
    at_ns = AT_NS + number * STEP_NS
    values = 100 + lots.standard_normal(series)
    order = lots.permutation(series).astype(np.uint32)
    batch = MetricBatch(order, np.full(series, at_ns, dtype=np.int64), values)
    return Normal(metrics=batch, new_series=tuple(new or ()), at_ns=at_ns)

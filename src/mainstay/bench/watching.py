"""What it costs to watch a detector: the same batches with and without the watch around it, in CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import JudgeKind, Models, Served, StreamKind
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
    """Score the same batches bare and watched, in turns; medians. A span is 40 batches: each brings what is wanted."""
    bare, watcher = Bare(), Watch(Bare(), WatchPolicy(span_s=SPAN_S, look_s=10 * 86_400))
    lots = np.random.default_rng(1)
    new = [Series(n, n + 1, f"service:prod/s{n % 500}", "cpu") for n in range(series)]
    warm = 2 * SPAN_S // 15
    spent: dict[str, list[float]] = {"bare": [], "watched": []}
    for number in range(warm + rounds):
        normal = _batch(series, number, lots, None if number else new)
        both: list[tuple[str, Models]] = [("bare", bare), ("watched", watcher)]
        for name, models in both if number % 2 else both[::-1]:
            began = time.process_time()
            models.score("metrics", normal)
            if models is watcher:
                watcher.saw(Effects())
            if number >= warm:
                spent[name].append(time.process_time() - began)
    alone, with_watch = (float(np.median(spent[name])) for name in ("bare", "watched"))
    began = time.process_time()
    watcher.look(Effects())
    return {
        "series": series,
        "rounds": rounds,
        "bare_cpu_ms_per_batch": round(alone * 1e3, 2),
        "watched_cpu_ms_per_batch": round(with_watch * 1e3, 2),
        "ratio": round(with_watch / alone, 4),
        "look_cpu_ms": round((time.process_time() - began) * 1e3, 2),
        "snapshot_bytes": len(watcher.snapshot()),
    }


def _batch(series: int, number: int, lots: np.random.Generator, new: list[Series] | None = None) -> Normal:
    at_ns = AT_NS + number * STEP_NS
    values = 100 + lots.standard_normal(series)
    order = lots.permutation(series).astype(np.uint32)
    batch = MetricBatch(order, np.full(series, at_ns, dtype=np.int64), values)
    return Normal(metrics=batch, new_series=tuple(new or ()), at_ns=at_ns)

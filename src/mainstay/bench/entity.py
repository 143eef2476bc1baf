"""What it costs to judge the metrics of many entities together, beside a plain PCA that never learns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from mainstay.domain.signals import F64, MetricBatch, Normal, Series
from mainstay.models.catalogue import SHIPPED, build
from mainstay.models.checks import Streaming

STEP_NS = 5_000_000_000
START_NS = 1_767_225_600_000_000_000
WARM = 480  # rounds until every entity is judged
VARIANCE = 0.9


@dataclass(frozen=True, slots=True)
class Fleet:
    """Entities with metrics that follow a few hidden loads; `rounds` are timed, after those that warm."""

    entities: int = 100
    metrics: int = 24
    rounds: int = 120

    def series(self) -> tuple[Series, ...]:
        """Every series, in slots without gaps, entity by entity."""
        names = [f"host:bench/h{e}" for e in range(self.entities)]
        return tuple(
            Series(e * self.metrics + m, e * self.metrics + m + 1, names[e], f"metric.{m}")
            for e in range(self.entities)
            for m in range(self.metrics)
        )

    def values(self) -> Iterator[F64]:
        """f64[entities, metrics] for each round, the same for the same fleet."""
        rng = np.random.default_rng(5)
        follows = rng.uniform(0.5, 1.5, (self.entities, self.metrics, 3))
        loads = np.zeros((self.entities, 3))
        for _ in range(WARM + self.rounds):
            loads = 0.95 * loads + 0.3 * rng.standard_normal(loads.shape)
            noise = 0.1 * rng.standard_normal((self.entities, self.metrics))
            yield 10.0 + np.einsum("eml,el->em", follows, loads) + noise


def entity(fleet: Fleet) -> dict[str, Any]:
    """Rows (one entity, one round) per CPU second of detector and peer, state per entity, time to restore it."""
    detector = cast("Streaming", build(SHIPPED["entities"], {}))
    rounds = list(fleet.values())
    slots, series = np.arange(fleet.entities * fleet.metrics, dtype=np.uint32), fleet.series()
    begun = judged = 0.0
    for i, values in enumerate(rounds):
        begun = time.process_time() if i == WARM else begun
        at_ns = np.full(len(slots), START_NS + i * STEP_NS)
        batch = MetricBatch(slots, at_ns, values.reshape(-1))
        scored = detector.score(Normal(metrics=batch, new_series=series if i == 0 else ()))
        judged += int((~np.isnan(scored.scores)).sum()) if i >= WARM else 0
    cpu_s = time.process_time() - begun
    peer_s = _peer(rounds)
    state, rows = detector.snapshot(), fleet.entities * fleet.rounds
    begun = time.perf_counter()
    cast("Streaming", build(SHIPPED["entities"], {})).restore(state)
    return {
        "entities": fleet.entities,
        "metrics": fleet.metrics,
        "judged_share": round(judged / rows, 3),
        "rows_per_cpu_s": round(rows / cpu_s),
        "samples_per_cpu_s": round(rows * fleet.metrics / cpu_s),
        "cpu_us_per_row": round(cpu_s / rows * 1e6, 1),
        "pca_cpu_us_per_row": round(peer_s / rows * 1e6, 1),
        "pca_ratio": round(peer_s / cpu_s, 2),
        "bytes_per_entity": round(len(state) / fleet.entities),
        "restore_s": round(time.perf_counter() - begun, 3),
    }


def _peer(rounds: list[F64]) -> float:
    """CPU of the least that a PCA needs: fitted once, then one projection a row, no averages, no tail, no learning."""
    warm = np.stack(rounds[:WARM])
    mean, deviation = warm.mean(axis=0), warm.std(axis=0)
    kept = [_directions((warm[:, e] - mean[e]) / deviation[e]) for e in range(warm.shape[1])]
    begun, total = time.process_time(), 0.0
    for values in rounds[WARM:]:
        for e, directions in enumerate(kept):
            z = (values[e] - mean[e]) / deviation[e]
            left = z - directions @ (directions.T @ z)
            total += float(left @ left)
    return time.process_time() - begun if total else 0.0


def _directions(known: F64) -> F64:
    variance, directions = np.linalg.eigh(np.cov(known.T, bias=True))
    share = np.cumsum(variance[::-1]) / variance.sum()
    return np.ascontiguousarray(directions[:, ::-1][:, : int(np.searchsorted(share, VARIANCE)) + 1])

"""Seeded telemetry of hosts whose metrics move together: two hidden loads, and noise of each metric's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tests.models.simulated import START_NS

from mainstay.domain.signals import MetricBatch, Normal, Series

METRICS = ("cpu", "load", "requests", "network.in", "network.out", "memory", "threads", "disk.io")
ROW_NS = 5_000_000_000
PER_BATCH = 8


@dataclass
class Hosts:
    """`count` hosts with a sample of each metric every 5 s, eight rounds a batch.

    Args:
        broken: Metrics (by number) of the first host that no longer follow the load while there is trouble.
    """

    count: int = 3
    seed: int = 1
    broken: tuple[int, ...] = (0, 2, 3, 5)

    @property
    def series(self) -> tuple[Series, ...]:
        return tuple(
            Series(8 * host + m, 500 + 8 * host + m, f"host:lab/h{host}", name)
            for host in range(self.count)
            for m, name in enumerate(METRICS)
        )

    def rows(self, batches: int, trouble: tuple[int, int] | None = None) -> Iterator[Normal]:
        """Batches; in those from `trouble[0]` to before `trouble[1]` the relation of `broken` is gone."""
        rng = np.random.default_rng(self.seed)
        follows = rng.uniform(0.5, 1.5, (self.count, 8, 2))
        loads = np.zeros((self.count, 2))
        for batch in range(batches):
            values = np.empty((PER_BATCH, self.count, 8))
            for row in range(PER_BATCH):
                loads = 0.97 * loads + 0.25 * rng.normal(size=loads.shape)
                values[row] = np.einsum("hml,hl->hm", follows, loads) + 0.1 * rng.normal(size=(self.count, 8))
                if trouble and trouble[0] <= batch < trouble[1]:
                    values[row, 0, self.broken] += 8.0
            yield self._batch(batch, 20.0 + 2.0 * values)

    def _batch(self, batch: int, values: np.ndarray) -> Normal:
        at_ns = START_NS + (batch * PER_BATCH + np.arange(PER_BATCH)) * ROW_NS
        width = values[0].size
        slots = np.tile(np.arange(width, dtype=np.uint32), PER_BATCH)
        metrics = MetricBatch(slots, np.repeat(at_ns, width), values.reshape(-1).astype(np.float64))
        return Normal(metrics=metrics, new_series=self.series if batch == 0 else ())

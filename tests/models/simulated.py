"""Seeded telemetry like the lab's: 3–15 calls per 5-s window, waves of ±25 %, pauses, rare single errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series

START_NS = 1_767_225_600_000_000_000
WINDOW_NS = 5_000_000_000
SAMPLE_NS = 2_000_000_000


@dataclass
class Fault:
    """What changes on one edge from a window on."""

    edge: int
    start: int
    stop: int = 10**9
    slower: float = 1.0
    share_slow: float = 1.0
    errors: float = 0.0
    gone: bool = False


@dataclass
class Edges:
    """Windows of `count` edges, seed by seed the same."""

    count: int = 60
    seed: int = 1
    faults: list[Fault] = field(default_factory=list)

    def windows(self, number: int) -> Iterator[Normal]:
        rng = np.random.default_rng(self.seed)
        rate = rng.uniform(3, 15, self.count)
        base = np.exp(rng.uniform(np.log(3), np.log(150), self.count))
        for w in range(number):
            wave = 1 + 0.25 * np.sin(w / 24)
            until = START_NS + (w + 1) * WINDOW_NS
            seen = [self._window(rng, e, w, rate[e] * wave, base[e], until) for e in range(self.count)]
            yield Normal(edges=tuple(s for s in seen if s is not None), at_ns=until + WINDOW_NS)

    def _window(
        self, rng: np.random.Generator, edge: int, at: int, rate: float, base: float, until: int
    ) -> EdgeWindow | None:
        calls = int(rng.poisson(rate))
        latency = base * np.exp(rng.normal(0, 0.45, calls))
        own = latency * rng.uniform(0.4, 0.7, calls)
        if rng.random() < 0.03 and calls:  # a pause of 50–150 ms hits what is in flight
            latency[: max(1, calls // 3)] += rng.uniform(50, 150)
        errors = int(rng.binomial(calls, 0.002))
        for fault in self.faults:
            if fault.edge == edge and fault.start <= at < fault.stop:
                slow = rng.random(calls) < fault.share_slow
                added = latency * (fault.slower - 1) * slow
                latency, own = latency + added, own + added
                errors = max(errors, int(rng.binomial(calls, fault.errors)))
                calls = 0 if fault.gone else calls
        if not calls:
            return None
        return EdgeWindow(
            f"service:lab/a{edge}", f"service:lab/b{edge}", until - WINDOW_NS, until, calls, errors, latency, own
        )


KINDS = (
    ("http.server.request.duration.p95", "s", "up"),
    ("process.cpu.utilization", "1", "up"),
    ("process.memory.usage", "By", "up"),
    ("queue.depth", "", "up"),
    ("http.server.requests.rate", "", "both"),
    ("errors.rate", "", "up"),
    ("thread.count", "", "both"),
    ("disk.used.ratio", "1", "up"),
)


@dataclass
class Metrics:
    """Samples every 2 s of `count` series of eight kinds."""

    count: int = 400
    seed: int = 1

    def __post_init__(self) -> None:
        self.series = tuple(
            Series(i, 1000 + i, f"service:lab/s{i % 10}", KINDS[i % 8][0], (), KINDS[i % 8][1], KINDS[i % 8][2])  # type: ignore[arg-type]
            for i in range(self.count)
        )

    def batches(self, number: int) -> Iterator[Normal]:
        rng = np.random.default_rng(self.seed)
        slots = np.arange(self.count, dtype=np.uint32)
        for k in range(number):
            at = np.full(self.count, START_NS + k * SAMPLE_NS)
            values = self._values(rng, k)
            yield Normal(metrics=MetricBatch(slots, at, values), new_series=self.series if k == 0 else ())

    def _values(self, rng: np.random.Generator, k: int) -> np.ndarray:
        wave, values = 1 + 0.25 * np.sin(k / 60), np.empty(self.count)
        for kind in range(8):
            at = np.arange(kind, self.count, 8)
            values[at] = self._kind(rng, kind, k, wave, len(at))
        return values

    def _kind(self, rng: np.random.Generator, kind: int, k: int, wave: float, n: int) -> np.ndarray:  # noqa: PLR0911
        if kind == 0:  # the p95 of ten calls is nearly their largest
            return 0.05 * np.exp(rng.normal(0, 0.5, n)) * (1 + 3 * (rng.random(n) < 0.03))
        if kind == 1:
            return np.clip(rng.gamma(2, 0.05, n) * wave + 0.4 * (rng.random(n) < 0.03), 0, 1)
        if kind == 2:
            return 1e8 + 2e6 * rng.normal(size=n)
        if kind == 3:
            return rng.poisson(2 * wave, n).astype(float)
        if kind == 4:
            return rng.poisson(10 * wave, n) / 2
        if kind == 5:
            return (rng.random(n) < 0.02) * 0.5
        return 20.0 + rng.integers(0, 3, n) if kind == 6 else np.full(n, 0.4 + k * 1e-5)

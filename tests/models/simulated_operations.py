"""Seeded operations of services: a mix that drifts, calls in turn, pauses, retries, and harmless deploys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tests.models.simulated import START_NS, WINDOW_NS

from mainstay.domain.signals import EdgeWindow, Exemplar, Normal

CALLEES = ("service:lab/stock", "service:lab/prices", "database:lab/db")


@dataclass
class Operations:
    """`services` × `each` operations: usual times from 3 to 150 ms, 2 to 10 requests a window, 0–3 calls per request.

    A harmless deploy makes two windows slow to start and changes nothing for good. A fault is one of `slower` (times),
    `errors` (share), `more` (calls per request, times), `new` (calls somebody it never called), from `at` on.
    """

    services: int = 10
    each: int = 4
    seed: int = 1
    fault: str = ""
    size: float = 3.0
    at: int = 120
    where: tuple[int, int] = (0, 1)
    deploy_every: int = 90

    def windows(self, number: int, since: int = 0) -> Iterator[Normal]:
        """Windows from `since` to `number`; each has a seed of its own, so that none depends on those before it."""
        rng = np.random.default_rng(self.seed)
        shape = (self.services, self.each)
        base, rate = np.exp(rng.uniform(np.log(3), np.log(150), shape)), rng.uniform(2, 10, shape)
        fan = rng.integers(0, 3, (*shape, len(CALLEES)))
        for w in range(since, number):
            rng = np.random.default_rng([self.seed, w])
            until = START_NS + (w + 1) * WINDOW_NS
            mix = 1 + 0.25 * np.sin(w / 30 + np.arange(self.each))  # what users ask for moves over the day
            edges, operations = [], []
            for s in range(self.services):
                starts = w % self.deploy_every in (s * 7, s * 7 + 1)
                usual = [(rate[s, o] * mix[o], base[s, o], fan[s, o]) for o in range(self.each)]
                parts = [self._window(rng, (s, o), w, until, usual[o], starts=starts) for o in range(self.each)]
                operations += [p for p in parts if p.count]
                edges.append(_whole(parts, f"service:lab/s{s}", until))
            yield Normal(
                edges=tuple(e for e in edges if e.count), operations=tuple(operations), at_ns=until + WINDOW_NS
            )

    def _window(
        self, rng: np.random.Generator, at: tuple[int, int], w: int, until: int, usual: tuple[float, float, np.ndarray],
        *, starts: bool,
    ) -> EdgeWindow:  # fmt: skip
        rate, base, fan = usual
        count = int(rng.poisson(rate))
        latency = base * np.exp(rng.normal(0, 0.45, count))
        if (starts or rng.random() < 0.03) and count:
            latency[: max(1, count // 3)] += rng.uniform(50, 150)
        errors = int(rng.binomial(count, 0.002))
        made = {
            callee: int(rng.poisson(count * n * 1.01)) if n and count else 0
            for callee, n in zip(CALLEES, fan, strict=True)
        }
        if self.fault and w >= self.at and at == self.where:
            latency = latency * (self.size if self.fault == "slower" else 1)
            errors = max(errors, int(rng.binomial(count, self.size if self.fault == "errors" else 0)))
            if self.fault == "more":
                made = {callee: int(n * self.size) for callee, n in made.items()}
            made = made | ({"service:lab/fresh": count} if self.fault == "new" else {})
        made = {callee: n for callee, n in made.items() if n and not (self._is_gone(at, w) and callee == CALLEES[0])}
        seen = [
            Exemplar(f"{at[0]}.{at[1]}.{w}.{i}".encode().ljust(16, b"."), float(ms)) for i, ms in enumerate(latency[:2])
        ]
        return EdgeWindow("", f"service:lab/s{at[0]}", until - WINDOW_NS, until, count, errors, latency, latency * 0.5,
                          f"GET /{at[1]}", tuple(seen), tuple(sorted(made.items())))  # fmt: skip

    def _is_gone(self, at: tuple[int, int], w: int) -> bool:
        return self.fault == "gone" and w >= self.at and at == self.where


def _whole(parts: list[EdgeWindow], service: str, until: int) -> EdgeWindow:
    """The edge over all operations, as its caller sees it."""
    latency = np.concatenate([p.latency_ms for p in parts])
    return EdgeWindow("service:lab/front", service, until - WINDOW_NS, until, sum(p.count for p in parts),
                      sum(p.errors for p in parts), latency, latency * 0.5)  # fmt: skip

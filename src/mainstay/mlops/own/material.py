"""What a detector is tried with: calm telemetry and trouble of every kind, seeded, the same on every machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from mainstay.domain.predictions import Predictions, Truths
from mainstay.domain.signals import F64, EdgeWindow, MetricBatch, Normal, Series, TemplateWindow

START_NS, WINDOW_NS, SAMPLE_NS = 1_767_225_600_000_000_000, 5_000_000_000, 2_000_000_000
CALM, TROUBLE = 40, 70
"""Windows before the trouble begins, and windows in all; metrics come twice as often."""
SERIES = (
    ("http.server.request.duration.p95", "s", "up"),
    ("process.cpu.utilization", "1", "up"),
    ("process.memory.usage", "By", "up"),
    ("queue.depth", "", "up"),
    ("http.server.requests.rate", "", "both"),
    ("errors.rate", "", "up"),
    ("thread.count", "", "both"),
    ("disk.used.ratio", "1", "up"),
)
ERROR, INFO, WARN = 17, 9, 13
TALK = ((30.0, INFO), (8.0, INFO), (0.3, WARN), (0.05, ERROR), (0.5, ERROR), (2.0, WARN))
"""How often per window an entity says each of its usual lines, and how grave it is."""
Batch = TypeVar("Batch", Predictions, Truths)


def metrics(*, trouble: bool) -> Iterator[Normal]:
    """24 series of eight kinds; in trouble all of them multiply."""
    rng, slots = np.random.default_rng(7), np.arange(24, dtype=np.uint32)
    series = tuple(
        Series(i, 1000 + i, f"service:lab/s{i % 10}", name, (), unit, direction)  # type: ignore[arg-type]
        for i, (name, unit, direction) in enumerate(SERIES * 3)
    )
    for k in range(2 * TROUBLE):
        values = np.concatenate([_usual(rng, k) for _ in range(3)])
        if trouble and 2 * CALM <= k < 2 * CALM + 40:
            values = values * 30 + 50
        at = np.full(24, START_NS + k * SAMPLE_NS)
        yield Normal(metrics=MetricBatch(slots, at, values), new_series=series if k == 0 else ())


def _usual(rng: np.random.Generator, k: int) -> F64:
    """One sample of each kind of series: spiky, bounded, smooth, counted, paced, rare, stepped, creeping."""
    wave = 1 + 0.25 * np.sin(k / 60)
    slow, cpu = 0.05 * np.exp(rng.normal(0, 0.5)), rng.gamma(2, 0.05) * wave
    return np.array(
        [
            slow * (1 + 3 * (rng.random() < 0.03)),
            min(cpu + 0.4 * (rng.random() < 0.03), 1.0),
            1e8 + 2e6 * rng.normal(),
            float(rng.poisson(2 * wave)),
            rng.poisson(10 * wave) / 2,
            (rng.random() < 0.02) * 0.5,
            20.0 + rng.integers(0, 3),
            0.4 + k * 1e-5,
        ]
    )


def edges(*, trouble: bool) -> Iterator[Normal]:
    """Eight edges; in trouble one becomes eight times as slow and one fails."""
    rng = np.random.default_rng(7)
    rate, base = rng.uniform(5, 15, 8), np.exp(rng.uniform(np.log(3), np.log(150), 8))
    for w in range(TROUBLE):
        is_bad = trouble and CALM <= w < CALM + 15
        until = START_NS + (w + 1) * WINDOW_NS
        seen = []
        for e in range(8):
            calls = int(rng.poisson(rate[e] * (1 + 0.25 * np.sin(w / 24)))) + 1
            latency = base[e] * np.exp(rng.normal(0, 0.45, calls)) * (8.0 if is_bad and e == 0 else 1.0)
            errors = int(rng.binomial(calls, 0.6 if is_bad and e == 1 else 0.002))
            names = f"service:lab/a{e}", f"service:lab/b{e}"
            own = latency * rng.uniform(0.4, 0.7, calls)
            seen.append(EdgeWindow(*names, until - WINDOW_NS, until, calls, errors, latency, own))
        yield Normal(edges=tuple(seen), at_ns=until + WINDOW_NS)


def logs(*, trouble: bool) -> Iterator[Normal]:
    """Three entities talk as every day; in trouble one of them says a new error."""
    rng = np.random.default_rng(7)
    for w in range(TROUBLE):
        wave = 1 + 0.25 * np.sin(w / 24)
        said = [
            _said(w, f"service:lab/s{e}", template, severity, int(rng.poisson(rate * wave)))
            for e in range(3)
            for template, (rate, severity) in enumerate(TALK)
        ]
        if trouble and CALM <= w < CALM + 12:
            said.append(_said(w, "service:lab/s1", 99, ERROR, 9))
        yield Normal(templates=tuple(s for s in said if s.count), at_ns=START_NS + (w + 1) * WINDOW_NS + 10**8)


def _said(w: int, entity: str, template: int, severity: int, count: int) -> TemplateWindow:
    until, text = START_NS + (w + 1) * WINDOW_NS, "order <*> placed"
    return TemplateWindow(entity, template, text, severity, until - WINDOW_NS, until, count, is_new=False, example="e")


def entities(*, trouble: bool) -> Iterator[Normal]:
    """Three hosts whose eight metrics follow two hidden loads; in trouble four metrics of one go their own way."""
    rng, broken = np.random.default_rng(7), [0, 2, 3, 5]
    follows, loads = rng.uniform(0.5, 1.5, (3, 8, 2)), np.zeros((3, 2))
    series = tuple(Series(8 * h + m, 500 + 8 * h + m, f"host:lab/h{h}", f"m{m}") for h in range(3) for m in range(8))
    for batch in range(120):
        values = np.empty((8, 3, 8))
        for row in range(8):
            loads = 0.97 * loads + 0.25 * rng.normal(size=(3, 2))
            values[row] = np.einsum("hml,hl->hm", follows, loads) + 0.1 * rng.normal(size=(3, 8))
            if trouble and 70 <= batch < 90:
                values[row, 0, broken] += 8.0
        at_ns = np.repeat(START_NS + (batch * 8 + np.arange(8)) * WINDOW_NS, 24)
        slots = np.tile(np.arange(24, dtype=np.uint32), 8)
        sampled = MetricBatch(slots, at_ns, 20.0 + 2.0 * values.reshape(-1))
        yield Normal(metrics=sampled, new_series=series if batch == 0 else ())


def predictions(*, trouble: bool) -> Iterator[Normal]:
    """One model with two features and labels; in trouble one feature moves and it is wrong more often."""
    rng = np.random.default_rng(7)
    for w in range(TROUBLE):
        is_bad = trouble and CALM <= w < CALM + 15
        n, at = 60, START_NS + w * WINDOW_NS + np.arange(60) * 50_000_000
        features = np.column_stack([rng.normal(3.0 if is_bad else 0.0, 1.0, n), rng.exponential(1.0, n)])
        score = rng.uniform(0.02, 0.98, n)
        truth = (rng.random(n) < (1 - score if is_bad else score)).astype(float)
        key = (w * n + np.arange(n)).astype(np.uint64)
        batch = Predictions("model:lab/fraud", "12", key, at, score, ("eu",) * n, ("amount", "age"), features)
        yield Normal(predictions=(batch,), at_ns=int(at[-1]))
        yield Normal(truths=(Truths("model:lab/fraud", key, at, truth),), at_ns=int(at[-1]))


def strange(kind: str) -> Iterator[Normal]:
    """Values that no sender should send, and times that go backwards."""
    values = np.array([0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1.0])
    for w in range(40):
        until = START_NS + (w if w != 20 else 3) * WINDOW_NS
        yield _strange(kind, values, until, is_first=w == 0)


def _strange(kind: str, values: F64, until: int, *, is_first: bool) -> Normal:
    n, since = len(values), until - WINDOW_NS
    if kind == "edges":
        return Normal(edges=(EdgeWindow("", "b", since, until, 8, 9, values.copy(), values[:3].copy()),), at_ns=until)
    if kind == "logs":
        return Normal(templates=(TemplateWindow("e", 1, "", 255, since, until, 10**12, is_new=True),), at_ns=-5)
    if kind == "predictions":
        at, key, features = np.full(n, until), np.arange(n, dtype=np.uint64), np.array([values, values[::-1]]).T
        batch = Predictions("m", "1", key, at, values.copy(), ("",) * n, ("a", "b"), features)
        return Normal(predictions=(batch,) * 20, truths=(Truths("m", key, at, values.copy()),), at_ns=until)
    series = tuple(Series(i, 1000 + i, f"service:lab/s{i}", SERIES[i][0]) for i in range(8)) if is_first else ()
    slots, at = np.arange(n, dtype=np.uint32) * 3 % 11, np.full(n, until) - np.arange(n)
    return Normal(metrics=MetricBatch(slots, at, values.copy()), new_series=series)


def cut(normal: Normal) -> list[Normal]:
    """The same record in the smallest pieces."""
    if normal.metrics is not None:
        m = normal.metrics
        pieces = [MetricBatch(m.series[i : i + 1], m.at_ns[i : i + 1], m.value[i : i + 1]) for i in range(len(m))]
        rest = (dataclasses.replace(normal, metrics=piece, new_series=()) for piece in pieces)
        return [Normal(new_series=normal.new_series), *rest]
    if normal.predictions or normal.truths:
        batches = (Normal(predictions=(_row(one, i),)) for one in normal.predictions for i in range(len(one)))
        return [*batches, *(Normal(truths=(_row(one, i),)) for one in normal.truths for i in range(len(one)))]
    parts = [dataclasses.replace(normal, edges=(e,)) for e in normal.edges]
    return parts + [dataclasses.replace(normal, templates=(t,)) for t in normal.templates]


def _row(batch: Batch, i: int) -> Batch:
    """One row of a batch of columns."""
    columns = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
    rowwise = {k: v[i : i + 1] for k, v in columns.items() if k != "names" and not isinstance(v, str)}
    return dataclasses.replace(batch, **rowwise)


STREAMS: dict[str, Callable[..., Iterator[Normal]]] = {
    "metrics": metrics,
    "edges": edges,
    "logs": logs,
    "entities": entities,
    "predictions": predictions,
}

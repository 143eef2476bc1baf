"""What each detector of the catalogue is fed with: calm telemetry, trouble of its own kind, and strange values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from tests.models.hosts import Hosts
from tests.models.simulated import START_NS, WINDOW_NS, Edges, Fault, Metrics
from tests.models.test_logs import ERROR, everyday, normal, window

from mainstay.domain.predictions import Predictions, Truths
from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, TemplateWindow

CALM, TROUBLE = 40, 70


def metrics(*, trouble: bool) -> Iterator[Normal]:
    """Series of eight kinds; in trouble all of them multiply."""
    for k, batch in enumerate(Metrics(count=24, seed=7).batches(2 * TROUBLE)):
        if trouble and 2 * CALM <= k < 2 * CALM + 40:
            m = batch.metrics
            yield dataclasses.replace(batch, metrics=MetricBatch(m.series, m.at_ns, m.value * 30 + 50))
        else:
            yield batch


def edges(*, trouble: bool) -> Iterator[Normal]:
    """Edges of which one becomes slow and one fails."""
    faults = [Fault(0, CALM, CALM + 15, slower=8), Fault(1, CALM, CALM + 15, errors=0.6)] if trouble else []
    return Edges(count=8, seed=7, faults=faults).windows(TROUBLE)


def logs(*, trouble: bool) -> Iterator[Normal]:
    """Everyday talk, and a new error line."""
    rng = np.random.default_rng(7)
    for w in range(TROUBLE):
        extra = [window(w, "service:lab/s1", 99, ERROR, 9)] if trouble and CALM <= w < CALM + 12 else []
        yield normal(w, [*everyday(rng, w, 3), *extra])


def entities(*, trouble: bool) -> Iterator[Normal]:
    """Three hosts whose eight metrics move together; in trouble four metrics of one go their own way."""
    return Hosts(seed=7).rows(120, trouble=(70, 90) if trouble else None)


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
    values = [0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1.0]
    for w in range(40):
        until = START_NS + (w if w != 20 else 3) * WINDOW_NS
        if kind == "edges":
            durations = np.array(values)
            yield Normal(
                edges=(EdgeWindow("", "b", until - WINDOW_NS, until, 8, 9, durations, durations[:3]),), at_ns=until
            )
        elif kind == "logs":
            yield Normal(
                templates=(TemplateWindow("e", 1, "", 255, until - WINDOW_NS, until, 10**12, is_new=True),), at_ns=-5
            )
        elif kind == "predictions":
            n, at = len(values), np.full(len(values), until)
            key, features = np.arange(n, dtype=np.uint64), np.array([values, values[::-1]]).T
            batch = Predictions("m", "1", key, at, np.array(values), ("",) * n, ("a", "b"), features)
            yield Normal(predictions=(batch,) * 20, truths=(Truths("m", key, at, np.array(values)),), at_ns=until)
        else:
            n = len(values)
            series = Metrics(count=8).series if w == 0 else ()
            at = np.full(n, until) - np.arange(n)
            yield Normal(
                metrics=MetricBatch(np.arange(n, dtype=np.uint32) * 3 % 11, at, np.array(values)), new_series=series
            )


def cut(normal: Normal) -> list[Normal]:
    """The same record in the smallest pieces."""
    if normal.metrics is not None:
        m = normal.metrics
        pieces = [MetricBatch(m.series[i : i + 1], m.at_ns[i : i + 1], m.value[i : i + 1]) for i in range(len(m))]
        return [
            Normal(new_series=normal.new_series),
            *(dataclasses.replace(normal, metrics=p, new_series=()) for p in pieces),
        ]
    if normal.predictions or normal.truths:
        return [
            *(
                Normal(predictions=(_row(batch, i),), at_ns=0)
                for batch in normal.predictions
                for i in range(len(batch))
            ),
            *(Normal(truths=(_row(batch, i),), at_ns=0) for batch in normal.truths for i in range(len(batch))),
        ]
    parts = [dataclasses.replace(normal, edges=(e,)) for e in normal.edges]
    return parts + [dataclasses.replace(normal, templates=(t,)) for t in normal.templates]


def _row(batch, i: int):
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

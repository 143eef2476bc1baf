"""What each detector of the catalogue is fed with: calm telemetry, trouble of its own kind, and strange values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from tests.models.hosts import Hosts
from tests.models.simulated import START_NS, WINDOW_NS, Edges, Fault, Metrics
from tests.models.test_logs import ERROR, everyday, normal, window

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
    parts = [dataclasses.replace(normal, edges=(e,)) for e in normal.edges]
    return parts + [dataclasses.replace(normal, templates=(t,)) for t in normal.templates]


STREAMS: dict[str, Callable[..., Iterator[Normal]]] = {
    "metrics": metrics,
    "edges": edges,
    "logs": logs,
    "entities": entities,
}

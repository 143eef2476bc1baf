"""Data sets for tests: seeded telemetry as it lies in the store, and the snapshot that names it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tests.models.hosts import Hosts
from tests.models.simulated import START_NS, Edges, Metrics
from tests.models.test_logs import everyday, normal

from mainstay.domain.signals import LogBatch, Normal
from mainstay.domain.training import DatasetQuery, Span
from mainstay.mlops.training import dataset
from mainstay.store.telemetry import Telemetry

START_MS = START_NS // 1_000_000
FAR_MS = START_MS + 10 * 86_400_000


def metrics(batches: int = 600, count: int = 24, seed: int = 1) -> Iterator[Normal]:
    """Twenty minutes of calm by default."""
    return Metrics(count=count, seed=seed).batches(batches)


def edges(windows: int = 240, count: int = 8, seed: int = 1) -> Iterator[Normal]:
    return Edges(count=count, seed=seed).windows(windows)


def logs(windows: int = 240, seed: int = 1) -> Iterator[Normal]:
    """Template windows, and the lines that they count."""
    rng = np.random.default_rng(seed)
    for w in range(windows):
        said = normal(w, everyday(rng, w, 3))
        lines = [(t, t.since_ns + 7 * n) for t in said.templates for n in range(t.count)]
        lines.sort(key=lambda one: one[1])
        batch = LogBatch(
            tuple(t.entity for t, _ in lines), np.array([at for _, at in lines], np.int64),
            np.array([t.severity for t, _ in lines], np.uint8), np.array([t.template for t, _ in lines], np.uint32),
            tuple(t.text for t, _ in lines), tuple(b"" for _ in lines),
        )  # fmt: skip
        yield dataclasses.replace(said, logs=batch)


def entities(rows: int = 1200, seed: int = 7) -> Iterator[Normal]:
    return Hosts(seed=seed).rows(rows)


STREAMS = {"metrics": metrics, "entities": entities, "edges": edges, "logs": logs}


def stored(folder: Path, normals: Iterator[Normal], seal: bool = False) -> Telemetry:
    """A telemetry store that these batches went through."""
    telemetry = Telemetry(folder, retention_s=1e9, hot_s=60)
    for seq, one in enumerate(normals, start=1):
        telemetry.write(one, seq)
    telemetry.commit(seq)
    if seal:
        telemetry.seal(FAR_MS * 1_000_000)
    return telemetry


def query(kind: str, excluded: tuple[Span, ...] = (), faults: tuple[Span, ...] = ()) -> DatasetQuery:
    return DatasetQuery(kind=kind, since_ms=START_MS - 60_000, until_ms=FAR_MS, excluded=excluded, faults=faults)


def taken(folder: Path, kind: str, **asked):
    """(snapshot, rows) of the calm stream of a kind."""
    telemetry = stored(folder, STREAMS[kind]())
    try:
        return dataset.snapshot(telemetry, query(kind, **asked))
    finally:
        telemetry.close()

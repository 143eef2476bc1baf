"""The telemetry store: each row once, hot or sealed, found again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mainstay.domain.protocols import BandBatch
from mainstay.domain.signals import EdgeWindow, LogBatch, MetricBatch, Normal, Series, SpanBatch, Template
from mainstay.store.telemetry import Telemetry

S = 10**9
T0 = 1_800_000_000 * S
ENTITY = "service:lab/payments"


def series(slot: int) -> Series:
    return Series(slot, 2**63 + slot, ENTITY, f"m{slot}", (("route", "/a"),), "s", "up")


def metrics(second: int, slots: int = 2) -> Normal:
    batch = MetricBatch(
        np.arange(slots, dtype=np.uint32), np.full(slots, T0 + second * S), np.arange(slots) + float(second)
    )
    return Normal(metrics=batch, new_series=tuple(series(s) for s in range(slots)) if second == 0 else ())


@pytest.fixture
def store(tmp_path: Path):
    telemetry = Telemetry(tmp_path / "telemetry", retention_s=600, hot_s=20)
    yield telemetry
    telemetry.close()


def fill(store: Telemetry, seconds: int, begin: int = 0) -> None:
    for second in range(begin, begin + seconds):
        store.write(metrics(second), second + 1)
        store.commit(second + 1)


def test_points_come_back_in_order(store: Telemetry) -> None:
    fill(store, 5)
    at_ms, value = store.points(2**63 + 1, T0 // 10**6, T0 // 10**6 + 4000)
    assert at_ms.tolist() == [T0 // 10**6 + 1000 * s for s in range(5)]
    assert value.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert store.points(7, 0, T0)[0].tolist() == []
    assert store.applied_seq == 5


def test_what_was_applied_is_not_written_twice(store: Telemetry) -> None:
    fill(store, 5)
    fill(store, 5)
    assert store.count("points") == 10


def test_uncommitted_rows_are_gone_after_a_restart_and_can_come_again(tmp_path: Path) -> None:
    first = Telemetry(tmp_path, retention_s=600)
    fill(first, 3)
    first.write(metrics(3), 4)
    first.close()
    second = Telemetry(tmp_path, retention_s=600)
    assert second.applied_seq == 3
    assert second.count("points") == 6
    second.know([series(0), series(1)])
    second.write(metrics(2), 3)
    second.write(metrics(3), 4)
    second.commit(4)
    assert second.count("points") == 8
    second.close()


def test_an_unknown_slot_is_said(store: Telemetry) -> None:
    with pytest.raises(ValueError, match="not known"):
        store.write(metrics(1), 1)


def test_everything_is_found_again_hot_and_sealed(store: Telemetry) -> None:
    normal = Normal(
        logs=LogBatch((ENTITY,), np.array([T0]), np.array([17], np.uint8), np.array([5], np.uint32), ("boom",), (b"t" * 16,)),
        spans=SpanBatch(
            (ENTITY,), ("",), (b"t" * 16,), (b"s" * 8,), (b"",), ("GET /a",), np.array([2], np.uint8), np.array([True]),
            np.array([T0]), np.array([12.5]),
        ),
        edges=(EdgeWindow("", ENTITY, T0 - 5 * S, T0, 3, 1, np.array([1.0, 2.0]), np.array([])),),
        new_templates=(Template(5, "boom"),),
    )  # fmt: skip
    store.write(metrics(0), 1)
    store.write_bands(BandBatch(np.array([1], np.uint32), np.array([T0]), np.array([0.5]), np.array([1.5])), 1)
    store.write(normal, 2)
    store.commit(2)
    for _ in range(2):
        until = T0 // 10**6 + 10
        logs = store.logs(ENTITY, 0, until, 10)
        assert (logs.body, logs.template.tolist(), logs.trace_id) == (("boom",), [5], (b"t" * 16,))
        spans = store.spans(b"t" * 16)
        assert (spans.name, spans.is_error.tolist(), spans.duration_ms.tolist()) == (("GET /a",), [True], [12.5])
        (edge,) = store.edges(ENTITY, 0, until)
        assert (edge.count, edge.errors, edge.latency_ms.tolist(), edge.own_ms.tolist()) == (3, 1, [1.0, 2.0], [])
        assert [c.tolist() for c in store.bands(2**63 + 1, 0, until)] == [[T0 // 10**6], [0.5], [1.5]]
        assert [s.metric for s in store.find_series(entity=ENTITY)] == ["m0", "m1"]
        assert store.find_series(metric="m*")[0].labels == (("route", "/a"),)
        assert store.template(5) == Template(5, "boom")
        store.seal(T0 + 100 * S)
    assert store.verify() == []

"""Rows for the telemetry store."""

from __future__ import annotations

import numpy as np

from mainstay.domain.signals import EdgeWindow, LogBatch, MetricBatch, Normal, Series, SpanBatch, Template

S = 10**9
MS = 10**6
T0 = 1_800_000_000 * S
ENTITY = "service:lab/payments"
FIRST_ID = 2**63


def series(slot: int) -> Series:
    return Series(slot, FIRST_ID + slot, ENTITY, f"m{slot}", (("route", "/a"),), "s", "up")


def second(at: int, slots: int = 2) -> Normal:
    """One second: a sample of each series, a line, a span, a window; all say which second it was."""
    now = T0 + at * S
    return Normal(
        metrics=MetricBatch(np.arange(slots, dtype=np.uint32), np.full(slots, now), np.arange(slots) + float(at)),
        logs=LogBatch(
            (ENTITY,), np.array([now]), np.array([9], np.uint8), np.array([5], np.uint32), (f"line {at}",), (b"t" * 16,)
        ),
        spans=SpanBatch(
            (ENTITY,), ("",), (at.to_bytes(16, "big"),), (b"s" * 8,), (b"",), ("GET /a",), np.array([2], np.uint8),
            np.array([False]), np.array([now]), np.array([12.5]),
        ),
        edges=(EdgeWindow("", ENTITY, now - 5 * S, now, at, 0, np.array([1.0, 2.0]), np.array([0.5])),),
        new_series=tuple(series(s) for s in range(slots)),
        new_templates=(Template(5, "line <*>"),),
    )  # fmt: skip

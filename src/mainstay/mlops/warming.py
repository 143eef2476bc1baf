"""Every shipped detector scores once, so that its kernels are compiled and kept before an operator waits for them."""

from __future__ import annotations

import numpy as np

from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series, TemplateWindow
from mainstay.models.catalogue import DETECTORS

_NOW_NS = 1_700_000_000_000_000_000
_TICK_NS = 5_000_000_000


def warm() -> None:
    """Score a small batch of every kind with every detector of the catalogue; what is decided is thrown away."""
    for detector in DETECTORS.values():
        one = detector(detector.DEFAULTS)
        one.score(_normal())
        one.restore(one.snapshot())


def _normal() -> Normal:
    at_ns = np.arange(8, dtype=np.int64) * _TICK_NS + _NOW_NS
    until_ns = int(at_ns[-1])
    durations = np.array([5.0, 6.0, 7.0])
    since_ns = until_ns - _TICK_NS
    name = "service:warm/a"
    edge = EdgeWindow(
        caller="",
        callee=name,
        since_ns=since_ns,
        until_ns=until_ns,
        count=3,
        errors=0,
        latency_ms=durations,
        own_ms=durations,
    )
    said = TemplateWindow(
        entity=name, template=1, text="warm", severity=9, since_ns=since_ns, until_ns=until_ns, count=3, is_new=True
    )
    series = Series(slot=0, id=1, entity=name, metric="service.latency.p95", unit="ms", direction="up")
    metrics = MetricBatch(np.zeros(8, np.uint32), at_ns, np.linspace(1.0, 2.0, 8))
    return Normal(metrics=metrics, edges=(edge,), templates=(said,), new_series=(series,))

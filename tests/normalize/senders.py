"""What senders send, in as few words as a test needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mainstay.domain.entities import Labels, labels_of
from mainstay.domain.signals import Decoded, HistogramPoint, RawLogs, RawMetrics, RawSpans, Stream

S = 10**9
MS = 10**6
T0 = 1_800_000_000 * S
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


def resource(service: str, **more: str) -> Labels:
    return labels_of({"service.name": service, "deployment.environment.name": "lab", **more})


PAYMENTS, SHOP = resource("payments"), resource("shop")


def prometheus(name: str, **labels: str) -> Stream:
    return Stream(name, labels_of(labels))


def counter(name: str = "requests", temporality: str = "cumulative", who: Labels = PAYMENTS) -> Stream:
    return Stream(name, (), who, "1", "counter", temporality)  # type: ignore[arg-type]


Sample = tuple[Stream, int, float]


def metrics(
    samples: Sequence[Sample], *, start_ns: int = 0, histograms: Sequence[tuple[Stream, HistogramPoint]] = ()
) -> RawMetrics:
    """Samples as (stream, time in ns, value); a histogram's stream index is set here."""
    streams = list(dict.fromkeys([s for s, _, _ in samples] + [s for s, _ in histograms]))
    at = {stream: i for i, stream in enumerate(streams)}
    points = tuple(HistogramPoint(at[s], p.start_ns, p.at_ns, p.bounds, p.counts, p.total) for s, p in histograms)
    return RawMetrics(
        tuple(streams),
        np.array([at[s] for s, _, _ in samples], np.uint32),
        np.full(len(samples), start_ns, np.int64),
        np.array([t for _, t, _ in samples], np.int64),
        np.array([v for _, _, v in samples], np.float64),
        points,
    )


def logs(lines: Sequence[str], at_ns: int, *, who: Labels = PAYMENTS, severity: int = 9) -> RawLogs:
    n = len(lines)
    return RawLogs(
        (who,), np.zeros(n, np.uint32), np.full(n, at_ns, np.int64), np.full(n, severity, np.uint8), tuple(lines),
        (b"",) * n, (b"",) * n, ((),) * n,
    )  # fmt: skip


@dataclass(frozen=True)
class Span:
    who: Labels
    kind: int
    span: int
    parent: int = 0
    trace: int = 1
    start_ms: float = 0.0
    ms: float = 10.0
    is_error: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    name: str = "GET /"


def spans(*them: Span, base_ns: int = T0) -> RawSpans:
    resources = list(dict.fromkeys(s.who for s in them))
    start = np.array([base_ns + int(s.start_ms * MS) for s in them], np.int64)
    return RawSpans(
        tuple(resources),
        np.array([resources.index(s.who) for s in them], np.uint32),
        tuple(s.trace.to_bytes(16, "big") for s in them),
        tuple(s.span.to_bytes(8, "big") for s in them),
        tuple(s.parent.to_bytes(8, "big") if s.parent else b"" for s in them),
        tuple(s.name for s in them),
        np.array([s.kind for s in them], np.uint8),
        np.array([2 if s.is_error else 0 for s in them], np.uint8),
        start,
        start + np.array([int(s.ms * MS) for s in them], np.int64),
        tuple(labels_of(dict(s.attributes)) for s in them),
    )


def decoded(*, m: RawMetrics | None = None, l: RawLogs | None = None, s: RawSpans | None = None) -> Decoded:  # noqa: E741
    return Decoded(metrics=m, logs=l, spans=s)

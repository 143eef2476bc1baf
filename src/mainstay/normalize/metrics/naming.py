"""What follows from a metric's name and kind alone: how its samples are read, and what its series are called."""

from __future__ import annotations

import re
from typing import NamedTuple

from mainstay.domain.signals import StreamKind, Temporality
from mainstay.normalize.metrics.series import unit_of

REFUSED, GAUGE, COUNTER, DELTA, BUCKET, SUM, COUNT, HISTOGRAM = range(8)
SUFFIXES = (("_total", COUNTER), ("_count", COUNT), ("_sum", SUM))
_DURATION = re.compile(
    r"[._](?:duration|latency|time|elapsed)(?:[._](?:seconds|milliseconds|s|ms))?$|_(?:milli)?seconds$"
)


class Said(NamedTuple):
    """What a sender says of a metric, the same for all its streams. `is_bucket`: `_bucket` with a label `le`."""

    name: str
    unit: str
    kind: StreamKind
    temporality: Temporality
    has_resource: bool
    is_bucket: bool
    is_histogram: bool


class Named(NamedTuple):
    """How samples are read, and the series (name, unit) that they feed, in the order of `group_slots`.

    A count's own rate stands last.
    """

    mode: int
    base: str
    series: tuple[tuple[str, str], ...]

    @property
    def is_group(self) -> bool:
        """Whether other streams must come beside it before it speaks."""
        return self.mode in (BUCKET, SUM, COUNT, HISTOGRAM)


def named_by(said: Said) -> Named:
    """The series of a metric. A histogram's count is a rate of requests, not of durations.

    >>> said = Said("http.server.request.duration", "s", "histogram", "cumulative", True, False, True)
    >>> named_by(said).series[-1]
    ('http.server.request.rate', '1/s')
    """
    mode, base = _mode(said)
    unit = said.unit or unit_of(base)
    if mode == GAUGE:
        return Named(mode, base, ((said.name, unit),))
    if mode in (COUNTER, DELTA):
        return Named(mode, base, ((f"{said.name}.rate", f"{unit}/s"),))
    rate, mean = (f"{_DURATION.sub('', base)}.rate", "1/s"), (f"{base}.mean", unit)
    quantiles = (f"{base}.p50", unit), (f"{base}.p95", unit)
    members = {BUCKET: quantiles, SUM: (mean,), COUNT: (mean, rate), HISTOGRAM: (*quantiles, mean, rate)}
    return Named(mode, base, members[mode])


def _mode(said: Said) -> tuple[int, str]:
    """(mode, name without its suffix). Prometheus sends no kind: its naming practices tell."""
    name = said.name
    if said.is_histogram:
        return HISTOGRAM, name
    if said.kind == "counter":
        return (DELTA if said.temporality == "delta" else COUNTER), name
    if said.kind == "gauge" and not said.has_resource and said.temporality == "unspecified":
        if said.is_bucket:
            return BUCKET, name.removesuffix("_bucket")
        for suffix, mode in SUFFIXES:
            if name.endswith(suffix) and len(name) > len(suffix):
                return mode, name.removesuffix(suffix) if mode != COUNTER else name
    return GAUGE, name

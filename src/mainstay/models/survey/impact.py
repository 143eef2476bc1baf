"""How much of what users feel an entity would explain: its added time or failures, as a share of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mainstay.models.survey.facts import Gauge

Shares = Mapping[tuple[str, str], float]
"""(entity, kind of gauge) → 0–1; nothing where the requests are not counted."""


def shares_of(gauges: Sequence[Gauge], target: str, onset_ms: int) -> Shares:
    """A slow service that hardly anybody calls does not slow the shop down, however slow it is.

    Time that many callers wait for at once is counted for each, so the share of a service behind the target is cut
    off at 1.
    """
    excess: dict[tuple[str, str], float] = {}
    for gauge in gauges:
        if gauge.count:
            key = (gauge.entity, gauge.kind)
            excess[key] = max(excess.get(key, 0.0), _excess(gauge, onset_ms))
    found = {}
    for (entity, kind), amount in excess.items():
        felt = excess.get((target, kind), 0.0)
        if felt > 0:
            found[entity, kind] = min(1.0, amount / felt)
    return found


def _excess(gauge: Gauge, onset_ms: int) -> float:
    at, value, count = np.asarray(gauge.at_ms), np.asarray(gauge.value, float), np.asarray(gauge.count, float)
    known = np.isfinite(value)
    now, before = known & (at >= onset_ms), value[known & (at < onset_ms)]
    past = np.asarray(gauge.past, float)
    usual = before if len(before) else past
    if not len(usual):
        return 0.0
    return float(np.sum(np.maximum(0.0, value[now] - np.median(usual)) * count[now]))

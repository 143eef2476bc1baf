"""Memory, processor, disk, queue and silence of every entity over the last minutes, taken from its ordinary metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.entities import Entity, entity_id
from mainstay.domain.resources import kind_of_series, may_be_about
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch, Series

KEEP = 72
EVERY_MS = 5_000
MOST_SERIES = 20_000


class Vital(msgspec.Struct):
    """One resource series: who, what, and at most one sample per 5 s."""

    id: int
    entity: str
    metric: str
    kind: str
    unit: str
    queue: str = ""
    at_ms: list[int] = []
    value: list[float] = []


class Vitals(msgspec.Struct):
    """Resource series by slot."""

    by_slot: dict[int, Vital] = {}

    def learn(self, series: Sequence[Series]) -> None:
        """Watch those of new series that are about a resource; after a restart all are told again."""
        if not len(series):
            return
        columns = SeriesColumns.of(series)
        for at in columns.where(lambda said: may_be_about(said.metric)).tolist():
            one = columns[at]
            kind = kind_of_series(one)
            if kind and one.slot not in self.by_slot and len(self.by_slot) < MOST_SERIES:
                queue = dict(one.labels).get("messaging.destination.name", "")
                self.by_slot[one.slot] = Vital(one.id, one.entity, one.metric, kind, one.unit, queue)

    def observe(self, batch: MetricBatch) -> None:
        """Take in samples; at most one per series and 5 s is kept, the first."""
        if not self.by_slot:
            return
        mine = np.isin(batch.series, np.fromiter(self.by_slot, np.uint32, len(self.by_slot)))
        columns = (batch.series[mine].tolist(), batch.at_ns[mine].tolist(), batch.value[mine].tolist())
        for slot, at_ns, value in zip(*columns, strict=True):
            vital, at_ms = self.by_slot[slot], at_ns // 1_000_000
            if value != value or (vital.at_ms and at_ms < vital.at_ms[-1] + EVERY_MS - 500):  # noqa: PLR0124 - NaN
                continue
            vital.at_ms.append(at_ms)
            vital.value.append(value)
            del vital.at_ms[:-KEEP], vital.value[:-KEEP]

    def by_id(self, series_id: str) -> Vital | None:
        """The resource series with this durable id."""
        return next((v for v in self.by_slot.values() if str(v.id) == series_id), None)

    def silent(self, entities: set[str]) -> dict[str, int]:
        """Those of these entities that the normaliser says stopped speaking, with about the time of their last word."""
        found = {}
        for vital in self._of(entities, ("presence",)):
            if vital.value and vital.value[-1] < 0.5:
                heard = [at for at, value in zip(vital.at_ms, vital.value, strict=True) if value >= 0.5]
                found[vital.entity] = heard[-1] if heard else vital.at_ms[0]
        return dict(sorted(found.items()))

    def facts(self, entities: set[str], onset_ms: int, known: Mapping[str, Entity]) -> list[dict[str, Any]]:
        """How the resources of these entities stand against before the onset."""
        limits = {(v.entity, _stem(v), v.queue): v.value[-1] for v in self._of(entities, ("limit",)) if v.value}
        found = []
        for vital in self._of(entities, ("memory", "cpu", "disk", "queue", "delay")):
            fact = _fact(vital, onset_ms)
            if fact:
                limit = limits.get((vital.entity, _stem(vital), vital.queue))
                found.append({**fact, "entity": owner(vital, known), "limit": limit})
        return sorted(found, key=lambda f: (f["entity"], f["kind"], f["metric"], f["series"]))

    def _of(self, entities: set[str], kinds: Sequence[str]) -> list[Vital]:
        return [v for v in self.by_slot.values() if v.kind in kinds and v.entity in entities]


def owner(vital: Vital, known: Mapping[str, Entity]) -> str:
    """A broker tells of its queues: when the queue itself is known, the number is about the queue."""
    if vital.kind == "queue" and vital.queue:
        environment = vital.entity.partition(":")[2].rpartition("/")[0]
        queue = entity_id("queue", environment, vital.queue)
        if queue in known:
            return queue
    return vital.entity


def _stem(vital: Vital) -> str:
    return re.split(r"[._](usage|limit|used|capacity|max|depth|length|size)", vital.metric.lower())[0]


def _fact(vital: Vital, onset_ms: int) -> dict[str, Any] | None:
    """Before is the older half of what was before the onset: a ramp may have begun long before it was felt."""
    pairs = list(zip(vital.at_ms, vital.value, strict=True))
    past = [v for at, v in pairs if at <= onset_ms - EVERY_MS]
    recent = [(at, v) for at, v in pairs if at > onset_ms - EVERY_MS] or pairs[-1:]
    if len(past) < 3:
        return None
    base = past[: max(3, len(past) // 2)]
    low, high = np.percentile(past, [10, 90])
    now = median(v for _, v in recent[-3:])
    minutes = max(recent[-1][0] - pairs[0][0] if len(recent) < 3 else recent[-1][0] - recent[0][0], EVERY_MS) / 60_000
    first = recent[0][1] if len(recent) >= 3 else pairs[0][1]
    return {
        "kind": vital.kind, "metric": vital.metric, "series": vital.id, "unit": vital.unit,
        "before": round(median(base), 6), "now": round(now, 6), "spread": round(float(high - low) / 2, 6),
        "per_min": round((recent[-1][1] - first) / minutes, 6), "peak": round(_peak([v for _, v in recent]), 6),
    }  # fmt: skip


def _peak(values: Sequence[float]) -> float:
    """The highest level that held for three samples: one late sample is no level.

    >>> _peak([1, 9, 1, 5, 5, 1])
    5
    """
    return max(median(values[i : i + 3]) for i in range(max(1, len(values) - 2)))

"""Hosts that get too little processor time: what is measured there meanwhile counts less in what detectors learn.

A process says how late it wakes, or a host for what share of the time somebody waited for a processor. A request waits
for its turn at least twice, coming and answering, and 20 ms longer is the least that matters of a call: so 10 ms late,
or a fifth of the time spent waiting, is x = 1. A measurement whose error has the size x counts 1 / (1 + x²): the
inverse of its variance (Aitken 1935), as weights of measurements of unequal quality are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

import msgspec
import numpy as np

from mainstay.domain.entities import Topology
from mainstay.domain.resources import kind_of_series
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch

LATE_S, WAITING = 0.01, 0.2
NEWEST = 3  # samples; one that is late is not starved
FRESH_MS = 30_000
FULL = 0.9  # from this worth on nothing is discounted
USUAL_MS = 4 * 3_600_000  # what has gone on for so long is how this host is
MOST_SERIES = 10_000


class Witness(msgspec.Struct, array_like=True):
    """One series that tells of missing processor time: whose, what x = 1 is, its newest samples."""

    entity: str
    one: float
    at_ms: int = 0
    newest: list[float] = []


class Starved(msgspec.Struct):
    """What is known of it, by series slot, and since when each host is starved."""

    witnesses: dict[int, Witness] = {}
    since_ms: dict[str, int] = {}

    def learn(self, series: SeriesColumns) -> None:
        """Watch those of new series that tell of it; after a restart all are told again."""
        for at in series.where(lambda said: _one(said.metric) > 0).tolist():
            one = series[at]
            before = self.witnesses.get(one.slot)
            if kind_of_series(one) != "delay":
                self.witnesses.pop(one.slot, None)
            elif (before is None and len(self.witnesses) < MOST_SERIES) or (before and before.entity != one.entity):
                self.witnesses[one.slot] = Witness(one.entity, _one(one.metric))

    def observe(self, batch: MetricBatch) -> None:
        """Take in samples."""
        if not self.witnesses:
            return
        mine = np.isin(batch.series, np.fromiter(self.witnesses, np.uint32, len(self.witnesses)))
        columns = batch.series[mine].tolist(), batch.at_ns[mine].tolist(), batch.value[mine].tolist()
        for slot, at_ns, value in zip(*columns, strict=True):
            witness = self.witnesses[slot]
            if value == value and at_ns // 1_000_000 >= witness.at_ms:  # noqa: PLR0124 - NaN
                witness.at_ms = at_ns // 1_000_000
                witness.newest = [*witness.newest[1 - NEWEST :], max(value, 0.0)]

    def worth(self, topology: Topology, at_ms: int) -> Mapping[str, float]:
        """What a measurement counts now, by entity; only where that is less than all of it.

        A host is as starved as the middle one of its services, or as itself, whichever is more; an entity that no host
        is known of, as itself.
        """
        said = self._said(at_ms)
        homes = {entity: _home(topology, entity) for entity in said}
        by_home: dict[str, list[float]] = {}
        for entity, x in said.items():
            by_home.setdefault(homes[entity], []).append(x)
        late = {home: max(median(xs), said.get(home, 0.0)) for home, xs in by_home.items()}
        poor = {home: worth for home, x in late.items() if (worth := 1.0 / (1.0 + x * x)) < FULL}
        self.since_ms = {home: self.since_ms.get(home, at_ms) for home in sorted(poor)}
        poor = {home: w for home, w in poor.items() if at_ms - self.since_ms[home] < USUAL_MS}
        if not poor:
            return {}
        members = {entity: poor[home] for entity in topology.entities if (home := _home(topology, entity)) in poor}
        return {home: poor[home] for home in sorted(poor)} | members

    def _said(self, at_ms: int) -> dict[str, float]:
        """How starved each entity is that speaks of it, by the worst of its series."""
        found: dict[str, float] = {}
        for witness in self.witnesses.values():
            if witness.newest and at_ms - witness.at_ms <= FRESH_MS:
                x = median(witness.newest) / witness.one
                found[witness.entity] = max(found.get(witness.entity, 0.0), x)
        return found


def _one(metric: str) -> float:
    """The value of a metric at which x is 1; 0 when it does not tell of this.

    >>> _one("process.scheduling.delay"), _one("node_pressure_cpu_waiting_seconds_total.rate"), _one("queue.depth")
    (0.01, 0.2, 0.0)
    """
    name = metric.lower()
    if "scheduling" in name and "delay" in name:
        return LATE_S
    return WAITING if "pressure" in name and "cpu" in name and name.endswith(".rate") else 0.0


def _home(topology: Topology, entity: str) -> str:
    """The host that an entity runs on, as an entity of its environment; itself when none is known."""
    known = topology.entities.get(entity)
    host = known.attributes.get("host") if known else None
    if not known or not host or known.kind == "host":
        return entity
    return f"host:{entity.partition(':')[2].rpartition('/')[0]}/{host}"

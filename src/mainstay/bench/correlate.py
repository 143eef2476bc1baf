"""How fast alerts become incidents while a hundred thousand are open, and whether that depends on how many are open."""

from __future__ import annotations

import gc
import resource
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.correlate import Correlate
from mainstay.domain.alerts import Alert, Severity
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology, entity_id
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import Models, Signal
from mainstay.domain.signals import Normal

SYSTEM = 25  # services that call each other; systems do not
START_MS = 1_800_000_000_000
OF_A_RECORD = 20  # alerts that one notification brings
FILLED_IN_MS = 8 * 3_600_000
ARRIVAL_MS = 1000 / 5000
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "major", "minor", "minor")
SIGNALS: tuple[Signal, ...] = ("latency", "errors", "availability", "saturation", "traffic")


@dataclass(frozen=True, slots=True)
class Estate:
    """How much there is: services in systems of 25, alerts that are open, and alerts that are timed."""

    services: int = 5_000
    opened: int = 100_000
    timed: int = 20_000


class Storms:
    """Faults at random services; each makes its service and some of those that depend on it cry."""

    def __init__(self, estate: Estate, seed: int = 5) -> None:
        self._draw, self._number = np.random.default_rng(seed), 0
        self._ids = [entity_id("service", "bench", f"s{n}") for n in range(estate.services)]
        entities = {one: Entity(id=one, kind="service", name=one.rpartition("/")[2], environment="bench")
                    for one in self._ids}  # fmt: skip
        pairs = [(n, n + gap) for n in range(estate.services) for gap in (1, 3, 8)
                 if (n + gap) // SYSTEM == n // SYSTEM and n + gap < estate.services]  # fmt: skip
        self.topology = Topology(
            entities=entities, edges=tuple(Edge(caller=self._ids[a], callee=self._ids[b]) for a, b in pairs)
        )
        self._callers: dict[int, list[int]] = {}
        for caller, callee in pairs:
            self._callers.setdefault(callee, []).append(caller)

    def alerts(self, count: int, since_ms: int, over_ms: int) -> list[Alert]:
        """So many alerts, in storms of a few, spread over this time."""
        found: list[Alert] = []
        while len(found) < count:
            at_ms = since_ms + over_ms * len(found) // count
            where = int(self._draw.integers(len(self._ids)))
            ill = [where, *self._callers.get(where, ())]
            found += [self._alert(one, at_ms) for one in ill for _ in range(int(self._draw.integers(1, 4)))]
        return found[:count]

    def _alert(self, where: int, at_ms: int) -> Alert:
        self._number += 1
        name, kind = f"a{self._number}", int(self._draw.integers(5))
        return Alert(
            id=name, fingerprint=name, entity=self._ids[where], name=f"{SIGNALS[kind]} of {where}",
            severity=SEVERITIES[kind], status="firing", since_ms=at_ms - int(self._draw.integers(5_000)), at_ms=at_ms,
            decided_by=VersionRef("rule/bench", 0), source="alertmanager", subject=f"rule:{kind}",
            signal=SIGNALS[kind], summary=f"{SIGNALS[kind]} of {where} is not what it was",
        )  # fmt: skip


class Desk:
    """The stage with what the deployed models say, fed record by record; `spent_ms` of each record."""

    def __init__(self, models: Models, topology: Topology) -> None:
        self.stage, self._topology, self._seq = Correlate(models), topology, 0
        self.spent_ms: list[float] = []
        self._clock_ms = _cost_of_asking_ms()

    def take(self, alerts: Sequence[Alert], at_ms: int) -> None:
        """One record: what detection left of it, and what correlation makes of that."""
        self._seq += 1
        effects = Effects(decided_seq=self._seq, alerts={alert.id: alert for alert in alerts})
        began = time.process_time_ns()
        self.stage.apply(Normal(alerts=tuple(alerts)), self._topology, at_ms, effects)
        self.spent_ms.append(max((time.process_time_ns() - began) / 1e6 - self._clock_ms, 0.0))


def correlate(estate: Estate) -> dict[str, Any]:
    """The figures at so many open alerts, and beside them those at a hundredth of it, in the same run."""
    few = Estate(estate.services, max(estate.opened // 100, 100), estate.timed)
    with deployed() as platform:
        small, large = _measured(platform.serving, few), _measured(platform.serving, estate)
    return {
        **large,
        **{f"at_{few.opened}_open_{name}": small[name] for name in ("alerts_per_s", "latency_p99_ms", "change_p99_ms")},
        "peer": "keep, an open platform: 17 alerts/s on 16 vCPU; 10 s for one status change at 10,000 open",
    }


def _measured(models: Models, estate: Estate) -> dict[str, Any]:
    storms = Storms(estate)
    desk = Desk(models, storms.topology)
    open_ = deque(storms.alerts(estate.opened, START_MS, FILLED_IN_MS))
    for chunk in _records(list(open_), 10 * OF_A_RECORD):
        desk.take(chunk, chunk[-1].at_ms)
    filled_s = sum(desk.spent_ms) / 1000
    gc.collect()
    gc.freeze()
    at_ms = START_MS + FILLED_IN_MS + 1000
    new = storms.alerts(estate.timed, at_ms, int(estate.timed * ARRIVAL_MS))
    desk.spent_ms = []
    for chunk in _records(new, OF_A_RECORD):
        desk.take(chunk, chunk[-1].at_ms)
    spent_ms = desk.spent_ms
    latency = _latency(spent_ms)
    desk.spent_ms = []
    for number in range(400):
        alert = open_[number * (len(open_) // 400)] if len(open_) >= 400 else open_[number % len(open_)]
        over = msgspec.structs.replace(alert, status="resolved", ended_ms=new[-1].at_ms, at_ms=new[-1].at_ms)
        desk.take([over], new[-1].at_ms + 200 * number)
    began = time.process_time()
    size = len(desk.stage.snapshot())
    snapshot_ms = (time.process_time() - began) * 1000
    gc.unfreeze()
    held = desk.stage.open_sizes()
    return {
        "open_alerts": estate.opened,
        "services": estate.services,
        "open_incidents": len(held),
        "largest_incident_alerts": max(held, default=0),
        "alerts_per_s": round(estate.timed / sum(spent_ms) * 1000),
        "latency_p50_ms": round(float(np.percentile(latency, 50)), 2),
        "latency_p99_ms": round(float(np.percentile(latency, 99)), 2),
        "latency_max_ms": round(float(latency.max()), 2),
        "change_p50_ms": round(float(np.percentile(desk.spent_ms, 50)), 3),
        "change_p99_ms": round(float(np.percentile(desk.spent_ms, 99)), 3),
        "change_max_ms": round(max(desk.spent_ms), 2),
        "filling_alerts_per_s": round(estate.opened / filled_s),
        "snapshot_ms": round(snapshot_ms),
        "snapshot_mb": round(size / 1e6, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def _latency(spent_ms: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """From arrival to incident, waiting included, when notifications arrive evenly at 5,000 alerts a second."""
    every_ms, free_ms, found = OF_A_RECORD * ARRIVAL_MS, 0.0, []
    for number, took_ms in enumerate(spent_ms):
        arrived_ms = number * every_ms
        free_ms = max(free_ms, arrived_ms) + took_ms
        found.append(free_ms - arrived_ms)
    return np.asarray(found)


def _records(alerts: Sequence[Alert], size: int) -> list[Sequence[Alert]]:
    return [alerts[first : first + size] for first in range(0, len(alerts), size)]


def _cost_of_asking_ms() -> float:
    """What the processor's clock itself costs: in some sandboxes a millisecond, more than a record."""
    asked = [time.process_time_ns() for _ in range(201)]
    return float(np.median(np.diff(asked))) / 1e6

"""A small estate with gauges: samples go in as records do, real judges decide, alerts come out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology, labels_of
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.outlook import OutlookPolicy
from mainstay.domain.protocols import JudgeKind
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.forecast import Forecaster
from mainstay.models.prediction import Predictor
from mainstay.outlook import Outlooks

T0_MS = 1_700_000_000_000
GIB = float(1 << 30)


class Judges:
    """The shipped forecaster and predictor without a deployment around them."""

    def __init__(self) -> None:
        self._judges = {"forecaster": Forecaster({}), "predictor": Predictor({})}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        self.asked.append((kind, dict(inputs)))
        output = self._judges[kind].decide(inputs)
        return Decision(decided_by=VersionRef(kind, 1), inputs=dict(inputs), output=output)


def disk(slot: int, host: str = "db-1", mount: str = "/var", metric: str = "usage") -> Series:
    labels = labels_of({"host.name": host, "system.filesystem.mountpoint": mount})
    return Series(slot, 1000 + slot, f"host:prod/{host}", f"system.filesystem.{metric}", labels, "By")


def services(*names: str) -> Topology:
    entities = {f"service:prod/{n}": Entity(id=f"service:prod/{n}", kind="service", name=n) for n in names}
    ids = list(entities)
    return Topology(entities=entities, edges=tuple(Edge(caller=a, callee=b) for a, b in itertools.pairwise(ids)))


class Estate:
    """Feeds a stage; keeps every alert state and ledger entry that came."""

    def __init__(self, policy: OutlookPolicy | None = None, topology: Topology | None = None) -> None:
        self.judges = Judges()
        self.topology = topology or Topology()
        self.stage = Outlooks(self.judges, policy or OutlookPolicy(), lambda: self.topology)
        self.at_ms, self.seq = T0_MS, 0
        self.told: list[Alert] = []
        self.said: set[str] = set()
        self.effects = Effects()

    def say(self, values: Mapping[Series, float] | None = None, p_value: float = 1.0, **rest: Any) -> Effects:
        """One record; series are introduced when they speak first, and again after a restart (as in life)."""
        values = values or {}
        self.seq += 1
        effects = Effects(decided_seq=self.seq)
        effects.alerts = {alert.id: alert for alert in rest.pop("raised", ())}
        raised = set(effects.alerts)
        batch = MetricBatch(
            np.array([one.slot for one in values], np.uint32),
            np.full(len(values), self.at_ms * 1_000_000, np.int64),
            np.array(list(values.values()), np.float64),
        )
        normal = Normal(metrics=batch if values else None, new_series=tuple(values), at_ns=self.at_ms * 10**6, **rest)
        self.stage.apply(normal, np.full(len(values), p_value), self.at_ms, effects)
        self.told += [alert for name, alert in effects.alerts.items() if name not in raised]
        self.said |= {one.says for one in self.stage.standing.outlooks}
        self.effects.merge(effects)
        return effects

    def wait(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)

    def run(self, values: Any, steps: int, step_s: float = 15.0) -> None:
        """`values(step)` gives what is said at each step."""
        for step in range(steps):
            self.say(values(step))
            self.wait(step_s)

    def restarted(self, policy: OutlookPolicy | None = None) -> Estate:
        """The same estate with a stage that took up the state."""
        other = Estate(policy, self.topology)
        other.stage.restore(self.stage.snapshot())
        other.at_ms, other.seq = self.at_ms, self.seq
        return other

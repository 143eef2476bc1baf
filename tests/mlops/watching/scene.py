"""A small estate whose calls and series the tests move as they like, and a model that says what it is told to."""

from __future__ import annotations

import numpy as np

from mainstay.domain.alerts import Alert, Band
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import Scored, Served
from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series
from mainstay.domain.watching import WatchPolicy
from mainstay.mlops.watching.watch import Watch

AT_MS = 1_767_225_600_000
SPAN_S = 600
POLICY = WatchPolicy(span_s=SPAN_S, look_s=60, series=64, calls=64)
SERVICES = ("front", "cart", "checkout", "payments", "search", "stock")
METRICS = ("cpu", "memory", "latency", "rate")
LIVE = VersionRef("metrics", 1)


def entity(service: str) -> str:
    return f"service:prod/{service}"


TOPOLOGY = Topology(
    entities={
        entity(s): Entity(id=entity(s), kind="service", name=s, environment="prod", tier=1 + n % 3)
        for n, s in enumerate(SERVICES)
    }
)


class Calm:
    """A model that finds nothing strange, unless a test sets `strange`: the share of p-values that are tiny."""

    def __init__(self) -> None:
        self.lots, self.strange = np.random.default_rng(7), 0.0

    def score(self, kind, normal):
        if kind != "metrics" or normal.metrics is None:
            return Served(VersionRef(kind, 1), Scored())
        p_values = self.lots.uniform(size=len(normal.metrics))
        p_values[self.lots.uniform(size=len(p_values)) < self.strange] = 1e-5
        return Served(LIVE, Scored(scores=p_values))

    def decide(self, kind, inputs):
        return Decision(decided_by=VersionRef(kind, 1), inputs=inputs, output={})


class Scene:
    """Time goes in steps of five seconds; every series speaks in each, every call is a window."""

    def __init__(self, seed: int = 1, policy: WatchPolicy = POLICY) -> None:
        self.models = Calm()
        self.watch = Watch(self.models, policy, lambda: TOPOLOGY)
        self.lots = np.random.default_rng(seed)
        self.at_ms, self.steps = AT_MS, 0
        self.level = {(s, m): 100.0 for s in SERVICES for m in METRICS}
        self.slope = dict.fromkeys(self.level, 0.0)
        self.demand = 50.0
        self.findings = []
        self.entries = []

    def run(self, seconds: int) -> None:
        for _ in range(seconds // 5):
            self.step()

    def step(self, **decided) -> Effects:
        effects = Effects(decided_seq=self.steps, **decided)
        normal = self._normal()
        self.watch.score("metrics", normal)
        self.watch.score("edges", normal)
        self.watch.saw(effects)
        self.at_ms, self.steps = self.at_ms + 5000, self.steps + 1
        self.findings += [one for key, one in effects.records.items() if key.startswith("finding:")]
        self.entries += effects.entries
        return effects

    def incident(self, service: str, status: str = "open") -> None:
        by = VersionRef("correlator", 1)
        times = {"since_ms": self.at_ms, "opened_ms": self.at_ms, "updated_ms": self.at_ms}
        words = {"id": f"INC-{service}", "severity": "major", "title": "t", "entities": (entity(service),)}
        self.step(incidents={"i": Incident(status=status, decided_by=by, **times, **words)})

    def alert(self, service: str, metric: str, value: float) -> None:
        band = Band(low=90, high=110, value=value)
        name = f"A-{service}-{self.steps}"
        words = {
            "fingerprint": name,
            "entity": entity(service),
            "name": metric,
            "severity": "major",
            "status": "firing",
        }
        subject = f"metric:{self._id(service, metric)}"
        alert = Alert(
            id=name, since_ms=self.at_ms, at_ms=self.at_ms, decided_by=LIVE, subject=subject, band=band, **words
        )
        self.step(alerts={name: alert})

    def open(self) -> list[str]:
        return [f"{one.measure} {one.version} {one.scope}" for one in self.watch.findings]

    def _id(self, service: str, metric: str) -> int:
        return 1000 + SERVICES.index(service) * 10 + METRICS.index(metric)

    def _normal(self) -> Normal:
        keys = list(self.level)
        new = ()
        if not self.steps:
            new = tuple(
                Series(slot=n, id=self._id(*key), entity=entity(key[0]), metric=key[1]) for n, key in enumerate(keys)
            )
        values = np.array([self.level[key] for key in keys]) + self.lots.normal(0, 3, len(keys))
        for key in keys:
            self.level[key] += self.slope[key]
        batch = MetricBatch(np.arange(len(keys), dtype=np.uint32), np.full(len(keys), self.at_ms * 10**6), values)
        calls = [("", entity("front"))] + [(entity("front"), entity(s)) for s in SERVICES[1:]]
        edges = tuple(self._window(caller, callee) for caller, callee in calls)
        return Normal(metrics=batch, edges=edges, new_series=new, at_ns=self.at_ms * 10**6)

    def _window(self, caller: str, callee: str) -> EdgeWindow:
        end = self.at_ms * 10**6
        count = int(self.lots.poisson(self.demand * 5))
        own = self.lots.lognormal(2, 0.3, 50)
        return EdgeWindow(
            caller=caller, callee=callee, since_ns=end - 5 * 10**9, until_ns=end, count=count, errors=0,
            latency_ms=own, own_ms=own,
        )  # fmt: skip

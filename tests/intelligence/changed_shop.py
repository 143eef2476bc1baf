"""A shop whose windows come every five seconds, and a stage that watches its changes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from tests.mlops.keeper import serving

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Edge, Entity, Topology
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series
from mainstay.intelligence.changes import ChangeWatch

T0 = 1_795_356_000_000
NAMES = ("web", "shop", "cart", "pay", "stock", "mail", "users", "search")
CALLS = (("web", "shop"), ("shop", "cart"), ("shop", "pay"), ("cart", "stock"), ("web", "search"), ("web", "users"))
SIGNALS = (("service.latency.p95", "ms"), ("service.requests.rate", "1/s"), ("telemetry.availability", "1"))


def entity(name: str) -> str:
    return f"service:lab/{name}"


TOPOLOGY = Topology(
    entities={entity(n): Entity(id=entity(n), kind="service", name=n, tier=1 if n == "web" else 2) for n in NAMES},
    edges=tuple(Edge(caller=entity(a), callee=entity(b)) for a, b in CALLS),
)


def change(name: str, at_s: float, **more: object) -> Change:
    fields = {"id": f"change-{name}-{at_s:g}", "kind": "deploy", "subject": name, "entity": entity(name)}
    return Change(at_ms=T0 + int(at_s * 1000), **{**fields, **more})  # type: ignore[arg-type]


class ChangedShop:
    """Feeds the stage; `slower` and `failing` say what is wrong with whom, from now on."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.models = serving(folder)
        self.rng = np.random.default_rng(seed)
        self.slower: dict[str, float] = {}
        self.failing: dict[str, float] = {}
        self.now_s = 0
        self.seen = Effects()
        self.watch = self.fresh()
        self.is_known = False

    def fresh(self) -> ChangeWatch:
        return ChangeWatch(self.models, lambda word, _: word if word.startswith("service:") else self.resolve(word))

    @staticmethod
    def resolve(word: str) -> str:
        return entity(word) if word in NAMES else ""

    def run(self, seconds: int, *changes: Change) -> None:
        """Let time pass, a window at a time; changes are told in the window after they were made."""
        waiting = list(changes)
        for _ in range(seconds // 5):
            self.now_s += 5
            at_ms = T0 + self.now_s * 1000
            told = tuple(one for one in waiting if one.at_ms <= at_ms)
            waiting = [one for one in waiting if one not in told]
            self.feed(self.window(at_ms, told))
        assert not waiting, "a change lies behind the time that was run"

    def feed(self, normal: Normal) -> None:
        effects = Effects()
        self.watch.apply(normal, TOPOLOGY, normal.at_ns // 1_000_000, effects)
        self.seen.merge(effects)

    def window(self, at_ms: int, changes: tuple[Change, ...] = ()) -> Normal:
        values = []
        for name in NAMES:
            latency = 30 * self.slower.get(name, 1.0) * float(np.exp(self.rng.normal(0, 0.1)))
            values += [latency, float(self.rng.poisson(60)) / 5, 1.0]
        series = () if self.is_known else tuple(self._series())
        self.is_known = True
        slots = np.arange(len(values), dtype=np.uint32)
        batch = MetricBatch(slots, np.full(len(values), at_ms * 1_000_000), np.array(values))
        edges = tuple(self._edge(caller, callee, at_ms) for caller, callee in CALLS)
        return Normal(metrics=batch, edges=edges, changes=changes, new_series=series, at_ns=at_ms * 1_000_000)

    def ask(self, planned: Change, name: str = "forecast-asked") -> None:
        """As a person asks."""
        said = {"change": msgspec.json.encode(planned).decode()}
        command = Command(kind="assess-change", by="ada", at_ms=T0 + self.now_s * 1000, subject=name, arguments=said)
        effects = Effects()
        self.watch.assess(command, TOPOLOGY, effects)
        self.seen.merge(effects)

    def impact(self, of: Change):
        return self.seen.records[f"change-impact:{of.id}"]

    def forecast(self, name: str):
        return self.seen.records[f"change-forecast:{name}"]

    def _series(self):
        for place, name in enumerate(NAMES):
            for number, (metric, unit) in enumerate(SIGNALS):
                slot = place * len(SIGNALS) + number
                yield Series(slot, slot + 1, entity(name), metric, unit=unit)

    def _edge(self, caller: str, callee: str, at_ms: int) -> EdgeWindow:
        own = 8 * self.slower.get(callee, 1.0) * np.exp(self.rng.normal(0, 0.1, 20))
        errors = self.rng.binomial(60, self.failing.get(callee, 0.001))
        since_ns, until_ns = (at_ms - 5000) * 1_000_000, at_ms * 1_000_000
        return EdgeWindow(entity(caller), entity(callee), since_ns, until_ns, 60, int(errors), own * 2, own)


def burning(name: str, since_s: float, until_s: float | None = None) -> Alert:
    """An alert about a service, burning or over."""
    return Alert(
        id=f"alert-{name}-{since_s:g}",
        fingerprint=name,
        entity=entity(name),
        name="errors",
        severity="major",
        status="resolved" if until_s else "firing",
        since_ms=T0 + int(since_s * 1000),
        at_ms=T0 + int((until_s or since_s) * 1000),
        ended_ms=T0 + int(until_s * 1000) if until_s else None,
        decided_by=VersionRef("edges", 1),
        signal="errors",
    )

"""A drill: calls, resources, log lines and alerts of a shop by the clock, through the real stage and judges."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.correlate.judges import Judges
from tests.scenarios.shops import Shop, entity

from mainstay.correlate import Correlate
from mainstay.domain.alerts import Alert, Band
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import EdgeWindow, MetricBatch, Normal, Series, TemplateWindow

T0 = 1_800_000_000_000  # ms; a moment in 2027
WINDOW_MS = 5_000


@dataclass
class Fault:
    """How a fault shows: extra own time, errors, silence, lines and resource levels, from `at_s` on."""

    where: str
    at_s: float = 120.0
    extra_ms: float = 0.0
    errors: float = 0.0
    is_silent: bool = False
    stops_ms: float = 0.0  # callers wait so long and fail
    only_from: str = ""  # only this caller feels it
    lines: tuple[tuple[str, str], ...] = ()
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)  # metric → (per second, limit)


class Drill:
    """Runs a shop window by window. Alerts are made by hand from what the windows show, seconds later."""

    def __init__(
        self, shop: Shop, topology: Topology | None = None, unseen: AbstractSet[tuple[str, str]] = frozenset()
    ) -> None:
        self.shop, self.topology = shop, topology or shop.topology()
        self._unseen = unseen
        self.judges = Judges()
        self.stage = Correlate(self.judges)
        self.effects: list[Effects] = []
        self.incidents: dict[str, Incident] = {}
        self.entries: list[Entry] = []
        self.alerts: dict[str, Alert] = {}
        self._slots: dict[tuple[str, str], int] = {}
        self._draw = np.random.default_rng(7)

    @property
    def open(self) -> Sequence[Incident]:
        return [held.incident for held in self.stage._state.held.values() if held.is_open]

    @property
    def pending(self) -> Sequence[Alert]:
        """Alerts that are listed but open nothing yet."""
        return [kept.alert for kept in self.stage._state.pending.values()]

    def run(
        self, until_s: float, since_s: float = 0.0, faults: Sequence[Fault] = (), script: Sequence[Any] = ()
    ) -> None:
        """Windows of 5 s from `since_s`; of the script (at_s, Alert or Change) each enters when its time has come."""
        todo = sorted(script, key=lambda item: item[0])
        at_s = since_s
        while at_s < until_s:
            at_s += WINDOW_MS / 1000
            due = [item for when, item in todo if when <= at_s]
            todo = [(when, item) for when, item in todo if when > at_s]
            self.record(self.window(at_s, faults, [i for i in due if isinstance(i, Change)]), at_s,
                        [i for i in due if isinstance(i, Alert)])  # fmt: skip

    def record(self, normal: Normal, at_s: float, alerts: Sequence[Alert] = ()) -> Effects:
        effects = Effects(decided_seq=len(self.effects) + 1)
        for alert in alerts:
            self.alerts[alert.id] = effects.alerts[alert.id] = alert
            kind = "alert" if alert.status == "firing" else "alert-resolved"
            effects.entries.append(
                Entry(
                    id=f"{kind}-{alert.id}", kind=kind, at_ms=alert.at_ms, actor="edges@1", subject=alert.id, output={}
                )  # type: ignore[arg-type]
            )
        self.stage.apply(normal, self.topology, ms(at_s), effects)
        self._keep(effects)
        return effects

    def say(self, kind: str, subject: str, at_s: float, /, **arguments: str) -> str:
        effects = Effects(decided_seq=len(self.effects) + 1)
        command = Command(kind=kind, by="ada", at_ms=ms(at_s), subject=subject, arguments=arguments)  # type: ignore[arg-type]
        says = self.stage.command(command, self.topology, effects)
        self._keep(effects)
        return says

    def _keep(self, effects: Effects) -> None:
        self.effects.append(effects)
        self.incidents.update(effects.incidents)
        self.entries += effects.entries

    def window(self, at_s: float, faults: Sequence[Fault] = (), changes: Sequence[Change] = ()) -> Normal:
        active = [f for f in faults if at_s > f.at_s]
        edges = [self._edge("", self.shop.entry, at_s, active)]
        for caller, callees in sorted(self.shop.calls.items()):
            edges += [
                self._edge(caller, callee, at_s, active) for callee in callees if (caller, callee) not in self._unseen
            ]
        lines = [line for f in active for line in f.lines]
        series, batch = self._levels(at_s, faults)
        return Normal(
            edges=tuple(e for e in edges if e.count),
            templates=tuple(_line(who, text, at_s) for who, text in lines),
            changes=tuple(changes), new_series=series, metrics=batch, at_ns=ms(at_s) * 10**6,
        )  # fmt: skip

    def _edge(self, caller: str, callee: str, at_s: float, faults: Sequence[Fault]) -> EdgeWindow:
        took, own = self._took(caller, callee, faults), self.shop.own_ms[callee]
        own += sum(f.extra_ms for f in faults if f.where == callee and not f.only_from)
        errors = self._errors(caller, callee, faults, set())
        is_dead = any(f.where == callee and f.is_silent for f in faults)
        count = 60
        noise = self._draw.normal(1.0, 0.05, count)
        speaks = not callee.startswith("db:") and not is_dead
        return EdgeWindow(
            entity(caller) if caller else "", entity(callee), (ms(at_s) - WINDOW_MS) * 10**6, ms(at_s) * 10**6,
            count, int(errors * count), took * noise, own * noise if speaks else np.empty(0),
        )  # fmt: skip

    def _took(self, caller: str, callee: str, faults: Sequence[Fault]) -> float:
        mine = [f for f in faults if f.where == callee and f.only_from in ("", caller)]
        if any(f.stops_ms for f in mine):
            return max(f.stops_ms for f in mine)
        below = sum(
            self._took(callee, c, faults) for c in self.shop.calls.get(callee, ()) if not c.startswith("queue:")
        )
        return self.shop.own_ms[callee] + sum(f.extra_ms for f in mine) + below

    def _errors(self, caller: str, callee: str, faults: Sequence[Fault], seen: set[str]) -> float:
        mine = [f.errors for f in faults if f.where == callee and f.only_from in ("", caller)]
        below = [
            self._errors(callee, c, faults, {*seen, callee}) for c in self.shop.calls.get(callee, ()) if c not in seen
        ]
        return max([0.0, *mine, *below])

    def _levels(self, at_s: float, faults: Sequence[Fault]) -> tuple[tuple[Series, ...], MetricBatch]:
        rows: list[tuple[int, float]] = []
        new: list[Series] = []
        for name in self.shop.names:
            usual = {"process.memory.usage": 9e7, "process.memory.limit": 2.2e8, "process.cpu.utilization": 0.12,
                     "process.scheduling.delay": 0.002, "telemetry.availability": 1.0}  # fmt: skip
            if name.startswith(("db:", "queue:")):
                usual = {"messaging.queue.depth": 2.0} if name.startswith("queue:") else {}
            if any(f.where == name and "system.filesystem.utilization" in f.levels for f in faults):
                usual["system.filesystem.utilization"] = 0.3
            for metric, level in usual.items():
                value = level + self._raised(name, metric, at_s, faults)
                slot = self._slots.get((name, metric))
                if slot is None:
                    slot = self._slots[name, metric] = len(self._slots)
                    new.append(Series(slot, 1000 + slot, entity(name), metric, (), "By" if "memory" in metric else "1"))
                rows.append((slot, value))
        slots = np.array([slot for slot, _ in rows], np.uint32)
        at_ns = np.full(len(rows), ms(at_s) * 10**6, np.int64)
        return tuple(new), MetricBatch(slots, at_ns, np.array([value for _, value in rows]))

    def _raised(self, name: str, metric: str, at_s: float, faults: Sequence[Fault]) -> float:
        for fault in faults:
            if fault.where == name and at_s > fault.at_s:
                if metric == "telemetry.availability" and fault.is_silent and at_s > fault.at_s + 12:
                    return -1.0
                if metric in fault.levels:
                    per_s, most = fault.levels[metric]
                    return min(most, per_s * (at_s - fault.at_s))
        return 0.0


def ms(at_s: float) -> int:
    return T0 + int(at_s * 1000)


def slow(caller: str, callee: str, since_s: float, at_s: float, *, value: float = 900.0, own: float | None = None,
         severity: str = "major", signal: str = "latency", ended_s: float | None = None) -> Alert:  # fmt: skip
    """An alert of the edge detector, as it makes them."""
    subject = f"edge:{entity(caller) if caller else ''}>{entity(callee)}"
    labels = {"caller": entity(caller) if caller else "", "callee": entity(callee)}
    if own is not None:
        labels["own_share"] = str(own)
    band = (
        Band(low=5.0, high=90.0, value=value, unit="ms")
        if signal == "latency"
        else Band(low=0.0, high=0.05, value=0.4, unit="1")
    )
    if signal == "traffic":
        band = Band(low=40.0, high=80.0, value=0.0, unit="1")
    return _alert(subject, entity(callee), signal, severity=severity, since_s=since_s, at_s=at_s, ended_s=ended_s,
                  labels=labels, band=band, summary=f"{callee} {signal} seen by {caller or 'users'}")  # fmt: skip


def failing(caller: str, callee: str, since_s: float, at_s: float, **rest: Any) -> Alert:
    return slow(caller, callee, since_s, at_s, signal="errors", **rest)


def metric(where: str, name: str, since_s: float, at_s: float, *, value: float = 1.0, severity: str = "minor",
           signal: str = "saturation", ended_s: float | None = None, **labels: str) -> Alert:  # fmt: skip
    """An alert of the metric detector."""
    found = {"metric": name, "rule": "x", **labels}
    band = Band(low=0.0, high=value / 2, value=value, unit="1")
    return _alert(f"metric:{where}/{name}", entity(where), signal, severity=severity, since_s=since_s, at_s=at_s,
                  ended_s=ended_s, labels=found, band=band, summary=f"{name} of {where} high")  # fmt: skip


def deploy(
    where: str, at_s: float, version: str = "v42", previous: str = "v41", kind: str = "deploy", **rest: Any
) -> Change:
    return Change(id=f"{kind}-{where}-{at_s:g}", at_ms=ms(at_s), kind=kind, subject=where, entity=entity(where),  # type: ignore[arg-type]
                  version=version, previous_version=previous, author="ci", **rest)  # fmt: skip


def _alert(subject: str, who: str, signal: str, **fields: Any) -> Alert:
    since_s, at_s, ended_s = fields.pop("since_s"), fields.pop("at_s"), fields.pop("ended_s")
    return Alert(
        id=f"{subject}|{signal}|{since_s:g}", fingerprint=f"{subject}|{signal}", entity=who, name=f"{signal} strange",
        status="resolved" if ended_s is not None else "firing", since_ms=ms(since_s),
        at_ms=ms(at_s if ended_s is None else ended_s), ended_ms=None if ended_s is None else ms(ended_s),
        decided_by=VersionRef("edges", 1), subject=subject, signal=signal, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def _line(who: str, text: str, at_s: float) -> TemplateWindow:
    until_ns = ms(at_s) * 10**6
    return TemplateWindow(entity(who), hash_of(text), text, 17, until_ns - WINDOW_MS * 10**6, until_ns, 30, is_new=True)


def hash_of(text: str) -> int:
    return sum(ord(c) * (i + 1) for i, c in enumerate(text))


def storm(shop: Shop, fault: Fault, *, errors: bool = False, detect_s: float = 14.0) -> list[tuple[float, Alert]]:
    """What the edge detector raises up the call graph: the nearest callers first, two seconds a level."""
    found: list[tuple[float, Alert]] = []
    level = {fault.where: 0}
    for name in shop.above(fault.where):
        level[name] = 1 + min(level[c] for c in shop.calls[name] if c in level)
    for callee, depth in level.items():
        callers = [c for c, callees in shop.calls.items() if callee in callees and (c in level or depth == 0)]
        callers += [""] if callee == shop.entry else []
        for caller in callers:
            if depth == 0 and fault.only_from not in ("", caller):
                continue
            since_s = fault.at_s + 2 + depth % 3
            at_s = since_s + detect_s + 2 * depth
            make = failing if errors else slow
            own = None if errors or callee.startswith("db:") else 1.0 if depth == 0 else 0.02
            found.append((at_s, make(caller, callee, since_s, at_s, own=own)))
    return found

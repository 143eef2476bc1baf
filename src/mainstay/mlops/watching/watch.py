"""The watch: stands between the detectors' stage and serving, sees what passes, and says what has drifted.

A deterministic function of the records, like everything in the pipeline: time is theirs, the sample is drawn by hash.
It changes no score and no alert.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import BadInput
from mainstay.domain.models import Decision, Deployment, ModelKind, VersionRef
from mainstay.domain.protocols import JudgeKind, Models, Served, StreamKind
from mainstay.domain.records import Command
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import U64, EdgeWindow, Normal
from mainstay.domain.state import pack, unpack
from mainstay.domain.watching import Finding, Pace, WatchPolicy
from mainstay.mlops.watching import looks
from mainstay.mlops.watching.book import Book
from mainstay.mlops.watching.characters import Characters, Saved, Source, Then
from mainstay.mlops.watching.health import Health, governed
from mainstay.mlops.watching.impact import Raised
from mainstay.mlops.watching.judgements import Judgements, judged
from mainstay.mlops.watching.promises import Promises
from mainstay.mlops.watching.runtime import Runtime
from mainstay.mlops.watching.surprise import Surprise

log = logging.getLogger(__name__)
FORMAT = 1
WINDOW_MS = 60_000
RAISED = 2_000
TROUBLED = 5_000
SMOOTH = 0.02


class State(msgspec.Struct):
    """Everything but the rings.

    Attributes:
        live: What serves each kind. slots: Row in the sample by the series' local number.
        trouble: Entities in open incidents, by incident; troubled: until when each entity last was in one.
        past: What the version before was compared with, by kind, should it come back.
    """

    live: dict[ModelKind, VersionRef] = {}
    slots: dict[int, int] = {}
    trouble: dict[str, tuple[str, ...]] = {}
    troubled: dict[str, int] = {}
    past: dict[ModelKind, tuple[VersionRef, list[tuple[str, Then | None]]]] = {}
    surprise: dict[ModelKind, Surprise] = {}
    runtime: dict[ModelKind, Runtime] = {}
    judgements: dict[str, Judgements] = {}
    promises: Promises = msgspec.field(default_factory=Promises)
    book: Book = msgspec.field(default_factory=Book)
    health: Health = msgspec.field(default_factory=Health)
    raised: dict[str, Raised] = {}
    traffic: dict[str, float] = {}
    window_ms: int = 0
    look_ms: int = 0
    now_ms: int = 0


class _Saved(msgspec.Struct):
    state: State
    metrics: Saved
    edges: Saved


class Watch:
    """Implements `domain.protocols.Models` by asking `models`, and keeps what drift is judged by.

    Args:
        models: What is deployed.
        topology: Who is there, as known at the record at hand.

    Attributes:
        told: Of the last look, per kind: what is watched, how much of it moved, scores and judgements; JSON-able, safe
            to read from any thread.
    """

    def __init__(self, models: Models, policy: WatchPolicy, topology: Callable[[], Topology] = Topology) -> None:
        self._models, self.policy, self._topology = models, policy, topology
        self._span_ms = int(policy.span_s * 1000)
        self._clear(State())

    # -- what passes

    def score(self, kind: StreamKind, normal: Normal) -> Served:
        """What the deployment says; what it looked at is looked at here, too."""
        served = self._models.score(kind, normal)
        self._state.now_ms = max(self._state.now_ms, normal.at_ns // 1_000_000)
        self._state.live.setdefault(kind, served.decided_by)
        if kind == "metrics":
            self._metrics(normal, served)
        elif kind == "edges":
            self._calls(normal)
            for window in (*normal.edges, *(one for one in normal.operations if one.callee in self._entries)):
                self._edge(window)
        return served

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        """What the deployment decides; judged by verdicts alone."""
        decision = self._models.decide(kind, inputs)
        self._state.live.setdefault(kind, decision.decided_by)
        return decision

    def saw(self, effects: Effects) -> None:
        """After a record: what it led to, and, when a window is over, what has drifted."""
        state = self._state
        for deployment in effects.deployments.values():
            if deployment.scope == "*":
                self._chosen(deployment.kind, deployment.live, effects)
        for incident in effects.incidents.values():
            self._incident(incident.id, incident.entities, is_over=incident.status in {"resolved", "merged"})
            state.promises.saw_incident(incident)
        for label in effects.labels.values():
            state.promises.saw_label(label)
        for alert in effects.alerts.values():
            if alert.status == "firing" and alert.source == "detector" and not alert.suppressed:
                self._raise(Raised.of(alert))
        for version, at_ms, cut in judged(state.judgements, effects.labels.values()):
            kind = self._kind_of(version)
            if kind is not None:
                looks.turned(state.book, (VersionRef.parse(version), kind), cut, (at_ms, effects))
        state.health.saw(effects)
        if state.now_ms // WINDOW_MS != state.window_ms:
            self._window(effects)

    def govern(self, command: Command, effects: Effects) -> None:
        """A person wrote down who answers for a model. What makes no sense any more has no effect."""
        known = self._state.health.governance.get(command.subject)
        try:
            governed(command, known, effects)
        except BadInput as error:
            log.warning("%s of %s by %s has no effect: %s", command.kind, command.subject, command.by, error)

    def ran(self, command: Command) -> None:
        """How long the models took for what they were asked in the last minute, as it was measured beside us."""
        for kind, said in command.arguments.items():
            if kind in self._state.live:
                pace = msgspec.json.decode(said, type=Pace)
                self._state.runtime.setdefault(kind, Runtime()).saw(pace)

    def took_back(self, deployments: Iterable[Deployment], why: str) -> None:
        """A person rolled back: what served until then does not stand any more, until it is deployed again."""
        for deployment in deployments:
            if deployment.previous is not None:
                self._state.health.took_back(deployment.previous, deployment.scope, why)

    # -- what is asked

    @property
    def findings(self) -> list[Finding]:
        """What holds now."""
        return sorted(self._state.book.open.values(), key=lambda one: (one.at_ms, one.id))

    @property
    def traffic(self) -> dict[str, float]:
        """Calls per second into each entity, smoothed."""
        return dict(self._state.traffic)

    @property
    def health(self) -> Health:
        """Who is in canary, who was rolled back, who answers for which model."""
        return self._state.health

    def snapshot(self) -> bytes:
        metrics, edges = self._characters["metrics"].saved(), self._characters["edges"].saved()
        return pack("watch", FORMAT, _Saved(self._state, metrics, edges))

    def restore(self, state: bytes) -> None:
        saved = unpack("watch", FORMAT, state, _Saved)
        self._clear(saved.state)
        self._characters["metrics"].take_up(saved.metrics)
        self._characters["edges"].take_up(saved.edges)
        for slot, row in saved.state.slots.items():
            self._room(slot)
            self._row_of[slot] = row
        self._is_in = self._row_of >= 0
        self._entries.update(source.entity for source in self._characters["edges"].sources if source.is_demand)
        self._hold()

    # -- what is kept of it

    def _clear(self, state: State) -> None:
        self._state = state
        self._characters: dict[ModelKind, Characters] = {
            "metrics": Characters(self.policy.series, self._span_ms),
            "edges": Characters(self.policy.calls, self._span_ms),
        }
        self._row_of = np.full(1024, -1, dtype=np.int32)
        self._is_in = self._row_of >= 0  # a byte a series: what every sample is looked up in
        self._held = np.zeros(self.policy.series, dtype=np.bool_)
        self._entries: set[str] = set()
        self.told: dict[str, Any] = {}

    def _metrics(self, normal: Normal, served: Served) -> None:
        if normal.new_series:
            self._hear(SeriesColumns.of(normal.new_series))
        batch = normal.metrics
        if batch is None or not self._characters["metrics"].sources:
            return
        which = np.flatnonzero(self._is_in.take(batch.series, mode="clip"))
        rows = self._row_of[batch.series[which]].astype(np.int64)
        at_ms = batch.at_ns[which] // 1_000_000
        self._characters["metrics"].add_all(rows, at_ms, batch.value[which])
        p_values = served.scored.scores
        if len(p_values) == len(batch):
            is_calm = ~self._held[rows]
            seen = self._state.surprise.setdefault("metrics", Surprise())
            seen.saw(rows[is_calm], p_values[which[is_calm]], self._state.now_ms, self._span_ms)

    def _hear(self, new: SeriesColumns) -> None:
        """New series draw their lots all at once; only those that may get into the sample are looked at."""
        self._room(int(new.slot.max()))
        self._row_of[new.slot] = -1
        sample = self._characters["metrics"]
        ranks = _mixed(new.id)
        near = np.flatnonzero(ranks <= sample.bar)
        for place in near[np.argsort(ranks[near], kind="stable")][: self.policy.series].tolist():
            series, rank = new[place], int(ranks[place])
            row = sample.offer(Source(f"metric:{series.id}", series.entity, series.metric, rank))
            if row is not None:
                self._sit(series.slot, row, series.entity)
        self._is_in = self._row_of >= 0

    def _sit(self, slot: int, row: int, entity: str) -> None:
        """The series of this slot has this row now, and no other has."""
        slots = self._state.slots
        for other in [other for other, its_row in slots.items() if its_row == row and other != slot]:
            del slots[other]
            self._row_of[other] = -1
        slots[slot] = row
        self._row_of[slot] = row
        self._held[row] = entity in self._in_trouble

    def _room(self, slot: int) -> None:
        if slot + 1 >= len(self._row_of):  # the last place stays empty: it answers for what is not known
            grown = np.full(2 * (slot + 2), -1, dtype=np.int32)
            grown[: len(self._row_of)] = self._row_of
            self._row_of = grown

    def _calls(self, normal: Normal) -> None:
        """How much each entity is called, smoothed over some fifty windows: its size."""
        rates: dict[str, float] = {}
        for window in normal.edges:
            seconds = max(1e-9, (window.until_ns - window.since_ns) / 1e9)
            rates[window.callee] = rates.get(window.callee, 0.0) + window.count / seconds
        traffic = self._state.traffic
        for callee, rate in rates.items():
            before = traffic.get(callee)
            if before is not None or len(traffic) < TROUBLED:
                traffic[callee] = rate if before is None else before + SMOOTH * (rate - before)

    def _edge(self, window: EdgeWindow) -> None:
        is_entry = not window.caller
        if is_entry and not window.operation:
            self._entries.add(window.callee)
        name = f"{window.caller}>{window.callee}" + (f"#{window.operation}" if window.operation else "")
        seconds = max(1e-9, (window.until_ns - window.since_ns) / 1e9)
        figures = [("rate", window.count / seconds)]
        if len(window.latency_ms) and not window.operation:
            figures.append(("latency", float(np.median(window.latency_ms))))
        for figure, value in figures:
            key = f"edge:{name}:{figure}"
            says = f"calls.{figure}" + (f" of {window.operation}" if window.operation else "")
            source = Source(key, window.callee, says, _rank(key), is_demand=is_entry and figure == "rate")
            row = self._characters["edges"].offer(source)
            if row is not None:
                self._characters["edges"].add(row, window.until_ns // 1_000_000, value)

    # -- what it led to

    @property
    def _in_trouble(self) -> set[str]:
        return {entity for entities in self._state.trouble.values() for entity in entities}

    def _incident(self, name: str, entities: Iterable[str], *, is_over: bool) -> None:
        state = self._state
        if is_over:
            state.trouble.pop(name, None)
        else:
            state.trouble[name] = tuple(entities)
        for entity in entities:
            state.troubled.pop(entity, None)
            state.troubled[entity] = state.now_ms
        while len(state.troubled) > TROUBLED:
            state.troubled.pop(next(iter(state.troubled)))
        self._hold()

    def _raise(self, raised: Raised) -> None:
        kept = self._state.raised
        kept[raised.alert] = raised
        while len(kept) > RAISED:
            kept.pop(next(iter(kept)))

    def _hold(self) -> None:
        trouble = self._in_trouble
        for row, source in enumerate(self._characters["metrics"].sources):
            self._held[row] = source.entity in trouble

    def _chosen(self, kind: ModelKind, live: VersionRef, effects: Effects) -> None:
        state, before = self._state, self._state.live.get(kind)
        state.live[kind] = live
        if before is None or before == live:
            return
        state.book.chosen(kind, live, state.now_ms, effects)
        state.surprise.pop(kind, None)
        state.runtime.pop(kind, None)
        characters = self._characters.get(kind)
        if characters is None:
            return
        back, now = state.past.get(kind), characters.past()
        if back is not None and back[0] == live:
            characters.go_back(back[1])
        else:
            characters.begin_again()
        state.past[kind] = (before, now)

    def _kind_of(self, version: str) -> ModelKind | None:
        return next((kind for kind, ref in self._state.live.items() if str(ref) == version), None)

    def _window(self, effects: Effects) -> None:
        state = self._state
        state.window_ms = state.now_ms // WINDOW_MS
        for kind, surprise in state.surprise.items():
            looks.surprised(state.book, surprise, (self._ref(kind), kind), (state.now_ms, effects))
        if state.now_ms - state.look_ms >= self.policy.look_s * 1000:
            state.look_ms = state.now_ms
            self.look(effects)

    def _ref(self, kind: ModelKind) -> VersionRef:
        return self._state.live.get(kind) or VersionRef(kind, 1)

    def look(self, effects: Effects) -> None:
        """Compare now with then, for every measure; findings go into the effects."""
        state, entities = self._state, self._topology().entities
        since_ms = state.now_ms - self._span_ms
        troubled = self._in_trouble | {entity for entity, at_ms in state.troubled.items() if at_ms >= since_ms}
        seen = {kind: characters.judged() for kind, characters in self._characters.items()}
        world = looks.World(
            entities, troubled, [one for one in seen["edges"] if one.source.is_demand], list(state.raised.values())
        )
        for kind, sources in seen.items():
            # a change is known to have settled a span after it came: what it cost is older than that
            found = looks.drifted(sources, world, (self._ref(kind), kind), since_ms - self._span_ms)
            state.book.look("data_drift", kind, found, state.now_ms, effects)
        for kind, surprise in state.surprise.items():
            looks.scores(state.book, surprise, (self._ref(kind), kind), (state.now_ms, effects))
        for kind, runtime in state.runtime.items():
            looks.runtime(state.book, runtime, (self._ref(kind), kind), (state.now_ms, effects))
        looks.calibration(state.book, state.promises, state.live, (state.now_ms, effects))
        looks.accuracy(state.book, state.judgements, state.live, (state.now_ms, effects))
        self.told = {
            kind: looks.told(state.live.get(kind), seen.get(kind, ()), state.surprise.get(kind), state.judgements)
            | looks.paced(state.runtime.get(kind))
            for kind in state.live
        }


def _mixed(ids: U64) -> U64:
    """Lots from ids: as good as drawn, and the same everywhere (splitmix64's mixer; Steele, Lea, Flood 2014)."""
    one = ids.astype(np.uint64)
    one = (one ^ (one >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    one = (one ^ (one >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (one ^ (one >> np.uint64(31))) >> np.uint64(8)


def _rank(key: str) -> int:
    """Its place in the lot: the same everywhere and always."""
    return int.from_bytes(blake2b(key.encode(), digest_size=7).digest(), "big")

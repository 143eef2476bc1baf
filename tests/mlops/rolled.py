"""A platform's serving with a store of effects, driven window by window: what a rollout needs and no more."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
from tests.mlops.keeper import AT_MS, Keeper, registry
from tests.models.simulated import Edges, Fault

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.rollouts import GatePolicy, Rollout
from mainstay.mlops import Serving

WINDOW_MS = 60_000
DEAF = {"latency_p": 1e-300, "errors_p": 1e-300}
TOPOLOGY = Topology(
    entities={
        f"service:lab/b{i}": Entity(id=f"service:lab/b{i}", kind="service", name=f"b{i}", environment="lab", tier=i % 2)
        for i in range(6)
    }
)


class World:
    """Serving, fed with one edge window a record; every effect is kept as the store would keep it."""

    def __init__(self, folder: Path, policy: GatePolicy | None = None, faults: list[Fault] | None = None) -> None:
        self.folder, self.keeper = folder, Keeper()
        self.serving = Serving(registry(folder, self.keeper), lambda: TOPOLOGY)
        if policy is not None:
            self.serving.rollouts.state.policy = policy
        self.rollouts: dict[str, Rollout] = {}
        self.entries: list = []
        self.told: list = []
        self.at_ms, self.seq = AT_MS, 0
        self._windows = iter(Edges(count=6, seed=9, faults=faults or []).windows(400))

    def register(self, by: str = "ada", **parameters: float) -> str:
        return str(self.serving._registry.register("edges", "edge-shift", parameters, by=by, why="test").ref)

    def say(self, verb: str = "rollout", /, by: str = "ada", **arguments: str) -> Effects:
        effects = Effects(decided_seq=self._next())
        self.serving.apply(Command(kind=verb, by=by, at_ms=self.at_ms, subject="edges", arguments=arguments), effects)
        return self._keep(effects)

    def start(self, challenger: str, **arguments: str) -> Rollout:
        self.say(challenger=challenger, **arguments)
        return list(self.rollouts.values())[-1]

    def pass_windows(self, number: int, per_window: int = 12) -> None:
        for _ in range(number * per_window):
            normal = next(self._windows)
            self.at_ms += WINDOW_MS // per_window
            served = self.serving.score("edges", dataclasses.replace(normal, at_ns=self.at_ms * 1_000_000))
            self.told += [(t.firing, t.subject, str(t.by or served.decided_by)) for t in served.scored.transitions]
            effects = Effects(decided_seq=self._next())
            self.serving.saw(effects)
            self._keep(effects)

    def rollout(self) -> Rollout:
        return list(self.rollouts.values())[-1]

    def live(self, scope: str = "*") -> str:
        return str(self.serving.deployment("edges", scope).live)

    def restart(self) -> None:
        """As after kill -9: what the store and the last snapshot hold is all that there is."""
        state = self.serving.snapshot()
        self.serving = Serving(registry(self.folder, self.keeper), lambda: TOPOLOGY)
        self.serving.restore(state)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _keep(self, effects: Effects) -> Effects:
        for record in effects.records.values():
            if isinstance(record, Rollout):
                self.rollouts[record.id] = msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=Rollout)
        self.keeper.serving.update(effects.deployments)
        self.entries += effects.entries
        return effects


def quick(**changes) -> GatePolicy:
    """A policy that asks for little: one window and one case a stage."""
    base = GatePolicy(canary_share=1.0, shadow_share=1.0)
    gate = msgspec.structs.replace(base.shadow, windows=1, cases=0, **changes)
    return msgspec.structs.replace(base, shadow=gate, canary=gate)


REF = VersionRef("edges", 1)

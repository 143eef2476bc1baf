"""A small real world for automation: a real control store, one incident with a bad deploy, targets that record."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mainstay.automation import Approvals, Executor, Policy, SignalVerifier, actions_of
from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.incidents import Grouping, Incident, Suspect
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan, Step, Verify
from mainstay.domain.users import User
from mainstay.settings import CommandRule
from mainstay.store.control import Control

NOW_MS = 1_794_000_000_000
ENTITY = "service:lab/payments"
ADA = User(name="ada", role="approver")
ROOT = User(name="root", role="admin")


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, at_ms: int = NOW_MS) -> None:
        self.at_ms = at_ms
        self.on_sleep: list[Any] = []

    def now_ns(self) -> int:
        return self.at_ms * 1_000_000

    async def sleep(self, seconds: float) -> None:
        self.at_ms += max(int(seconds * 1000), 1)
        for act in self.on_sleep:
            act(self.at_ms)
        await asyncio.sleep(0)


class FixedPlanner:
    """A `Models` whose planner always gives the same answer."""

    def __init__(self, output: Mapping[str, Any]) -> None:
        self.output, self.asked = dict(output), []

    def decide(self, kind: str, inputs: Mapping[str, Any]) -> Decision:
        self.asked.append(json.loads(json.dumps(inputs)))
        return Decision(decided_by=VersionRef(kind, 1), inputs=dict(inputs), output=self.output)

    def score(self, kind: str, normal: Any) -> Any:
        raise NotImplementedError


def alert(name: str = "a1", *, status: str = "firing", entity: str = ENTITY) -> Alert:
    return Alert(
        id=name, fingerprint=name, entity=entity, name="latency", severity="critical", status=status,
        since_ms=NOW_MS - 60_000, at_ms=NOW_MS, decided_by=VersionRef("edges", 1),
    )  # fmt: skip


def incident(
    cause: str = "deploy", *, probability: float = 0.9, entity: str = ENTITY, change: str | None = "c2"
) -> Incident:
    ref = VersionRef("correlator", 1)
    suspect = Suspect(
        entity=entity, cause=cause, probability=probability, decided_by=VersionRef("diagnoser", 1), change=change
    )
    return Incident(
        id="INC-7", status="open", severity="critical", title="payments is slow", since_ms=NOW_MS - 60_000,
        opened_ms=NOW_MS - 30_000, updated_ms=NOW_MS, decided_by=ref, suspects=(suspect,),
        groupings=(Grouping(alert="a1", at_ms=NOW_MS, why="first", decided_by=ref),), entities=(entity,),
    )  # fmt: skip


def deploys(entity: str = ENTITY, bad: str = "v2", good: str = "v1") -> tuple[Change, ...]:
    first = Change(id="c1", at_ms=NOW_MS - 900_000, kind="deploy", subject="payments", entity=entity, version=good)
    second = Change(
        id="c2",
        at_ms=NOW_MS - 70_000,
        kind="deploy",
        subject="payments",
        entity=entity,
        version=bad,
        previous_version=good,
    )
    return first, second


def topology(tier: int | None = 2) -> Topology:
    return Topology(entities={ENTITY: Entity(id=ENTITY, kind="service", name="payments", environment="lab", tier=tier)})


SPY = """import sys, time
path, *argv = sys.argv[1:]
with open(path, "a") as file:
    file.write(" ".join(argv) + "\\n")
if "slow" in argv:
    time.sleep(60)
if argv[0] == "probe":
    sys.exit(0 if argv[1] in [line.split()[0] for line in open(path)] else 1)
sys.exit(1 if "broken" in argv else 0)
"""


@dataclass
class Spy:
    """A real program that writes down each call in a file: what is not there did not happen."""

    folder: Path
    file: Path = field(init=False)
    script: Path = field(init=False)

    def __post_init__(self) -> None:
        self.file, self.script = self.folder / "effects.txt", self.folder / "spy.py"
        self.script.write_text(SPY)

    @property
    def rule(self) -> CommandRule:
        argv = (sys.executable, str(self.script), str(self.file))
        return CommandRule(
            argv=argv, verbs=("redeploy", "restart", "restore", "scale", "clean", "slow", "broken", "probe", "check")
        )

    @property
    def calls(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


def step(name: str, verb: str = "restart", *arguments: str) -> Step:
    return Step(name=name, action="command", with_={"command": "shopctl", "verb": verb, "arguments": list(arguments)})


def plan(*steps: Step, undo: tuple[Step, ...] = (), **instead: Any) -> Plan:
    fields = {
        "id": "PLAN-1", "incident": "INC-7", "runbook": "restart-service", "title": "Restart payments",
        "parameters": {"service": "payments"}, "targets": (ENTITY,),
        "steps": steps or (step("one", "restart", "payments"),),
        "undo": undo, "verify": Verify(within_s=30, quiet_s=5), "risk_class": "normal",
        "decided_by": VersionRef("planner", 1), "created_ms": NOW_MS, "suspect": ENTITY,
    }  # fmt: skip
    return msgspec.json.decode(msgspec.json.encode(Plan(**{**fields, **instead})), type=Plan)


class World:
    """Everything around an executor; `heal` ends the alerts, as a real fix would."""

    def __init__(self, folder: Path, *, tier: int | None = 2) -> None:
        self.folder, self.clock, self.spy = folder, FakeClock(), Spy(folder)
        self.control = Control(folder / "control.db", self.clock)
        effects = Effects(decided_seq=1)
        effects.entities.update(topology(tier).entities)
        effects.incidents["INC-7"] = incident()
        effects.alerts["a1"] = alert()
        self.control.commit(effects)
        self.commands: list[Command] = []
        self.notified: list[tuple[str, str, str]] = []
        self.heard: dict[str, int | None] = {}
        self.approvals = Approvals(self.control, Policy(), self.clock)
        self.verifier = SignalVerifier(self.control, self.clock, self.last_heard_ms, sleep=self.clock.sleep)
        self.actions = actions_of({"shopctl": self.spy.rule}, lambda *said: self.notified.append(said))
        self._seq = self.control.decided_seq

    def executor(self) -> Executor:
        return Executor(
            self.control, self.actions, self.verifier, self.clock, self.folder / "runs.db",
            approvals=self.approvals, submit=self.submit,
        )  # fmt: skip

    async def submit(self, command: Command) -> int:
        self.commands.append(command)
        return len(self.commands)

    def last_heard_ms(self, entity: str) -> int | None:
        return self.heard.get(entity, self.clock.at_ms)

    def heal(self, status: str = "resolved") -> None:
        self._seq += 1
        effects = Effects(decided_seq=self._seq)
        effects.alerts["a1"] = msgspec.structs.replace(alert(status=status), ended_ms=self.clock.at_ms)
        self.control.commit(effects)

    def heal_after(self, seconds: float) -> None:
        at_ms = self.clock.at_ms + int(seconds * 1000)
        healed = []

        def act(now_ms: int) -> None:
            if now_ms >= at_ms and not healed:
                healed.append(now_ms)
                self.heal()

        self.clock.on_sleep.append(act)

    def keep(self, made: Plan) -> Plan:
        self.control.save_plan(made)
        return made

    async def run(self, made: Plan, by: User = ADA) -> Plan:
        """Approve it, run it, and wait for its end."""
        self.keep(made)
        self.approvals.approve(made.id, by, made.digest)
        executor = self.executor()
        await executor.open()
        try:
            return await executor.result(made.id)
        finally:
            await executor.close()

"""What people ask of rollouts, and what is measured of them beside the pipeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from mainstay.domain.errors import MainstayError, NotFound, Refused
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.rollouts import UNDER_WAY, GatePolicy, GatePolicyRecord, Rollout
from mainstay.domain.watching import BiasReport
from mainstay.mlops import Serving
from mainstay.mlops.rollouts.gates import DETECTORS, read_edit
from mainstay.mlops.scopes import checked
from mainstay.mlops.timing import Meter
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore

log = logging.getLogger(__name__)
MEASURED_EVERY_S = 60.0


class Biased(Protocol):
    """Whom a version serves worse, by what was said of it and, if wanted, by the faults that were replayed to it."""

    def __call__(self, ref: VersionRef, *, with_replay: bool) -> BiasReport: ...


class RolloutDesk:
    """Reads rollouts from the store; everything that changes one goes through the inbox."""

    def __init__(
        self,
        control: Control,
        serving: Serving,
        submit: Callable[[Command], Awaitable[int]],
        clock: Clock,
        bias: Biased,
    ) -> None:
        self._control, self._serving, self._submit, self._clock = control, serving, submit, clock
        self._bias = bias
        self._store = ModelStore(control.database, control.tenant, control.feed)

    def rollouts(self, stage: str | None = None, limit: int = 100) -> list[Rollout]:
        """Newest first."""
        return self._store.find(Rollout, status=stage, limit=limit)

    def rollout(self, name: str) -> Rollout:
        """One of them."""
        found = self._store.one(Rollout, name)
        if found is None:
            raise NotFound(f"there is no rollout {name[:100]!r}")
        return found

    async def start(self, ref: VersionRef, scope: str, why: str, by: str) -> int:
        """Begin one: always a normal change when a person asks for it."""
        version = self._control.version(ref)
        if version is None:
            raise NotFound(f"there is no model version {ref}")
        await asyncio.to_thread(self._may_begin, ref, version.kind, checked(scope))
        arguments = {"challenger": str(ref), "scope": checked(scope), "why": why, "change": "normal"}
        return await self._say(version.kind, by, arguments)

    async def validate(self, name: str, by: str) -> int:
        """Allow a normal change; not one's own."""
        found = self._open(name)
        version = self._control.version(found.challenger)
        for author in (found.by, version.created_by if version else ""):
            if author.removeprefix("user:").casefold() == by.casefold():
                raise Refused(f"{by} made {found.challenger} or asked for it: somebody else must validate it")
        return await self._say(found.kind, by, {"do": "validate", "id": name})

    async def withdraw(self, name: str, why: str, by: str) -> int:
        """End one; the champion has served all along."""
        return await self._say(self._open(name).kind, by, {"do": "withdraw", "id": name, "why": why})

    def policy(self) -> tuple[GatePolicy, list[GatePolicyRecord]]:
        """The policy in force, and its edits."""
        return self._serving.rollouts.state.policy, self._store.find(GatePolicyRecord)

    async def propose(self, text: str, file: str, by: str) -> int:
        """An edit of the policy; somebody else must agree.

        Raises:
            BadFile: It does not validate; file, line and what was expected.
        """
        read_edit(text, file)
        return await self._say("edges", by, {"do": "policy", "policy": text, "file": file})

    async def agree(self, name: str, by: str) -> int:
        """Put an edit of the policy into force; not one's own."""
        found = self._store.one(GatePolicyRecord, name)
        if found is None or found.status != "proposed":
            raise NotFound(f"no edit of the gate policy waits under {name[:100]!r}")
        if found.by.casefold() == by.casefold():
            raise Refused(f"{by} wrote this edit: a second person must agree")
        return await self._say("edges", by, {"do": "agree", "id": name})

    async def measure(self) -> None:
        """Until cancelled: what challengers cost and whom they serve worse, and how long each model takes, enters the
        order of things like all evidence."""  # noqa: D205, D209
        before: dict[VersionRef, Meter] = {}
        while True:
            await asyncio.sleep(MEASURED_EVERY_S)
            try:
                before = await self.measure_once(before)
            except MainstayError as error:
                log.warning("what was measured of models could not be recorded: %s", error)

    async def measure_once(self, before: Mapping[VersionRef, Meter]) -> dict[VersionRef, Meter]:
        for rollout in list(self._serving.rollouts.state.rollouts.values()):
            figures = {name: f"{value:.6f}" for name, value in self._serving.costs(rollout).items()}
            figures |= await asyncio.to_thread(self._evenness, rollout)
            if figures:
                await self._say(rollout.kind, "mainstay", {"do": "measured", "id": rollout.id, **figures})
        meters = self._serving.meters()
        paces = {kind: meter.since(before.get(ref, Meter())) for ref, (kind, meter) in meters.items()}
        said = {str(kind): msgspec.json.encode(pace).decode() for kind, pace in paces.items() if pace is not None}
        if said:
            at_ms = self._clock.now_ns() // 1_000_000
            await self._submit(Command(kind="runtime", by="mainstay", at_ms=at_ms, subject="models", arguments=said))
        return {ref: meter.now() for ref, (_, meter) in meters.items()}

    def _evenness(self, rollout: Rollout) -> dict[str, str]:
        """Whom a challenger serves worse, when its gate wants to know."""
        policy = self._serving.rollouts.state.policy
        gate = policy.shadow if rollout.stage == "shadow" else policy.canary
        if not gate.even or rollout.kind not in DETECTORS:
            return {}
        found = self._bias(rollout.challenger, with_replay=policy.replayed_faults_count)
        return {"even": found.status, "even_says": found.says}

    def _may_begin(self, ref: VersionRef, kind: ModelKind, scope: str) -> None:
        """Told at the door; who comes at the same moment is refused by the pipeline, and the rollout says so."""
        for stage in sorted(UNDER_WAY):
            for one in self._store.find(Rollout, status=stage, limit=None):
                if (one.kind, one.scope) == (kind, scope):
                    raise Refused(f"{one.id} is under way for {kind} in {scope}: wait for it or withdraw it")
        if any((one.scope, one.live) == (scope, ref) for one in self._control.deployments(kind)):
            raise Refused(f"{ref} serves {scope} already")

    def _open(self, name: str) -> Rollout:
        found = self.rollout(name)
        if found.stage not in UNDER_WAY:
            raise Refused(f"{name} is over: {found.stage.replace('_', ' ')}")
        return found

    async def _say(self, kind: str, by: str, arguments: dict[str, Any]) -> int:
        at_ms = self._clock.now_ns() // 1_000_000
        return await self._submit(Command(kind="rollout", by=by, at_ms=at_ms, subject=kind, arguments=arguments))

"""What people ask of rollouts, and what is measured of them beside the pipeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mainstay.domain.errors import MainstayError, NotFound, Refused
from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.rollouts import UNDER_WAY, GatePolicy, GatePolicyRecord, Rollout
from mainstay.mlops import Serving
from mainstay.mlops.rollouts.gates import read_edit
from mainstay.mlops.scopes import checked
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore

log = logging.getLogger(__name__)
MEASURED_EVERY_S = 60.0


class RolloutDesk:
    """Reads rollouts from the store; everything that changes one goes through the inbox."""

    def __init__(
        self, control: Control, serving: Serving, submit: Callable[[Command], Awaitable[int]], clock: Clock
    ) -> None:
        self._control, self._serving, self._submit, self._clock = control, serving, submit, clock
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
        """Until cancelled: what challengers cost enters the order of things like all evidence."""
        while True:
            await asyncio.sleep(MEASURED_EVERY_S)
            for name, (old_s, new_s) in self._serving.costs().items():
                figures = {"champion_cpu_s": f"{old_s:.6f}", "challenger_cpu_s": f"{new_s:.6f}"}
                try:
                    await self._say("edges", "mainstay", {"do": "measured", "id": name, **figures})
                except MainstayError as error:
                    log.warning("the cost of %s could not be recorded: %s", name, error)

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

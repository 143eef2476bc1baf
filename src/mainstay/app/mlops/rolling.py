"""How a training brings its version into service: a command to the pipeline, and the rollout's record in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.rollouts import Rollout
from mainstay.domain.training import TrainingRun
from mainstay.store.mlops import ModelStore


class RolloutsByCommand:
    """Asks for rollouts through the inbox and reads how far they are."""

    def __init__(self, store: ModelStore, submit: Callable[[Command], Awaitable[int]], clock: Clock) -> None:
        self._store, self._submit, self._clock = store, submit, clock

    async def start(self, run: TrainingRun, evidence: dict[str, Any], *, is_standard: bool) -> None:
        """Ask for it. Time and words are those of the run, so asked twice it is the same command."""
        arguments = {
            "challenger": str(run.version),
            "scope": run.request.scope,
            "why": run.request.why or f"trained ({run.request.trigger})",
            "change": "standard" if is_standard else "normal",
            "evidence": msgspec.json.encode(evidence).decode(),
            "run": run.id,
        }
        await self._submit(
            Command(
                kind="rollout", by=run.request.by, at_ms=run.updated_ms, subject=run.request.kind, arguments=arguments
            )
        )

    async def standing(self, run: TrainingRun) -> tuple[str, str, str] | None:
        """(id, stage, what it says); None before it began."""
        found = await asyncio.to_thread(self._store.find, Rollout, since_ms=run.started_ms)
        mine = [one for one in found if one.run == run.id or (not one.run and _is_of(one, run))]
        return (mine[0].id, mine[0].stage, mine[0].says) if mine else None


def _is_of(rollout: Rollout, run: TrainingRun) -> bool:
    """Begun by hand for the same version in the same scope: there is one rollout, and it is followed."""
    return (rollout.challenger, rollout.kind, rollout.scope) == (run.version, run.request.kind, run.request.scope)

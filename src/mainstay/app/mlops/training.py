"""Trainings in the running platform: asked for by people, begun when they are due, taken up after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mainstay.app.mlops.rolling import RolloutsByCommand
from mainstay.app.wiring import Line
from mainstay.domain.errors import BadInput, MainstayError, NotFound, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.models import ModelKind, ModelVersion, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.domain.training import Experiment, Lineage, TrainingRequest, TrainingRun
from mainstay.domain.watching import Finding
from mainstay.mlops.registry import KINDS
from mainstay.mlops.training.dataset import entities_in
from mainstay.mlops.training.due import Standing, due, newest
from mainstay.mlops.training.knobs import checked
from mainstay.mlops.training.lineage import lineage
from mainstay.mlops.training.preparing import Prepares
from mainstay.mlops.training.runs import Hands, Runs, new_run
from mainstay.settings import Settings
from mainstay.store.mlops import ModelStore

log = logging.getLogger(__name__)
NAME = "training"


class Durable(Protocol):
    """Where runs are kept (`automation.durable.Durable`)."""

    def also(self, name: str, body: Callable[..., Awaitable[str]]) -> None: ...
    async def begin(self, name: str, run_id: str, subject: str) -> None: ...
    async def is_going_on(self, run_id: str) -> bool: ...


Submit = Callable[[Command], Awaitable[int]]


class Training:
    """Begins runs, each request once; one at a time per kind and scope.

    Args:
        line: The pipeline and its stores.
        settings: When trainings are due, and the page budget.
        clock: The platform's.
        durable: Opened by who owns it, after this was made.
        submit: Hands a command to the pipeline; durable when it returns.
        folder: The data folder.
    """

    def __init__(
        self, line: Line, settings: Settings, clock: Clock, durable: Durable, submit: Submit, folder: Path
    ) -> None:
        self._line, self._policy, self._clock, self._durable = line, settings.training, clock, durable
        self.store = ModelStore(line.control.database, line.control.tenant, line.control.feed)
        prepares = Prepares(
            line.telemetry,
            line.control,
            line.registry,
            folder / "datasets",
            pages_per_week=settings.budget.false_pages_per_week,
            normal=self._explained,
            metrics_of=lambda entity: [one.metric for one in line.telemetry.catalogue.find(entity, limit=None)],
        )
        rollouts = RolloutsByCommand(self.store, submit, clock)
        self._runs = Runs(Hands(self.store, line.registry, prepares, rollouts, clock, folder / NAME))
        durable.also(NAME, self._runs.run)
        self._asking = asyncio.Lock()

    async def request(self, name: str, asked: TrainingRequest) -> TrainingRun:
        """Begin a training of a model (or kind) that a person asks for.

        Raises:
            NotFound: No such model. BadInput: No such scope or knob. Refused: One runs already.
        """
        kind = await asyncio.to_thread(self._kind, name)
        checked(kind, asked.knobs)
        await asyncio.to_thread(entities_in, asked.scope, self._line.control.entities())
        now_ms = self._now_ms()
        request = msgspec.structs.replace(asked, id=f"request-{kind}-{now_ms}", kind=kind, at_ms=now_ms)
        return await self.begin(request)

    async def begin(self, request: TrainingRequest) -> TrainingRun:
        """Begin the run of a request; one that began before is given as it is.

        Raises:
            Refused: Another training of this kind and scope runs.
        """
        async with self._asking:
            run = new_run(request)
            known = await asyncio.to_thread(self.store.one, TrainingRun, run.id)
            if known is not None:
                return known
            subject = f"{request.kind}:{request.scope}"
            going = await asyncio.to_thread(self.store.find, TrainingRun, subject=subject, status="running")
            if going:
                raise Refused(f"{subject} is being trained already ({going[0].id}); wait for its end")
            await asyncio.to_thread(self.store.save, request, run, entries=[_requested(request)])
        await self._durable.begin(NAME, run.id, run.id)
        return run

    async def resume(self) -> None:
        """Take up what was cut off, when the durable store has not done so by itself (it was made by an older one)."""
        for run in await asyncio.to_thread(self.store.find, TrainingRun, status="running", limit=None):
            if not await self._durable.is_going_on(run.id):
                attempt = f"{run.id}/{self._now_ms()}" if run.stage != "requested" else run.id
                await self._durable.begin(NAME, attempt, run.id)

    async def watch(self) -> None:
        """Begin what is due, for ever. What cannot begin now is looked at again."""
        while True:
            await asyncio.sleep(self._policy.look_every_s)
            for request in await asyncio.to_thread(self.due):
                try:
                    await self.begin(request)
                except MainstayError as error:
                    log.warning("training of %s (%s): %s", request.kind, request.trigger, error)

    def due(self) -> list[TrainingRequest]:
        """What should be trained now."""
        control = self._line.control
        deployments = control.deployments()
        versions = {str(one.ref): one for one in control.versions()}
        runs = newest(self.store.find(TrainingRun, limit=500))
        findings = self.store.find(Finding, status="open", limit=500)
        standing = Standing(
            deployments=deployments, versions=versions, runs=runs, labels=control.labels(), findings=findings
        )
        return due(self._policy, standing, self._now_ms())

    def runs(self, kind: str | None = None, limit: int = 100) -> list[TrainingRun]:
        """Newest first."""
        found = self.store.find(TrainingRun, limit=None if kind else limit)
        return [run for run in found if kind in (None, run.request.kind)][:limit]

    def run(self, name: str) -> TrainingRun:
        """One run.

        Raises:
            NotFound: There is none of this id.
        """
        found = self.store.one(TrainingRun, name)
        if found is None:
            raise NotFound(f"there is no training run {name[:80]!r}")
        return found

    def experiments(self, model: str | None = None, limit: int = 100) -> list[Experiment]:
        """Newest first, each with all its trials."""
        return self.store.find(Experiment, subject=model, limit=limit)

    def lineage(self, ref: VersionRef, limit: int = 1000) -> Lineage:
        """From the data of a version to everything that it caused."""
        control = self._line.control
        version = self._line.registry.version(ref)
        experiment = self.store.one(Experiment, version.experiment) if version.experiment else None
        return lineage(version, control.versions(ref.model), experiment, control.ledger_stream, limit)

    def _kind(self, name: str) -> ModelKind:
        versions: Sequence[ModelVersion] = self._line.control.versions(name)
        kind = versions[0].kind if versions else name
        for known in KINDS:
            if known == kind:
                return known
        raise NotFound(f"there is no model {name[:80]!r}; `mainstay models list` shows those that exist")

    def _explained(self, findings: Collection[str]) -> Collection[str]:
        """Alerts that a finding says are a change of character, not trouble."""
        found = [self.store.one(Finding, name) for name in findings]
        return {alert for one in found if one is not None for alert in one.impact.alerts}

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def asked(body: dict[str, Any], by: str) -> TrainingRequest:
    """What a person's request says.

    Raises:
        BadInput: A field that is not known or not of its type.
    """
    try:
        return msgspec.convert({"id": "", "kind": "metrics", **body, "by": by, "trigger": "manual"}, TrainingRequest)
    except msgspec.ValidationError as error:
        raise BadInput(f"a training: {error}") from None


def _requested(request: TrainingRequest) -> Entry:
    return Entry(
        id=request.id,
        kind="training",
        at_ms=request.at_ms,
        actor=request.by if request.by == "mainstay" else f"user:{request.by}",
        subject=f"{request.kind}:{request.scope}",
        output={"trigger": request.trigger, "why": request.why, "trials": request.trials, "seed": request.seed},
        rests_on=request.rests_on,
    )

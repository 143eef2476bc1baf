"""A training on its way: prepare → train → validate → shadow → canary → live, through any number of crashes.

Each stage is one durable step that leaves a file or a record before it is done and finds it when it is done again:
a step that was cut off is repeated, never doubled. The work itself is done by a process of its own (`worker`).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mainstay.domain.errors import Corrupt, MainstayError, NotFound, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.models import ModelVersion, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.training import Experiment, RunStage, RunStatus, TrainingRequest, TrainingRun
from mainstay.mlops.registry import Registry
from mainstay.mlops.training.features import VIEWS
from mainstay.mlops.training.knobs import KNOBS, is_standard
from mainstay.mlops.training.preparing import Prepares
from mainstay.mlops.training.quality import TOO_FEW
from mainstay.mlops.training.worker import JOB, RESULT, ROWS, Job, Result
from mainstay.models.catalogue import defaults_of
from mainstay.store.mlops import ModelStore

Durably = Callable[..., Awaitable[Any]]
STAGES: tuple[str, ...] = ("prepare", "train", "validate", "shadow", "canary", "live")
GAIN = 0.005
"""A trial that is better by less than this is not better: a new version must be worth its rollout."""
POLLS = 600
"""So often a rollout that was asked for is looked for: ten minutes."""
_ENDS: Mapping[str, RunStatus] = {"live": "live", "rolled_back": "rolled_back", "refused": "refused"}


class Rollouts(Protocol):
    """How a new version is brought into service, and how far that is."""

    async def start(self, run: TrainingRun, evidence: dict[str, Any], *, is_standard: bool) -> None:
        """Ask for the rollout of `run.version`; asked twice for one run, there is one."""
        ...

    async def standing(self, run: TrainingRun) -> tuple[str, str, str] | None:
        """(id, stage, what it says) of the run's rollout; None before there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Hands:
    """What a run works with."""

    store: ModelStore
    registry: Registry
    prepares: Prepares
    rollouts: Rollouts
    clock: Clock
    folder: Path
    poll_s: float = 1.0


class Runs:
    """The course of every training. `run` is the body of the durable workflow."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def run(self, run_id: str, durably: Durably) -> str:
        """All stages in their order, until one of them ends it; its status."""
        for stage in STAGES:
            if await durably(stage, self.piece, stage, run_id):
                break
        return self._run(run_id).status

    async def piece(self, stage: str, run_id: str) -> str:
        """One stage; "" when the next one follows, else the status with which the run ended."""
        run = self._run(run_id)
        if run.status != "running":
            return run.status
        try:
            return await _PIECES[stage](self, run)
        except NotFound as error:
            return self._end(run, "failed", str(error))
        except Corrupt as error:
            return self._end(run, "failed", str(error))
        except MainstayError as error:
            return self._end(run, "refused", str(error))

    async def _prepare(self, run: TrainingRun) -> str:
        try:
            job = await asyncio.to_thread(self._hands.prepares.job, run.request, self._folder(run))
        except Refused as refused:
            return await self._borrow(run, str(refused))
        says = f"{job.snapshot.row_count:,} rows, data set {job.snapshot.digest[:12]}"
        self._reached(run, "prepared", says, champion=job.champion)
        return ""

    async def _borrow(self, run: TrainingRun, why: str) -> str:
        """Too little history of its own: the version of the nearest peer, when there is one."""
        found = await asyncio.to_thread(self._hands.prepares.peer, run.request)
        if found is None or not run.request.rollout:
            raise Refused(why)
        scope, likeness, version = found
        champion = self._hands.prepares.champion(run.request).ref
        if champion == version:
            return self._end(run, "unchanged", f"{why}; it has the version of {scope} already")
        says = f"{why}; it borrows {version} of {scope} ({likeness:.0%} alike) until then"
        self._reached(run, "validated", says, version=version, champion=champion, borrowed_from=scope)
        return ""

    async def _train(self, run: TrainingRun) -> str:
        if run.borrowed_from:
            return ""
        await asyncio.to_thread(self._hands.prepares.job, run.request, self._folder(run))  # gone after a restore
        result = await self._result(run)
        experiment = self._experiment(run, result)
        if not result.quality.passed:
            says = "; ".join(result.quality.problems)
            self._keep(msgspec.structs.replace(experiment, says=says))
            if result.quality.problems[0].startswith(TOO_FEW):
                return await self._borrow(msgspec.structs.replace(run, experiment=experiment.id), says)
            return self._end(msgspec.structs.replace(run, experiment=experiment.id), "refused", says)
        best, before = result.trials[0], next(trial for trial in result.trials if trial.number == 0)
        if not run.request.knobs and before.metrics["loss"] - best.metrics["loss"] < GAIN:
            says = f"{run.champion} is as good as the best of {len(result.trials)} trials: nothing to roll out"
            return self._close(run, experiment, "unchanged", says)
        self._keep(experiment)
        version = await asyncio.to_thread(self._registered, run, experiment, result)
        self._hands.store.save(msgspec.structs.replace(experiment, version=version.ref))
        says = f"{version.ref}: trial {best.number} of {len(result.trials)}, loss {best.metrics['loss']:.3f}"
        self._reached(run, "trained", says, experiment=experiment.id, version=version.ref, artefact=version.artefact)
        return ""

    async def _validate(self, run: TrainingRun) -> str:
        """On data that no trial saw, with faults that no trial saw, it must be better."""
        if run.borrowed_from:
            return ""  # it was validated where it comes from; the gates judge it here
        found = self._experiment_of(run).validation
        old, new = found["champion"]["loss"], found["challenger"]["loss"]
        baseline = found.get("baseline")
        if baseline is not None and new >= baseline["loss"]:
            says = (
                f"{run.version} is no better than the plain baseline: loss {new:.3f}, that one {baseline['loss']:.3f}"
            )
            return self._end(run, "refused", says)
        if new > old and not run.request.knobs:  # what a person set by hand is the gates' to judge
            says = (
                f"{run.version} is worse than {run.champion} on data that no trial saw: loss {new:.3f}, was {old:.3f}"
            )
            return self._end(run, "refused", says)
        if new == old and not run.request.knobs:
            says = f"{run.version} is no better than {run.champion} on data that no trial saw: nothing to roll out"
            return self._end(run, "unchanged", says)
        self._reached(run, "validated", f"on data that no trial saw: loss {new:.3f}, was {old:.3f}")
        return "" if run.request.rollout else self._end(self._run(run.id), "registered", "no rollout was asked for")

    async def _shadow(self, run: TrainingRun) -> str:
        version = self._version(run)
        if await self._hands.rollouts.standing(run) is None:
            champion = self._hands.registry.version(version.parent) if version.parent else version
            standard = _is_usual(version, champion) and not run.request.knobs
            await self._hands.rollouts.start(run, self._evidence(run), is_standard=standard)
        for _ in range(POLLS):
            found = await self._hands.rollouts.standing(run)
            if found is not None:
                self._reached(run, "shadow", found[2], rollout=found[0])
                return ""
            await asyncio.sleep(self._hands.poll_s)
        return self._end(run, "failed", f"the rollout of {run.version} was asked for and did not begin")

    async def _canary(self, run: TrainingRun) -> str:
        stage, says = await self._beyond(run, "shadow")
        if stage in ("canary", "live"):
            self._reached(run, "canary", says)
            return ""
        return self._end(run, _ENDS.get(stage, "failed"), says)

    async def _live(self, run: TrainingRun) -> str:
        stage, says = await self._beyond(run, "shadow", "canary")
        if stage == "live":
            self._reached(run, "live", says)
        return self._end(self._run(run.id), _ENDS.get(stage, "failed"), says)

    async def _beyond(self, run: TrainingRun, *stages: str) -> tuple[str, str]:
        """Wait until the rollout is in none of these stages; it may take days."""
        while True:
            found = await self._hands.rollouts.standing(run)
            if found is not None and found[1] not in stages:
                return found[1], found[2]
            await asyncio.sleep(self._hands.poll_s)

    async def _result(self, run: TrainingRun) -> Result:
        folder = self._folder(run)
        file = folder / RESULT
        if not file.exists():
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mainstay.mlops.training.worker", str(folder), str(os.getpid()),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, wrong = await worker.communicate()
            if worker.returncode or not file.exists():
                last = wrong.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise Corrupt(f"training {run.id} ended with {worker.returncode}: {last[0][:300]}")
        return msgspec.json.decode(file.read_bytes(), type=Result)

    def _registered(self, run: TrainingRun, experiment: Experiment, result: Result) -> ModelVersion:
        assert run.champion is not None  # prepared
        champion = self._hands.registry.version(run.champion)
        return self._hands.registry.register(
            champion.kind,
            champion.algorithm,
            result.parameters,
            by=run.request.by,
            why=run.request.why or f"trained ({run.request.trigger})",
            model=champion.ref.model,
            parent=champion.ref,
            dataset=experiment.snapshot.digest,
            feature_view=str(experiment.feature_view),
            experiment=experiment.id,
            seed=run.request.seed,
            metrics=result.validation["challenger"],
        )

    def _experiment(self, run: TrainingRun, result: Result) -> Experiment:
        job = msgspec.json.decode((self._folder(run) / JOB).read_bytes(), type=Job)
        request = run.request
        return Experiment(
            id=f"experiment-{run.id}",
            model=run.champion.model if run.champion else request.kind,
            kind=request.kind,
            scope=request.scope,
            snapshot=job.snapshot,
            feature_view=VIEWS[request.kind],
            quality=result.quality,
            trials=result.trials,
            best=result.best,
            parent=run.champion,
            validation=result.validation,
            replayed=result.replayed,
            labels=result.labels,
            seed=request.seed,
            by=request.by,
            why=request.why,
            at_ms=run.started_ms,
        )

    def _close(self, run: TrainingRun, experiment: Experiment, status: RunStatus, says: str) -> str:
        self._keep(msgspec.structs.replace(experiment, says=says))
        return self._end(msgspec.structs.replace(run, experiment=experiment.id), status, says)

    def _keep(self, experiment: Experiment) -> None:
        self._hands.store.save(experiment, entries=[_experiment_entry(experiment)])

    def _reached(self, run: TrainingRun, stage: RunStage, says: str, **facts: Any) -> None:
        now_ms = self._now_ms()
        reached = {**run.reached, stage: now_ms}
        self._hands.store.save(
            msgspec.structs.replace(run, stage=stage, says=says, updated_ms=now_ms, reached=reached, **facts)
        )

    def _end(self, run: TrainingRun, status: RunStatus, says: str) -> str:
        ended = msgspec.structs.replace(run, status=status, says=says, updated_ms=self._now_ms())
        self._hands.store.save(ended, entries=[_end_entry(ended)])
        (self._folder(run) / ROWS).unlink(missing_ok=True)  # job and result stay: small, and they say how it was made
        return status

    def _run(self, run_id: str) -> TrainingRun:
        found = self._hands.store.one(TrainingRun, run_id)
        if found is None:
            raise NotFound(f"there is no training run {run_id[:80]}")
        return found

    def _evidence(self, run: TrainingRun) -> dict[str, Any]:
        """What is known of the version so far; injected faults are counted apart from what people confirmed."""
        if run.borrowed_from:
            return {"borrowed_from": run.borrowed_from}
        found = self._experiment_of(run)
        return {
            "experiment": found.id, "dataset": found.snapshot.digest, "validation": found.validation,
            "labels": found.labels,
        }  # fmt: skip

    def _experiment_of(self, run: TrainingRun) -> Experiment:
        found = self._hands.store.one(Experiment, run.experiment)
        if found is None:
            raise NotFound(f"{run.id}: its experiment {run.experiment!r} is gone")
        return found

    def _version(self, run: TrainingRun) -> ModelVersion:
        assert run.version is not None  # trained
        return self._hands.registry.version(run.version)

    def _folder(self, run: TrainingRun) -> Path:
        return self._hands.folder / run.id

    def _now_ms(self) -> int:
        return self._hands.clock.now_ns() // 1_000_000


_PIECES: Mapping[str, Callable[[Runs, TrainingRun], Awaitable[str]]] = {
    "prepare": Runs._prepare,  # noqa: SLF001 - the table of this very class
    "train": Runs._train,  # noqa: SLF001
    "validate": Runs._validate,  # noqa: SLF001
    "shadow": Runs._shadow,  # noqa: SLF001
    "canary": Runs._canary,  # noqa: SLF001
    "live": Runs._live,  # noqa: SLF001
}


def new_run(request: TrainingRequest) -> TrainingRun:
    """The run of a request; one request has one."""
    return TrainingRun(
        id=request.id.replace("request", "training", 1), request=request, started_ms=request.at_ms,
        updated_ms=request.at_ms,
    )  # fmt: skip


def _is_usual(version: ModelVersion, champion: ModelVersion) -> bool:
    """It differs from what is shipped by factors within their ranges; what is fitted whole has none."""
    if version.kind not in KNOBS or not _is_same_recipe(version, champion):
        return False
    return is_standard(version.kind, defaults_of(version.algorithm), version.parameters)


def _is_same_recipe(version: ModelVersion, champion: ModelVersion) -> bool:
    """Nothing but the parameters is another; what is shipped sees the first version of its features."""
    sees = champion.feature_view or version.feature_view
    return (version.algorithm, version.feature_view) == (champion.algorithm, sees)


def _experiment_entry(experiment: Experiment) -> Entry:
    best = experiment.trials[0].metrics if experiment.trials else {}
    return Entry(
        id=experiment.id,
        kind="experiment",
        at_ms=experiment.at_ms,
        actor=experiment.by,
        subject=experiment.model,
        output={
            "dataset": experiment.snapshot.digest, "rows": experiment.snapshot.row_count, "scope": experiment.scope,
            "trials": len(experiment.trials), "best": experiment.best, "metrics": best, "seed": experiment.seed,
            "problems": list(experiment.quality.problems),
        },
        rests_on=(experiment.snapshot.digest, *((f"version-{experiment.parent}",) if experiment.parent else ())),
    )  # fmt: skip


def _end_entry(run: TrainingRun) -> Entry:
    version: VersionRef | None = run.version
    return Entry(
        id=f"{run.id}-{run.status}",
        kind="training",
        at_ms=run.updated_ms,
        actor=run.request.by,
        subject=f"{run.request.kind}:{run.request.scope}",
        output={"status": run.status, "says": run.says, "trigger": run.request.trigger, "version": str(version or "")},
        rests_on=(
            *run.request.rests_on, *((run.experiment,) if run.experiment else ()),
            *((f"version-{version}",) if version else ()),
        ),
    )  # fmt: skip

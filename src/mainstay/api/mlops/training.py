"""Trainings over HTTP: ask for one, follow it, see every trial, and walk a version's lineage."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, cast

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from mainstay.api.parameters import Asking, Limit, Platform, found, readable
from mainstay.api.platform import PlatformApi
from mainstay.domain.models import VersionRef
from mainstay.domain.training import Experiment, Lineage, TrainingRequest, TrainingRun

Kind = Annotated[str | None, QueryParameter(max_length=40, description="Of this kind of model only.")]


class Trainer(Protocol):
    """What of the running platform is asked (`app.mlops.training.Training`)."""

    async def request(self, name: str, asked: TrainingRequest) -> TrainingRun: ...
    def runs(self, kind: str | None = None, limit: int = 100) -> list[TrainingRun]: ...
    def run(self, name: str) -> TrainingRun: ...
    def experiments(self, model: str | None = None, limit: int = 100) -> list[Experiment]: ...
    def lineage(self, ref: VersionRef, limit: int = 1000) -> Lineage: ...


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to train on and how. `since_ms` 0: all that is kept. `rollout` false: register the version, no more.
    `knobs` (name to factor) are set by hand: then nothing is searched."""  # noqa: D205, D209

    scope: str = "*"
    since_ms: Annotated[int, msgspec.Meta(ge=0)] = 0
    trials: Annotated[int, msgspec.Meta(ge=0, le=500)] = 24
    knobs: dict[str, float] = {}
    seed: int = 0
    why: str = ""
    freeze: bool = False
    rollout: bool = True


def trainer(platform: PlatformApi) -> Trainer:
    """The part of the platform that trains."""
    return cast("Trainer", platform.training)


@post("/models/{name:str}/train", role="admin", status_code=202)
async def train(platform: Platform, request: Asking, name: FromPath[str], data: JSONBody[Train]) -> TrainingRun:
    """Begin a training: prepare, train, validate, shadow, canary, live. Follow it under `/training/{id}`."""
    asked = TrainingRequest(id="", kind="metrics", by=request.user.name, **msgspec.structs.asdict(data))
    return await trainer(platform).request(name, asked)


@get("/training", role="viewer", sync_to_thread=True)
def list_runs(platform: Platform, kind: Kind = None, limit: Limit = 100) -> list[TrainingRun]:
    """Trainings, the newest first, with how far each came and what it says."""
    return trainer(platform).runs(kind, limit)


@get("/training/{run:str}", role="viewer", sync_to_thread=True)
def show_run(platform: Platform, run: FromPath[str]) -> TrainingRun:
    """One training."""
    return trainer(platform).run(run)


@get("/models/{name:str}/experiments", role="viewer", sync_to_thread=True)
def experiments(platform: Platform, name: FromPath[str], limit: Limit = 20) -> list[Experiment]:
    """The experiments of a model, the newest first; each with its data set, its trials in order, what came of it."""
    return trainer(platform).experiments(name, limit)


@get("/models/{name:str}/versions/{number:int}/lineage", role="viewer", sync_to_thread=True)
def lineage(platform: Platform, name: FromPath[str], number: FromPath[int], limit: Limit = 1000) -> dict[str, Any]:
    """Data → experiment → version → deployments → the alerts, incidents and actions that it caused."""
    ref = VersionRef(name, number)
    found(platform.control.version(ref), "version", str(ref))
    answer: dict[str, Any] = readable(trainer(platform).lineage(ref, limit))
    return answer


ROUTES = [train, list_runs, show_run, experiments, lineage]

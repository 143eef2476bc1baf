"""Preparing a training: which rows, which truth, which champion; left as two files that the worker reads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa

from mainstay.domain.entities import Edge, Entity
from mainstay.domain.errors import Refused
from mainstay.domain.models import Deployment, ModelKind, ModelVersion, VersionRef
from mainstay.domain.training import DatasetQuery, DatasetSnapshot, Span, TrainingRequest
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.registry import Registry
from mainstay.mlops.training.cases import Past, cases_of
from mainstay.mlops.training.dataset import History, digest_of, entities_in, freeze, snapshot, snapshot_of, write_rows
from mainstay.mlops.training.foretelling.learning import FITTED
from mainstay.mlops.training.knobs import KNOBS, checked
from mainstay.mlops.training.material import TABLES
from mainstay.mlops.training.peers import Profile, nearest
from mainstay.mlops.training.truth import Trouble, began, spans_of
from mainstay.mlops.training.worker import JOB, ROWS, Job
from mainstay.written import write_whole


class Knows(Past, Trouble, Protocol):
    """What of the control store is read."""

    def entities(self) -> list[Entity]: ...
    def edges(self) -> list[Edge]: ...
    def deployments(self, kind: ModelKind | None = None) -> list[Deployment]: ...


class Prepares:
    """Makes jobs.

    Args:
        history: The telemetry store.
        datasets: Folder of frozen data sets.
        normal: Ids of alerts that drift findings explain, by the ids of findings that a request rests on.
        pages_per_week: The page budget.
        metrics_of: Names of the metrics of an entity.
    """

    def __init__(
        self,
        history: History,
        control: Knows,
        registry: Registry,
        datasets: Path,
        *,
        pages_per_week: float,
        normal: Callable[[Collection[str]], Collection[str]] = lambda _: (),
        metrics_of: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        self._history, self._control, self._registry = history, control, registry
        self._datasets, self._pages_per_week = datasets, pages_per_week
        self._normal, self._metrics_of = normal, metrics_of

    def job(self, request: TrainingRequest, folder: Path) -> Job:
        """The job of a request; made once, then read from its folder.

        Raises:
            Refused: There is nothing to learn from. BadInput: Not a scope.
        """
        file = folder / JOB
        if not file.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made, rows = self._made(request)
            write_rows(rows, folder / ROWS)
            write_whole(file, canonical(msgspec.to_builtins(made)))  # last: where it is, the rows are
        return msgspec.json.decode(file.read_bytes(), type=Job)

    def champion(self, request: TrainingRequest) -> ModelVersion:
        """What serves a scope now: its own deployment, or that of everything.

        Raises:
            Refused: Nothing serves this kind.
        """
        mine = {one.scope: one.live for one in self._control.deployments(request.kind)}
        ref = mine.get(request.scope) or mine.get("*")
        if ref is None:
            raise Refused(f"nothing serves {request.kind} yet: there is no version to begin from")
        return self._registry.version(ref)

    def peer(self, request: TrainingRequest) -> tuple[str, float, VersionRef] | None:
        """(scope, likeness, version) of the service that is most like the one in the request's scope, of those that
        have a version of their own; None for other scopes, and when none is alike enough."""  # noqa: D205, D209
        if request.kind not in TABLES or not request.scope.startswith("service="):
            return None
        own = {one.scope: one.live for one in self._control.deployments(request.kind) if one.scope != request.scope}
        own = {scope: ref for scope, ref in own.items() if scope.startswith("service=")}
        profiles = {scope: self._profile(scope) for scope in (request.scope, *own)}
        found = nearest(profiles.pop(request.scope), profiles)
        return None if found is None else (*found, own[found[0]])

    def _profile(self, scope: str) -> Profile:
        known = self._control.entities()
        try:
            entities = [one for one in known if one.id in entities_in(scope, known)]
        except Refused:  # gone, or not heard of yet
            return Profile()
        names, edges = {one.id for one in entities}, self._control.edges()
        return Profile(
            metrics=frozenset(metric for name in names for metric in self._metrics_of(name)),
            tier=next((one.tier for one in entities if one.tier is not None), None),
            environment=entities[0].environment,
            callers=sum(edge.callee in names for edge in edges),
            callees=sum(edge.caller in names for edge in edges),
        )

    def _made(self, request: TrainingRequest) -> tuple[Job, pa.Table]:
        if request.kind not in KNOBS and request.kind not in FITTED:
            raise Refused(f"{request.kind} has no parameters that could be fitted to data")
        checked(request.kind, request.knobs)
        champion = self.champion(request)
        until_ms = request.until_ms or request.at_ms
        query = DatasetQuery(kind=request.kind, scope=request.scope, since_ms=request.since_ms, until_ms=until_ms)
        if request.kind in FITTED:
            taken, rows = self._looked(request, query)
            unjudged: tuple[Span, ...] = ()
        elif request.kind in TABLES:
            faults, unjudged = spans_of(self._control, until_ms, self._normal(request.rests_on))
            entities = entities_in(request.scope, self._control.entities())
            query = msgspec.structs.replace(query, entities=entities, excluded=unjudged, faults=faults)
            taken, rows = snapshot(self._history, query)
        else:
            unjudged = ()
            taken, rows = self._judged(query)
        if request.freeze:
            self._datasets.mkdir(mode=0o700, parents=True, exist_ok=True)
            taken = freeze(rows, taken, self._datasets)
        job = Job(
            kind=request.kind,
            champion=champion.ref,
            algorithm=champion.algorithm,
            parameters=champion.parameters,
            snapshot=taken,
            seed=request.seed,
            trials=request.trials,
            knobs=request.knobs,
            incidents=unjudged,
            pages_per_week=self._pages_per_week,
        )
        return job, rows

    def _looked(self, request: TrainingRequest, query: DatasetQuery) -> tuple[DatasetSnapshot, pa.Table]:
        """Looks at services, and the incidents that began."""
        if request.scope != "*":
            raise Refused(f"one {request.kind} serves everything: train it with scope *, not {request.scope[:80]}")
        faults = began(self._control, query.until_ms, self._normal(request.rests_on))
        return snapshot(self._history, msgspec.structs.replace(query, faults=faults))

    def _judged(self, query: DatasetQuery) -> tuple[DatasetSnapshot, pa.Table]:
        """Decisions that were judged, each as one document."""
        cases = cases_of(query.kind, self._control)
        bodies = [canonical(msgspec.to_builtins(case)).decode() for case in cases]
        rows = pa.table({"case": pa.array(bodies, pa.string())})
        return snapshot_of(query, digest_of(rows), len(cases), (), (query.since_ms, query.until_ms)), rows

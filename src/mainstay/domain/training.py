"""How a version comes to be: the data it was fitted on, the features it saw, the trials that were made, and why."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.watching import BiasCase

Trigger = Literal["manual", "schedule", "drift", "verdicts", "age"]
RunStage = Literal["requested", "prepared", "trained", "validated", "shadow", "canary", "live", "ended"]
RunStatus = Literal["running", "live", "registered", "unchanged", "refused", "rolled_back", "failed"]
FaultSource = Literal["verdict", "injected"]


class FeatureView(msgspec.Struct, frozen=True, kw_only=True):
    """What a model sees, by name and version: the same code computes it from the stream and from a data set."""

    name: str
    version: int
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which an entity is known, or said, to have been in trouble; both ends included."""

    entity: str
    since_ms: int
    until_ms: int
    why: str = ""


class DatasetQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows were asked for: of which kind of model, in which scope, from when to when.

    Attributes:
        entities: The entities that the scope stood for when it was asked; empty is all of them.
        excluded: Incidents nobody has judged: their rows are left out, so that no fault is learned as normal.
        faults: Incidents that people or outcomes confirmed: their rows stay, labelled.
    """

    kind: ModelKind
    scope: str = "*"
    entities: tuple[str, ...] = ()
    since_ms: int
    until_ms: int
    excluded: tuple[Span, ...] = ()
    faults: tuple[Span, ...] = ()


class DatasetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a version was fitted on, so that they can be named, found again, and proved to be the same.

    Attributes:
        digest: sha256 over the query, the digests of the sealed blocks that it reads, and the rows' own digest.
        rows: sha256 over the rows' columns in their order, whether they were hot or sealed when they were read.
        blocks: sha256 of each sealed Parquet block that was read.
        frozen: sha256 of the Parquet file that holds the rows by themselves; "" when they were not asked to be kept.
    """

    digest: str
    query: DatasetQuery
    since_ms: int
    until_ms: int
    row_count: int
    rows: str
    blocks: tuple[str, ...] = ()
    frozen: str = ""


class QualityReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a data set may be learned from; each problem is a sentence, `figures` are what it was judged by."""

    passed: bool
    problems: tuple[str, ...] = ()
    figures: dict[str, float] = {}


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One set of parameters that was tried.

    Attributes:
        number: 0 is the version that serves now, untouched.
        knobs: What was turned, and how far.
        rung: How far it came: later rungs look at more of the data.
        metrics: What the search saw; `loss` is what it is ranked by, smaller is better.
        rank: 1 is the best.
    """

    number: int
    knobs: dict[str, float] = {}
    rung: int = 0
    metrics: dict[str, float] = {}
    rank: int = 0


class TrainingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something wants a new version.

    Attributes:
        trigger: What made it due; `rests_on` names the findings, labels or versions by which it was.
        since_ms: Learn from here on; 0 is all that is kept.
        knobs: Set by hand: nothing is searched, and what comes of it goes to the gates however it was validated.
    """

    id: str
    kind: ModelKind
    scope: str = "*"
    trigger: Trigger = "manual"
    why: str = ""
    by: str = "mainstay"
    seed: int = 0
    trials: int = 24
    knobs: dict[str, float] = {}
    since_ms: int = 0
    until_ms: int = 0
    freeze: bool = False
    rollout: bool = True
    at_ms: int = 0
    rests_on: tuple[str, ...] = ()


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """One search: on which data, with which trials in their order, and what came of it.

    Attributes:
        trials: Ranked, the best first.
        best: Number of the best trial; `version` is what was registered of it.
        validation: Champion and challenger on the part of the data that no trial saw, with faults of its own.
        replayed: What the challenger found, missed and told for nothing there, entity by entity.
    """

    id: str
    model: str
    kind: ModelKind
    scope: str
    snapshot: DatasetSnapshot
    feature_view: FeatureView
    quality: QualityReport
    trials: tuple[Trial, ...] = ()
    best: int = 0
    parent: VersionRef | None = None
    version: VersionRef | None = None
    validation: dict[str, dict[str, float]] = {}
    replayed: tuple[BiasCase, ...] = ()
    labels: dict[str, int] = {}
    seed: int = 0
    by: str = ""
    why: str = ""
    says: str = ""
    at_ms: int = 0


class TrainingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way: prepare → train → validate → shadow → canary → live.

    Attributes:
        stage: How far it came; status: how it stands. `refused` says why in `says`; `unchanged`: what serves is best;
            `registered`: a version was made, and nobody asked for its rollout.
        artefact: Digest of what the training gave, also when it was not registered.
    """

    id: str
    request: TrainingRequest
    stage: RunStage = "requested"
    status: RunStatus = "running"
    says: str = ""
    experiment: str = ""
    version: VersionRef | None = None
    champion: VersionRef | None = None
    rollout: str = ""
    artefact: str = ""
    borrowed_from: str = ""
    started_ms: int = 0
    updated_ms: int = 0
    reached: dict[str, int] = {}


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from and what it did: data → experiment → version → deployments → what it caused."""

    version: VersionRef
    dataset: DatasetSnapshot | None
    experiment: Experiment | None
    feature_view: str
    parents: tuple[VersionRef, ...]
    children: tuple[VersionRef, ...]
    registered: dict[str, Any]
    deployments: tuple[dict[str, Any], ...]
    caused: dict[str, int]
    entries: tuple[dict[str, Any], ...]

"""The seams: what a stage may ask of a model, a store, a clock or an action, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from mainstay.domain.alerts import Band, Severity
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.signals import F64, I64, U32, Normal

StreamKind = Literal["metrics", "logs", "edges", "entities", "predictions"]
"""Kinds of models that judge what streams by."""
JudgeKind = Literal[
    "correlator", "diagnoser", "suppressor", "planner", "forecaster", "impact", "change-risk", "predictor",
    "similarity",
]  # fmt: skip
"""Kinds of models that decide about few, big things."""
Signal = Literal["latency", "errors", "traffic", "saturation", "logs", "availability", "other"]


class Clock(Protocol):
    """Time, injected: a day of faults can be simulated from a seed."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Transition:
    """A subject starts or stops being anomalous, in the eyes of one model version.

    Args:
        subject: `metric:<series id>`, `edge:<caller>><callee>`, `log:<entity>#<template>`, `entity:<entity>`.
        firing: True when it starts, False when it is calm again.
        since_ns: The onset that the detector found: earlier than `at_ns`, when it was sure.
        inputs: Frozen state and sample(s), JSON-able: `decide(inputs)` gives `output` again, for ever.
        by: Which version said it when that is not the one that `Served` names (another scope, a canary).
    """

    subject: str
    entity: str
    firing: bool
    since_ns: int
    at_ns: int
    name: str
    signal: Signal
    severity: Severity
    summary: str
    channel: str
    inputs: dict[str, Any]
    output: dict[str, Any]
    band: Band | None = None
    p_value: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    by: VersionRef | None = None


@dataclass(frozen=True, slots=True)
class BandBatch:
    """Expected bands worth keeping for charts: written when they moved, or while their series is anomalous."""

    series: U32
    at_ns: I64
    low: F64
    high: F64


@dataclass(frozen=True, slots=True)
class Scored:
    """What a detector said about one batch.

    `scores[i]` is the p-value of the i-th scored item (NaN: not judged yet).
    """

    transitions: tuple[Transition, ...] = ()
    scores: F64 = field(default_factory=lambda: np.empty(0))
    bands: BandBatch | None = None


class Detector(Protocol):
    """Judges what streams by. Deterministic: the same batches in the same order, cut anywhere, give the same scores."""

    def score(self, normal: Normal) -> Scored:
        """Learn from and judge one batch (metrics, edge windows or template windows, whichever it is made for)."""
        ...

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Repeat one decision from its frozen inputs, by the same code that `score` runs."""
        ...

    def snapshot(self) -> bytes:
        """The whole state; never pickle."""
        ...

    def restore(self, state: bytes) -> None:
        """Take up a state that `snapshot` of the same algorithm wrote."""
        ...


class Judge(Protocol):
    """Decides about few, big things (grouping, cause, plan) as a pure function of frozen inputs."""

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """JSON-able in, JSON-able out; nothing else is read, nothing is remembered."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A detector's word together with the version that gave it, and what its shadow would have said."""

    decided_by: VersionRef
    scored: Scored
    shadow: VersionRef | None = None
    shadow_scored: Scored | None = None


class Models(Protocol):
    """How a stage reaches a model: never directly, always through what is deployed (`mlops/serving.py`)."""

    def score(self, kind: StreamKind, normal: Normal) -> Served:
        """Score with the live version (its shadow scores too, silently)."""
        ...

    def decide(self, kind: JudgeKind, inputs: Mapping[str, Any]) -> Decision:
        """Decide with the live version; the decision carries version, inputs and output."""
        ...


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an action is told: the plan's digest as idempotency key, and whether it may touch anything."""

    plan: str
    step: str
    key: str
    dry_run: bool
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action did, in words for a person, with what it saw (`output` is already cut and masked)."""

    is_done: bool
    says: str
    output: str = ""


class Action(Protocol):
    """One way to touch the world. In a dry run it says what it would do, exactly, and does nothing."""

    name: str

    def check(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """What is wrong with these arguments, in words; empty when they are fine."""
        ...

    async def run(self, arguments: Mapping[str, Any], context: ActionContext) -> ActionResult:
        """Do it (or in a dry run say it). Raises nothing for a failure of the target: that is a result."""
        ...

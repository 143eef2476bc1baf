"""What models that a user runs in production predicted, and what turned out to be true: columns, as senders name them
and as the stages know them."""  # noqa: D205, D209

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.watching import BiasStatus, Share

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RawPredictions:
    """Predictions of one version of one model, as its service reports them.

    Args:
        service: Who asked the model; "" is not known.
        score: What it said: a probability, or the value of a regression.
        latency_ms: NaN where it was not said.
        group: What a bias report compares (a region, a tier); "" where it was not said.
        features: f64[n, len(names)]; NaN is missing.
    """

    model: str
    version: str
    environment: str
    service: str
    ids: tuple[str, ...]
    at_ns: I64
    score: F64
    latency_ms: F64
    group: tuple[str, ...]
    names: tuple[str, ...]
    features: F64


@dataclass(frozen=True, slots=True)
class RawTruths:
    """What turned out to be true of earlier predictions, by their ids: 0 or 1, or the value of a regression."""

    model: str
    environment: str
    ids: tuple[str, ...]
    at_ns: I64
    value: F64


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions with the entity of their model (`model:prod/fraud`); `key` stands for the sender's id."""

    entity: str
    version: str
    key: U64
    at_ns: I64
    score: F64
    group: tuple[str, ...]
    names: tuple[str, ...]
    features: F64

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, slots=True)
class Truths:
    """What turned out to be true, joined to predictions by `key`."""

    entity: str
    key: U64
    at_ns: I64
    value: F64

    def __len__(self) -> int:
        return len(self.key)


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How far one input, or the score, of the last window was from what is usual (population stability index)."""

    feature: str
    psi: float
    missing: float


class GroupOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How often the model was wrong about one group: what a bias report compares."""

    group: str
    labelled: int
    wrong: int
    mean_loss: float


class InProduction(msgspec.Struct, frozen=True, kw_only=True):
    """How one version of a user's own model stands.

    Attributes:
        firing: Channels in which it is not what it was: features, score, missing, accuracy.
        loss_before, loss_now: Mean of (label − score)²; None while there are too few labels.
        unmatched: Labels of the model, whatever the version, that found no prediction that waits: a wrong id, a second
            label, or one that came after more predictions than are kept.
    """

    entity: str
    version: str
    predictions: int
    labelled: int
    last_ms: int
    is_known: bool
    firing: tuple[str, ...] = ()
    drift: tuple[FeatureDrift, ...] = ()
    loss_before: float | None = None
    loss_now: float | None = None
    groups: tuple[GroupOutcome, ...] = ()
    unmatched: int = 0


class GroupShare(msgspec.Struct, frozen=True, kw_only=True):
    """How often a version was wrong about one group, beside all the others together (`rest`)."""

    group: str
    wrong: Share
    rest: float | None
    p_value: float
    is_worse: bool


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a version that users run serves a group worse; `too_few`: there is not enough evidence to say."""

    status: BiasStatus
    groups: tuple[GroupShare, ...]
    says: str

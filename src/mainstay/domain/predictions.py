"""What models that a user runs in production predicted, and what turned out to be true: columns, as senders name them
and as the stages know them."""  # noqa: D205, D209

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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

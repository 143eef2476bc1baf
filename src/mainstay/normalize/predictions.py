"""Whose predictions these are: the model as an entity, and the service that depends on it as its caller."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from mainstay.domain.predictions import U64, Predictions, RawPredictions, RawTruths, Truths
from mainstay.normalize.entities.directory import Directory

ENVIRONMENT = "deployment.environment.name"


def placed(directory: Directory, raw: RawPredictions) -> tuple[Predictions, tuple[str, str] | None]:
    """The predictions under their entity, and (caller, model) when they say who asked."""
    environment = _environment(directory, raw.environment)
    entity = directory.named_entity("model", environment, raw.model)
    caller = directory.named_entity("service", environment, raw.service) if raw.service else ""
    batch = Predictions(
        entity, raw.version, _keys(raw.ids), raw.at_ns, raw.score, raw.group, raw.names, raw.features
    )  # fmt: skip
    return batch, (caller, entity) if caller else None


def placed_truths(directory: Directory, raw: RawTruths) -> Truths:
    """What turned out to be true, under the entity of the model."""
    entity = directory.named_entity("model", _environment(directory, raw.environment), raw.model)
    return Truths(entity, _keys(raw.ids), raw.at_ns, raw.value)


def _environment(directory: Directory, said: str) -> str:
    return said or directory.mapping.environment({})[0]


def _keys(ids: Iterable[str]) -> U64:
    """A u64 for each of the sender's ids, the same for ever."""
    return np.array([int.from_bytes(blake2b(one.encode(), digest_size=8).digest()) for one in ids], np.uint64)

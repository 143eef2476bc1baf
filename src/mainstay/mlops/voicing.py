"""One batch through every live version of a kind: each entity is judged by the version that its scope names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import BandBatch, Scored, Transition
from mainstay.domain.signals import Normal
from mainstay.mlops.scopes import EVERYWHERE, NO_SLOTS, Places, part
from mainstay.mlops.seat import Seat
from mainstay.models.checks import Streaming


def voiced(seat: Seat, normal: Normal, places: Places) -> Scored:
    """What the live versions say; each transition of another scope than `*` names its own."""
    live = cast("Streaming", seat.live)
    if len(seat.deployments) == 1 or not (seat.is_together or seat.others):
        return live.score(normal)
    if seat.is_together:
        scored = live.score(normal)
        return dataclasses.replace(scored, transitions=tuple(_named(seat, scored.transitions)))
    models = {seat.deployment.live: live, **seat.others}
    parts = [_part(seat, ref, model, normal, places) for ref, model in models.items()]
    return _merged(parts)


def _part(seat: Seat, ref: VersionRef, model: Streaming, normal: Normal, places: Places) -> Scored:
    def holds(entity: str) -> bool:
        return seat.ref(entity) == ref

    slots = places.mask(holds) if seat.kind == "metrics" and normal.metrics is not None else NO_SLOTS
    scored = model.score(part(normal, holds, slots))
    told = tuple(_named(seat, (one for one in scored.transitions if holds(one.entity))))
    if normal.metrics is None or seat.kind != "metrics":
        return dataclasses.replace(scored, transitions=told)
    scores = np.full(len(normal.metrics), np.nan)
    scores[slots.take(normal.metrics.series, mode="clip")] = scored.scores
    return Scored(told, scores, scored.bands)


def _named(seat: Seat, told: Iterable[Transition]) -> Iterable[Transition]:
    for one in told:
        scope = seat.scope(one.entity)
        yield one if scope == EVERYWHERE else dataclasses.replace(one, by=seat.deployments[scope].live)


def _merged(parts: Sequence[Scored]) -> Scored:
    transitions = tuple(told for one in parts for told in one.transitions)
    sizes = {one.scores.size for one in parts}
    if len(sizes) == 1:
        scores = np.fmax.reduce([one.scores for one in parts])
    else:
        scores = np.concatenate([one.scores for one in parts])
    bands = [one.bands for one in parts if one.bands is not None]
    if not bands:
        return Scored(transitions, scores)
    joined = (np.concatenate([getattr(b, name) for b in bands]) for name in ("series", "at_ns", "low", "high"))
    return Scored(transitions, scores, BandBatch(*joined))

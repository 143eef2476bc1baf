"""May a version of a user's own model go on? The question that a step of anyone's delivery pipeline asks."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.predictions import InProduction

Verdict = Literal["passed", "failed", "not-enough"]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says, with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]


def gate(standing: InProduction, *, predictions: int, labels: int) -> Gate:
    """Failed when it drifts or is wrong more often than before; too little evidence is never a pass.

    >>> gate(InProduction(entity="m", version="1", predictions=3, labelled=0, last_ms=0, is_known=False),
    ...      predictions=600, labels=100).reasons
    ('3 predictions, needs 600', '0 labelled, needs 100')
    """
    if standing.firing:
        return Gate(verdict="failed", reasons=tuple(f"{channel}: not what it was" for channel in standing.firing))
    missing = []
    if standing.predictions < predictions:
        missing.append(f"{standing.predictions} predictions, needs {predictions}")
    if standing.labelled < labels:
        missing.append(f"{standing.labelled} labelled, needs {labels}")
    if not standing.is_known and not missing:
        missing.append("no reference yet: the first predictions are still being learned")
    if missing:
        return Gate(verdict="not-enough", reasons=tuple(missing))
    return Gate(verdict="passed", reasons=(f"{standing.predictions} predictions, {standing.labelled} labelled",))

"""May a version of a user's own model go on? The question that a step of anyone's delivery pipeline asks."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.predictions import Evenness, InProduction

Verdict = Literal["passed", "failed", "not-enough"]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says, with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]


def gate(
    standing: InProduction,
    *,
    predictions: int,
    labels: int,
    even: Evenness | None = None,
    is_overdue: bool = False,
) -> Gate:
    """Failed when it drifts, is wrong more often than before, or its validation ran out; too little evidence is never a
    pass. With `even` it must serve every group alike, too.

    >>> gate(InProduction(entity="m", version="1", predictions=3, labelled=0, last_ms=0, is_known=False),
    ...      predictions=600, labels=100).reasons
    ('3 predictions, needs 600', '0 labelled, needs 100')
    """  # noqa: D205
    wrong = [f"{channel}: not what it was" for channel in standing.firing]
    wrong += ["its validation ran out"] if is_overdue else []
    wrong += [f"it serves some worse: {even.says}"] if even and even.status == "worse" else []
    if wrong:
        return Gate(verdict="failed", reasons=tuple(wrong))
    missing = [even.says] if even and even.status == "too_few" else []
    if standing.predictions < predictions:
        missing.append(f"{standing.predictions} predictions, needs {predictions}")
    if standing.labelled < labels:
        missing.append(f"{standing.labelled} labelled, needs {labels}")
    if not standing.is_known and not missing:
        missing.append("no reference yet: the first predictions are still being learned")
    if missing:
        return Gate(verdict="not-enough", reasons=tuple(missing))
    return Gate(verdict="passed", reasons=(f"{standing.predictions} predictions, {standing.labelled} labelled",))

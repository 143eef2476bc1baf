"""Two causes in one incident: which of its entities leave it."""

from __future__ import annotations

from typing import Any

from mainstay.models.rca.case import short
from mainstay.models.rca.hypothesis import Hypothesis
from mainstay.models.rca.picture import Picture


def parted(picture: Picture, first: Hypothesis, second: Hypothesis, probability: float) -> dict[str, Any] | None:
    """Who depends on one of two causes alone; those leave whose trouble came later.

    None when one depends on the other, when nobody is left for one of them, or when nothing says why the second should
    be ill: then a call between the two may be what is not known.
    """
    one, other = picture.above(first.entity), picture.above(second.entity)
    if first.entity in other or second.entity in one or second.charge.cause == "unknown":
        return None
    began, began_other = _began(picture, one - other), _began(picture, other - one)
    if began is None or began_other is None:
        return None
    leave = one - other if began > began_other else other - one
    return {
        "entity": second.entity,
        "cause": second.charge.cause,
        "probability": probability,
        "leave": sorted(leave),
        "says": f"{_named(first)} and {_named(second)} are two causes: neither depends on the other",
    }


def _named(hypothesis: Hypothesis) -> str:
    return f"{short(hypothesis.entity)} ({hypothesis.charge.cause})"


def _began(picture: Picture, entities: set[str]) -> int | None:
    return min((a.since_ms for a in picture.case.alerts if a.about in entities and a.is_trouble), default=None)

"""Precision and recall of every model version, with their counts and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mainstay.domain.models import VersionRef
from mainstay.domain.shares import wilson
from mainstay.domain.verdicts import Label

LEAST = 8
"""Below this many judged decisions a share is called "too few": its interval would span half of everything."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share of counts with its 95 % interval (Wilson 1927), None while there are too few."""

    hits: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    says: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What verdicts and outcomes say of one version.

    Attributes:
        right, wrong: Judged decisions. `missed`: incidents that it should have told and did not.
        precision: right of right + wrong. `recall`: right of right + missed.
    """

    ref: VersionRef
    right: int
    wrong: int
    missed: int
    precision: Rate
    recall: Rate
    says: str


def scorecard(labels: Iterable[Label], least: int = LEAST) -> list[Score]:
    """One score per version, by name and number.

    A decision that several people judged counts once: a person's word before an outcome's, then the newest.
    """
    truths: dict[tuple[str, int, str, str], Label] = {}
    for label in sorted(labels, key=lambda one: (one.by != "outcome", one.at_ms, one.id)):
        truths[label.model, label.version, label.kind, label.subject] = label
    by_version: dict[VersionRef, list[Label]] = {}
    for label in truths.values():
        by_version.setdefault(VersionRef(label.model, label.version), []).append(label)
    return [_score(ref, found, least) for ref, found in sorted(by_version.items())]


def _score(ref: VersionRef, labels: list[Label], least: int) -> Score:
    judged = [label for label in labels if label.kind != "missed"]
    right = sum(1 for label in judged if label.is_true)
    wrong, missed = len(judged) - right, sum(1 for label in labels if label.kind == "missed")
    precision = rate("precision", right, right + wrong, least)
    recall = rate("recall", right, right + missed, least)
    return Score(
        ref=ref,
        right=right,
        wrong=wrong,
        missed=missed,
        precision=precision,
        recall=recall,
        says=f"{precision.says}; {recall.says}",
    )


def rate(name: str, hits: int, n: int, least: int = LEAST) -> Rate:
    """A share in words, or that there are too few to say.

    >>> rate("precision", 32, 37).says
    'precision 0.86 [0.72–0.94] n=37'
    >>> rate("recall", 3, 3).says
    'recall: too few (3 of 3, needs 8)'
    """
    if n < least:
        return Rate(
            hits=hits, n=n, value=None, low=None, high=None, says=f"{name}: too few ({hits} of {n}, needs {least})"
        )
    low, high = wilson(hits, n)
    says = f"{name} {hits / n:.2f} [{low:.2f}–{high:.2f}] n={n}"
    return Rate(hits=hits, n=n, value=round(hits / n, 4), low=round(low, 4), high=round(high, 4), says=says)

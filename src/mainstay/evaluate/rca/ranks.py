"""How high the true cause ranks: a tie counts as the worst rank, so a list of equals finds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def rank(scores: Mapping[str, float], truth: str) -> int | None:
    """The rank of the true cause, 1 the best; None when it was not ranked at all.

    >>> rank({"a": 0.5, "b": 0.5, "c": 0.1}, "a"), rank({"a": 0.5}, "b")
    (2, None)
    """
    if truth not in scores:
        return None
    return sum(score >= scores[truth] for score in scores.values())


def figures(ranks: Sequence[int | None], most: int = 5) -> dict[str, float]:
    """AC@1, AC@3 (the share of cases whose cause is among the first 1 or 3) and the mean of AC@1 … AC@5.

    >>> figures([1, 2, None, 1])
    {'ac1': 0.5, 'ac3': 0.75, 'avg5': 0.7}
    """
    at = [sum(r is not None and r <= k for r in ranks) / len(ranks) for k in range(1, most + 1)]
    return {"ac1": round(at[0], 4), "ac3": round(at[2], 4), "avg5": round(sum(at) / most, 4)}


def promised(scores: Sequence[Mapping[str, float]], truths: Sequence[str]) -> dict[str, float]:
    """Whether probabilities come true: the mean that was `said` of the first, its Brier score, and the Brier score of
    saying of each case how often the first is right (`brier_base`). A tie is no first.

    >>> promised([{"a": 0.6, "b": 0.2}, {"a": 0.3, "b": 0.7}], ["a", "a"])
    {'said': 0.65, 'brier': 0.325, 'brier_base': 0.25}
    """  # noqa: D205
    firsts = [max(one.values(), default=0.0) for one in scores]
    right = [float(rank(one, truth) == 1) for one, truth in zip(scores, truths, strict=True)]
    share = sum(right) / len(right)
    missed = sum((said - came) ** 2 for said, came in zip(firsts, right, strict=True)) / len(right)
    said = sum(firsts) / len(firsts)
    return {"said": round(said, 4), "brier": round(missed, 4), "brier_base": round(share * (1 - share), 4)}

"""Curves over thresholds: what is found against what is falsely told, when one threshold holds for everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def auc_pr(truth: Bools, scores: F64) -> float:
    """Area under precision over recall as average precision: the sum of precision times the gain in recall.

    Equal scores are one step, so a constant score gets the share of true points. NaN when nothing is true.

    Args:
        truth: bool[n], what is anomalous.
        scores: f64[n], higher is stranger; no NaN.

    >>> auc_pr(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    0.8333333333333333
    """
    if not truth.any():
        return float("nan")
    precision, recall = _steps(truth, scores)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def best_f1(truth: Bools, scores: F64) -> float:
    """The best harmonic mean of precision and recall over all thresholds: chosen in hindsight, an upper bound.

    >>> best_f1(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    0.8
    """
    if not truth.any():
        return float("nan")
    precision, recall = _steps(truth, scores)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def _steps(truth: Bools, scores: F64) -> tuple[F64, F64]:
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    is_last = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(truth[order])[is_last]
    told = np.flatnonzero(is_last) + 1
    return found / told, found / truth.sum()


def event_recall(events: I64, scores: F64, *, false_per_point: float = 0.001) -> float:
    """Share of events with a flagged point, at the lowest threshold with at most so many false flags a point.

    Args:
        events: i64[n], the number of the event that a point lies in, -1 for none.
        scores: f64[n]; a point is flagged when its score is above the threshold.
        false_per_point: How many flags outside of events are accepted, for each point.

    >>> event_recall(np.array([-1, 0, 0, -1, 1]), np.array([0.5, 0.1, 0.9, 0.2, 0.3]), false_per_point=0.2)
    1.0
    """
    outside = np.sort(scores[events < 0])[::-1]
    allowed = int(false_per_point * len(scores))
    threshold = outside[allowed] if allowed < len(outside) else -np.inf
    found = np.unique(events[(events >= 0) & (scores > threshold)])
    return len(found) / max(len(np.unique(events[events >= 0])), 1)


def numbered(truth: Sequence[Bools]) -> I64:
    """Events of several series, end to end, as `event_recall` takes them: each run of true points is one.

    >>> numbered([np.array([True, True, False]), np.array([True])])
    array([ 0,  0, -1,  1])
    """
    parts, count = [], 0
    for inside in truth:
        starts = inside & ~np.append(False, inside[:-1])
        parts.append(np.where(inside, count + np.cumsum(starts) - 1, -1))
        count += int(starts.sum())
    return np.concatenate(parts) if parts else np.empty(0, np.int64)

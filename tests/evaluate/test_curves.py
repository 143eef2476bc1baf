"""The figures of a curve, held against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.evaluate.curves import auc_pr, best_f1, event_recall, numbered

POINTS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40).filter(
    lambda rows: any(is_true for is_true, _ in rows)
)


def test_a_perfect_order_is_one_and_a_constant_is_the_share():
    truth = np.array([False, True, False, True])
    assert auc_pr(truth, np.array([0.0, 2.0, 1.0, 3.0])) == 1.0
    assert auc_pr(truth, np.ones(4)) == 0.5
    assert best_f1(truth, np.array([0.0, 2.0, 1.0, 3.0])) == 1.0


def test_nothing_true_is_no_figure():
    assert math.isnan(auc_pr(np.zeros(3, bool), np.arange(3.0)))
    assert math.isnan(best_f1(np.zeros(3, bool), np.arange(3.0)))


@given(POINTS)
def test_they_are_what_their_definitions_say(rows):
    truth, scores = np.array([t for t, _ in rows]), np.array([s for _, s in rows], float)
    area, last, best = 0.0, 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        told = scores >= threshold
        precision, recall = (truth & told).sum() / told.sum(), (truth & told).sum() / truth.sum()
        area, last = area + precision * (recall - last), recall
        best = max(best, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    assert auc_pr(truth, scores) == pytest.approx(area)
    assert best_f1(truth, scores) == pytest.approx(best)


@given(POINTS)
def test_a_monotone_change_of_the_score_changes_nothing(rows):
    truth, scores = np.array([t for t, _ in rows]), np.array([s for _, s in rows], float)
    assert auc_pr(truth, np.exp(scores) * 3) == pytest.approx(auc_pr(truth, scores))


def test_event_recall_counts_events_not_points():
    events = np.array([-1] * 1000 + [0] * 50 + [1] * 2)
    scores = np.zeros(1052)
    scores[1000:1050] = 5.0
    assert event_recall(events, scores) == 0.5
    scores[1051] = 4.0
    assert event_recall(events, scores) == 1.0
    scores[[3, 4]] = 9.0  # two false flags: one is allowed, so the threshold is the second
    assert event_recall(events, scores) == 0.0


def test_event_recall_with_nothing_outside():
    assert event_recall(np.array([0, 0, 1]), np.array([1.0, 0.0, 0.5])) == 1.0


def test_events_are_numbered_over_series():
    got = numbered([np.array([False, True, True, False, True]), np.array([True, False])])
    assert got.tolist() == [-1, 0, 0, -1, 1, 2, -1]
    assert numbered([]).tolist() == []

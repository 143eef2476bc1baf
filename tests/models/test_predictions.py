"""A model in production: what moved is told by its name, chance is not, and labels may be late."""

import json

import numpy as np
import pytest

from mainstay.domain.predictions import Predictions, Truths
from mainstay.domain.signals import Normal
from mainstay.models.predictions import PredictionWatch

S = 1_000_000_000
START = 1_800_000_000 * S
FRAUD = "model:prod/fraud"


def batch(rng, first, n=100, *, shift=0.0, version="1", holes=0.0, groups=("eu",), score=None):
    at = START + (first + np.arange(n)) * S
    features = np.column_stack([rng.normal(shift, 1, n), rng.gamma(2, 1, n)])
    features[rng.random(n) < holes, 1] = np.nan
    key = (first + np.arange(n)).astype(np.uint64)
    said = rng.uniform(0.02, 0.98, n) if score is None else np.full(n, score)
    of = tuple(groups[i % len(groups)] for i in range(n))
    return Predictions(FRAUD, version, key, at, said, of, ("amount", "age"), features)


def labels(rng, of, *, flipped=0.0):
    truth = (rng.random(len(of)) < of.score).astype(float)
    wrong = rng.random(len(of)) < flipped
    return Truths(FRAUD, of.key, of.at_ns + 3600 * S, np.where(wrong, of.score < 0.5, truth).astype(float))


def told(watch, *batches, truths=()):
    return list(watch.score(Normal(predictions=batches, truths=truths)).transitions)


def learned(rng, batches=12, **how):
    watch = PredictionWatch({})
    for w in range(batches):
        assert told(watch, batch(rng, 100 * w, **how)) == []
    return watch


def test_the_input_that_moved_is_named_and_the_end_is_told():
    rng = np.random.default_rng(1)
    watch = learned(rng)
    found = [t for w in range(12, 21) for t in told(watch, batch(rng, 100 * w, shift=3))]
    assert [(t.channel, t.firing) for t in found] == [("features", True)]
    assert "amount of fraud 1 has drifted" in found[0].summary
    assert (found[0].entity, found[0].subject) == (FRAUD, f"{FRAUD}@1")
    assert found[0].since_ns < found[0].at_ns
    assert watch.standing[0].firing == ("features",)
    calm = [t for w in range(21, 30) for t in told(watch, batch(rng, 100 * w))]
    assert [(t.channel, t.firing) for t in calm] == [("features", False)]


def test_an_output_that_is_always_the_same_has_drifted():
    rng = np.random.default_rng(2)
    watch = learned(rng)
    found = [t for w in range(12, 21) for t in told(watch, batch(rng, 100 * w, score=0.5))]
    assert [t.channel for t in found] == ["score"]


def test_an_input_that_stops_coming_is_missing_not_drifted():
    rng = np.random.default_rng(3)
    watch = learned(rng)
    found = [t for w in range(12, 21) for t in told(watch, batch(rng, 100 * w, holes=0.4))]
    assert [(t.channel, t.output["event"]) for t in found] == [("missing", "started")]
    assert "age of fraud 1 is missing" in found[0].summary


def test_late_labels_tell_that_it_is_wrong_more_often():
    rng = np.random.default_rng(4)
    watch = PredictionWatch({})
    sent = [batch(rng, 100 * w) for w in range(16)]
    for one in sent:
        told(watch, one)
    quiet = [t for one in sent[:8] for t in told(watch, truths=(labels(rng, one),))]
    loud = [t for one in sent[8:12] for t in told(watch, truths=(labels(rng, one, flipped=0.8),))]
    assert quiet == []
    assert [(t.channel, t.severity, t.firing) for t in loud] == [("accuracy", "major", True)]
    assert watch.standing[0].loss_now > 1.5 * watch.standing[0].loss_before


def test_a_new_version_is_compared_with_the_one_before():
    rng = np.random.default_rng(5)
    watch = learned(rng)
    for w in range(12):
        told(watch, truths=(labels(rng, batch(np.random.default_rng(5), 100 * w)),))
    worse = [batch(rng, 5_000 + 100 * w, version="2") for w in range(9)]
    for one in worse:
        assert told(watch, one) == []
    loud = [t for one in worse[:4] for t in told(watch, truths=(labels(rng, one, flipped=0.9),))]
    assert [(t.channel, t.labels["model_version"]) for t in loud] == [("accuracy", "2")]


def test_groups_are_counted_apart():
    rng = np.random.default_rng(6)
    watch = PredictionWatch({})
    one = batch(rng, 0, n=400, groups=("eu", "us"))
    told(watch, one)
    told(watch, truths=(labels(rng, one),))
    groups = watch.standing[0].groups
    assert [(g.group, g.labelled) for g in groups] == [("eu", 200), ("us", 200)]


def test_a_label_that_nobody_waits_for_is_counted_and_memory_is_bounded():
    rng = np.random.default_rng(7)
    watch = PredictionWatch({"waiting": 1_000, "most_models": 1})
    for w in range(30):
        told(watch, batch(rng, 100 * w))
    told(watch, truths=(Truths(FRAUD, np.array([1], np.uint64), np.array([START]), np.array([1.0])),))
    assert watch.unmatched == 1
    told(watch, batch(rng, 0, version="2"))
    assert watch.unwatched == 100


def test_half_an_hour_without_predictions_ends_what_fires():
    rng = np.random.default_rng(8)
    watch = learned(rng)
    for w in range(12, 21):
        told(watch, batch(rng, 100 * w, shift=3))
    (ended,) = watch.score(Normal(at_ns=START + 2_100 * S + 1_800 * S)).transitions
    assert (ended.firing, ended.channel) == (False, "features")
    assert PredictionWatch({}).decide(json.loads(json.dumps(ended.inputs))) == ended.output


@pytest.mark.parametrize("seed", range(10))
def test_what_only_varies_by_chance_is_silent(seed):
    rng = np.random.default_rng(100 + seed)
    watch = learned(rng, 60)
    sent = [batch(rng, 10_000 + 100 * w) for w in range(40)]
    assert [t for one in sent for t in told(watch, one, truths=(labels(rng, one),))] == []


@pytest.mark.parametrize("far", [1e80, 1e150, 1e200])
def test_a_label_beyond_measure_neither_ends_the_watch_nor_stays_in_it(far):
    rng = np.random.default_rng(5)
    watch = PredictionWatch({"label_reference": 50, "label_window": 50})
    for w in range(6):
        seen = batch(rng, 100 * w)
        told(watch, seen)
        true = labels(rng, seen)
        told(watch, truths=(Truths(FRAUD, true.key, true.at_ns, np.where(np.arange(100) % 9 == 0, far, true.value)),))
    assert watch.standing[0].loss_now < 1

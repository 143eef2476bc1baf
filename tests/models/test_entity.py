"""The entity tier: rows from samples, relations that break, what is told of them, and bounds."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.hosts import METRICS, PER_BATCH, ROW_NS, Hosts
from tests.models.simulated import START_NS

from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.entity import kernel
from mainstay.models.entity.block import Column, Story, add, fit, new_entity, replace
from mainstay.models.entity.parameters import EntityParameters
from mainstay.models.entity.story import Judged, Row, told
from mainstay.models.entity.tail import BINS, Tail, bin_of, edges, fitted, share_beyond
from mainstay.models.entity.watch import EntityRelations

QUICK = {"fit_rows": 32, "warm_rows": 64}
BREAKS = (70, 90)


def listen(detector, normals):
    return [t for normal in normals for t in detector.score(normal).transitions]


def samples(*said: tuple[int, float, float]) -> MetricBatch:
    """(slot, second, value)."""
    slots, seconds, values = zip(*said, strict=True)
    at_ns = START_NS + (np.array(seconds) * 1e9).astype(np.int64)
    return MetricBatch(np.array(slots, np.uint32), at_ns, np.array(values, np.float64))


def four(entity: str = "host:lab/a", first: int = 0, metric: str = "m") -> tuple[Series, ...]:
    return tuple(Series(first + i, first + i + 1, entity, f"{metric}{i}") for i in range(4))


def rows_of(*batches: MetricBatch, **parameters) -> int:
    """Rows that were over after these samples of four series."""
    detector = EntityRelations(parameters)
    made = 0
    for i, batch in enumerate(batches):
        made += detector.score(Normal(metrics=batch, new_series=four() if i == 0 else ())).scores.size
    return made


# Rows


def test_a_row_is_over_when_a_series_speaks_again_after_the_window():
    first = samples((0, 0, 1), (1, 0, 1), (2, 0, 1), (3, 0, 1))
    assert rows_of(first, samples((0, 4, 1), (1, 4, 1))) == 0
    assert rows_of(first, samples((0, 4, 1)), samples((0, 5, 1))) == 1


def test_slow_senders_make_a_row_per_round_whatever_their_order():
    rounds = [samples((s, 60 * r + 7 * s, 1.0)) for r in range(4) for s in range(4)]
    assert rows_of(*rounds) == 3


def test_what_is_late_or_not_a_number_or_of_nobody_makes_no_row():
    first = samples((0, 100, 1), (1, 100, 1), (2, 100, 1), (3, 100, 1))
    assert rows_of(first, samples((0, 20, 1), (0, 200, np.nan), (0, 200, np.inf), (77, 200, 1.0))) == 0


def two_senders(behind_s: float) -> list[tuple[int, float, float]]:
    """Slots 0 and 1 from one, 2 and 3 from another that is behind; both speak each 5 s, one after the other."""
    said = list[tuple[int, float, float]]()
    for turn in range(40):
        second = 1000.0 + 5 * turn
        said += [(0, second, turn), (1, second, turn), (2, second - behind_s, -turn), (3, second - behind_s, -turn)]
    return said


@pytest.mark.parametrize("behind_s", [0, 2, 30, 59])
def test_a_sender_behind_another_is_in_every_row(behind_s):
    detector = EntityRelations({})
    made = detector.score(Normal(metrics=samples(*two_senders(behind_s)), new_series=four())).scores.size
    seen = detector._members.entities[0].named["seen"]
    assert made == 39
    assert seen.tolist() == [39] * 4
    assert detector.late == 0


def test_what_is_too_late_is_counted_and_a_restart_keeps_the_count():
    detector, after = EntityRelations({}), EntityRelations({})
    detector.score(Normal(metrics=samples(*two_senders(90)), new_series=four()))
    assert detector._members.entities[0].named["seen"].tolist() == [39, 39, 0, 0]
    assert detector.late == 80
    after.restore(detector.snapshot())
    assert after.late == 80


@pytest.mark.parametrize("behind_s", [30, 61, 90])
def test_late_samples_mean_the_same_however_they_are_cut(behind_s):
    said, whole = two_senders(behind_s), EntityRelations({})
    whole.score(Normal(metrics=samples(*said), new_series=four()))
    for size in (1, 3, 7):
        cut = EntityRelations({})
        cut.score(Normal(new_series=four()))
        for at in range(0, len(said), size):
            cut.score(Normal(metrics=samples(*said[at : at + size])))
        assert cut.snapshot() == whole.snapshot()


def test_the_one_behind_makes_rows_when_the_one_ahead_is_gone():
    detector = EntityRelations({})
    detector.score(Normal(metrics=samples(*two_senders(30)), new_series=four()))
    alone = samples(*((slot, 1170.0 + 5 * turn, 1.0) for turn in range(20) for slot in (2, 3)))
    assert detector.score(Normal(metrics=alone)).scores.size >= 10


def test_a_metric_that_fell_silent_is_missing_and_not_constant():
    detector = EntityRelations({"stale_rows": 3})
    detector.score(Normal(metrics=samples(*((s, 0, 5.0) for s in range(4))), new_series=four()))
    for second in range(10, 70, 10):
        detector.score(Normal(metrics=samples(*((s, second, 5.0) for s in range(3)))))
    seen = detector._members.entities[0].named["seen"]
    assert seen[0] == 6
    assert seen[3] == 4  # its own row, and three more


def test_ignored_metrics_and_entities_with_too_few_make_no_row():
    series = (Series(0, 1, "host:lab/a", "process.uptime"), *four()[1:3])
    detector = EntityRelations({})
    detector.score(Normal(new_series=series))
    for second in range(0, 50, 10):
        assert not detector.score(Normal(metrics=samples((0, second, 1), (1, second, 1), (2, second, 1)))).scores.size


# Relations


def test_a_broken_relation_is_told_with_those_to_blame_and_a_common_move_is_not():
    broken = Hosts(seed=3)
    (start, *_) = listen(EntityRelations({}), broken.rows(120, BREAKS))
    assert start.firing
    assert start.subject == "entity:host:lab/h0"
    assert start.severity == "info"
    assert START_NS + BREAKS[0] * PER_BATCH * ROW_NS <= start.since_ns <= start.at_ns
    assert len(start.output["blame"]) >= 2
    assert "out of step" in start.summary
    assert start.labels["blame_1"].startswith(start.output["blame"][0]["metric"])
    assert listen(EntityRelations({}), Hosts(seed=3).rows(120)) == []


@pytest.mark.parametrize("seed", range(4))
def test_fewer_metrics_than_needed_are_never_told(seed):
    assert listen(EntityRelations({"least_blamed": 9}), Hosts(seed=seed).rows(120, BREAKS)) == []


def test_an_alert_is_a_note_it_ends_by_itself_and_is_not_told_twice():
    turns = listen(EntityRelations({}), Hosts(seed=3).rows(200, (70, 200)))
    assert [(t.firing, t.output["event"]) for t in turns] == [(True, "started"), (False, "noted")]
    assert turns[1].at_ns - turns[0].at_ns == EntityParameters().hold_rows * ROW_NS


def test_what_fires_ends_when_the_entity_falls_silent():
    detector = EntityRelations({"hold_rows": 10_000})
    (start,) = listen(detector, Hosts(seed=3).rows(72, (70, 72)))
    assert detector.score(Normal(at_ns=start.at_ns + 10**11)).transitions == ()
    (end,) = detector.score(Normal(at_ns=start.at_ns + 10**12)).transitions
    assert (end.firing, end.output["event"]) == (False, "silent")
    assert detector.decide(end.inputs) == end.output
    assert detector.firing() == ()


def test_an_hour_of_being_another_is_learned_anew():
    detector = EntityRelations({"adopt_rows": 100, **QUICK})
    listen(detector, Hosts(seed=3).rows(70))
    before = detector._members.entities[0].tail
    listen(detector, Hosts(seed=3).rows(200, (70, 200)))
    assert before is not None
    assert detector._members.entities[0].story.gated < 100


def test_residuals_are_those_of_ridge_regression():
    p, rng = EntityParameters(ridges=(0.1,), fit_rows=50), np.random.default_rng(1)
    x = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4)) + 3
    entity = new_entity("e", p)
    for j in range(4):
        add(entity, [Column(j, f"m{j}")], p)
    detector = EntityRelations({"ridges": (0.1,), "fit_rows": 50})
    for row in x:
        kernel.learn(entity.block, row, detector._settings, kernel.EVERYTHING)
    fit(entity, p)
    kernel.judge(entity.block, x[7], detector._settings)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    precise = np.linalg.inv(np.corrcoef(x.T) + 0.1 * np.eye(4))
    expected = x.std(axis=0) * (z[7] @ precise) / np.diagonal(precise)
    assert np.allclose(entity.named["residual"], expected, atol=1e-5)


def test_means_and_covariances_are_those_of_the_rows():
    p, x = EntityParameters(), np.random.default_rng(2).normal(size=(100, 3))
    entity = new_entity("e", p)
    for j in range(3):
        add(entity, [Column(j, f"m{j}")], p)
    for row in x:
        kernel.learn(entity.block, row, EntityRelations({})._settings, kernel.EVERYTHING)
    assert np.allclose(entity.named["mean"][0], x.mean(axis=0))
    assert np.allclose(entity.named["cov"][0], np.cov(x.T, bias=True))


# Bounds


NARROW = {"most_entities": 2, "most_metrics": 5, "stale_rows": 2}


@functools.cache
def spoken(rows: int) -> bytes:
    """Four series of which two have fallen silent."""
    detector = EntityRelations(NARROW)
    detector.score(Normal(new_series=four()))
    for row in range(rows):
        detector.score(Normal(metrics=samples((0, 5 * row, row % 7), (1, 5 * row, row % 5))))
    return detector.snapshot()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from("ab")), min_size=1, max_size=24, unique_by=lambda one: one[0]
    ),
    st.sets(st.integers(1, 23)),
    st.sampled_from([0, 30, 800]),
)
def test_series_that_come_together_are_those_that_come_one_by_one(told_of, cuts, spoken_rows):
    """Also where columns of series that fell silent are given away, and where an entity is full."""
    states = []
    for at in (sorted(cuts), range(1, 24), ()):
        detector = EntityRelations(NARROW)
        detector.restore(spoken(spoken_rows))
        series = [Series(4 + slot, slot, f"host:lab/{name}", f"n{slot}") for slot, name in told_of]
        for first, last in itertools.pairwise([0, *(cut for cut in at if cut < len(series)), len(series)]):
            detector.score(Normal(new_series=tuple(series[first:last])))
        states.append(detector.snapshot())
    assert states[0] == states[1] == states[2]


def test_a_series_that_comes_twice_at_once_has_one_column():
    detector = EntityRelations({})
    detector.score(Normal(new_series=(*four(), *four())))
    assert len(detector._members.entities[0].columns) == 4


def test_what_comes_beyond_the_bounds_is_counted_and_left_alone():
    detector = EntityRelations({"most_entities": 1, "most_metrics": 4})
    detector.score(Normal(new_series=(*four(), Series(4, 5, "host:lab/a", "x"), *four("host:lab/b", 10))))
    assert detector.unwatched == 5
    detector.score(Normal(new_series=four()))
    assert detector.unwatched == 5


def test_a_silent_entity_makes_room_for_a_new_one():
    detector = EntityRelations({"most_entities": 1})
    detector.score(Normal(metrics=samples((0, 0, 1.0)), new_series=four()))
    detector._members.rows[0, 2] -= 4_000_000_000_000
    newest = detector._members.rows.max(initial=0)
    assert newest > 0
    detector._members.rows = np.vstack([detector._members.rows, [[0, 0, START_NS, 0]]])
    detector.score(Normal(new_series=four("host:lab/b", 10)))
    assert [e.name for e in detector._members.entities] == ["host:lab/b"]
    assert detector._members.series[0][0] == -1


def test_a_column_that_is_given_away_keeps_nothing():
    p = EntityParameters()
    entity = new_entity("e", p)
    for j in range(3):
        add(entity, [Column(j, f"m{j}")], p)
    for array in entity.arrays:
        array[...] = 1.0
    replace(entity, 1, Column(9, "new"))
    for name, array in entity.named.items():
        is_square = name in ("cov", "coef")
        kept = array[:, 1] if is_square or name in ("ewma", "usual") else array[..., 1]
        assert not kept.any(), name
    assert entity.named["cov"][0, 0, 0] == 1.0
    assert not entity.named["cov"][:, :, 1].any()


# The tail and the story


def test_the_tail_is_fitted_where_it_begins():
    rng = np.random.default_rng(4)
    counts = np.zeros(BINS)
    for score in (1.0 - rng.random(200_000)) ** (-1 / 5):  # P(score > s) = s ** -5
        counts[bin_of(score)] += 1
    tail = fitted(counts)
    assert tail.steepness == pytest.approx(5.0, rel=0.1)
    assert tail.p_value(10.0) == pytest.approx(1e-5, rel=1.0)
    assert share_beyond(counts, 2.0) == pytest.approx(2.0**-5, rel=0.1)


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=40))
def test_a_stranger_score_is_never_more_likely(scores):
    counts = np.ones(BINS)
    shares = [share_beyond(counts, score) for score in sorted(scores)]
    assert all(a >= b for a, b in itertools.pairwise(shares))
    tail = Tail(above=2.0, steepness=3.0, rows=100.0)
    chances = [tail.p_value(score) for score in sorted(scores)]
    assert all(a >= b for a, b in itertools.pairwise(chances))
    assert all(edges()[bin_of(s)] <= max(s, edges()[0]) * (1 + 1e-12) for s in scores if s < edges()[-1])


def judged(strength: float, value: float = 10.0, number: int = 0) -> Judged:
    return Judged(metric=f"m{number}", unit="", value=value, expected=5.0, level=5.0, strength=strength)


def row(story: Story, *metrics: Judged) -> Row:
    return Row(
        entity="host:lab/a", at_ns=START_NS, metrics=metrics, tail=Tail(above=2, steepness=4, rows=9), story=story
    )


def test_what_is_rare_but_small_or_of_one_metric_is_not_strange():
    small = told(row(Story(), judged(90, 5.1), judged(90, 5.1, 1)), EntityParameters())[0]
    alone = told(row(Story(), judged(90), judged(1, 5.0, 1)), EntityParameters())[0]
    both = told(row(Story(), judged(90), judged(80, 9.0, 1)), EntityParameters())[0]
    assert (small.strange, alone.strange, both.strange) == (0, 0, 1)


@settings(max_examples=60)
@given(st.lists(st.booleans(), max_size=120))
def test_a_story_starts_before_it_ends_and_never_twice(strange):
    story, fires, p = Story(), False, EntityParameters()
    for is_strange in strange:
        strength = 90.0 if is_strange else 1.0
        story, output = told(row(story, judged(strength), judged(strength, 9.0, 1)), p)
        assert (output["event"] == "started") == (output["firing"] and not fires)
        assert (output["event"] in ("calm", "noted")) == (fires and not output["firing"])
        fires = output["firing"]
        assert story.firing == fires
        assert story.rows <= 120


def test_the_share_of_blame_is_of_everything_unusual():
    output = told(row(Story(), judged(7), judged(4, 9.0, 1), judged(1, 5.0, 2)), EntityParameters())[1]
    assert [(b["metric"], b["share"]) for b in output["blame"]] == [("m0", 0.667), ("m1", 0.333)]
    assert len(METRICS) == 8

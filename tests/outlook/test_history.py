"""What is kept of a series: the last samples, means of longer steps; however its samples were cut into batches."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.signals import MetricBatch
from mainstay.outlook.history import History
from mainstay.outlook.kernel import COARSE, NATIVE, STEPS_MS

T0 = 1_699_999_200_000  # a full hour


def batch(slots, at_ms, values):
    return MetricBatch(np.array(slots, np.uint32), np.array(at_ms) * 1_000_000, np.array(values, np.float64))


def fed(samples, cuts=(), *, by_median=False):
    history = History()
    history.follow(5, by_median=by_median)
    edges = [0, *sorted(cuts), len(samples)]
    for first, last in itertools.pairwise(edges):
        part = samples[first:last]
        if part:
            at_ms, values = zip(*part, strict=True)
            history.observe(batch([5] * len(part), at_ms, values), at_ms[-1])
            if first % 3 == 1:
                history.condense()
    history.condense()
    return history


def test_the_last_samples_stay_and_means_of_older_ones():
    samples = [(T0 + 15_000 * i, float(i)) for i in range(2400)]  # ten hours
    history = fed(samples)
    at_ms, values = history.samples(0)
    assert values.tolist() == [float(i) for i in range(2400 - NATIVE, 2400)]
    assert at_ms[-1] == samples[-1][0]
    hours = history.means(0, 1)
    assert hours.tolist() == [240 * h + 119.5 for h in range(9)]  # the tenth is open
    assert len(history.means(0, 0)) == 119
    assert history.extremes(0) == (9.5, 2360 + 9.5)


def test_what_is_not_followed_is_not_kept():
    history = History()
    history.follow(2)
    history.observe(batch([1, 900_000], [T0, T0], [3.0, 4.0]), T0)
    assert np.isnan(history.last()[1][0])


def test_gaps_are_gaps():
    samples = [(T0 + 60_000 * i, 1.0) for i in range(10)] + [(T0 + 3_600_000 + 60_000 * i, 2.0) for i in range(10)]
    found = fed(samples).means(0, 0)
    assert found[0] == 1.0
    assert np.isnan(found[2:12]).all()
    assert found[-1] == 2.0


@pytest.mark.parametrize(
    ("at_ms", "value"), [(T0 + 120_000, 9.0), (T0 - 5_000, 9.0), (T0 + 500, 9.0), (T0 + 9_000, np.nan)]
)
def test_the_future_the_past_what_is_too_close_and_nothing_are_left_out(at_ms, value):
    history = History()
    history.follow(5)
    history.observe(batch([5, 5], [T0, at_ms], [1.0, value]), T0)
    assert history.samples(0)[1].tolist() == [1.0]


def test_only_the_last_value_matters_of_a_size():
    history = History()
    places = [history.size(slot) for slot in range(300)]
    assert places == list(range(300))
    history.observe(batch([7, 299, 7], [T0, T0, T0], [1.0, 5.0, 2.0]), T0)
    assert (history.sizes[7], history.sizes[299]) == (2.0, 5.0)


def test_a_row_is_given_to_another_series():
    history = fed([(T0 + 60_000 * i, 1.0) for i in range(20)])
    assert history.follow(9, row=0) == 0
    assert np.isnan(history.last()[1][0])
    assert len(history.means(0, 0)) == 0
    history.observe(batch([5, 9], [T0, T0], [1.0, 8.0]), T0)
    assert history.last()[1].tolist() == [8.0]


def test_it_grows_and_comes_back_from_its_snapshot():
    history = History()
    for slot in range(700):
        history.follow(slot)
    size = history.size(700)
    for turn in range(40):
        at_ms = [T0 + 60_000 * turn] * 701
        history.observe(batch(range(701), at_ms, np.arange(701.0) + turn), at_ms[0])
    saved = history.saved()
    other = History()
    other.take_up(saved, range(700), [700])
    assert other.saved() == saved
    other.observe(batch([699, 700], [T0 + 10**7] * 2, [1.0, 2.0]), T0 + 10**7)
    assert other.last()[1][699] == 1.0
    assert other.sizes[size] == 2.0


def test_thirds_tell_how_fast_it_rises():
    history = fed([(T0 + 10_000 * i, 2.0 * i) for i in range(600)])
    for level in range(3):
        first, last, apart_ms = (float(part[0]) for part in history.thirds(level))
        if not np.isnan(first):
            assert (last - first) / apart_ms == pytest.approx(2.0 / 10_000)
    assert np.isnan(history.thirds(2)[0][0])  # one hour is no history of hours


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400_000), st.floats(-1e6, 1e6)), max_size=300),
    st.lists(st.integers(0, 300), max_size=6),
    st.booleans(),
)
def test_cutting_changes_nothing(steps, cuts, by_median):
    at_ms, samples = T0, []
    for step, value in steps:
        at_ms += step
        samples.append((at_ms, value))
    whole = fed(samples, by_median=by_median)
    cut = fed(samples, [min(c, len(samples)) for c in cuts], by_median=by_median)
    assert whole.saved() == cut.saved()


def test_of_what_jumps_medians_are_kept_and_no_spike_moves_them():
    samples = [(T0 + 5000 * i, 100.0 + i // 60 + (5000.0 if i % 60 < 20 else 0.0)) for i in range(1500)]
    history = fed(samples, by_median=True)
    assert history.means(0, 0).tolist() == [100.0 + i for i in range(24)]  # 25 times five minutes, the last is open
    assert history.means(0, 1).tolist() == [105.5, 117.5]
    assert history.top_before(0, T0 + 600_000, 1.0) == 101.0
    assert history.top_before(0, T0 + 3_600_000, 1.0) == 111.0
    assert history.top_before(0, T0 + 3_300_000, 0.5) == 105.0
    assert np.isnan(history.top_before(0, T0, 1.0))


def test_a_gap_of_hours_is_one_in_the_medians_too():
    early, late = ([(T0 + first + 60_000 * i, 3.0) for i in range(90)] for first in (0, 20 * 3_600_000))
    history = fed(early + late, by_median=True)
    hours = history.means(0, 1)
    assert np.isfinite(hours).nonzero()[0].tolist() == [0, 1, 20]
    assert history.means(0, 0).tolist() == [3.0] * 17  # what is older than half a day has no room


def test_means_and_medians_stand_beside_each_other():
    history = History()
    for slot in range(3):
        history.follow(slot, by_median=slot == 1)
    for i in range(200):
        value = 9.0 if i % 5 == 0 else 1.0
        history.observe(batch([0, 1], [T0 + 5000 * i] * 2, [value] * 2), T0 + 5000 * i)
    history.condense()
    assert history.medians.tolist() == [1]
    assert history.means(0, 0)[0] == pytest.approx(2.6)
    assert history.means(1, 0)[0] == 1.0
    rows, values = history.lately(4)
    assert (rows.tolist(), values.tolist()) == ([1], [1.0])
    other = History()
    other.take_up(history.saved(), range(3), [])
    assert (other.medians.tolist(), other.saved()) == ([1], history.saved())


def test_a_step_holds_no_more_than_there_is_room_for():
    samples = [(T0 + STEPS_MS[0] * i, float(i)) for i in range(3 * COARSE)]
    found = fed(samples).means(0, 0)
    assert len(found) == COARSE
    assert found[-1] == 3 * COARSE - 2

"""What a second version sees of a batch: exactly the samples of the series that are meant, in their order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.signals import MetricBatch
from mainstay.mlops.scopes import chosen


def batch(series: list[int]) -> MetricBatch:
    slots = np.array(series, np.uint32)
    return MetricBatch(slots, np.arange(len(slots), dtype=np.int64), slots * 0.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=12), st.lists(st.integers(0, 20), max_size=40))
def test_the_part_is_what_indexing_would_give(meant: list[bool], series: list[int]) -> None:
    slots, given_batch = np.array([*meant, False]), batch(series)
    found = chosen(given_batch, slots)
    at = np.flatnonzero(slots.take(given_batch.series, mode="clip"))
    assert found.series.tolist() == given_batch.series[at].tolist()
    assert found.at_ns.tolist() == at.tolist()
    assert found.value.tolist() == given_batch.value[at].tolist()


def test_of_a_slot_beyond_the_last_place_answers() -> None:
    assert chosen(batch([0, 7]), np.array([True, True])).series.tolist() == [0, 7]
    assert chosen(batch([0, 7]), np.array([True, False])).series.tolist() == [0]


def test_nothing_of_nothing() -> None:
    assert len(chosen(batch([]), np.array([True]))) == 0

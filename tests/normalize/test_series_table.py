"""Series and streams as columns: numbers are given once, in order, and a full table refuses only what is new."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.series import SeriesColumns, encoded
from mainstay.domain.signals import Series
from mainstay.normalize.metrics.digests import Digests, digests_of
from mainstay.normalize.metrics.series import NO_SLOT, SeriesTable, series_id
from mainstay.normalize.metrics.texts import Texts


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=30), max_size=8))
def test_digests_are_numbered_as_a_dictionary_would(batches):
    known, expected = Digests(2), {}
    for batch in batches:
        numbers = known.add(np.array(batch, np.uint64).reshape(-1, 2)).tolist()
        assert numbers == [expected.setdefault(one, len(expected)) for one in batch]
    assert len(known) == len(expected)
    everything = np.array([*expected, (9, 9)], np.uint64)
    assert known.find(everything).tolist() == [*range(len(expected)), expected.get((9, 9), -1)]
    again = Digests(2)
    again.load(known.state())
    assert again.find(everything).tolist() == known.find(everything).tolist()


def test_many_digests_outgrow_their_table():
    known = Digests(1)
    numbers = np.random.default_rng(1).permutation(50_000).astype(np.uint64).reshape(-1, 1)
    for part in np.array_split(numbers, 7):
        known.add(part)
    assert known.find(numbers).tolist() == list(range(50_000))
    assert known.add(numbers[::-1]).tolist() == list(range(49_999, -1, -1))


def test_digests_that_crowd_one_place_are_all_found():
    crowd = (np.arange(300, dtype=np.uint64) << np.uint64(32)).reshape(-1, 1)
    known = Digests(1)
    assert known.add(crowd).tolist() == list(range(300))
    assert known.find(crowd[::7]).tolist() == list(range(0, 300, 7))


def test_joined_digests_are_numbers():
    assert digests_of(bytes(32), 2).shape == (2, 2)


WORDS = st.sampled_from(["service:a/x", "service:a/y", "host:b/z"]), st.sampled_from(["up", "m.rate", "n_bytes"])
LABELS = st.sampled_from([(), (("job", "x"),), (("job", "y"), ("slot", "1"))])


@settings(max_examples=50)
@given(st.lists(st.tuples(*WORDS, LABELS), max_size=40), st.integers(1, 12))
def test_slots_are_the_same_together_and_one_by_one(rows, most):
    together, apart = SeriesTable("t", most), SeriesTable("t", most)
    entity = [together.entity(one) for one, _, _ in rows]
    said = [together.said(metric, "") for _, metric, _ in rows]
    labels = Texts.of([encoded(labels) for _, _, labels in rows])
    slots = together.slots(np.array(entity, np.int64), np.array(said, np.int64), labels).tolist()
    assert slots == [apart.slot(*row) for row in rows]
    assert list(together.all) == list(apart.all)
    assert together.refused == apart.refused == slots.count(NO_SLOT)
    assert len(together) <= most


def test_a_series_is_what_it_was_told_to_be():
    table = SeriesTable("t")
    slot = table.slot("service:a/x", "http.errors.rate", (("job", "x"),), "1/s")
    identity = series_id("t", "service:a/x", "http.errors.rate", (("job", "x"),))
    assert table.all[slot] == Series(0, identity, "service:a/x", "http.errors.rate", (("job", "x"),), "1/s", "up")
    assert table.slot("service:a/x", "http.errors.rate", (("job", "x"),), "another unit") == slot
    assert table.slot("service:a/x", "http.errors.rate", (("job", "y"),), "1/s") == slot + 1


def test_what_is_new_is_told_once_and_all_of_it_again_after_a_restart():
    table = SeriesTable("t")
    assert len(table.take_new()) == 0
    for job in "abc":
        table.slot("service:a/x", "up", (("job", job),))
    assert [one.labels for one in table.take_new()] == [(("job", job),) for job in "abc"]
    table.slot("service:a/y", "up")
    assert [(one.slot, one.entity, one.labels) for one in table.take_new()] == [(3, "service:a/y", ())]
    assert not table.take_new()
    again = SeriesTable("t")
    again.load(table.state())
    assert again.take_new() == table.all
    assert again.slot("service:a/x", "up", (("job", "b"),)) == 1
    assert again.slot("service:a/x", "up", (("job", "d"),)) == 4
    assert bytes(again.state()["labels"]) == bytes(table.state()["labels"]) + encoded((("job", "d"),))


def test_a_full_table_refuses_what_is_new_and_knows_the_rest():
    table = SeriesTable("t", most=2)
    assert [table.slot("service:a/x", "up", (("job", job),)) for job in "abca"] == [0, 1, NO_SLOT, 0]
    assert table.refused == 1


def test_an_id_that_belongs_to_another_series_is_refused():
    table = SeriesTable("t")
    table.slot("service:a/x", "up")
    table.said("down", "")
    table._said[0] = 1  # as if the two had one id
    assert table.slot("service:a/x", "up") == NO_SLOT


def test_columns_read_like_the_series_that_they_hold():
    series = [
        Series(5, 2**64 - 1, "service:a/x", "up", (("job", "é"),), "1", "down"),
        Series(9, 0, "host:a/y", "load", ()),
        Series(2, 3, "service:a/x", "up", (("a", "b"), ("c", "")), "1", "down"),
    ]
    columns = SeriesColumns.of(series)
    assert columns == series
    assert columns[-1] == series[2]
    assert columns[1:] == tuple(series[1:])
    assert SeriesColumns.of(columns) is columns
    assert len(columns.names) == 2
    assert columns != SeriesColumns.of(series[:2])
    assert not SeriesColumns.of(())

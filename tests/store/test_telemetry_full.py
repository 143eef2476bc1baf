"""The telemetry store on a full disk: it says so, and when there is room again each row is there once."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from tests.store.telemetry_samples import T0, S, second

from mainstay.domain.errors import Overloaded
from mainstay.store.telemetry import Telemetry

SLOTS = 2000
"""Rows of a second are 40 kB of log: more than the room that is left below."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Telemetry]:
    telemetry = Telemetry(tmp_path / "telemetry", retention_s=600, hot_s=20)
    for seq in (1, 2, 3):
        telemetry.write(second(seq, SLOTS), seq)
        telemetry.commit(seq)
    yield telemetry
    telemetry.close()


@contextmanager
def no_room(most_bytes: int = 0) -> Iterator[None]:
    """No file of this process grows beyond `most_bytes`: what a full disk does, without the rights to make one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def ended(store: Telemetry) -> None:
    """A checkpoint without room ends DuckDB's whole database."""
    with no_room(), pytest.raises(duckdb.FatalException):
        store._checkpoint()


def take_again(store: Telemetry, until: int) -> None:
    """As the pipeline does after a failure: everything comes again, from the first record on."""
    store.forget()
    for seq in range(1, until + 1):
        store.write(second(seq, SLOTS), seq)
    store.commit(until)


def copied(store: Telemetry) -> Path:
    """The files as they lie on the disk now, as after a kill."""
    return Path(shutil.copytree(store.directory, store.directory.parent / "copied"))


def test_a_commit_without_room_says_why_and_can_be_tried_again(store: Telemetry) -> None:
    store.write(second(4, SLOTS), 4)
    with no_room(), pytest.raises(duckdb.Error, match="Could not write file"):
        store.commit(4)
    assert store.applied_seq == 3
    take_again(store, 4)
    assert (store.applied_seq, store.count("points"), store.count("logs")) == (4, 4 * SLOTS, 4)


def test_a_database_that_ended_goes_on_when_there_is_room(store: Telemetry) -> None:
    ended(store)
    store.write(second(4, SLOTS), 4)
    with pytest.raises(duckdb.FatalException):
        store.commit(4)
    take_again(store, 5)
    assert (store.applied_seq, store.count("points"), store.count("logs")) == (5, 5 * SLOTS, 5)


def test_as_long_as_there_is_no_room_it_is_tried_again(store: Telemetry) -> None:
    ended(store)
    with no_room():
        for _ in range(3):
            with pytest.raises(duckdb.Error):
                take_again(store, 4)
    take_again(store, 4)
    assert (store.applied_seq, store.count("points")) == (4, 4 * SLOTS)


def test_a_commit_whose_checkpoint_finds_no_room_is_there_wholly_or_not_at_all(store: Telemetry) -> None:
    """DuckDB brings its log into the file in the middle of a commit: it may be there or not, but never half."""
    store._connection.execute("SET checkpoint_threshold = '1KB'")
    store.write(second(4, SLOTS), 4)
    with no_room(262_144), pytest.raises(duckdb.Error):
        store.commit(4)
    store.forget()
    assert store.count("points") == store.applied_seq * SLOTS
    take_again(store, 5)
    assert (store.applied_seq, store.count("points"), store.count("logs")) == (5, 5 * SLOTS, 5)


def test_who_reads_is_not_cut_off_in_the_middle(store: Telemetry) -> None:
    ended(store)
    with store._blocks.reading(), pytest.raises(Overloaded, match="being read"):
        store.forget()
    with pytest.raises(duckdb.FatalException):
        store.count("points")
    take_again(store, 4)
    again = Telemetry(copied(store), retention_s=600)
    assert (again.applied_seq, again.count("points")) == (4, 4 * SLOTS)
    again.close()


def test_sealing_without_room_loses_nothing(store: Telemetry) -> None:
    now_ns = T0 + 60 * S
    with no_room(), pytest.raises(duckdb.Error):
        store.seal(now_ns)
    store.forget()
    assert store.count("points") == 3 * SLOTS
    assert store.seal(now_ns) > 0
    assert (store.count("points"), store.verify()) == (3 * SLOTS, [])

"""The telemetry store: each row once, hot or sealed, found again, and gone when its time is over."""

from __future__ import annotations

import dataclasses
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.telemetry_samples import ENTITY, FIRST_ID, MS, T0, S, second, series

from mainstay.domain.errors import Corrupt
from mainstay.domain.protocols import BandBatch
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch, Normal, Template
from mainstay.store.telemetry import Telemetry
from mainstay.store.telemetry.reads import NO_SLOT
from mainstay.store.telemetry.tables import thin

END_MS = T0 // MS + 10**7


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Telemetry]:
    telemetry = Telemetry(tmp_path / "telemetry", retention_s=600, hot_s=20)
    yield telemetry
    telemetry.close()


def fill(store: Telemetry, seconds: int, begin: int = 0) -> None:
    """One record and one sequence a second, the first is 1; one commit at the end."""
    for at in range(begin, begin + seconds):
        store.write(second(at), at + 1)
    store.commit(begin + seconds)


def whole(store: Telemetry) -> list[object]:
    """Everything that can be read, in one value."""
    logs = store.logs("", 0, END_MS, 10**6)
    return [
        [column.tolist() for column in store.points(FIRST_ID + 1, 0, END_MS, 10**6)],
        (logs.body, logs.at_ns.tolist(), logs.template.tolist(), logs.severity.tolist()),
        [store.spans(at.to_bytes(16, "big")).start_ns.tolist() for at in range(60)],
        [(e.caller, e.until_ns, e.count, e.latency_ms.tolist(), e.own_ms.tolist()) for e in store.edges("", 0, END_MS)],
        [store.count(name) for name in ("points", "logs", "spans", "edge_windows", "bands")],
    ]


def test_points_come_back_in_order_and_in_their_time(store: Telemetry) -> None:
    fill(store, 5)
    at_ms, value = store.points(FIRST_ID + 1, T0 // MS + 1000, T0 // MS + 3000)
    assert at_ms.tolist() == [T0 // MS + 1000 * s for s in (1, 2, 3)]
    assert value.tolist() == [2.0, 3.0, 4.0]
    assert store.points(7, 0, END_MS)[0].tolist() == []


def test_sealing_changes_nothing_that_can_be_read(store: Telemetry) -> None:
    fill(store, 60)
    store.write_bands(BandBatch(np.array([1], np.uint32), np.array([T0]), np.array([0.5]), np.array([1.5])), 61)
    store.commit(61)
    before = whole(store)
    assert store.seal(T0 + 30 * S) == 0
    assert store.seal(T0 + 65 * S) == 5
    assert whole(store) == before
    assert store.seal(T0 + 65 * S) == 0
    late = Normal(metrics=MetricBatch(np.array([1], np.uint32), np.array([T0]), np.array([7.0])))
    store.write(late, 62)
    store.commit(62)
    assert store.seal(T0 + 85 * S) == 4
    assert store.points(FIRST_ID + 1, 0, T0 // MS)[1].tolist() == [1.0, 7.0]
    assert [c.tolist() for c in store.bands(FIRST_ID + 1, 0, END_MS)] == [[T0 // MS], [0.5], [1.5]]
    assert store.verify() == []


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99), st.floats(-1e6, 1e6)), max_size=60),
    st.lists(st.integers(20, 140), max_size=3).map(sorted),
)
@settings(max_examples=15, deadline=None)
def test_any_rows_sealed_at_any_time_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, float]], seals: list[int]
) -> None:
    store = Telemetry(tmp_path_factory.mktemp("any"), retention_s=10**6, hot_s=20)
    store.know([series(slot) for slot in range(3)])
    for seq, (slot, at, value) in enumerate(rows, 1):
        store.write(
            Normal(metrics=MetricBatch(np.array([slot], np.uint32), np.array([T0 + at * S]), np.array([value]))), seq
        )
        if seq % 20 == 0:
            store.commit(seq)
            if seals:
                store.seal(T0 + seals.pop(0) * S)
    store.commit(len(rows) + 1)
    for slot in range(3):
        at_ms, value = store.points(FIRST_ID + slot, 0, END_MS)
        expected = sorted((at, v) for s, at, v in rows if s == slot)
        assert sorted(zip(((at_ms - T0 // MS) // 1000).tolist(), value.tolist(), strict=True)) == expected
        assert at_ms.tolist() == sorted(at_ms.tolist())
    store.close()


def test_what_was_applied_is_not_written_twice(store: Telemetry) -> None:
    fill(store, 5)
    before = whole(store)
    fill(store, 5)
    store.write_bands(BandBatch(np.array([1], np.uint32), np.array([T0]), np.array([0.5]), np.array([1.5])), 5)
    store.commit(6)
    assert whole(store) == before


def test_a_series_that_is_told_again_is_listed_once(store: Telemetry) -> None:
    told = SeriesColumns.of([series(0), series(1)])
    for seq, new in enumerate([told, [series(1), series(2)], told], start=1):
        store.write(Normal(new_series=new), seq)
        if seq == 2:
            store.commit(seq)
    store.commit(3)
    assert [one.id for one in store.catalogue.find()] == [series(slot).id for slot in range(3)]


def test_uncommitted_rows_are_gone_after_a_restart_and_can_come_again(tmp_path: Path) -> None:
    first = Telemetry(tmp_path, retention_s=600)
    fill(first, 3)
    first.write(second(3), 4)
    first.close()
    again = Telemetry(tmp_path, retention_s=600)
    assert (again.applied_seq, again.count("points")) == (3, 6)
    fill(again, 4)
    assert (again.applied_seq, again.count("points"), again.count("logs")) == (4, 8, 4)
    again.close()


def test_a_commit_that_fails_changes_nothing_and_can_be_tried_again(store: Telemetry) -> None:
    fill(store, 2)
    store.write(second(2), 3)
    store._connection.execute("ALTER TABLE logs RENAME TO hidden")
    with pytest.raises(Exception, match="logs"):
        store.commit(3)
    store._connection.execute("ALTER TABLE hidden RENAME TO logs")
    assert (store.applied_seq, store.count("points")) == (2, 4)
    store.commit(3)
    assert (store.applied_seq, store.count("points")) == (3, 6)


def test_templates_are_found(store: Telemetry) -> None:
    fill(store, 2)
    store.write(Normal(new_templates=(Template(5, "line <*> more"),)), 3)
    store.commit(3)
    assert store.template(5) == Template(5, "line <*> more")
    assert store.template(6) is None


def test_logs_are_the_newest_oldest_first(store: Telemetry) -> None:
    fill(store, 10)
    assert store.logs(ENTITY, 0, END_MS, 3).body == ("line 7", "line 8", "line 9")
    assert store.logs("service:lab/none", 0, END_MS, 3).body == ()


def test_an_unknown_slot_is_said(store: Telemetry) -> None:
    with pytest.raises(ValueError, match="slot 1 is not known"):
        store.write(Normal(metrics=second(0).metrics), 1)


@given(st.integers(2, 50), st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300))
def test_thinning_keeps_extremes(most: int, values: list[float]) -> None:
    at, value = thin(np.arange(len(values), dtype=np.int64) * 7, np.array(values), most)
    assert len(at) <= max(most, 2)
    assert (value.min(), value.max()) == (min(values), max(values))
    assert at.tolist() == sorted(at.tolist())


def test_retention_drops_whole_blocks_and_old_hot_rows(store: Telemetry) -> None:
    fill(store, 60)
    store.seal(T0 + 65 * S)
    assert store.expire(T0 + 500 * S) == 0
    assert store.expire(T0 + 640 * S) == 4
    assert store.count("points") == 2 * 20
    assert list((store.directory / "blocks").iterdir()) == []
    store.expire(T0 + 10_000 * S)
    assert store.count("points") == 0


def test_what_is_too_old_is_looked_for_once_in_a_while(store: Telemetry) -> None:
    fill(store, 60)
    counts = []
    for at in (630, 639, 640, 645):
        store.expire(T0 + at * S)
        counts.append(store.count("points"))
    assert counts[0] == counts[1] > counts[2] == counts[3]
    store.forget()  # something failed, perhaps for want of room: at once, then
    store.expire(T0 + 645 * S)
    assert store.count("points") < counts[3]


def test_a_block_that_is_being_read_is_unlinked_later(store: Telemetry) -> None:
    fill(store, 60)
    store.seal(T0 + 65 * S)
    with store._blocks.reading():
        store.expire(T0 + 640 * S)
        assert len(list((store.directory / "blocks").iterdir())) == 4
    assert list((store.directory / "blocks").iterdir()) == []


def test_disk_stays_flat(tmp_path: Path) -> None:
    """Ten minutes in fast forward with one minute of retention: the last five take no more than the first."""
    store = Telemetry(tmp_path, retention_s=60, hot_s=20)
    slots, sizes = 2_000, []
    store.know([series(slot) for slot in range(slots)])
    values = np.random.default_rng(5)
    for at in range(0, 600, 2):
        now = T0 + at * S
        batch = MetricBatch(np.arange(slots, dtype=np.uint32), np.full(slots, now), values.normal(size=slots))
        store.write(Normal(metrics=batch), at + 1)
        store.commit(at + 1)
        store.seal(now)
        store.expire(now)
        sizes.append(store.disk_bytes())
    assert max(sizes[150:]) <= 1.1 * max(sizes[60:150])
    assert store.count("points") <= slots * 60
    store.close()


def test_readers_see_every_row_once_while_it_is_sealed(store: Telemetry) -> None:
    fill(store, 40)
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            at_ms, _ = store.points(FIRST_ID, 0, END_MS, 10**6)
            seconds = ((at_ms - T0 // MS) // 1000).tolist()
            if seconds != list(range(len(seconds))) or len(seconds) < 40:
                wrong.append(seconds)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for at in range(40, 100):
        fill(store, 1, at)
        store.seal(T0 + at * S)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert store.count("points") == 200


def test_a_changed_or_missing_block_is_named(store: Telemetry) -> None:
    fill(store, 60)
    store.seal(T0 + 65 * S)
    one, other, *_ = sorted((store.directory / "blocks").iterdir())
    one.unlink()
    other.write_bytes(other.read_bytes() + b"x")
    assert store.verify() == [one.name, other.name]


def test_a_missing_block_does_not_stop_a_start(tmp_path: Path) -> None:
    first = Telemetry(tmp_path, retention_s=600, hot_s=20)
    fill(first, 60)
    first.seal(T0 + 65 * S)
    first.close()
    next((tmp_path / "blocks").glob("points-*")).unlink()
    (tmp_path / "blocks" / ".points.tmp").write_bytes(b"half")
    (tmp_path / "blocks" / "points-1-2-abc.parquet").write_bytes(b"never registered")
    again = Telemetry(tmp_path, retention_s=600, hot_s=20)
    assert len(again.points(FIRST_ID, 0, END_MS)[0]) == 20
    assert len(again.logs("", 0, END_MS, 100).body) == 60
    assert len(list((tmp_path / "blocks").iterdir())) == 3
    again.close()


def test_a_backup_is_a_store(store: Telemetry, tmp_path: Path) -> None:
    fill(store, 60)
    store.seal(T0 + 65 * S)
    fill(store, 5, 60)
    before = whole(store)
    store.backup(tmp_path / "copy")
    fill(store, 5, 65)
    copy = Telemetry(tmp_path / "copy", retention_s=600, hot_s=20)
    assert whole(copy) == before
    assert (copy.applied_seq, copy.verify()) == (65, [])
    copy.close()


def test_a_backup_while_somebody_reads(store: Telemetry, tmp_path: Path) -> None:
    fill(store, 30)
    cursor = store._new_cursor()
    cursor.begin()
    cursor.execute("SELECT count(*) FROM points").fetchall()
    fill(store, 5, 30)
    store.backup(tmp_path / "copy")
    cursor.close()
    copy = Telemetry(tmp_path / "copy", retention_s=600, hot_s=20)
    assert (copy.applied_seq, copy.count("points")) == (35, 70)
    copy.close()


def test_files_are_the_owners(store: Telemetry) -> None:
    fill(store, 60)
    store.seal(T0 + 65 * S)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_what_is_no_store_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "hot.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(Corrupt, match=r"hot\.duckdb"):
        Telemetry(tmp_path, retention_s=600)


def test_a_store_of_another_format_is_corrupt(tmp_path: Path) -> None:
    first = Telemetry(tmp_path, retention_s=600)
    first._connection.execute("UPDATE meta SET value = 99 WHERE key = 'format_version'")
    first.close()
    with pytest.raises(Corrupt, match="format"):
        Telemetry(tmp_path, retention_s=600)


def test_killed_anywhere_it_opens_and_has_what_it_said(tmp_path: Path) -> None:
    draw = random.Random(11)
    said = 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.store.telemetry_writer", str(tmp_path)],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "src:."},
        )  # fmt: skip
        assert writer.stdout is not None
        for _ in range(draw.randrange(3, 40)):
            said = int(writer.stdout.readline())
        writer.kill()
        writer.wait()
        said = max([said, *(int(line) for line in writer.stdout.read().splitlines() if line)])
        writer.stdout.close()
        store = Telemetry(tmp_path, retention_s=40, hot_s=5)
        assert store.applied_seq in (said, said + 1)
        assert store.verify() == []
        at_ms, value = store.points(FIRST_ID, 0, END_MS)
        seconds = ((at_ms - T0 // MS) // 1000).tolist()
        assert seconds == list(range(seconds[0], store.applied_seq + 1))
        assert value.tolist() == [float(s) for s in seconds]
        assert len(seconds) >= min(store.applied_seq, 40)
        store.close()


def test_the_catalogue_knows_every_series_once(store: Telemetry) -> None:
    fill(store, 3)
    fill(store, 2, begin=3)
    told = [dataclasses.replace(series(slot), slot=NO_SLOT) for slot in range(2)]
    assert store.catalogue.find() == told
    assert store.catalogue.find(entity=ENTITY, metric="m1", limit=5) == told[1:]
    assert store.catalogue.find(entity="service:lab/other") == []
    assert store.catalogue.find(limit=1) == told[:1]
    assert store.catalogue.by_id([str(FIRST_ID + 1), FIRST_ID, 17, "", "x", 2**64]) == told
    assert store.count("points") == 10


def test_series_of_a_record_that_is_applied_are_not_written_again(store: Telemetry) -> None:
    fill(store, 2)
    store.write(Normal(new_series=(series(7),)), 1)
    store.commit(3)
    assert store.catalogue.by_id([FIRST_ID + 7]) == []
    store.write(Normal(new_series=SeriesColumns.of((series(7), series(8)))), 4)
    store.commit(4)
    assert [one.metric for one in store.catalogue.by_id([FIRST_ID + 7, FIRST_ID + 8])] == ["m7", "m8"]

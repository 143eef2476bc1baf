"""The engine: order, restarts, and what happens when a stage or a store fails."""

import resource
import time

from tests.engine.line import QUOTA, Rig, Tape, eventually

from mainstay.domain.records import SET_ASIDE
from mainstay.engine import aside
from mainstay.engine.local import Pace


def bodies(rig):
    return [text.partition(":")[2] for text in rig.pipeline.bodies]


def test_records_are_taken_in_order_and_waiters_are_told(tmp_path):
    with Rig(tmp_path) as rig:
        rig.until(rig.send(*"abcde"))
        assert bodies(rig) == list("abcde")
        assert rig.engine.decided(2).done()
        assert not rig.engine.decided(6).done()
        assert (rig.engine.records, rig.engine.failures) == (5, 0)


def test_a_restart_goes_on_where_it_was(tmp_path):
    with Rig(tmp_path) as rig:
        rig.until(rig.send("a", "b"))
    assert rig.snapshots.newest()[0] == 2
    with Rig(tmp_path) as again:
        assert bodies(again) == ["a", "b"]
        again.until(again.send("c"))
        assert bodies(again) == ["a", "b", "c"]
        assert again.pipeline.committed == {3: "otlp-logs"}


def test_without_a_saved_state_everything_comes_again(tmp_path):
    rig = Rig(tmp_path)
    rig.send("a", "b")
    rig.inbox.close()
    with Rig(tmp_path) as again:
        again.until(2)
        assert bodies(again) == ["a", "b"]


def test_the_batch_is_told_and_upkeep_follows(tmp_path):
    seen = []
    with Rig(
        tmp_path, told=lambda effects: seen.append(effects.decided_seq), upkeep=lambda: seen.append("kept")
    ) as rig:
        rig.until(rig.send("a"))
        eventually(lambda: seen == [1, "kept"])


def test_time_passes_as_records(tmp_path):
    with Rig(tmp_path, pace=Pace(tick_s=0.05)) as rig:
        eventually(lambda: rig.pipeline.bodies.count("tick:") >= 3)


def test_a_record_on_which_a_stage_fails_is_set_aside(tmp_path):
    with Rig(tmp_path) as rig:
        rig.pipeline.bad = {b"bad"}
        rig.until(rig.send("a", "bad", "b"))
        rig.until(rig.send("c"))
        assert rig.pipeline.bodies == [
            "otlp-logs:a", f"{SET_ASIDE}:ZeroDivisionError: a stage fails", "otlp-logs:b", "otlp-logs:c",
        ]  # fmt: skip
        assert rig.pipeline.committed == {1: "otlp-logs", 2: SET_ASIDE, 3: "otlp-logs", 4: "otlp-logs"}
        assert (len(rig.aside), rig.engine.failures) == (1, 2)
    with Rig(tmp_path) as again:  # the stage still fails on it; nobody gives it to the stage
        again.pipeline.bad = {b"bad"}
        again.until(again.send("d"))
        assert again.engine.failures == 0


def test_after_a_state_was_saved_only_what_came_later_is_taken_again(tmp_path):
    with Rig(tmp_path, pace=Pace(1000, 0)) as rig:
        rig.until(rig.send("a", "b"))
        rig.pipeline.bad = {b"bad"}
        rig.until(rig.send("c", "bad", "bad too", "d"))
        assert bodies(rig)[:3] == ["a", "b", "c"]
        assert bodies(rig)[4:] == ["bad too", "d"]


def test_a_stage_that_fails_once_loses_nothing(tmp_path):
    with Rig(tmp_path) as rig:
        rig.pipeline.bad = {b"b"}
        rig.send("a", "b", "c")
        eventually(lambda: rig.engine.failures == 1)
        rig.pipeline.bad = set()
        rig.until(3)
        assert bodies(rig) == ["a", "b", "c"]
        assert len(rig.aside) == 0


def test_a_store_that_fails_is_tried_until_it_does_not(tmp_path):
    with Rig(tmp_path) as rig:
        rig.pipeline.store_fails = 3
        seq = rig.send("a", "b")
        assert "No space left" in eventually(lambda: rig.engine.failure)
        rig.until(seq)
        assert bodies(rig) == ["a", "b"]
        assert (len(rig.aside), rig.engine.failures) == (0, 3)


def test_too_many_bad_records_stop_the_line_in_the_open(tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "MOST", 1)
    with Rig(tmp_path) as rig:
        rig.pipeline.bad = {b"bad", b"worse"}
        rig.send("bad", "worse", "a")
        eventually(lambda: "cannot be set aside" in rig.engine.failure)
        assert not rig.engine.decided(3).done()
        rig.pipeline.bad = set()  # somebody mended it
        rig.until(3)
        assert bodies(rig)[1:] == ["worse", "a"]


def test_without_room_for_the_state_it_ends_and_the_next_start_replays(tmp_path):
    rig = Rig(tmp_path)
    rig.engine.start()
    rig.until(rig.send("a"))
    rig.until(rig.send("b"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        rig.engine.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    rig.inbox.close()
    assert [path.suffix for path in (tmp_path / "state").iterdir()] == [".state"]
    with Rig(tmp_path) as again:
        again.until(2)
        assert bodies(again) == ["a", "b"]


def test_a_torn_state_is_never_saved(tmp_path):
    rig = Rig(tmp_path)
    rig.pipeline.store_fails = 1_000
    with rig:
        rig.send("a")
        eventually(lambda: rig.engine.failure)
    assert rig.snapshots.newest() is None


def test_a_lane_that_fills_is_saved_and_emptied_early(tmp_path):
    """The next saving is due in a quarter of an hour; the lane holds a few records."""
    with Rig(tmp_path, quota=QUOTA | {"signals": 1_000}) as rig:
        for number in range(20):
            eventually(lambda: rig.inbox.depth()["signals"]["waiting_bytes"] < 800)
            rig.until(rig.send(f"{number:0100d}"))
        assert rig.snapshots.newest() is not None
        assert len(rig.pipeline.bodies) == 20


def test_a_state_that_is_slow_to_save_is_saved_less_often(tmp_path):
    class Slow(Tape):
        def parts(self):
            time.sleep(0.5)
            yield from super().parts()

    with Rig(tmp_path, Slow(), pace=Pace(tick_s=1000, snapshot_s=0.0)) as rig:
        rig.until(rig.send("a"))
        first, _ = eventually(rig.snapshots.newest)
        rig.until(rig.send("b", "c"))
        assert rig.snapshots.newest()[0] == first  # the next one is due after nine times half a second


def test_a_calm_lane_is_not_saved_early(tmp_path):
    with Rig(tmp_path) as rig:
        rig.until(rig.send("a"))
        first, _ = eventually(rig.snapshots.newest)
        rig.until(rig.send("b", "c"))
        assert rig.snapshots.newest()[0] == first

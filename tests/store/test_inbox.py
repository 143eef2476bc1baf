"""What the inbox promises: one order, an answer only after the sync, bounds, nothing twice."""

from __future__ import annotations

import os
import resource
import stat
import threading

import pytest
from tests.store.inbox_disk import MINUTE, T0, Clock, Disk, opened, taken

from mainstay.domain.errors import NotFound, Overloaded, Refused
from mainstay.domain.signals import Decoded
from mainstay.store.inbox import read_records

LANES = ("signals", "alerts", "control")


def test_records_come_in_one_order_over_all_lanes(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock)
    for number in range(9):
        clock.ns = T0 + number
        inbox.append(LANES[number % 3], "otlp-logs", b"body %d" % number, tenant="acme").result()
    records = taken(inbox)
    assert [record.seq for record in records] == list(range(1, 10))
    assert [record.lane for record in records] == list(LANES) * 3
    assert [record.received_ns - T0 for record in records] == list(range(9))
    assert {(record.tenant, record.source) for record in records} == {("acme", "otlp-logs")}
    assert [record.body for record in records] == [b"body %d" % number for number in range(9)]
    inbox.close()


def test_the_answer_waits_for_the_sync_and_so_does_the_pipeline(tmp_path):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    disk.open.clear()
    future = inbox.append("signals", "otlp-logs", b"a")
    assert not future.done()
    assert inbox.take(10, 100, 0) == []
    disk.open.set()
    assert future.result() == 1
    assert len(taken(inbox)) == 1
    inbox.close()


def test_one_sync_serves_all_who_wait(tmp_path):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    inbox.append("signals", "otlp-logs", b"first").result()
    disk.open.clear()
    futures = [inbox.append("signals", "otlp-logs", b"%d" % number) for number in range(500)]
    before = disk.syncs
    disk.open.set()
    assert [future.result() for future in futures] == list(range(2, 502))
    assert disk.syncs - before <= 2
    inbox.close()


def test_a_full_lane_refuses_at_once_and_takes_again_after_applied(tmp_path):
    inbox = opened(tmp_path / "inbox", quota={"signals": 1000, "alerts": 1000, "control": 1000})
    kept = 6  # of 143 bytes each
    for number in range(kept):
        inbox.append("signals", "otlp-logs", b"%100d" % number).result()
    with pytest.raises(Overloaded, match="lane signals is full") as overloaded:
        inbox.append("signals", "otlp-logs", b"%100d" % kept)
    assert overloaded.value.retry_after_s > 0
    assert inbox.append("alerts", "cloudevents", b"an alert").result() == kept + 1
    assert len(taken(inbox)) == kept + 1
    with pytest.raises(Overloaded):
        inbox.append("signals", "otlp-logs", b"%100d" % kept)
    inbox.applied(1)
    inbox.append("signals", "otlp-logs", b"%100d" % kept).result()
    assert inbox.depth()["signals"]["waiting_bytes"] <= 1000
    inbox.close()


def test_an_identical_body_is_acknowledged_and_not_stored(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock)
    first = inbox.append("signals", "otlp-logs", b"same").result()
    assert inbox.append("signals", "otlp-logs", b"same").result() == first
    assert inbox.append("signals", "otlp-logs", b"same", tenant="other").result() == 2
    assert inbox.append("signals", "otlp-traces", b"same").result() == 3
    clock.ns += 16 * MINUTE
    assert inbox.append("signals", "otlp-logs", b"same").result() == 4
    assert len(taken(inbox)) == 4
    inbox.close()


@pytest.mark.parametrize("source", ["tick", "command", "alertmanager-api"])
def test_equal_ticks_commands_and_repeated_alerts_are_different_things(tmp_path, source):
    inbox = opened(tmp_path / "inbox")
    assert [inbox.append("control", source, b"").result() for _ in range(3)] == [1, 2, 3]
    inbox.close()


def test_a_repeat_is_known_after_a_restart_even_when_its_file_is_gone(tmp_path):
    inbox = opened(tmp_path / "inbox", segment_bytes=100)
    for number in range(20):
        inbox.append("signals", "otlp-logs", b"%50d" % number).result()
    inbox.applied(19)
    inbox.append("control", "tick", b"").result()
    inbox.append("control", "tick", b"").result()  # by now the committer has been round
    inbox.close()
    assert len(list((tmp_path / "inbox").glob("signals-*"))) < 20
    again = opened(tmp_path / "inbox")
    for number in range(20):
        assert again.append("signals", "otlp-logs", b"%50d" % number).result() == number + 1
    again.close()


def test_numbers_go_on_after_a_restart_with_nothing_left(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock, segment_bytes=100)
    for number in range(10):
        inbox.append("signals", "otlp-logs", b"%90d" % number).result()
    inbox.applied(10)
    clock.ns += 2 * MINUTE
    inbox.append("control", "tick", b"").result()
    inbox.applied(11)
    inbox.close()
    (tmp_path / "inbox" / "mark").unlink()  # without it, the files alone must do
    again = opened(tmp_path / "inbox", clock)
    assert again.append("signals", "otlp-logs", b"new").result() == 12
    again.close()


def test_a_restart_begins_with_what_was_not_applied(tmp_path):
    inbox = opened(tmp_path / "inbox")
    for number in range(10):
        inbox.append(LANES[number % 3], "otlp-logs", b"%d" % number).result()
    taken(inbox)
    inbox.applied(4)
    inbox.close()
    again = opened(tmp_path / "inbox")
    again.applied(6)  # the pipeline restored a newer snapshot than the mark says
    assert [(record.seq, record.body) for record in taken(again)] == [(n + 1, b"%d" % n) for n in range(6, 10)]
    again.close()


def test_time_never_goes_back_not_over_a_restart_either(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock)
    inbox.append("signals", "otlp-logs", b"a").result()
    inbox.close()
    clock.ns -= MINUTE
    again = opened(tmp_path / "inbox", clock)
    again.append("signals", "otlp-logs", b"b").result()
    assert [record.received_ns for record in taken(again)] == [T0, T0]
    again.close()


def test_only_the_owner_can_read_it(tmp_path):
    inbox = opened(tmp_path / "inbox")
    inbox.append("signals", "otlp-logs", b"secret").result()
    inbox.close()
    assert stat.S_IMODE((tmp_path / "inbox").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "inbox").iterdir()} == {0o600}


def test_what_the_door_decoded_is_handed_over_within_a_budget(tmp_path):
    inbox = opened(tmp_path / "inbox", memory_bytes=250)
    decoded = Decoded()
    for number in range(5):
        inbox.append("signals", "otlp-logs", b"%100d" % number, decoded=decoded).result()
    assert inbox.depth()["all"]["memory_bytes"] == 200
    records = taken(inbox)
    assert [record.decoded is decoded for record in records] == [True, True, False, False, False]
    assert [record.body for record in records] == [b"%100d" % number for number in range(5)]
    assert inbox.depth()["all"]["memory_bytes"] == 0
    inbox.close()


def test_take_is_bounded_by_records_and_bytes_but_gives_at_least_one(tmp_path):
    inbox = opened(tmp_path / "inbox", memory_bytes=0)
    for number in range(6):
        inbox.append("signals", "otlp-logs", b"%100d" % number).result()
    assert len(inbox.take(2, 10_000, 0)) == 2
    assert len(inbox.take(10, 150, 0)) == 2
    assert len(inbox.take(10, 0, 0)) == 1
    assert len(inbox.take(10, 10_000, 0)) == 1
    inbox.close()


def test_files_go_when_they_are_applied(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock, segment_bytes=300)
    for number in range(20):
        inbox.append("signals", "otlp-logs", b"%100d" % number).result()
    assert inbox.depth()["signals"]["disk_bytes"] > 2000
    taken(inbox)
    inbox.applied(20)
    clock.ns += 2 * MINUTE
    inbox.append("control", "tick", b"").result()  # the committer goes round
    inbox.append("control", "tick", b"").result()
    assert inbox.depth()["signals"]["disk_bytes"] < 20, "no raw body may lie about once it is applied"
    inbox.close()


def test_a_recording_keeps_everything(tmp_path):
    clock = Clock()
    inbox = opened(tmp_path / "inbox", clock, segment_bytes=300, keep=True)
    for number in range(20):
        clock.ns += MINUTE
        inbox.append(LANES[number % 2], "otlp-logs", b"%100d" % number).result()
        inbox.applied(number + 1)
    inbox.close()
    records = list(read_records(tmp_path / "inbox"))
    assert [record.seq for record in records] == list(range(1, 21))
    with pytest.raises(NotFound, match="no recorded inbox"):
        read_records(tmp_path / "elsewhere")


def test_a_recording_can_be_read_while_it_is_written(tmp_path):
    inbox = opened(tmp_path / "inbox")
    inbox.append("signals", "otlp-logs", b"a").result()
    assert [record.body for record in read_records(tmp_path / "inbox")] == [b"a"]
    inbox.close()


def test_one_process_at_a_time(tmp_path):
    inbox = opened(tmp_path / "inbox")
    with pytest.raises(Refused, match="another process"):
        opened(tmp_path / "inbox")
    inbox.close()
    opened(tmp_path / "inbox").close()


def test_a_closed_inbox_keeps_what_it_accepted_and_accepts_no_more(tmp_path):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    futures = [inbox.append("signals", "otlp-logs", b"%d" % number) for number in range(50)]
    inbox.close()
    inbox.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Overloaded, match="closed"):
        inbox.append("signals", "otlp-logs", b"late")
    assert len(list(read_records(tmp_path / "inbox"))) == 50


def test_close_ends_a_waiting_take(tmp_path):
    inbox = opened(tmp_path / "inbox")
    got: list[list[object]] = []
    thread = threading.Thread(target=lambda: got.append(list(inbox.take(1, 1, 60))))
    thread.start()
    inbox.close()
    thread.join(30)
    assert got == [[]]


def test_a_sender_that_goes_away_cannot_cancel_what_is_shared(tmp_path):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    disk.open.clear()
    first = inbox.append("signals", "otlp-logs", b"a")
    second = inbox.append("signals", "otlp-logs", b"a")
    assert not first.cancel()
    disk.open.set()
    assert second.result() == 1
    inbox.close()


def test_many_threads_at_once(tmp_path):
    inbox = opened(tmp_path / "inbox", sync=os.fdatasync, quota=dict.fromkeys(LANES, 10**7), segment_bytes=4000)
    acknowledged: list[tuple[int, bytes]] = []

    def send(thread: int) -> None:
        for number in range(100):
            body = b"%d/%d" % (thread, number)
            acknowledged.append((inbox.append(LANES[thread % 3], "otlp-logs", body).result(), body))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    records = []
    while len(records) < 800:
        records += inbox.take(50, 10**6, 5)
        inbox.applied(records[-1].seq - 20 if records else 0)
    for thread in threads:
        thread.join()
    assert [(record.seq, record.body) for record in records] == sorted(acknowledged)
    inbox.close()


def test_a_full_disk_is_overload_and_passes(tmp_path):
    inbox = opened(tmp_path / "inbox")
    inbox.append("signals", "otlp-logs", b"before").result()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        with pytest.raises(Overloaded, match="did not take it"):
            inbox.append("signals", "otlp-logs", b"x" * 1000).result()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "did not take it" in inbox.state
    inbox.append("signals", "otlp-logs", b"x" * 1000).result()
    assert inbox.state == "ok"
    assert [len(record.body) for record in taken(inbox)] == [6, 1000]
    inbox.close()
    assert [len(record.body) for record in read_records(tmp_path / "inbox")] == [6, 1000]


def test_a_lost_folder_does_not_number_anew_what_was_decided(tmp_path):
    inbox = opened(tmp_path)
    inbox.number_after(41)
    assert inbox.append("signals", "otlp-logs", b"x").result(5) == 42
    inbox.close()

"""Kill, torn tails, damage, a failing disk: what was acknowledged is there, and nothing is claimed that is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.store.inbox_disk import MINUTE, Clock, Disk, opened, taken

from mainstay.domain.errors import Corrupt, Overloaded
from mainstay.store.inbox import read_records


def three_records(directory: Path) -> tuple[Path, list[int]]:
    """A segment, and where in it each record ends."""
    inbox = opened(directory)
    ends = []
    for number in range(3):
        inbox.append("signals", "otlp-logs", b"body number %d" % number).result()
        ends.append(inbox.depth()["signals"]["disk_bytes"])
    inbox.close()
    (directory / "mark").unlink()
    return next(directory.glob("signals-*")), ends


def test_a_tail_torn_at_any_byte_costs_only_the_torn_record(tmp_path):
    segment, ends = three_records(tmp_path / "whole")
    data = segment.read_bytes()
    for cut in range(len(data)):
        directory = tmp_path / f"cut{cut}"
        directory.mkdir()
        (directory / segment.name).write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        assert len(list(read_records(directory))) == whole
        inbox = opened(directory)
        assert [record.body for record in taken(inbox)] == [b"body number %d" % number for number in range(whole)]
        assert inbox.append("signals", "otlp-logs", b"next").result() == whole + 1
        inbox.close()
        assert [record.body for record in read_records(directory)][-1] == b"next"
        shutil.rmtree(directory)


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\xff" * 100, b"\x20\0\0\0" + b"junk" * 30])
def test_what_a_power_cut_leaves_behind_the_last_record_is_cut(tmp_path, tail):
    segment, _ = three_records(tmp_path / "inbox")
    with segment.open("ab") as file:
        file.write(tail)
    inbox = opened(tmp_path / "inbox")
    assert inbox.depth()["signals"]["cut_bytes"] == len(tail)
    assert len(taken(inbox)) == 3
    inbox.close()
    assert len(list(read_records(tmp_path / "inbox"))) == 3


@pytest.mark.parametrize("byte", [8, 20, 40, 70])
def test_a_flipped_bit_in_the_last_record_is_seen(tmp_path, byte):
    segment, ends = three_records(tmp_path / "inbox")
    data = bytearray(segment.read_bytes())
    data[min(ends[1] + byte, len(data) - 1)] ^= 1
    segment.write_bytes(data)
    assert len(list(read_records(tmp_path / "inbox"))) == 2


def test_damage_in_a_complete_file_is_not_passed_over(tmp_path):
    inbox = opened(tmp_path / "inbox", segment_bytes=50)
    for number in range(3):
        inbox.append("signals", "otlp-logs", b"%50d" % number).result()
    inbox.close()
    first = min((tmp_path / "inbox").glob("signals-*"))
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    first.write_bytes(data)
    with pytest.raises(Corrupt, match=first.name):
        opened(tmp_path / "inbox")
    with pytest.raises(Corrupt, match=first.name):
        list(read_records(tmp_path / "inbox"))


def test_a_file_of_another_format_is_not_touched(tmp_path):
    directory = tmp_path / "inbox"
    directory.mkdir()
    (directory / "signals-00000000000000000001.seg").write_bytes(b"MNSTBOX9 from the future")
    with pytest.raises(Corrupt, match="MNSTBOX9"):
        opened(directory)
    assert (directory / "signals-00000000000000000001.seg").read_bytes() == b"MNSTBOX9 from the future"


def test_a_damaged_mark_only_costs_a_longer_replay(tmp_path):
    inbox = opened(tmp_path / "inbox")
    for number in range(3):
        inbox.append("signals", "otlp-logs", b"%d" % number).result()
    inbox.applied(3)
    inbox.close()
    (tmp_path / "inbox" / "mark").write_bytes(b"nonsense")
    again = opened(tmp_path / "inbox")
    assert len(taken(again)) == 3
    again.close()


def test_a_failing_sync_is_never_acknowledged_and_stops_the_inbox(tmp_path):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    inbox.append("signals", "otlp-logs", b"good").result()
    disk.fails = True
    future = inbox.append("signals", "otlp-logs", b"bad")
    with pytest.raises(Overloaded, match="could not be synced"):
        future.result()
    disk.fails = False
    for lane in ("signals", "alerts"):
        with pytest.raises(Overloaded, match=r"accepts nothing.*could not be synced"):
            inbox.append(lane, "otlp-logs", b"later")
    assert "could not be synced" in inbox.state
    assert [record.body for record in taken(inbox)] == [b"good"]
    inbox.close()


@pytest.mark.parametrize("how", ["fails", "fails_once"])
def test_what_waits_behind_a_failed_sync_is_not_claimed_by_a_later_one(tmp_path, how):
    disk = Disk()
    inbox = opened(tmp_path / "inbox", sync=disk.sync)
    disk.open.clear()
    futures = [inbox.append("signals", "otlp-logs", b"%d" % number) for number in range(3)]
    setattr(disk, how, True)
    disk.open.set()
    for future in futures:
        with pytest.raises(Overloaded):
            future.result()
    assert taken(inbox) == []
    assert inbox.depth()["signals"]["waiting_bytes"] == 0
    inbox.close()


class Life(RuleBasedStateMachine):
    """Any order of sending, taking, applying, restarting and losing power, against a list."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.room = tempfile.TemporaryDirectory()
        self.directory = Path(self.room.name) / "inbox"
        self.clock, self.disk = Clock(), Disk()
        self.acknowledged: dict[int, bytes] = {}
        self.seen = self.applied = self.sent = 0
        self.inbox = self._opened()

    def _opened(self):
        return opened(self.directory, self.clock, sync=self.disk.sync, segment_bytes=200, memory_bytes=150)

    @initialize()
    def begin(self) -> None:
        assert self.inbox.state == "ok"

    @rule(lanes=st.lists(st.sampled_from(["signals", "alerts", "control"]), min_size=1, max_size=6))
    def send(self, lanes: list[str]) -> None:
        futures = []
        for lane in lanes:
            self.sent += 1
            body = b"%d" % self.sent * 5
            futures.append((self.inbox.append(lane, "otlp-logs", body), body))
        for future, body in futures:
            seq = future.result()
            assert seq not in self.acknowledged
            self.acknowledged[seq] = body

    @rule(most=st.integers(1, 5))
    def take(self, most: int) -> None:
        expected = sorted((seq, body) for seq, body in self.acknowledged.items() if seq > self.seen)[:most]
        records = self.inbox.take(most, 10**6, 0)
        assert [(record.seq, record.body) for record in records] == expected
        self.seen = records[-1].seq if records else self.seen

    @precondition(lambda self: self.seen > self.applied)
    @rule(data=st.data())
    def apply(self, data: st.DataObject) -> None:
        self.applied = data.draw(st.integers(self.applied, self.seen))
        self.inbox.applied(self.applied)
        self.clock.ns += MINUTE

    @rule(loses_power=st.booleans())
    def restart(self, loses_power: bool) -> None:
        self.inbox.close()
        if loses_power:
            self.disk.crash(self.directory)
        self.inbox = self._opened()
        self.inbox.applied(self.applied)
        self.seen = self.applied

    @invariant()
    def the_room_is_what_waits(self) -> None:
        depth = self.inbox.depth()
        waits = any(seq > self.applied for seq in self.acknowledged)
        assert (sum(depth[lane]["waiting_bytes"] for lane in ("signals", "alerts", "control")) > 0) == waits

    def teardown(self) -> None:
        self.inbox.close()
        self.room.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, derandomize=True)


SENDS = """
import sys
from pathlib import Path
from mainstay.store.inbox import Inbox
from mainstay.store.inbox.durable import Sizes
from tests.store.inbox_disk import Clock
quota = dict.fromkeys(("signals", "alerts", "control"), 1 << 30)
inbox = Inbox(Path(sys.argv[1]), clock=Clock(), quota=quota, sizes=Sizes(segment=20_000))
number = int(sys.argv[2])
while True:
    futures = []
    for lane in ("signals", "alerts", "signals"):
        futures.append(inbox.append(lane, "otlp-logs", b"%d" % number * 20))
        number += 1
    for future in futures:
        print(future.result(), flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged: list[int] = []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for life in range(3):
        command = [sys.executable, "-c", SENDS, str(tmp_path / "inbox"), str(life * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            acknowledged += [int(process.stdout.readline()) for _ in range(300)]
            process.kill()
            rest = process.stdout.read().splitlines(keepends=True)
            acknowledged += [int(line) for line in rest if line.endswith("\n")]
    inbox = opened(tmp_path / "inbox")
    sequence = [record.seq for record in taken(inbox)]
    inbox.close()
    assert sequence == sorted(set(sequence))
    assert set(acknowledged) <= set(sequence)
    assert len(acknowledged) == len(set(acknowledged)) >= 900

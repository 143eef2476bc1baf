"""Backup and restore: consistent while everything moves, verified before it is put back."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import msgspec
import pytest
from tests.store import control_samples as some
from tests.store.control_samples import FixedClock

from mainstay.domain.errors import BadInput, Corrupt, Refused
from mainstay.domain.records import Record
from mainstay.store.backup import MANIFEST, _check_records, backup, restore
from mainstay.store.control import Control
from mainstay.store.inbox import Inbox, read_records
from mainstay.store.inbox.segments import MAGIC, frame, segment_name

QUOTA = {"signals": 1 << 24, "alerts": 1 << 20, "control": 1 << 20}


class Data:
    """A data folder as a running platform has it, driven by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "state").mkdir()
        (folder / "artefacts").mkdir()
        (folder / "artefacts" / "ab12").write_bytes(b"weights")
        (folder / "aside").mkdir()
        (folder / "aside" / "00000000000000000007.json").write_bytes(b"{}")
        (folder / "aside" / "00000000000000000008.json.part").write_bytes(b"{")
        (folder / "admin-token").write_text("msu_x")
        (folder / "address").write_text("http://127.0.0.1:1")
        self.inbox = Inbox(folder / "inbox", clock=FixedClock(), quota=QUOTA)
        self.control = Control(folder / "control.db", FixedClock())
        self.seq = 0

    def step(self) -> None:
        """One record is received, decided, and now and then the state is saved."""
        lane = ("signals", "alerts", "control")[self.seq % 3]
        self.seq = self.inbox.append(lane, "tick", b"body %d" % self.seq).result(5)
        self.control.commit(some.effects(seq=self.seq, number=self.seq))
        if self.seq % 10 == 0:
            self.save()

    def save(self) -> None:
        (self.folder / "state" / f"{self.seq:020d}.state").write_bytes(b"state")
        kept = sorted((self.folder / "state").iterdir())
        for old in kept[:-2]:
            old.unlink()
        self.inbox.applied(int(kept[-2:][0].stem))

    def close(self) -> None:
        self.inbox.close()
        self.control.close()


class Telemetry:
    """Copies itself; `meanwhile` is what happens during that."""

    def __init__(self, meanwhile=lambda: None) -> None:
        self.meanwhile = meanwhile

    def backup(self, to: Path) -> None:
        (to / "hot.duckdb").write_bytes(b"rows")
        self.meanwhile()


@pytest.fixture
def data(tmp_path: Path):
    made = Data(tmp_path / "data")
    for _ in range(25):
        made.step()
    yield made
    made.close()


def test_there_and_back_again(tmp_path: Path, data: Data) -> None:
    made = backup(data.folder, tmp_path / "b", Telemetry())
    assert (made.state_seq, made.decided_seq, made.inbox_seq) == (20, 25, 25)
    assert made.head == data.control.ledger_head()
    back = tmp_path / "back"
    assert restore(tmp_path / "b", back) == made
    control = Control(back / "control.db", FixedClock())
    assert control.decided_seq == 25
    assert control.ledger() == data.control.ledger()
    control.close()
    assert [r.seq for r in read_records(back / "inbox") if r.seq > 20] == [21, 22, 23, 24, 25]
    assert (back / "telemetry" / "hot.duckdb").read_bytes() == b"rows"
    assert (back / "artefacts" / "ab12").read_bytes() == b"weights"
    assert [path.name for path in (back / "aside").iterdir()] == ["00000000000000000007.json"]
    assert (back / "admin-token").read_text() == "msu_x"
    assert not (back / "address").exists()
    assert not list(data.folder.glob(".backup-pin*"))


def test_backup_and_what_is_restored_are_for_their_owner_only(tmp_path: Path, data: Data) -> None:
    backup(data.folder, tmp_path / "b", Telemetry())
    restore(tmp_path / "b", tmp_path / "back")
    for root in (tmp_path / "b", tmp_path / "back"):
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        for path in root.rglob("*"):
            wanted = 0o700 if path.is_dir() else 0o600
            if path.name not in {"hot.duckdb", MANIFEST} or root.name == "back":
                assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_records_purged_while_telemetry_is_copied_are_in_the_backup(tmp_path: Path, data: Data) -> None:
    def meanwhile() -> None:
        for _ in range(60):  # six states are saved: the inbox drops what the backup's state still needs
            data.step()

    made = backup(data.folder, tmp_path / "b", Telemetry(meanwhile))
    assert made.state_seq == 20
    assert made.decided_seq == 85
    assert [r.seq for r in read_records(tmp_path / "b" / "inbox") if r.seq > 20] == list(range(21, 86))


def test_while_everything_moves_each_backup_is_whole(tmp_path: Path, data: Data) -> None:
    done = threading.Event()

    def move() -> None:
        while not done.is_set():
            data.step()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for number in range(5):
            made = backup(data.folder, tmp_path / f"b{number}", Telemetry())
            assert made.state_seq <= made.decided_seq <= made.inbox_seq
            seqs = [r.seq for r in read_records(tmp_path / f"b{number}" / "inbox") if r.seq > made.state_seq]
            assert seqs == list(range(made.state_seq + 1, made.inbox_seq + 1))
            assert restore(tmp_path / f"b{number}", tmp_path / f"r{number}").head == made.head
    finally:
        done.set()
        mover.join()


def test_a_lane_that_is_ahead_is_cut_where_the_others_end(tmp_path: Path, data: Data) -> None:
    data.close()
    ahead = [Record(30, "control", "tick", 1, b"x"), Record(31, "control", "tick", 1, b"y")]
    late = segment_name("control", 30)
    folder = tmp_path / "inbox"
    folder.mkdir()
    for path in (data.folder / "inbox").glob("*.seg"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / late).write_bytes(MAGIC + b"".join(frame(record) for record in ahead))
    assert _check_records(folder, 20, 25, 25) == 25
    assert max(r.seq for r in read_records(folder)) == 25
    # a number that the disk never took, below what was known, is no end
    (folder / late).write_bytes(MAGIC + b"".join(frame(record) for record in ahead))
    assert _check_records(folder, 20, 25, 31) == 31


def test_a_fresh_platform_without_state_or_telemetry(tmp_path: Path) -> None:
    made = Data(tmp_path / "data")
    manifest = backup(made.folder, tmp_path / "b")
    made.close()
    assert (manifest.state_seq, manifest.decided_seq, manifest.head) == (0, 0, None)
    restore(tmp_path / "b", tmp_path / "r")


def test_neither_writes_over_anything(tmp_path: Path, data: Data) -> None:
    with pytest.raises(BadInput, match="not empty"):
        backup(data.folder, data.folder)
    with pytest.raises(BadInput, match="inside of the data folder"):
        backup(data.folder, data.folder / "b")
    backup(data.folder, tmp_path / "b", Telemetry())
    with pytest.raises(BadInput, match="not empty"):
        backup(data.folder, tmp_path / "b", Telemetry())
    with pytest.raises(BadInput, match="not empty"):
        restore(tmp_path / "b", data.folder)
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "b", tmp_path / "empty")


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path, data: Data) -> None:
    backup(data.folder, tmp_path / "b", Telemetry())
    (tmp_path / "b" / MANIFEST).unlink()
    with pytest.raises(BadInput, match="no backup"):
        restore(tmp_path / "b", tmp_path / "r")


def change_manifest(folder: Path, **changed: object) -> None:
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(msgspec.json.encode({**manifest, **changed}))


@pytest.mark.parametrize(
    "name", ["control.db", "artefacts/ab12", "telemetry/hot.duckdb", "state/00000000000000000020.state"]
)
def test_one_changed_byte_is_found_and_nothing_is_left_behind(tmp_path: Path, data: Data, name: str) -> None:
    backup(data.folder, tmp_path / "b", Telemetry())
    path = tmp_path / "b" / name
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    with pytest.raises(Corrupt, match=name):
        restore(tmp_path / "b", tmp_path / "r")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "data"]


def test_a_missing_file_a_newer_format_and_a_path_outside_are_refused(tmp_path: Path, data: Data) -> None:
    made = backup(data.folder, tmp_path / "b", Telemetry())
    (tmp_path / "b" / "artefacts" / "ab12").unlink()
    with pytest.raises(Corrupt, match="lacks artefacts/ab12"):
        restore(tmp_path / "b", tmp_path / "r")
    change_manifest(tmp_path / "b", format_version=99)
    with pytest.raises(Refused, match="format 99"):
        restore(tmp_path / "b", tmp_path / "r")
    outside = {"path": "../evil", "bytes": 0, "sha256": "0" * 64}
    change_manifest(tmp_path / "b", format_version=1, contents=[outside])
    with pytest.raises(Corrupt, match="outside"):
        restore(tmp_path / "b", tmp_path / "r")
    assert made.format_version == 1


def test_a_ledger_that_was_changed_before_the_backup_is_not_restored(tmp_path: Path, data: Data) -> None:
    with data.control.database.writing() as connection:
        connection.exec_driver_sql("UPDATE ledger SET actor = 'nobody' WHERE seq = 7")
    backup(data.folder, tmp_path / "b", Telemetry())
    with pytest.raises(Corrupt, match="at entry 7: edited"):
        restore(tmp_path / "b", tmp_path / "r")
    assert not (tmp_path / "r").exists()

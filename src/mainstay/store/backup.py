"""Backup of a running platform, and putting it back.

What is copied is what a `kill -9` at some moment would have left: a state of the stages, stores that are at least as
new as it, and every inbox record behind it. So the order is

1. the inbox is *pinned*: its segments get second names, and the platform's own clean-up takes nothing from us;
2. the newest saved state, with sequence number S;
3. telemetry (its own consistent copy), then workflows, then control: each holds what was decided up to S or later, and
   control is never older than the workflows, so that a step which was done is not done again;
4. model artefacts and records that were set aside, which are written before control names them, and never change;
5. the inbox last: it holds every record from S + 1 up to and beyond all that the stores know. This is checked.

A manifest with the sha256 of every file is written at the very end: a folder without one is no backup.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from mainstay import __version__
from mainstay.domain.errors import BadInput, Corrupt, Refused
from mainstay.ledger import Head
from mainstay.store.control import Control
from mainstay.store.inbox import read_records
from mainstay.store.inbox.segments import LANES, frames, segment_files
from mainstay.store.schema import FORMAT_VERSION as CONTROL_FORMAT
from mainstay.written import sync_folder, write_whole

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
CONTROL, WORKFLOWS, INBOX, STATE, TELEMETRY, ARTEFACTS, KEYS, ASIDE, DATASETS = (
    "control.db", "workflows.db", "inbox", "state", "telemetry", "artefacts", "keys", "aside", "datasets",
)  # fmt: skip
_SECRETS = ("admin-token", "*.token")
_PIN = ".backup-pin"
_PIN_EVERY_S = 0.5
# a segment lives for at least two saved states (30 s) after its last record: it cannot come and go between two looks
_PIECE = 1 << 20


class CopiesItself(Protocol):
    """A store that knows how to copy itself while it is written to."""

    def backup(self, to: Path) -> None:
        """Write a consistent copy into a folder."""
        ...


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a backup, its path relative to the backup's folder."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, and to which moment it belongs.

    Attributes:
        state_seq: The saved state's sequence number; records behind it are in the inbox.
        head: The ledger's head at the time: keep it elsewhere, too.
    """

    version: str
    state_seq: int
    decided_seq: int
    inbox_seq: int
    head: Head | None
    contents: tuple[Copied, ...]
    format_version: int = FORMAT_VERSION
    control_format: int = CONTROL_FORMAT

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.contents)

    @property
    def bytes(self) -> int:
        """How much there is."""
        return sum(one.bytes for one in self.contents)


def backup(data: Path, to: Path, telemetry: CopiesItself | None = None) -> Manifest:
    """Copy everything that a restore needs into the folder `to`, while the platform runs.

    Args:
        data: The platform's data folder.
        to: A folder that does not exist or is empty. It will hold secrets' digests and the admin's token: 0700.
        telemetry: The open telemetry store; without it telemetry is left out.

    Raises:
        BadInput: `to` is not empty, or lies inside of the data folder.
        Corrupt: The copy does not hold every record behind its state; try again, and look at the disk if it persists.
    """
    _refuse_full(to)
    if to.resolve().is_relative_to(data.resolve()):
        raise BadInput(f"{to} lies inside of the data folder {data}: a backup of a backup would follow")
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _pinned(data) as pinned:
        state_seq = _copy_state(data / STATE, to / STATE)
        if telemetry is not None:
            (to / TELEMETRY).mkdir(mode=0o700)
            telemetry.backup(to / TELEMETRY)
        for name in (WORKFLOWS, CONTROL):
            _copy_sqlite(data / name, to / name)
        for name in (ARTEFACTS, KEYS, ASIDE, DATASETS):
            _copy_tree(data / name, to / name)
        for pattern in _SECRETS:
            for path in data.glob(pattern):
                _copy(path, to / path.name)
        pinned.look()
        known_seq = max((record.seq for record in read_records(pinned.folder)), default=0)
        _copy_tree(pinned.folder, to / INBOX)
    return _write_manifest(to, state_seq, known_seq)


def restore(source: Path, data: Path) -> Manifest:
    """Put a backup into an empty (or missing) data folder. Every file and the ledger are verified before it is there.

    Raises:
        BadInput: `data` is not empty, or `source` is no backup.
        Refused: The backup was written by a newer Mainstay.
        Corrupt: A file is missing or is not what was written, or the ledger does not hold.
    """
    _refuse_full(data)
    manifest = _read_manifest(source)
    part = data.parent / f".{data.name}.restoring"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        for one in manifest.contents:
            _put_back(source, part, one)
        _check_ledger(part, manifest)
        if data.exists():
            data.rmdir()
        part.replace(data)
        sync_folder(data.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


class _Pinned:
    """Second names for the inbox's segments: what the platform deletes from its folder is still in ours."""

    def __init__(self, inbox: Path, folder: Path) -> None:
        self.inbox, self.folder = inbox, folder

    def look(self) -> None:
        """Pin what is there now and is not pinned yet."""
        for path in sorted(self.inbox.glob("*.seg")):
            with contextlib.suppress(FileExistsError, FileNotFoundError):  # pinned before; deleted just now
                os.link(path, self.folder / path.name)


@contextlib.contextmanager
def _pinned(data: Path) -> Iterator[_Pinned]:
    folder = data / _PIN
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    pinned, done = _Pinned(data / INBOX, folder), threading.Event()

    def watch() -> None:
        while not done.wait(_PIN_EVERY_S):
            pinned.look()

    pinned.look()
    watcher = threading.Thread(target=watch, name="backup-pin", daemon=True)
    watcher.start()
    try:
        yield pinned
    finally:
        done.set()
        watcher.join()
        shutil.rmtree(folder, ignore_errors=True)


def _copy_state(states: Path, to: Path) -> int:
    """The newest saved state that did not vanish under our hands; its sequence number stands in its name."""
    to.mkdir(mode=0o700)
    for path in sorted(states.glob("*.state"), reverse=True):
        with contextlib.suppress(FileNotFoundError):
            _copy(path, to / path.name)
            return int(path.stem)
    return 0


def _copy_sqlite(source: Path, to: Path) -> None:
    if not source.exists():
        return
    os.close(_new(to))
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(to)) as new,
    ):
        old.backup(new)


def _copy_tree(source: Path, to: Path) -> None:
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")) if source.exists() else []:
        target = to / path.relative_to(source)
        if path.is_dir():
            target.mkdir(mode=0o700, exist_ok=True)
        elif path.suffix != ".part":  # half written, and written anew after a restart
            _copy(path, target)


def _copy(source: Path, to: Path) -> None:
    with source.open("rb") as old, os.fdopen(_new(to), "wb") as new:
        shutil.copyfileobj(old, new, _PIECE)
        new.flush()
        os.fsync(new.fileno())


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _write_manifest(to: Path, state_seq: int, known_seq: int) -> Manifest:
    decided_seq, head = _control_facts(to / CONTROL)
    inbox_seq = _check_records(to / INBOX, state_seq, decided_seq, known_seq)
    paths = sorted(path for path in to.rglob("*") if path.is_file())
    contents = tuple(
        Copied(path=path.relative_to(to).as_posix(), bytes=path.stat().st_size, sha256=_sha256(path)) for path in paths
    )
    manifest = Manifest(
        version=__version__,
        state_seq=state_seq,
        decided_seq=decided_seq,
        inbox_seq=inbox_seq,
        head=head,
        contents=contents,
    )
    for folder in {path.parent for path in paths}:
        sync_folder(folder)
    write_whole(to / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1), b"\n")
    return manifest


def _control_facts(path: Path) -> tuple[int, Head | None]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        seq = connection.execute("SELECT value FROM meta WHERE name = 'decided_seq'").fetchone()
        head = connection.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return int(seq[0]) if seq else 0, Head(*head) if head else None


def _check_records(inbox: Path, state_seq: int, decided_seq: int, known_seq: int) -> int:
    """The last record's number; what was decided must be there."""
    last = _cut(inbox, state_seq, max(decided_seq, known_seq))
    if last < decided_seq:
        raise Corrupt(f"the copied inbox ends at record {last}, but {decided_seq} were decided: make the backup again")
    return last


def _cut(inbox: Path, state_seq: int, known_seq: int) -> int:
    """End all lanes at the same record.

    Lanes are copied one after the other while records arrive: one lane may know record 102 while 101, of another lane,
    came after its copy. Up to `known_seq` everything was there before the copy began (a number may still be missing:
    a record that the disk did not take keeps its number to itself); behind it the first gap is the end.
    """
    last = state_seq
    for record in read_records(inbox):
        if record.seq > max(last + 1, known_seq):
            break
        last = max(last, record.seq)
    for lane in LANES:
        for _, path in segment_files(inbox, lane):
            data = path.read_bytes()
            kept = [framed for framed in frames(data, lane) if framed.record.seq <= last]
            if not kept:
                path.unlink()
            elif kept[-1].offset + kept[-1].size < len(data):
                os.truncate(path, kept[-1].offset + kept[-1].size)
    return last


def _read_manifest(source: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BadInput(f"{source} is no backup: it has no {MANIFEST}, or the backup was cut off") from None
    except msgspec.DecodeError as error:
        raise Corrupt(f"{source / MANIFEST} cannot be read: {error}") from None
    for found, known, what in (
        (manifest.format_version, FORMAT_VERSION, "backup"),
        (manifest.control_format, CONTROL_FORMAT, "control store"),
    ):
        if found > known:
            raise Refused(
                f"the {what} has format {found}, this Mainstay ({__version__}) knows up to {known}: upgrade it"
            )
    return manifest


def _put_back(source: Path, part: Path, one: Copied) -> None:
    target = part / one.path
    if not target.resolve().is_relative_to(part.resolve()) or one.path == MANIFEST:
        raise Corrupt(f"the manifest names {one.path!r}, which lies outside of the backup")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _copy(source / one.path, target)
    except FileNotFoundError:
        raise Corrupt(f"the backup lacks {one.path}") from None
    found = _sha256(target)
    if found != one.sha256:
        raise Corrupt(f"{one.path} is not what was backed up: sha256 {found[:12]}…, expected {one.sha256[:12]}…")


class _Now:
    def now_ns(self) -> int:
        return time.time_ns()


def _check_ledger(part: Path, manifest: Manifest) -> None:
    control = Control(part / CONTROL, _Now())
    try:
        verified = control.verify_ledger(manifest.head)
    finally:
        control.close()
    if not verified.is_whole:
        raise Corrupt(f"the ledger in the backup does not hold at entry {verified.first_bad}: {verified.why}")


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is not empty; give a folder that does not exist yet")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

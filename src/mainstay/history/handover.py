"""The rehearsal's platform becomes the platform: by renames within one folder, so that a cut-off one is finished later.

A platform that already has incidents keeps them: their order cannot be mixed with another past afterwards. See
docs/decisions/0004.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mainstay.app.clock import SystemClock
from mainstay.domain.errors import Refused
from mainstay.domain.ledger import Entry
from mainstay.store.control import Control
from mainstay.written import sync_folder

LINE, BEFORE, MARK, DONE = "line", "before", "handing-over", "handed-over"
TAKEN = ("artefacts", "keys", "telemetry", "state", "control.db")
"""What the rehearsal made and a platform is made of; control last, because it says what was decided."""
_LOGS = ("control.db-wal", "control.db-shm", "workflows.db-wal", "workflows.db-shm")
RUNS = (
    "a platform runs in {}: stop it and run the same command again; it goes on up to that moment and then hands over. "
    "Prometheus keeps for it what it sends meanwhile"
)
SET_ASIDE = (*TAKEN, "inbox", "workflows.db", *_LOGS, "aside")


def hand_over(data: Path, history: Path) -> str:
    """Let the platform in `data` begin with what the rehearsal learned; what happened, in words.

    Users and tokens of a platform that stands there are taken along; what else it had is kept in `history/before`.

    Raises:
        Refused: It runs, it has incidents of its own, or one was begun there in the middle of an earlier handing over.
    """
    line, before, mark = history / LINE, history / BEFORE, history / MARK
    with _platform_stands(data):
        if not (before / DONE).exists():
            _set_aside(data, history)
        if (line / "control.db").exists():  # it goes last: without it everything is in its place
            _check_none_began(data, [name for name in SET_ASIDE if name not in TAKEN or (line / name).exists()])
        _move(TAKEN, line, data)
        sync_folder(data)
        shutil.rmtree(line)
        mark.rename(history / DONE)
    return "handed over: the next `mainstay up` knows this past"


def is_handed_over(history: Path) -> bool:
    """Whether the platform beside this history began with it."""
    return (history / DONE).exists()


def can_take(data: Path) -> str:
    """Why the platform in this folder could not begin with a past; "" when it can."""
    try:
        with _platform_stands(data):
            if (data / "control.db").exists():
                _check_fresh(data)
    except Refused as refused:
        return str(refused)
    return ""


def _set_aside(data: Path, history: Path) -> None:
    before, control = history / BEFORE, data / "control.db"
    _check_none_began(data, [name for name in SET_ASIDE if (before / name).exists()])
    if control.exists():
        _check_fresh(data)
        _take_people_along(control, history / LINE / "control.db")
    before.mkdir(mode=0o700, exist_ok=True)
    (history / MARK).touch(mode=0o600)
    sync_folder(history)
    _move(SET_ASIDE, data, before)
    (before / DONE).touch()
    sync_folder(before)


def _check_none_began(data: Path, gone: list[str]) -> None:
    """What was moved away, or is still to come, does not stand there: else a platform was started in between."""
    again = [name for name in gone if (data / name).exists()]
    if again:
        raise Refused(
            f"a platform was started in {data} while a handing over there was cut off: move {', '.join(again)} out of "
            "it and run the same command again"
        )


def _check_fresh(data: Path) -> None:
    control = Control(data / "control.db", SystemClock())
    try:
        known = [*control.incidents(limit=1), *control.verdicts(limit=1), *control.plans(limit=1)]
    finally:
        control.close()
    if known:
        raise Refused(
            f"the platform in {data} has incidents of its own, and another past cannot be put before them afterwards: "
            "import into another folder (--data) and start that one"
        )


def _take_people_along(old: Path, new: Path) -> None:
    """Users and tokens, so that everybody who can come in today can tomorrow; the ledger says so."""
    with contextlib.closing(sqlite3.connect(new)) as base:
        base.execute("ATTACH ? AS old", [str(old)])
        for table in ("users", "tokens"):
            base.execute(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM old.{table}")  # noqa: S608 - names of our own
        base.commit()
        count = base.execute("SELECT count(*) FROM main.users").fetchone()[0]
    clock = SystemClock()
    at_ms = clock.now_ns() // 1_000_000
    said = {"what": "taken along", "users": count}
    entry = Entry(id=f"user-taken-{at_ms}", kind="user", at_ms=at_ms, actor="mainstay", subject="users", output=said)
    control = Control(new, clock)
    try:
        control.append(entry)
    finally:
        control.close()


@contextlib.contextmanager
def alone(lock: Path, says: str) -> Iterator[None]:
    """Nobody else holds this lock; the file is made when it is missing.

    Raises:
        Refused: Somebody does; `says` is the message.
    """
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(says) from None
        yield


def _platform_stands(data: Path) -> contextlib.AbstractContextManager[None]:
    """The platform in this folder does not run, and cannot begin to: it takes the same lock, which is never moved."""
    return alone(data / "lock", RUNS.format(data)) if data.is_dir() else contextlib.nullcontext()


def _move(names: tuple[str, ...], source: Path, target: Path) -> None:
    for name in names:
        if (source / name).exists():
            if (target / name).exists():
                raise Refused(f"{target / name} is there already: {source / name} is not put over it")
            (source / name).rename(target / name)

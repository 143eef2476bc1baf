"""A stranger: a process from outside the shop that disturbs one service or database, until it is ended.

It leaves by itself when the shop closes. `python -m mainstay.lab.fault.stranger NAME DOES LAB SLOT`.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.operate.control import is_open
from mainstay.lab.parentage import take_name
from mainstay.lab.shop import read_shop
from mainstay.lab.slots import enter, wake

STARVED_S, RUNNING_S, BUSY_S = 0.28, 0.05, 0.03  # the service gets a sixth of the time; the job computes little
TRACED_S, UNTRACED_S = 1.9, 0.1
LOCKED_S, UNLOCKED_S = 0.9, 0.12
FILLED_WITHIN_S = 10.0
DUMP_EVERY_S = 0.25


def starve(folder: Folder, slot: str) -> None:
    """Take the service's processor time, whichever process runs it."""
    while is_open(folder):
        _hold(_pids(folder, slot), STARVED_S, RUNNING_S)


def trace(folder: Folder, slot: str) -> None:
    """Stop the processes that run the service now, over and over; leave when they have gone."""
    traced = _pids(folder, slot)
    while is_open(folder) and any(_is_there(pid) for pid in traced):
        _hold(traced, TRACED_S, UNTRACED_S)


def lock(folder: Folder, slot: str) -> None:
    """Hold the exclusive lock of the database, let go for a moment, take it again."""
    connection = sqlite3.connect(folder.database(slot), timeout=5, isolation_level=None)
    while is_open(folder):
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED_S)
            connection.execute("ROLLBACK")
        time.sleep(UNLOCKED_S)


def fill(folder: Folder, slot: str) -> None:
    """Write a heap dump into the data directory until nothing more fits, and stay."""
    quota = int(read_shop(folder.shop).service(slot).quota_mb * 2**20)
    dump = folder.data(slot) / f"heap_{os.getpid()}.hprof"
    step = int(quota / FILLED_WITHIN_S * DUMP_EVERY_S)
    while is_open(folder):
        room = quota - sum(path.stat().st_size for path in folder.data(slot).glob("*") if path.exists())
        with dump.open("ab") as file:
            file.write(os.urandom(1024) * (max(0, min(step, room)) // 1024))
        time.sleep(DUMP_EVERY_S)


def _hold(pids: list[int], stopped_s: float, running_s: float) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + stopped_s
    _compute(min(BUSY_S, stopped_s))
    time.sleep(max(0.0, until - time.monotonic()))
    for pid in pids:
        wake(pid)
    time.sleep(running_s)


def _compute(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(500))


def _pids(folder: Folder, slot: str) -> list[int]:
    return [entry["pid"] for entry in read_json(folder.endpoints).get(slot, [])]


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


DOES: dict[str, Callable[[Folder, str], None]] = {"starve": starve, "trace": trace, "lock": lock, "fill": fill}


def main() -> None:
    name, does, lab, slot = sys.argv[1:]
    if os.fork():
        os._exit(0)  # it belongs to nobody, least of all to who sent it
    folder = Folder(Path(lab))
    take_name(name)
    entry = enter(folder, slot)
    try:
        DOES[does](folder, slot)
    finally:
        entry.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

"""A clock that is told the time, and a disk that forgets what was not synced."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

from mainstay.domain.records import Record
from mainstay.store.inbox import Inbox
from mainstay.store.inbox.durable import Sizes

T0 = 1_790_000_000_000_000_000
MINUTE = 60 * 10**9
QUOTA = {"signals": 100_000, "alerts": 100_000, "control": 100_000}


class Clock:
    def __init__(self, ns: int = T0) -> None:
        self.ns = ns

    def now_ns(self) -> int:
        return self.ns


class Disk:
    """Stands where `os.fdatasync` does. `crash` leaves on disk only what had been synced, names included."""

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.names: set[str] = set()
        self.syncs = 0
        self.fails = False
        self.fails_once = False
        self.open = threading.Event()
        self.open.set()

    def sync(self, fd: int) -> None:
        assert self.open.wait(30)
        if self.fails or self.fails_once:
            self.fails_once = False
            raise OSError(errno.EIO, "the disk does not answer")
        self.syncs += 1
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            self.names = set(os.listdir(fd))
        else:
            self.sizes[status.st_ino] = status.st_size

    def crash(self, directory: Path) -> None:
        for path in directory.iterdir():
            if path.name not in self.names:
                path.unlink()
            else:
                os.truncate(path, min(path.stat().st_size, self.sizes.get(path.stat().st_ino, 0)))


def opened(directory: Path, clock: Clock | None = None, **changed: object) -> Inbox:
    sizes = {name: changed.pop(f"{name}_bytes") for name in ("segment", "memory") if f"{name}_bytes" in changed}
    made = Sizes(**sizes)  # type: ignore[arg-type]
    settings: dict[str, object] = {"quota": QUOTA, "sync": lambda fd: None, "sizes": made, **changed}
    return Inbox(directory, clock=clock or Clock(), **settings)  # type: ignore[arg-type]


def taken(inbox: Inbox, most: int = 100_000) -> list[Record]:
    """Everything that can be taken now."""
    records: list[Record] = []
    while batch := inbox.take(most, 1 << 30, 0):
        records += batch
    return records

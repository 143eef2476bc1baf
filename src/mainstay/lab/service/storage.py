"""A service's data directory and its quota: files really grow, and a write that does not fit really fails."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

LIVE_SHARE = 0.05  # of the quota: a file that is written to is turned over at this size
RECORD = b"%PDF-1.7 " + b"." * 2039


class Storage:
    """A data directory that may hold `quota_bytes`.

    The quota is kept here, because a quota of the file system needs root: each write adds up what lies in the
    directory, whoever wrote it, and fails with ENOSPC when there is no room.
    """

    def __init__(self, directory: Path, quota_bytes: int) -> None:
        self._directory = directory
        self._quota_bytes = quota_bytes
        self._lock = threading.Lock()

    def used_bytes(self) -> int:
        with os.scandir(self._directory) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.is_file())

    def used_share(self) -> float:
        return min(1.0, self.used_bytes() / self._quota_bytes)

    def keep(self, name: str) -> None:
        """Append a record to a file, and turn the file over when it has grown large."""
        file = self._directory / f"{name}.dat"
        with self._lock:
            if self.used_bytes() + len(RECORD) > self._quota_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
            with file.open("ab") as stream:
                stream.write(RECORD)
                is_large = stream.tell() > self._quota_bytes * LIVE_SHARE
            if is_large:
                file.replace(file.with_suffix(".old"))

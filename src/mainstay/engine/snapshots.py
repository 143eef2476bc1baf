"""Saved states on disk: written whole, synced, renamed; the newest readable one wins."""

from __future__ import annotations

import zlib
from pathlib import Path

from mainstay.domain.errors import Corrupt
from mainstay.written import write_whole

KEPT = 2
"""The newest may be torn by a failing disk; the one before it still shortens the replay."""


class Snapshots:
    """States of the pipeline by the sequence number that they hold.

    Args:
        directory: Made when missing; readable by its owner only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def save(self, seq: int, state: bytes) -> None:
        """Keep a state; when this returns it survives a power cut."""
        write_whole(self._directory / f"{seq:020d}.state", zlib.crc32(state).to_bytes(4, "big"), state)
        for old in self._paths()[:-KEPT]:
            old.unlink()

    def newest(self) -> tuple[int, bytes] | None:
        """The newest readable state and its sequence number; None when there is none."""
        for path in reversed(self._paths()):
            try:
                return int(path.stem), self._read(path)
            except Corrupt:
                continue
        return None

    def oldest_seq(self) -> int:
        """The inbox must keep what came after this one: the newest state may turn out unreadable."""
        paths = self._paths()
        return int(paths[0].stem) if paths else 0

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("*.state"))

    def _read(self, path: Path) -> bytes:
        body = path.read_bytes()
        if len(body) < 4 or zlib.crc32(body[4:]) != int.from_bytes(body[:4], "big"):
            raise Corrupt(f"{path.name} is torn; the state before it is used and more is replayed")
        return body[4:]

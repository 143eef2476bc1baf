"""Files that are there whole or not at all, whatever happens in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

Sync = Callable[[int], None]
"""Makes what was written to a descriptor durable: `os.fsync`, or a test's that counts."""


def write_whole(path: Path, *parts: bytes, sync: Sync = os.fsync) -> None:
    """Write a file for its owner only; durable, under its name, when this returns."""
    write_pieces(path, parts, sync=sync)


def write_pieces(path: Path, pieces: Iterable[bytes | bytearray | memoryview], sync: Sync = os.fsync) -> None:
    """As `write_whole`; each piece is asked for when the one before is written.

    A renamed file whose folder is not synced may be gone after a power cut, although its content was: so the file
    first, then its name, then the folder. One writer per path.
    """
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            sync(file.fileno())
    except BaseException:  # whoever makes the pieces may fail as well
        part.unlink(missing_ok=True)  # on a full disk each half of a file makes it fuller
        raise
    part.replace(path)
    sync_folder(path.parent, sync)


def sync_folder(folder: Path, sync: Sync = os.fsync) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)

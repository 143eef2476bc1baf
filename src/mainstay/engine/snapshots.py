"""Saved states on disk: written part by part, synced, renamed; the newest readable one wins."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from mainstay.domain.errors import Corrupt
from mainstay.domain.state import Part, Piece
from mainstay.written import write_pieces

KEPT = 2
"""The newest may be torn by a failing disk; the one before it still shortens the replay."""
NAME = b"mainstay state "
MAGIC = NAME + b"2"
_AT_ONCE = 1 << 20


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """Where a part lies, and the checksum of its bytes."""

    name: str
    start: int
    size: int
    crc: int


class _Foot(msgspec.Struct, frozen=True, array_like=True):
    """The last bytes of a file: where its list of parts is."""

    size: int
    crc: int

    SIZE = 16

    @classmethod
    def read(cls, body: bytes) -> _Foot:
        return cls(int.from_bytes(body[:8], "big"), int.from_bytes(body[8:], "big"))

    def bytes(self) -> bytes:
        return self.size.to_bytes(8, "big") + self.crc.to_bytes(8, "big")


class Snapshots:
    """States of the pipeline by the sequence number that they hold.

    A file is `MAGIC`, the parts one after the other, a list of them with their checksums, and where that list is. Its
    last bytes are written last: what was cut off is never taken for a state.

    Args:
        directory: Made when missing; readable by its owner only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def save(self, seq: int, parts: Iterable[Part]) -> None:
        """Keep a state; when this returns it survives a power cut. A part is asked for when the one before is written
        and forgotten."""  # noqa: D205, D209
        write_pieces(self._directory / f"{seq:020d}.state", _laid_out(parts))
        for old in self._paths()[:-KEPT]:
            old.unlink()

    def newest(self) -> tuple[int, Iterator[tuple[str, bytes]]] | None:
        """The newest readable state, as parts that are read one by one, and its sequence number; None: there is none.

        All of it was checked when this returns. What was written in another layout raises `Corrupt` when it is read.
        """
        for path in reversed(self._paths()):
            if _is_of_another_layout(path):
                return int(path.stem), _refused(path)
            try:
                entries = _checked(path)
            except Corrupt:
                continue
            return int(path.stem), _read(path, entries)
        return None

    def oldest_seq(self) -> int:
        """The inbox must keep what came after this one: the newest state may turn out unreadable."""
        paths = self._paths()
        return int(paths[0].stem) if paths else 0

    def _paths(self) -> list[Path]:
        return sorted(self._directory.glob("*.state"))


def _laid_out(parts: Iterable[Part]) -> Iterator[Piece]:
    """The bytes of a file."""
    yield MAGIC
    at, entries = len(MAGIC), []
    for part in parts:
        start, crc = at, 0
        for piece in part.pieces:
            crc = zlib.crc32(piece, crc)
            at += len(piece)
            yield piece
        entries.append(_Entry(part.name, start, at - start, crc))
    listed = msgspec.msgpack.encode(entries)
    yield listed
    yield _Foot(len(listed), zlib.crc32(listed)).bytes()


def _checked(path: Path) -> list[_Entry]:
    """What is in a file, after all of its bytes were looked at.

    Raises:
        Corrupt: Some are missing, or are others than were written.
    """
    with path.open("rb") as file:
        try:
            entries = _entries(file)
            file.seek(len(MAGIC))
            is_whole = all(entry.start == file.tell() and _crc(file, entry.size) == entry.crc for entry in entries)
        except (msgspec.DecodeError, ValueError, OSError) as error:
            raise _torn(path) from error
    if not is_whole:
        raise _torn(path)
    return entries


def _entries(file: BinaryIO) -> list[_Entry]:
    """The list of parts; a ValueError says that there is none."""
    end = file.seek(0, 2) - _Foot.SIZE
    file.seek(0)
    if end < len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as a state does")
    file.seek(end)
    foot = _Foot.read(file.read())
    file.seek(end - foot.size)
    listed = file.read(foot.size)
    if zlib.crc32(listed) != foot.crc:
        raise ValueError("its list of parts is not what was written")
    return msgspec.msgpack.decode(listed, type=list[_Entry])


def _crc(file: BinaryIO, size: int) -> int:
    crc = 0
    while size > 0 and (piece := file.read(min(size, _AT_ONCE))):
        crc, size = zlib.crc32(piece, crc), size - len(piece)
    return crc


def _read(path: Path, entries: list[_Entry]) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        for entry in entries:
            file.seek(entry.start)
            yield entry.name, file.read(entry.size)


def _is_of_another_layout(path: Path) -> bool:
    """Whether it is whole and not as we write: of a later number, or one piece behind its checksum, as it was once."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
        if head.startswith(NAME) or len(head) < len(MAGIC):
            return head != MAGIC and len(head) == len(MAGIC)
        return zlib.crc32(head[4:] + file.read()) == int.from_bytes(head[:4], "big")


def _refused(path: Path) -> Iterator[tuple[str, bytes]]:
    raise Corrupt(f"{path.name} is laid out in another way")
    yield


def _torn(path: Path) -> Corrupt:
    return Corrupt(f"{path.name} is torn; the state before it is used and more is replayed")

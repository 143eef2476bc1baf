"""One lane's files: append, sync, roll over to the next segment, read back, delete."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.domain.errors import Corrupt
from mainstay.domain.records import Lane, Record
from mainstay.store.inbox.segments import MAGIC, check_format, frames, segment_files, segment_name, unframe
from mainstay.written import Sync, sync_folder

STALE_NS = 60 * 1_000_000_000


class SyncFailed(OSError):
    """The disk did not confirm. What the kernel still holds is unknown, so nothing may be acknowledged any more."""


@dataclass(slots=True)
class Segment:
    """One file of a lane. `base` is where its first frame stands in the lane's own count of bytes since opening."""

    path: Path
    first_seq: int
    base: int
    size: int = 0  # bytes of frames, durable
    last_seq: int = 0
    first_ns: int = 0  # when its oldest record was received


class LaneFiles:
    """The segments of one lane, oldest first; only the last one is written. The committer writes, `take` reads."""

    def __init__(self, directory: Path, lane: Lane, *, segment_bytes: int, sync: Sync) -> None:
        self.directory, self.lane = directory, lane
        self.segment_bytes, self.sync = segment_bytes, sync
        self.segments: list[Segment] = []
        self.cut_bytes = 0
        self._fd = -1
        self._read: tuple[Path, int] | None = None

    def open(self) -> Iterator[tuple[Record, int]]:
        """Check every file, cut what a crash left torn, and give each record with its size on disk.

        Raises:
            Corrupt: damage in a file that was complete: something acknowledged is missing. Move the file away to
                start without it.
        """
        files = segment_files(self.directory, self.lane)
        for number, (first_seq, path) in enumerate(files, start=1):
            yield from self._load(path, first_seq, is_last=number == len(files))

    def _load(self, path: Path, first_seq: int, *, is_last: bool) -> Iterator[tuple[Record, int]]:
        data = path.read_bytes()
        check_format(path, data)
        segment = Segment(path, first_seq, self.end, last_seq=first_seq - 1)
        for framed in frames(data, self.lane):
            segment.first_ns = segment.first_ns or framed.record.received_ns
            segment.size, segment.last_seq = segment.size + framed.size, framed.record.seq
            yield framed.record, framed.size
        torn = len(data) - len(MAGIC) - segment.size
        if torn > 0 and not is_last:
            raise Corrupt(f"{path}: damaged {torn} bytes before its end, though a later segment follows it")
        self.segments.append(segment)
        if is_last:
            self._resume(segment, torn)

    def _resume(self, segment: Segment, torn: int) -> None:
        """Write on where the last whole record ended. Synced: a process that was killed may not have done so."""
        self._fd = os.open(segment.path, os.O_RDWR)
        if torn < 0:
            os.truncate(self._fd, 0)
            _write_all(self._fd, MAGIC)
        elif torn > 0:
            self.cut_bytes = torn
            os.truncate(self._fd, len(MAGIC) + segment.size)
        os.lseek(self._fd, 0, os.SEEK_END)
        self._durable(self._fd)

    def _durable(self, fd: int) -> None:
        try:
            self.sync(fd)
        except OSError as error:
            raise SyncFailed(error.errno, f"lane {self.lane} could not be synced: {error}") from error

    @property
    def end(self) -> int:
        """Where the next frame will stand, in the lane's count of bytes."""
        return self.segments[-1].base + self.segments[-1].size if self.segments else 0

    @property
    def disk_bytes(self) -> int:
        """Bytes that the lane takes on disk."""
        return sum(len(MAGIC) + segment.size for segment in self.segments)

    def append(self, framed: list[tuple[Record, bytes]]) -> None:
        """Write and sync records; when it returns they survive a power cut.

        Raises:
            OSError: nothing of this call counts as written; see `undo`.
        """
        self._room_for(framed[0][0].seq)
        segment = self.segments[-1]
        _write_all(self._fd, b"".join(data for _, data in framed))
        self._durable(self._fd)
        segment.first_ns = segment.first_ns or framed[0][0].received_ns
        segment.size += sum(len(data) for _, data in framed)
        segment.last_seq = framed[-1][0].seq

    def undo(self) -> None:
        """Cut away what a failed write left behind."""
        if self._fd >= 0:
            os.truncate(self._fd, len(MAGIC) + self.segments[-1].size)
            os.lseek(self._fd, 0, os.SEEK_END)

    def _room_for(self, seq: int) -> None:
        if self._fd < 0 or self.segments[-1].size >= self.segment_bytes:
            self.roll(seq)

    def roll(self, first_seq: int) -> None:
        """Begin a new segment. The one before is already synced to its last byte, so only a last one can be torn."""
        path = self.directory / segment_name(self.lane, first_seq)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(fd, MAGIC)
            self._durable(fd)
            sync_folder(self.directory, self._durable)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self.segments.append(Segment(path, first_seq, self.end, last_seq=first_seq - 1))

    def read(self, at: int, size: int) -> Record:
        """The record that stands at `at` in the lane's count of bytes.

        Raises:
            Corrupt: it no longer is what was written.
        """
        segments = list(self.segments)  # the committer may delete spent ones meanwhile
        segment = segments[bisect_right(segments, at, key=lambda segment: segment.base) - 1]
        offset = len(MAGIC) + at - segment.base
        framed = unframe(os.pread(self._reader(segment.path), size, offset), 0, self.lane)
        if framed is None:
            raise Corrupt(f"{segment.path}: the record at byte {offset} is not what was written")
        return framed.record

    def _reader(self, path: Path) -> int:
        if self._read is None or self._read[0] != path:
            if self._read is not None:
                os.close(self._read[1])
            self._read = (path, os.open(path, os.O_RDONLY))
        return self._read[1]

    def spent(self, seq: int) -> list[Segment]:
        """Complete segments whose records are all numbered `seq` or lower."""
        return [segment for segment in self.segments[:-1] if segment.last_seq <= seq]

    def is_stale(self, seq: int, now_ns: int) -> bool:
        """The segment in use is wholly applied and has held raw bodies for a minute."""
        if not self.segments:
            return False
        last = self.segments[-1]
        return last.size > 0 and last.last_seq <= seq and now_ns - last.first_ns >= STALE_NS

    def unlink(self, segment: Segment) -> None:
        """Delete a spent segment for good."""
        self.segments.remove(segment)
        segment.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files."""
        for fd in (self._fd, self._read[1] if self._read else -1):
            if fd >= 0:
                os.close(fd)
        self._fd, self._read = -1, None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

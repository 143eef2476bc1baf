"""The inbox itself: appended to by any thread, committed by one, taken in one order by the pipeline."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.errors import Overloaded, Refused
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Lane, Record
from mainstay.domain.signals import Decoded
from mainstay.store.inbox.backlog import Backlog
from mainstay.store.inbox.committer import Committer, Pending
from mainstay.store.inbox.lanes import LaneFiles
from mainstay.store.inbox.mark import Mark, read_mark, write_mark
from mainstay.store.inbox.repeats import Repeats, digest_of, known
from mainstay.store.inbox.segments import LANES, frame_size
from mainstay.written import Sync

log = logging.getLogger(__name__)
MiB = 1 << 20
QUEUE_BYTES = 128 * MiB  # bodies that may wait for the disk at one moment


@dataclass(frozen=True, slots=True)
class Sizes:
    """In bytes.

    Args:
        segment: A file of the inbox is closed once it is this large.
        memory: Bodies that `take` need not read back from disk.
    """

    segment: int = 16 * MiB
    memory: int = 16 * MiB


SIZES = Sizes()


class Inbox:
    """Keeps what arrives until the pipeline has applied it; a sender is answered only when its record is on disk.

    `append` from any thread; `take` and `applied` from the one pipeline thread. Records are taken in the order of
    their number over all lanes. After a restart, `take` begins with what was not applied; a pipeline that restored
    an older or newer snapshot calls `applied(its seq)` first, and `take` goes on behind that.

    Args:
        quota: Bytes per lane that may wait to be applied; beyond it `append` raises `Overloaded`.
        sync: Makes a file descriptor's data durable; an error of it is final: the inbox refuses from then on.
        keep: Never delete anything (for recordings).
        lock: Held while the inbox is open, and taken before anything is made; `directory/lock` if not given.

    Raises:
        Corrupt: a complete file is damaged.
        Refused: another process has this inbox open.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        quota: Mapping[Lane, int],
        sizes: Sizes = SIZES,
        sync: Sync = os.fdatasync,
        keep: bool = False,
        lock: Path | None = None,
    ) -> None:
        self._lock_fd = _locked(lock or directory / "lock", directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory, self._clock, self._sync, self._keep = directory, clock, sync, keep
        self._quota: dict[Lane, int] = {lane: quota[lane] for lane in LANES}
        self._memory_bytes = sizes.memory
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._taking = threading.Lock()
        self._lanes = {lane: LaneFiles(directory, lane, segment_bytes=sizes.segment, sync=sync) for lane in LANES}
        self._backlog, self._repeats = Backlog(), Repeats()
        self._waiting = dict.fromkeys(LANES, 0)  # bytes accepted and not yet applied
        self._cursor = dict.fromkeys(LANES, 0)  # where `take` reads next in each lane
        self._fresh: dict[int, Record] = {}
        self._fresh_bytes = 0
        self._last_seq = self._last_ns = self._applied_seq = 0
        self._refusing = self._failing = ""
        self._is_closed = False
        self._open()
        self._committer = Committer(self)

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        mark = read_mark(self.directory)
        self._applied_seq = mark.applied_seq
        self._repeats.load(mark.repeats)
        found: list[tuple[int, Lane, int]] = []
        for lane, files in self._lanes.items():
            for record, size in files.open():
                self._remember(record)
                if record.seq > mark.applied_seq:
                    found.append((record.seq, lane, size))
                    self._waiting[lane] += size
                else:
                    self._cursor[lane] += size
            self._last_seq = max([self._last_seq, *(segment.last_seq for segment in files.segments)])
        for seq, lane, size in sorted(found):
            self._backlog.add(seq, lane, size)
        self._last_seq = max(self._last_seq, mark.applied_seq)

    def _remember(self, record: Record) -> None:
        self._last_ns = max(self._last_ns, record.received_ns)
        self._repeats.add(
            digest_of(record.source, record.tenant, record.body), record.seq, record.received_ns, known(record.seq)
        )

    # -- receiving --------------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """The clock as records see it: it never goes back, not over a restart either."""
        with self._lock:
            return self._now_ns()

    def _now_ns(self) -> int:
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        return self._last_ns

    def append(
        self, lane: Lane, source: str, body: bytes, tenant: str = DEFAULT_TENANT, decoded: Decoded | None = None
    ) -> Future[int]:
        """Accept a record; the future gives its number once it is durable.

        The same body from the same source and tenant within 15 minutes gives the earlier number (never for ticks,
        commands, and the alerts that an Alertmanager client repeats to keep them alive).

        Raises:
            Overloaded: the lane is full, or the disk failed; nothing is kept. The future may raise it too.
        """
        digest = digest_of(source, tenant, body)
        size = frame_size(source, tenant, body)
        with self._lock:
            now_ns = self._now_ns()
            self.check_room(lane, size)
            earlier = self._repeats.find(digest, now_ns)
            if earlier is not None:
                return earlier
            self._last_seq += 1
            record = Record(self._last_seq, lane, source, now_ns, body, tenant, decoded)
            pending = Pending(record, size, digest, Future())
            pending.future.set_running_or_notify_cancel()  # a sender that goes away must not cancel what is shared
            self._waiting[lane] += size
            self._repeats.add(digest, record.seq, now_ns, pending.future)
            self._committer.put(pending)
        return pending.future

    def check_room(self, lane: Lane, size: int) -> None:
        """Whether `size` more bytes may come now.

        Raises:
            Overloaded: they may not; says why.
        """
        if self._refusing:
            raise Overloaded(f"the inbox accepts nothing: {self._refusing}", retry_after_s=30)
        waiting, quota = self._waiting[lane], self._quota[lane]
        if waiting + size > quota:
            raise Overloaded(f"lane {lane} is full: {waiting} of {quota} bytes wait to be applied")
        if self._committer.queued_bytes + size > QUEUE_BYTES:
            raise Overloaded(f"{self._committer.queued_bytes} bytes wait for the disk", retry_after_s=1)

    # -- called by the committer ------------------------------------------------------------------------------------

    def publish(self, done: list[Pending]) -> None:
        """Durable records, in order: now they can be taken."""
        with self._lock:
            self._failing = "" if done else self._failing
            for pending in done:
                record = pending.record
                self._backlog.add(record.seq, record.lane, pending.size)
                if self._fresh_bytes + len(record.body) <= self._memory_bytes:
                    self._fresh[record.seq] = record
                    self._fresh_bytes += len(record.body)
            self._arrived.notify_all()
        for pending in done:
            pending.future.set_result(pending.record.seq)

    def give_up(self, failed: list[Pending], says: str, *, is_final: bool) -> None:
        """Records that could not be made durable: their senders must try again; a final failure stops the inbox."""
        with self._lock:
            self._failing = says
            if is_final:
                self._refusing = self._refusing or says
            for pending in failed:
                self._waiting[pending.record.lane] -= pending.size
                self._repeats.forget(pending.digest)
        for pending in failed:
            pending.future.set_exception(Overloaded(says, retry_after_s=30 if is_final else 1))

    def tidy(self) -> None:
        """Delete segments that nobody needs; roll over one that is wholly applied, so that no raw body lies about."""
        if self._keep or self._refusing:
            return
        with self._lock:
            seq, now_ns = self._applied_seq, self._last_ns
        for files in self._lanes.values():
            if files.is_stale(seq, now_ns):
                files.roll(files.segments[-1].last_seq + 1)
        spent = [(files, segment) for files in self._lanes.values() for segment in files.spent(seq)]
        if spent:
            self._write_mark()
        for files, segment in spent:
            with self._lock:
                files.unlink(segment)

    def _write_mark(self) -> None:
        with self._lock:
            mark = Mark(applied_seq=self._applied_seq, repeats=self._repeats.dump())
        write_mark(self.directory, mark, self._sync)

    @property
    def lanes(self) -> Mapping[Lane, LaneFiles]:
        """The files, for the committer."""
        return self._lanes

    # -- handing over -----------------------------------------------------------------------------------------------

    def take(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Record]:
        """The next records in order: at least one when there is one, else none after `timeout_s`.

        `decoded` is set when the door's work still lay in memory; otherwise decode the body again.
        """
        with self._arrived:
            if not len(self._backlog) and not self._is_closed:
                self._arrived.wait(timeout_s)
        taken: list[Record] = []
        size = 0
        with self._taking:
            while len(taken) < max_records and (size < max_bytes or not taken):
                record = self._next()
                if record is None:
                    break
                taken.append(record)
                size += len(record.body)
        return taken

    def _next(self) -> Record | None:
        with self._lock:
            waiting = self._backlog.peek()
            if waiting is None:
                return None
            at = self._cursor[waiting.lane]
            record = self._fresh.pop(waiting.seq, None)
            if record is not None:
                self._fresh_bytes -= len(record.body)
        if record is None:
            record = self._lanes[waiting.lane].read(at, waiting.size)
        with self._lock:
            self._cursor[waiting.lane] += waiting.size
            self._backlog.advance()
        return record

    def rewind(self, seq: int) -> None:
        """Hand over again what came after record `seq`, as after a restart."""
        with self._taking, self._lock:
            for waiting in self._backlog.rewind(seq):
                self._cursor[waiting.lane] -= waiting.size

    def applied(self, seq: int) -> None:
        """Nobody needs records up to `seq` any more: their room is free and their files go."""
        with self._taking, self._lock:
            for waiting, was_taken in self._backlog.release(seq):
                self._waiting[waiting.lane] -= waiting.size
                if not was_taken:
                    self._cursor[waiting.lane] += waiting.size
                    skipped = self._fresh.pop(waiting.seq, None)
                    self._fresh_bytes -= len(skipped.body) if skipped else 0
            self._applied_seq = max(self._applied_seq, min(seq, self._last_seq))
        self._committer.wake()

    def number_after(self, seq: int) -> None:
        """Number what comes beyond `seq`: after a lost folder, what is new must not look like what was decided."""
        with self._lock:
            self._last_seq = max(self._last_seq, seq)

    # -- looking and closing ----------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """`ok`, or why nothing is accepted: for good, or (a full disk) until a record was kept again."""
        return self._refusing or self._failing or "ok"

    def depth(self) -> dict[str, dict[str, int]]:
        """Per lane `waiting_bytes` (not applied), `quota_bytes`, `disk_bytes`, `cut_bytes` (torn); and `all`."""
        with self._lock:
            depth: dict[str, dict[str, int]] = {
                lane: {
                    "waiting_bytes": self._waiting[lane],
                    "quota_bytes": self._quota[lane],
                    "disk_bytes": files.disk_bytes,
                    "cut_bytes": files.cut_bytes,
                }
                for lane, files in self._lanes.items()
            }
            together = {
                "records": len(self._backlog),
                "last_seq": self._last_seq,
                "applied_seq": self._applied_seq,
                "memory_bytes": self._fresh_bytes,
                "queued_bytes": self._committer.queued_bytes,
            }
        return {**depth, "all": together}

    def close(self) -> None:
        """Commit what was accepted, then let go of the files. Accepts nothing afterwards."""
        with self._lock:
            is_first, self._is_closed = not self._is_closed, True
            self._refusing = self._refusing or "it is closed"
            self._arrived.notify_all()
        if not is_first:
            return
        self._committer.stop()
        try:
            self._write_mark()
        except OSError:
            log.warning("the inbox's mark could not be written; more is replayed at the next start", exc_info=True)
        with self._taking:
            for files in self._lanes.values():
                files.close()
        os.close(self._lock_fd)


def _locked(lock: Path, directory: Path) -> int:
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Refused(f"{directory}: another process has this inbox open; stop it first") from None
    return fd

"""The committer: one thread that writes and syncs for every sender at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from mainstay.domain.records import Lane, Record
from mainstay.store.inbox.lanes import LaneFiles, SyncFailed
from mainstay.store.inbox.segments import LANES, frame

log = logging.getLogger(__name__)
GROUP_BYTES = 32 << 20  # one sync for at most this much, so that a full queue is not joined into one piece


@dataclass(frozen=True, slots=True)
class Pending:
    """A record on its way to the disk."""

    record: Record
    size: int
    digest: bytes | None
    future: Future[int]


class Owner(Protocol):
    """What the committer tells the inbox."""

    @property
    def lanes(self) -> Mapping[Lane, LaneFiles]: ...

    def publish(self, done: list[Pending]) -> None: ...

    def give_up(self, failed: list[Pending], says: str, *, is_final: bool) -> None: ...

    def tidy(self) -> None: ...


class Committer:
    """Group commit: whatever came while the last sync ran shares the next one, over all lanes."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._wake = threading.Condition()
        self._queue: list[Pending] = []
        self._is_stopping = self._has_news = False
        self._failure = ""
        self.queued_bytes = 0
        self._thread = threading.Thread(target=self._run, name="inbox-committer", daemon=True)
        self._thread.start()

    def put(self, pending: Pending) -> None:
        """Commit this soon. Called under the inbox's lock, so that the queue is in the order of numbers."""
        with self._wake:
            self._queue.append(pending)
            self.queued_bytes += pending.size
            self._wake.notify()

    def wake(self) -> None:
        """Something was applied: files may be deleted."""
        with self._wake:
            self._has_news = True
            self._wake.notify()

    def stop(self) -> None:
        """Commit what waits, then end."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        group: list[Pending] | None = []
        try:
            while (group := self._next_group()) is not None:
                self._commit(group)
                self._tidy()
        finally:
            self._end(group or [])

    def _tidy(self) -> None:
        try:
            self._owner.tidy()
        except OSError:
            log.warning("spent segments could not be deleted; they will be tried again", exc_info=True)

    def _end(self, group: list[Pending]) -> None:
        """However the thread ends, no sender waits for ever."""
        with self._wake:
            unanswered = [pending for pending in (*group, *self._queue) if not pending.future.done()]
            self._queue = []
        if unanswered or not self._is_stopping:
            self._owner.give_up(unanswered, "the inbox's committer has failed; see the log", is_final=True)

    def _next_group(self) -> list[Pending] | None:
        with self._wake:
            while not (self._queue or self._has_news or self._is_stopping):
                self._wake.wait()
            if self._is_stopping and not self._queue:
                return None
            self._has_news = False
            count = size = 0
            while count < len(self._queue) and size < GROUP_BYTES:
                size += self._queue[count].size
                count += 1
            group, self._queue = self._queue[:count], self._queue[count:]
            return group

    def _commit(self, group: list[Pending]) -> None:
        """Make a group durable lane by lane, then publish it in the order of numbers."""
        done: list[Pending] = []
        for lane in LANES:
            mine = [pending for pending in group if pending.record.lane == lane]
            if mine and self._keep(self._owner.lanes[lane], mine):
                done += mine
        with self._wake:
            self.queued_bytes -= sum(pending.size for pending in group)
        self._owner.publish(sorted(done, key=lambda pending: pending.record.seq))

    def _keep(self, files: LaneFiles, mine: list[Pending]) -> bool:
        if self._failure:  # a second sync may well succeed, and would claim what the first one lost
            return self._fail(mine, self._failure)
        try:
            files.append([(pending.record, frame(pending.record)) for pending in mine])
        except SyncFailed as error:
            return self._fail(mine, str(error))
        except OSError as error:
            return self._undo(files, mine, error)
        return True

    def _fail(self, mine: list[Pending], says: str) -> bool:
        self._failure = says
        self._owner.give_up(mine, says, is_final=True)
        return False

    def _undo(self, files: LaneFiles, mine: list[Pending], error: OSError) -> bool:
        """A write that failed (disk full) is cut off again and may be tried later; if even that fails, it is final."""
        try:
            files.undo()
        except OSError as worse:
            return self._fail(mine, f"{error}, and it could not be undone: {worse}")
        self._owner.give_up(mine, f"the disk did not take it: {error}", is_final=False)
        return False

"""The pipeline in this process: one thread takes records in order, another says every few seconds that time passes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from mainstay.domain.effects import Effects
from mainstay.domain.errors import Corrupt, MainstayError, Overloaded
from mainstay.domain.records import Lane, Record
from mainstay.domain.state import Part
from mainstay.engine.aside import Aside
from mainstay.engine.snapshots import Snapshots

log = logging.getLogger(__name__)

BATCH_RECORDS = 256
BATCH_BYTES = 4 << 20
BATCH_EVERY_S = 0.2
"""A batch is one transaction in each store: large enough to make its milliseconds cheap, small enough to be soon."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
"""Between attempts at what failed: a disk that is full for an hour is tried twice a minute."""


class TakesRecords(Protocol):
    """What the engine asks of the inbox."""

    def append(self, lane: Lane, source: str, body: bytes) -> Future[int]: ...
    def take(self, max_records: int, max_bytes: int, timeout_s: float) -> list[Record]: ...
    def rewind(self, seq: int) -> None: ...
    def applied(self, seq: int) -> None: ...
    def depth(self) -> Mapping[str, Mapping[str, int]]: ...


class Runs(Protocol):
    """What the engine asks of the pipeline."""

    seq: int
    taking: int

    def run(self, records: Sequence[Record]) -> Effects: ...
    def parts(self) -> Iterator[Part]: ...
    def restore_parts(self, parts: Iterable[tuple[str, bytes]]) -> None: ...


REST_PER_SAVE = 9
"""Saving a large state takes at most a tenth of the pipeline's time; a restart then has that much more to replay."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often time passes and state is saved, in seconds."""

    tick_s: float = 5.0
    snapshot_s: float = 15.0


class LocalEngine:
    """Runs the pipeline until stopped; the state survives kill -9 by replay from the last snapshot.

    When a batch fails, the last state is restored and the records come again, in order: a store that was full is tried
    until it is not. A record on which a stage fails twice is set aside, and the line goes on without it. `failure` says
    what is wrong as long as it lasts; `/readyz` and the heartbeat alert show it, and the records stay in the inbox.

    Args:
        aside: Where records go on which a stage fails.
        told: Called after each committed batch, in the pipeline's thread, with what it decided.
        upkeep: Called between batches (sealing, retention), with nothing half written.
    """

    def __init__(
        self,
        pipeline: Runs,
        inbox: TakesRecords,
        snapshots: Snapshots,
        aside: Aside,
        pace: Pace,
        told: Callable[[Effects], None] = lambda _: None,
        upkeep: Callable[[], None] = lambda: None,
    ) -> None:
        self._pipeline, self._inbox, self._snapshots, self._pace = pipeline, inbox, snapshots, pace
        self.aside = aside
        self._told, self._upkeep = told, upkeep
        self._stop = threading.Event()
        self._waiting: dict[int, Future[None]] = {}
        self._lock = threading.Lock()
        self._saved_seq = 0
        self._next_snapshot = 0.0
        self._is_full = False
        self._first_state: list[tuple[str, bytes]] = []
        self._is_torn = False
        self._failed_seq = 0
        self._pause_s = FIRST_PAUSE_S
        self.failure = ""
        self.failures = 0
        self.last_batch_at = time.monotonic()
        self.records = 0
        self._committed_seq = 0
        self._threads = [
            threading.Thread(target=self._run, name="pipeline", daemon=True),
            threading.Thread(target=self._tick, name="ticks", daemon=True),
        ]

    def start(self) -> None:
        """Restore the last state and go on where it was.

        Raises:
            Corrupt: It was saved by another version of Mainstay; nothing is lost, and what to do.
        """
        newest = self._snapshots.newest()
        if newest is not None:
            self._take_up(*newest)
        else:
            self._first_state = [(part.name, b"".join(part.pieces)) for part in self._pipeline.parts()]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the batch at hand, save the state, end. Without room for the state, the next start replays more."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=30)
        if not self._is_torn:
            try:
                self._save()
            except OSError:
                log.exception("the state could not be saved; more is replayed at the next start")

    def _take_up(self, seq: int, parts: Iterable[tuple[str, bytes]]) -> None:
        try:
            self._pipeline.restore_parts(parts)
        except Corrupt as error:
            self._is_torn = True  # `stop` must not save half of it
            raise Corrupt(
                f"the state saved in this data folder was written by another version of Mainstay ({error}): nothing is "
                "lost; start with a new --data, or read the old folder with its own version or, if it was kept with "
                "`keep_inbox: true`, with `mainstay replay`"
            ) from None
        self._saved_seq = seq

    def decided(self, seq: int) -> Future[None]:
        """Done when the record with this number has been taken and its decisions are committed."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # who stops waiting must not tear the batch that would have told them
        with self._lock:
            if self._committed_seq >= seq:
                future.set_result(None)
            else:
                self._waiting[seq] = future
        return future

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._is_full:
                self._stop.wait(max(0.0, self.last_batch_at + BATCH_EVERY_S - time.monotonic()))
            records: list[Record] = []
            try:
                if self._is_torn:
                    self._restore()
                records = self._take()
                self._batch(records)
            except Exception as error:  # noqa: BLE001  the line must survive; logged and counted in `_failed`
                self._failed(error, records)

    def _take(self) -> list[Record]:
        records = self._inbox.take(BATCH_RECORDS, BATCH_BYTES, 0.2)
        self._is_full = len(records) >= BATCH_RECORDS or sum(len(one.body) for one in records) >= BATCH_BYTES
        return [self.aside.instead(record) for record in records if record.seq > self._pipeline.seq]

    def _batch(self, records: Sequence[Record]) -> None:
        if records:
            self._told(self._pipeline.run(records))
            self._committed_seq = self._pipeline.seq
            self.records += len(records)
            self._release()
            self._maybe_save()
            self._upkeep()
        self.last_batch_at = time.monotonic()
        if self.failure and self._pipeline.seq >= self._failed_seq:
            self.failure, self._pause_s = "", FIRST_PAUSE_S

    def _failed(self, error: Exception, records: Sequence[Record]) -> None:
        """Wait, then begin again from the last state; without a record on which a stage failed before."""
        log.error("a batch failed; it will be tried again", exc_info=error)
        self._is_torn = True
        self.failures += 1
        self.failure = f"{type(error).__name__}: {error}"
        if records:
            taking = self._pipeline.taking
            if taking and taking == self._failed_seq:
                self._set_aside(next(record for record in records if record.seq == taking))
            self._failed_seq = taking or records[-1].seq
        self._stop.wait(self._pause_s)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    def _set_aside(self, record: Record) -> None:
        try:
            self.aside.put(record, self.failure)
            log.error("record %d is set aside in %s", record.seq, self.aside.directory)
        except (MainstayError, OSError) as error:
            self.failure = f"{self.failure}; it cannot be set aside: {error}"

    def _restore(self) -> None:
        seq, parts = self._snapshots.newest() or (0, self._first_state)
        self._pipeline.restore_parts(parts)
        self._inbox.rewind(seq)
        self._saved_seq, self._is_torn = seq, False

    def _tick(self) -> None:
        while not self._stop.wait(self._pace.tick_s):
            if self.failure:
                continue
            try:
                self._inbox.append("control", "tick", b"")
            except Overloaded as error:
                log.warning("no tick: %s", error)

    def _release(self) -> None:
        with self._lock:
            done = [seq for seq in self._waiting if seq <= self._committed_seq]
            futures = [self._waiting.pop(seq) for seq in done]
        for future in futures:
            future.set_result(None)

    def _maybe_save(self) -> None:
        if time.monotonic() >= self._next_snapshot or self._is_filling():
            self._save()

    def _is_filling(self) -> bool:
        """A lane is half full of what only waits for a saved state: save now, before senders are told to come back."""
        lanes = (lane for name, lane in self._inbox.depth().items() if name != "all")
        return any(lane["waiting_bytes"] * 2 > lane["quota_bytes"] for lane in lanes)

    def _save(self) -> None:
        began = time.monotonic()
        if self._pipeline.seq > self._saved_seq:
            self._snapshots.save(self._pipeline.seq, self._pipeline.parts())
            self._saved_seq = self._pipeline.seq
            self._inbox.applied(self._snapshots.oldest_seq())
        ended = time.monotonic()
        self._next_snapshot = ended + max(self._pace.snapshot_s, (ended - began) * REST_PER_SAVE)

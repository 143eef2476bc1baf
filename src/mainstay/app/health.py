"""What the platform knows of its own health: counts, lag, and a heartbeat that cries when a stage stalls."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from mainstay import __version__
from mainstay.app.wiring import Line
from mainstay.domain.effects import Effects
from mainstay.domain.protocols import Clock
from mainstay.domain.views import Funnel, SourceHealth, StageHealth, Status, Watching
from mainstay.engine.local import LocalEngine
from mainstay.ingest import SOURCES, IngestDoor
from mainstay.ingest.columnar.ready import READY
from mainstay.store.inbox import Inbox

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
LIMIT_SAID_MS = 300_000  # a sender that is over its limit is told of until five minutes after
STALLS_AFTER_S = 30.0
"""Six ticks without a batch: the line stands still, whatever the load."""


class Health:
    """Answers what is watched, how much came in, and whether every stage runs."""

    def __init__(self, line: Line, inbox: Inbox, engine: LocalEngine, door: IngestDoor, clock: Clock) -> None:
        self._line, self._inbox, self._engine, self._door, self._clock = line, inbox, engine, door, clock
        self._started_ms = clock.now_ns() // 1_000_000
        self._lock = threading.Lock()
        self._anomalies: deque[list[int]] = deque(maxlen=24)
        self._signals: deque[list[int]] = deque(maxlen=24)
        self._signals_seen = 0

    def count(self, effects: Effects) -> None:
        """Remember how much a batch brought; called in the pipeline's thread."""
        with self._lock:
            _add(self._anomalies, self._now_ms(), sum(1 for entry in effects.entries if entry.kind == "alert"))
            taken = sum(self._door.counts[f"items_{source}"] for source in SOURCES)
            _add(self._signals, self._now_ms(), taken - self._signals_seen)
            self._signals_seen = taken

    def status(self) -> Status:
        """Everything that the top of each page and `/metrics` say; cheap."""
        line, now_ms = self._line, self._now_ms()
        depth = self._inbox.depth()
        counts = line.normalizer.counts
        stages = (self._pipeline(now_ms), self._receive())
        is_ready, not_ready_why = _together(stages)
        entities = list(line.normalizer.topology.entities.values())
        funnel = line.control.funnel(now_ms - DAY_MS)
        return Status(
            version=__version__,
            now_ms=now_ms,
            started_ms=self._started_ms,
            watching=Watching(
                series=counts.get("series", 0),
                entities=len(entities),
                services=sum(1 for entity in entities if entity.kind == "service"),
                since_ms=self._started_ms,
            ),
            funnel=Funnel(
                since_ms=funnel.since_ms,
                signals=self._sum(self._signals, now_ms),
                anomalies=self._sum(self._anomalies, now_ms),
                alerts=funnel.alerts,
                incidents=funnel.incidents,
                not_paged=funnel.not_paged,
            ),
            stages=(*stages, *self._unserved()),
            sources=tuple(self._source(name) for name in SOURCES),
            inbox_records={"all": max(0, depth["all"]["last_seq"] - line.pipeline.seq)},
            inbox_bytes={lane: found["waiting_bytes"] for lane, found in depth.items() if lane != "all"},
            unplaced=counts.get("unplaced", 0),
            refused=self._door.counts["refused_items"],
            decided_seq=line.control.decided_seq,
            disk_bytes=line.telemetry.disk_bytes(),
            is_ready=is_ready,
            not_ready_why=not_ready_why,
        )

    def is_ok(self) -> tuple[bool, str]:
        """Whether the line moves and the door can keep what comes, and if not, why."""
        return _together((self._pipeline(self._now_ms()), self._receive()))

    def is_within_limits(self) -> tuple[bool, str]:
        """Whether every sender brings no more new series than one may, and if not, which and how many."""
        says = [self._limit_says(name, self._now_ms()) for name in SOURCES]
        return not any(says), "; ".join(filter(None, says)) or "every sender is within its limits"

    def _limit_says(self, source: str, now_ms: int) -> str:
        counts = self._door.counts
        if not counts[f"series_refused_{source}"] or now_ms - counts[f"series_refused_ms_{source}"] > LIMIT_SAID_MS:
            return ""
        return (
            f"{source}: a sender brings more new series than it may in a minute; "
            f"{counts[f'series_refused_{source}']} were refused since the start, those known go on"
        )

    def _pipeline(self, now_ms: int) -> StageHealth:
        idle_s = time.monotonic() - self._engine.last_batch_at
        lag_s = max(0.0, (now_ms - self._line.pipeline.at_ms) / 1000) if self._line.pipeline.at_ms else 0.0
        wrong = self._engine.failure or (f"no batch ended for {idle_s:.0f} s" if idle_s > STALLS_AFTER_S else "")
        aside = self._engine.aside
        noted = f"{len(aside)} records are set aside in {aside.directory}: a stage fails on them" if len(aside) else ""
        return StageHealth(
            name="pipeline",
            is_ok=not wrong,
            lag_s=round(lag_s, 1),
            last_ok_ms=now_ms - int(idle_s * 1000),
            errors=self._engine.failures,
            says=wrong or noted,
        )

    def _unserved(self) -> tuple[StageHealth, ...]:
        """Red while a version should decide that nobody trusts; what stands in for it works, so this stops nobody."""
        says = tuple(self._line.serving.unserved.values())
        if not says:
            return ()
        return (StageHealth(name="models", is_ok=False, last_ok_ms=0, errors=len(says), says="; ".join(says)),)

    def _receive(self) -> StageHealth:
        says = self._inbox.state
        is_ok = says == "ok"
        if is_ok and READY.failure:
            says = f"bodies are read slowly, the compiled readers failed: {READY.failure}"
        elif is_ok and not (limits := self.is_within_limits())[0]:
            says = limits[1]
        last_ok_ms = self._now_ms() if is_ok else 0
        return StageHealth(name="receive", is_ok=is_ok, last_ok_ms=last_ok_ms, errors=READY.failures, says=says)

    def _source(self, name: str) -> SourceHealth:
        counts = self._door.counts
        return SourceHealth(
            source=name,
            requests=counts[f"requests_{name}"],
            records=counts[f"items_{name}"],
            refused=counts[f"refused_{name}"],
            last_ms=counts[f"last_ms_{name}"],
            series_refused=counts[f"series_refused_{name}"],
            says=self._limit_says(name, self._now_ms()),
        )

    def _sum(self, hours: deque[list[int]], now_ms: int) -> int:
        with self._lock:
            return sum(count for hour, count in hours if hour * HOUR_MS > now_ms - DAY_MS)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


class Cries(Protocol):
    """Takes the heartbeat's word to people."""

    def __call__(self, says: str, *, is_over: bool) -> None:
        """A stage stalls, or runs again."""
        ...


class Heartbeat:
    """Fires when a stage stalls, and says when it is over: a silent watcher is the worst failure of all."""

    def __init__(self, is_ok: Callable[[], tuple[bool, str]], cry: Cries, every_s: float = 5.0) -> None:
        self._is_ok, self._cry, self._every_s = is_ok, cry, every_s
        self._was_ok = True

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                log.exception("the heartbeat could not say what it saw; it looks again")

    def look(self) -> None:
        """Look once; cry on a change only."""
        is_ok, says = self._is_ok()
        if is_ok != self._was_ok:
            self._cry(says, is_over=is_ok)
            self._was_ok = is_ok


def _together(stages: Sequence[StageHealth]) -> tuple[bool, str]:
    """Whether all work, and what those say that do not (when all do: what there is to note)."""
    wrong = [stage.says for stage in stages if not stage.is_ok]
    return not wrong, "; ".join(wrong) or stages[0].says


def _add(hours: deque[list[int]], at_ms: int, count: int) -> None:
    hour = at_ms // HOUR_MS
    if hours and hours[-1][0] == hour:
        hours[-1][1] += count
    else:
        hours.append([hour, count])

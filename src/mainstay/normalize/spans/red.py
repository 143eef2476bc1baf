"""What every service shows without asking: rate, errors and duration of its requests, and whether it is heard of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.signals import MetricBatch
from mainstay.normalize.metrics.series import NO_SLOT, SeriesTable
from mainstay.normalize.spans.reservoir import Reservoir

QUIET_NS = 10_000_000_000  # a restart of a few seconds is not silence
SETTLED_NS = 30_000_000_000  # a job that ran once is not missed
GONE_NS = 24 * 3600 * 10**9  # after a day it was taken away on purpose
IDLE_NS = 600_000_000_000  # a service without requests shows rate 0 for so long
CADENCES = 2.5  # silence begins at two and a half times the usual pause between two signs of life
AWAY_NS = 15_000_000_000  # ticks come every 5 s: a longer gap means that we were away, not they
ALL_SILENT = 3  # when so many are watched and all are silent, it is the way to us that broke
MAX_HEARD = 20_000


class Heard(msgspec.Struct, array_like=True):
    """When an entity first and last spoke, and the longest recent pause (it fades by a tenth per sign of life)."""

    first_ns: int
    last_ns: int
    pause_ns: float


class Work:
    """One service's requests in the open window."""

    __slots__ = ("count", "errors", "latency")

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.latency = Reservoir()


class Red:
    """Counts server and consumer spans; at a tick they become samples of ordinary series.

    `service.requests.rate` (1/s), `service.error.ratio` (0…1), `service.latency.p95` (ms) and `telemetry.availability`:
    1 as long as an entity (service or host) is heard of, 0 when it has been silent for longer than is usual for it. So
    a flat line falls when something stopped, and not when it was restarted.
    """

    def __init__(self, series: SeriesTable) -> None:
        self.series = series
        self._work: dict[str, Work] = {}
        self._active: dict[str, int] = {}
        self._heard: dict[str, Heard] = {}
        self._now_ns = 0
        self._back_ns = 0

    def listen(self, at_ns: int) -> None:
        """A record of this time is at hand. After a gap silence is counted anew: we were away, not they."""
        if at_ns - self._now_ns > AWAY_NS:
            self._back_ns = at_ns
        self._now_ns = max(self._now_ns, at_ns)

    def add(self, entity: str, identity: bytes, ms: float, *, is_error: bool) -> None:
        """One request served."""
        work = self._work.setdefault(entity, Work())
        work.count += 1
        work.errors += int(is_error)
        work.latency.add(identity, ms)

    def hear(self, entities: Iterable[str], at_ns: int) -> None:
        """A sign of life."""
        for entity in entities:
            heard = self._heard.get(entity)
            if heard is None:
                if entity.startswith(("service:", "host:")) and len(self._heard) < MAX_HEARD:
                    self._heard[entity] = Heard(at_ns, at_ns, 0.0)
                continue
            pause = at_ns - max(heard.last_ns, self._back_ns)
            if pause > 0:
                heard.pause_ns = max(0.9 * heard.pause_ns, float(pause))
            heard.last_ns = max(heard.last_ns, at_ns)

    def last_heard_ns(self, entity: str) -> int | None:
        """When an entity last spoke (the time of receipt); None when it never did, or a day ago."""
        heard = self._heard.get(entity)
        return heard.last_ns if heard else None

    def close(self, since_ns: int, until_ns: int) -> MetricBatch | None:
        """The samples of the closed window, all at its end."""
        rows: list[tuple[int, float]] = []
        if since_ns >= self._back_ns or until_ns - since_ns <= AWAY_NS:
            self._requests((until_ns - since_ns) / 1e9, until_ns, rows)
        else:
            self._work.clear()
        self._silence(until_ns, rows)
        kept = [(slot, value) for slot, value in rows if slot != NO_SLOT]
        if not kept:
            return None
        slots, values = zip(*kept, strict=True)
        return MetricBatch(
            np.array(slots, np.uint32), np.full(len(kept), until_ns, np.int64), np.array(values, np.float64)
        )

    def _requests(self, seconds: float, until_ns: int, rows: list[tuple[int, float]]) -> None:
        work, self._work = self._work, {}
        for entity in work:
            self._active[entity] = until_ns
        self._active = {e: at for e, at in self._active.items() if until_ns - at <= IDLE_NS}
        for entity in sorted(self._active):
            done = work.get(entity) or Work()
            rate = done.count / seconds if seconds > 0 else 0.0
            rows.append((self.series.slot(entity, "service.requests.rate", (), "1/s", "both"), rate))
            if done.count:
                p95 = float(np.quantile(done.latency.values(), 0.95))
                rows.append((self.series.slot(entity, "service.error.ratio", (), "1", "up"), done.errors / done.count))
                rows.append((self.series.slot(entity, "service.latency.p95", (), "ms", "up"), p95))

    def _silence(self, until_ns: int, rows: list[tuple[int, float]]) -> None:
        self._heard = {e: h for e, h in self._heard.items() if until_ns - h.last_ns <= GONE_NS}
        silent = {e for e, heard in self._heard.items() if self._is_silent(heard, until_ns)}
        if len(silent) >= ALL_SILENT and len(silent) == len(self._heard):
            return
        for entity, heard in sorted(self._heard.items()):
            if entity not in silent or heard.last_ns - heard.first_ns >= SETTLED_NS:
                slot = self.series.slot(entity, "telemetry.availability", (), "1", "down")
                rows.append((slot, 0.0 if entity in silent else 1.0))

    def _is_silent(self, heard: Heard, now_ns: int) -> bool:
        return now_ns - max(heard.last_ns, self._back_ns) > max(QUIET_NS, CADENCES * heard.pause_ns)

    def state(self) -> dict[str, Any]:
        return {
            "work": [(e, w.count, w.errors, w.latency.state()) for e, w in self._work.items()],
            "active": list(self._active.items()),
            "heard": list(self._heard.items()),
            "now_ns": self._now_ns,
            "back_ns": self._back_ns,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._now_ns, self._back_ns = state["now_ns"], state["back_ns"]
        self._work = {}
        for entity, count, errors, latency in state["work"]:
            work = self._work[entity] = Work()
            work.count, work.errors, work.latency = count, errors, Reservoir.of(latency)
        self._active = dict(state["active"])
        self._heard = {entity: msgspec.convert(heard, Heard) for entity, heard in state["heard"]}

"""What a few series look like: how they were when the version was chosen, how they are now, and whether that moved.

Of each series that is watched a ring of `RING` values is kept, at most one in `span / RING`, and of the past the same
as a histogram of ten bins of equal share (`Then`). Both spans are equally long, so that night is compared with night.

Values of one series hang together: the next one is like the last. With the correlation r of neighbours, n values say
about as much as n · (1 − r) / (1 + r) that do not (Bayley, Hammersley 1946). Counts are scaled to that number before
PSI and KS (`models/drift.py`) are asked, and a series that holds fewer than `EFFECTIVE` is not judged at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from mainstay.models.drift import DRIFTED, SIGNIFICANT, counted, ks, psi

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Status = Literal["learning", "too_few", "same", "moved", "climbing"]

RING = 120
BINS = 10
LEAST = 30
"""Values on either side without which nothing is compared."""
EFFECTIVE = 8.0
"""Below that even two spans with nothing in common differ by chance once in a thousand times (KS, n = m = 8)."""
UNSETTLED = 0.01


class Source(msgspec.Struct, frozen=True):
    """One thing that is watched: a series, or one figure of the calls between two entities.

    Attributes:
        rank: Its place in the lot that is drawn by hash; the smallest stay.
        is_demand: What comes from outside: nothing of ours causes it.
    """

    key: str
    entity: str
    name: str
    rank: int
    is_demand: bool = False


class Then(msgspec.Struct):
    """How it was: the bins' edges, what they held, what that is worth, and its middle."""

    edges: list[float]
    counts: list[int]
    effective: float
    low: float
    middle: float
    high: float
    since_ms: int
    until_ms: int


class Judged(msgspec.Struct, frozen=True):
    """How it is beside how it was. Quantiles are the 0.5th, the 50th and the 99.5th percentile of now."""

    source: Source
    status: Status
    psi: float = 0.0
    distance: float = 0.0
    before: float = 0.0
    now: float = 0.0
    low: float = 0.0
    high: float = 0.0


class Saved(msgspec.Struct):
    """Sources with their rings, as they leave memory."""

    sources: list[Source]
    then: list[Then | None]
    values: bytes
    count: list[int]
    last_ms: list[int]
    born_ms: list[int]


class Characters:
    """A bounded sample of sources, drawn by hash: which ones are in does not depend on who came first.

    Args:
        capacity: At most so many.
        span_ms: How long "then" and "now" are.
    """

    def __init__(self, capacity: int, span_ms: int) -> None:
        self._capacity, self._span_ms = capacity, span_ms
        self._step_ms = max(1, span_ms // RING)
        self.sources: list[Source] = []
        self.rows: dict[str, int] = {}
        self._then: list[Then | None] = []
        self._values = np.full((capacity, RING), np.nan)
        self._count, self._last_ms, self._born_ms = (np.zeros(capacity, dtype=np.int64) for _ in range(3))
        self._has_past = np.zeros(capacity, dtype=np.bool_)
        self._rank = np.zeros(capacity, dtype=np.int64)

    @property
    def bar(self) -> int:
        """Only a source whose rank is not above this may get in, or is in."""
        is_full = len(self.sources) == self._capacity
        return int(self._rank.max()) if is_full else (1 << 63) - 1

    def offer(self, source: Source) -> int | None:
        """Its row if it is in the sample, else None. Whom it pushes out leaves its row to it."""
        if source.key in self.rows:
            return self.rows[source.key]
        if len(self.sources) < self._capacity:
            row = len(self.sources)
            self.sources.append(source)
            self._then.append(None)
        else:
            row = int(self._rank.argmax())
            if self.sources[row].rank <= source.rank:
                return None
            del self.rows[self.sources[row].key]
            self.sources[row], self._then[row] = source, None
        self.rows[source.key], self._rank[row] = row, source.rank
        self._has_past[row] = False
        self._values[row], self._count[row], self._last_ms[row], self._born_ms[row] = np.nan, 0, 0, 0
        return row

    def add_all(self, rows: I64, at_ms: I64, values: F64) -> None:
        """Take what is due of a batch: all at once where it holds at most one value of each."""
        due = np.flatnonzero((at_ms >= self._last_ms[rows] + self._step_ms) & np.isfinite(values))
        rows, at_ms, values = rows[due], at_ms[due], values[due]
        if len(np.unique(rows)) < len(rows):
            for row, at, value in zip(rows.tolist(), at_ms.tolist(), values.tolist(), strict=True):
                self.add(row, at, value)
            return
        is_first = self._count[rows] == 0
        self._born_ms[rows[is_first]] = at_ms[is_first]
        self._values[rows, self._count[rows] % RING] = values
        self._count[rows] += 1
        self._last_ms[rows] = at_ms
        for row in rows[~self._has_past[rows]].tolist():
            self._grow_up(row, int(self._last_ms[row]))

    def add(self, row: int, at_ms: int, value: float) -> None:
        """Take a value, if it is time for one; when "then" is complete, "now" begins."""
        if at_ms < self._last_ms[row] + self._step_ms or not np.isfinite(value):
            return
        if not self._count[row]:
            self._born_ms[row] = at_ms
        self._values[row, self._count[row] % RING] = value
        self._count[row] += 1
        self._last_ms[row] = at_ms
        self._grow_up(row, at_ms)

    def _grow_up(self, row: int, at_ms: int) -> None:
        """When its first span is whole, it is what later ones are compared with."""
        if self._then[row] is None and self._is_full(row, at_ms):
            self._then[row] = _then(self._recent(row), int(self._born_ms[row]), at_ms)
            self._has_past[row] = True
            self._count[row] = 0

    def judged(self) -> list[Judged]:
        """Every source that has a past, beside it."""
        return [self._judged(row, then) for row, then in enumerate(self._then) if then is not None]

    def begin_again(self) -> list[Then | None]:
        """A new version was chosen: what is now becomes its past, where there is enough of it. Returns the old past."""
        old = self._then
        self._then = [self._renewed(row, then) for row, then in enumerate(old)]
        self._look_up()
        return old

    def go_back(self, past: Iterable[tuple[str, Then | None]]) -> None:
        """An earlier version serves again: its own past, by key; of what is new since then the present one."""
        for key, then in past:
            if key in self.rows:
                self._then[self.rows[key]] = then
        self._look_up()

    def past(self) -> list[tuple[str, Then | None]]:
        """What it is compared with, by key."""
        return [(source.key, then) for source, then in zip(self.sources, self._then, strict=True)]

    def saved(self) -> Saved:
        """All of it."""
        n = len(self.sources)
        numbers = (array[:n].tolist() for array in (self._count, self._last_ms, self._born_ms))
        return Saved(self.sources, self._then, self._values[:n].tobytes(), *numbers)

    def take_up(self, saved: Saved) -> None:
        """As it was saved."""
        n = len(saved.sources)
        self.sources, self._then = saved.sources, saved.then
        self.rows = {source.key: row for row, source in enumerate(saved.sources)}
        self._rank[:n] = [source.rank for source in saved.sources]
        self._values[:n] = np.frombuffer(saved.values).reshape(n, RING)
        for array, kept in ((self._count, saved.count), (self._last_ms, saved.last_ms), (self._born_ms, saved.born_ms)):
            array[:n] = kept
        self._look_up()

    def _look_up(self) -> None:
        for row, then in enumerate(self._then):
            self._has_past[row] = then is not None

    def _is_full(self, row: int, at_ms: int) -> bool:
        count = int(self._count[row])
        return count >= RING or (count >= LEAST and at_ms - int(self._born_ms[row]) >= self._span_ms)

    def _renewed(self, row: int, then: Then | None) -> Then | None:
        recent = self._recent(row)
        if then is None or len(recent) < LEAST:
            return then
        self._count[row] = 0
        until_ms = int(self._last_ms[row])
        return _then(recent, until_ms - self._span_ms, until_ms)

    def _recent(self, row: int) -> F64:
        """Its values, the oldest first."""
        count = int(self._count[row])
        if count <= RING:
            return self._values[row, :count].copy()
        return np.roll(self._values[row], -(count % RING))

    def _judged(self, row: int, then: Then) -> Judged:
        source, recent = self.sources[row], self._recent(row)
        effective = _effective(recent) if len(recent) >= LEAST else 0.0
        if min(effective, then.effective) < EFFECTIVE:
            return Judged(source, "too_few" if len(recent) >= LEAST else "learning")
        before = _scaled(np.array(then.counts), then.effective)
        now = _scaled(_bins(np.array(then.edges), recent), effective)
        far, (distance, p_value) = psi(before, now), ks(before, now)
        status: Status = "same"
        if p_value <= SIGNIFICANT and far >= DRIFTED:
            status = "moved" if _is_settled(recent, effective) else "climbing"
        low, middle, high = np.quantile(recent, (0.005, 0.5, 0.995)).tolist()
        return Judged(source, status, far, distance, then.middle, middle, low, high)


def _then(values: F64, since_ms: int, until_ms: int) -> Then:
    edges = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    low, middle, high = np.quantile(values, (0.005, 0.5, 0.995)).tolist()
    counts = _bins(edges, values).tolist()
    return Then(edges.tolist(), counts, _effective(values), low, middle, high, since_ms, until_ms)


def _bins(edges: F64, values: F64) -> I64:
    found: I64 = counted(edges[None, :], [values[:, None]])[0]
    return found


def _scaled(counts: I64, effective: float) -> I64:
    """As many counts as independent values would have been."""
    scaled: I64 = np.rint(counts * (effective / max(1, int(counts.sum())))).astype(np.int64)
    return scaled


def _effective(values: F64) -> float:
    """How many independent values these are worth.

    A constant is worth all of them: it says the same thing again and again, and surely.
    """
    apart = values - values.mean()
    square = float(apart @ apart)
    if square <= 1e-18 * max(1.0, float(np.abs(values).max()) ** 2) * len(values):
        return float(len(values))
    r = min(0.999, max(0.0, float(apart[1:] @ apart[:-1]) / square))
    return len(values) * (1 - r) / (1 + r)


def _is_settled(values: F64, effective: float) -> bool:
    """Whether its two halves look alike: it has arrived. What still climbs is a leak or a ramp, and no new normal."""
    edges, half = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]), len(values) // 2
    first, second = (_scaled(_bins(edges, part), effective / 2) for part in (values[:half], values[half:]))
    return ks(first, second)[1] > UNSETTLED

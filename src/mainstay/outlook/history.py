"""What is kept of series with a limit: the last samples as they came, and two coarser histories. Bounded.

The coarser ones are means of what fills up, and medians of what jumps (a latency): the caller says which.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from mainstay.domain.signals import F64, I64, MetricBatch
from mainstay.outlook.kernel import COARSE, NATIVE, STEPS_MS

LEVELS = 1 + len(STEPS_MS)
LEAST_ROOM = 256


class Coarse(msgspec.Struct):
    """One longer step: what is open, and the means of what is closed. Arrays as bytes when they are kept."""

    bins: bytes
    sums: bytes
    counts: bytes
    means: bytes


class Saved(msgspec.Struct):
    """Histories as they are kept in a snapshot: `rows` of them."""

    rows: int
    sizes: bytes
    at_ms: bytes
    values: bytes
    heads: bytes
    since: bytes
    by_median: bytes
    coarse: list[Coarse]


class Level:
    """One longer step of all rows."""

    def __init__(self, rows: int) -> None:
        self.bins = np.full(rows, -1, np.int64)
        self.sums, self.counts = np.zeros(rows), np.zeros(rows, np.int64)
        self.means = np.full((rows, COARSE), np.nan, np.float32)

    def grown(self, rows: int) -> Level:
        """The same with more room."""
        more = Level(rows)
        for name in ("bins", "sums", "counts", "means"):
            getattr(more, name)[: len(self.bins)] = getattr(self, name)
        return more


class History:
    """Rings by row. A row is a series that is followed; the caller says which.

    A row takes 3 kB: 96 samples with their times, and 168 means of five minutes and of an hour each.
    """

    def __init__(self) -> None:
        from mainstay.outlook import kernel  # numba: only when something is really followed

        self._kernel = kernel
        self.rows = self._sizes = 0
        self.sizes = np.empty(0)
        self._row_of = np.full(1024, -1, np.int32)
        self._room(LEAST_ROOM)

    def follow(self, slot: int, row: int | None = None, *, by_median: bool = False) -> int:
        """A row for the series with this slot: a new one, or one whose series is let go of."""
        if row is None:
            row = self.rows
            self.rows += 1
            if self.rows > len(self._heads):
                self._grow(2 * len(self._heads))
        else:
            self._row_of[self._row_of == row] = -1
            self._heads[row] = self._since[row] = 0
            for level in self._levels:
                level.bins[row], level.sums[row], level.counts[row], level.means[row] = -1, 0.0, 0, np.nan
        self._by_median[row] = by_median
        self.meet(slot, row)
        return row

    def size(self, slot: int) -> int:
        """A place in `sizes` for the series with this slot: only its last value is kept."""
        place = self._sizes
        self._sizes += 1
        if place >= len(self.sizes):
            self.sizes = np.concatenate([self.sizes, np.full(max(LEAST_ROOM, place), np.nan)])
        self.meet(slot, -2 - place)
        return place

    def meet(self, slot: int, row: int) -> None:
        """The series of this row (−2 − i: of this place in `sizes`) has this slot."""
        if slot >= len(self._row_of):
            grown = np.full(2 * (slot + 1), -1, np.int32)
            grown[: len(self._row_of)] = self._row_of
            self._row_of = grown
        self._row_of[slot] = row

    def observe(self, batch: MetricBatch, now_ms: int) -> None:
        """Keep what concerns us of a batch."""
        if self.rows or len(self.sizes):
            first, rings = 0, (self._row_of, self._at_ms, self._values, self._counts, self.sizes)
            while first < len(batch):
                part = slice(first, None)
                taken = self._kernel.observe(batch.series[part], batch.at_ns[part], batch.value[part], now_ms, *rings)
                first += taken
                if first < len(batch):
                    self.condense()

    def condense(self) -> None:
        """Bring the longer steps up to date. When that is done changes nothing of them."""
        rows = self.rows
        samples = self._at_ms, self._values, self._counts
        which, jumping = np.flatnonzero(~self._by_median[:rows]), self.medians
        for step_ms, level in zip(STEPS_MS, self._levels, strict=True):
            self._kernel.condense(step_ms, which, *samples, level.bins, level.sums, level.counts, level.means)
        if len(jumping):
            short, long = self._levels
            self._kernel.condense_medians(
                jumping, *samples, short.bins, short.counts, short.means, long.bins, long.means
            )
        self._since[:rows] = self._heads[:rows]

    # -- what is asked

    @property
    def medians(self) -> I64:
        """The rows of which medians are kept."""
        return np.flatnonzero(self._by_median[: self.rows])

    def lately(self, count: int) -> tuple[I64, F64]:
        """The rows of which medians are kept and that spoke, and the median of the last `count` samples of each."""
        rows = self.medians[self._heads[self.medians] > 0]
        back = np.arange(1, count + 1)
        values = self._values[rows[:, None], (self._heads[rows][:, None] - back) % NATIVE]
        return rows, np.nanmedian(np.where(back <= self._heads[rows][:, None], values, np.nan), axis=1)

    def last(self) -> tuple[I64, F64]:
        """When each row was heard of last, and what it said; 0 and NaN for one that never spoke."""
        rows = np.arange(self.rows)
        place = (self._heads[: self.rows] - 1) % NATIVE
        is_there = self._heads[: self.rows] > 0
        at_ms = np.where(is_there, self._at_ms[rows, place], 0)
        return at_ms, np.where(is_there, self._values[rows, place], np.nan)

    def samples(self, row: int) -> tuple[I64, F64]:
        """The last samples of a row as they came, oldest first."""
        head = int(self._heads[row])
        order = np.arange(max(head - NATIVE, 0), head) % NATIVE
        return self._at_ms[row, order], self._values[row, order]

    def means(self, row: int, level: int) -> F64:
        """Closed means of a longer step, oldest first, from the first that is known; NaN is a gap."""
        kept = self._levels[level]
        last = int(kept.bins[row])
        if last < 0:
            return np.empty(0)
        found = kept.means[row, np.arange(last - COARSE, last) % COARSE].astype(np.float64)
        known = np.flatnonzero(np.isfinite(found))
        return found[known[0] :] if len(known) else np.empty(0)

    def extremes(self, row: int) -> tuple[float, float]:
        """Lowest and highest mean of a row over all that is kept; NaN where there is none yet."""
        known = np.concatenate([level.means[row] for level in self._levels])
        known = known[np.isfinite(known)]
        return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)

    def top_before(self, row: int, at_ms: float, share: float) -> float:
        """What a row was above for 1 − `share` of the steps that were over by then; NaN where none was."""
        tops = []
        for step_ms, level in zip(STEPS_MS, self._levels, strict=True):
            last = int(level.bins[row])
            ended = np.arange(max(last - COARSE, 0), min(last, int(at_ms // step_ms)))
            values = level.means[row, ended % COARSE]
            known = values[np.isfinite(values)].astype(np.float64)
            tops += [float(np.quantile(known, share))] if len(known) else []
        return max(tops, default=np.nan)

    def thirds(self, level: int) -> tuple[F64, F64, F64]:
        """Means of the first and the last third of each row, and the milliseconds between their middles.

        Level 0 is the samples as they came. What a rise is looked for by, before anything is forecast.
        """
        rows = self.rows
        out = np.empty((rows, 3))
        if level == 0:
            self._kernel.native_thirds(self._at_ms, self._values, self._heads[:rows], out)
        else:
            kept = self._levels[level - 1]
            self._kernel.coarse_thirds(STEPS_MS[level - 1], kept.bins[:rows], kept.means, out)
        return out[:, 0], out[:, 1], out[:, 2]

    # -- keeping

    def saved(self) -> Saved:
        """All of it."""
        self.condense()
        rows = self.rows
        return Saved(
            rows,
            self.sizes[: self._sizes].tobytes(),
            self._at_ms[:rows].tobytes(),
            self._values[:rows].tobytes(),
            self._heads[:rows].tobytes(),
            self._since[:rows].tobytes(),
            self._by_median[:rows].tobytes(),
            [
                Coarse(*(getattr(level, name)[:rows].tobytes() for name in ("bins", "sums", "counts", "means")))
                for level in self._levels
            ],
        )

    def take_up(self, saved: Saved, slots: Sequence[int], sizes: Sequence[int]) -> None:
        """What `saved` gave, and the slot of each row and of each place in `sizes`."""
        self.sizes, self._sizes = np.frombuffer(saved.sizes).copy(), len(sizes)
        self._row_of = np.full(1024, -1, np.int32)
        self._room(max(saved.rows, LEAST_ROOM))
        rows = self.rows = saved.rows
        self._at_ms[:rows] = np.frombuffer(saved.at_ms, np.int64).reshape(rows, NATIVE)
        self._values[:rows] = np.frombuffer(saved.values).reshape(rows, NATIVE)
        self._heads[:rows] = np.frombuffer(saved.heads, np.int64)
        self._since[:rows] = np.frombuffer(saved.since, np.int64)
        self._by_median[:rows] = np.frombuffer(saved.by_median, np.bool_)
        for level, kept in zip(self._levels, saved.coarse, strict=True):
            level.bins[:rows] = np.frombuffer(kept.bins, np.int64)
            level.sums[:rows] = np.frombuffer(kept.sums)
            level.counts[:rows] = np.frombuffer(kept.counts, np.int64)
            level.means[:rows] = np.frombuffer(kept.means, np.float32).reshape(rows, COARSE)
        for row, slot in enumerate(slots):
            self.meet(slot, row)
        for place, slot in enumerate(sizes):
            self.meet(slot, -2 - place)

    def _room(self, rows: int) -> None:
        self._at_ms, self._values = np.zeros((rows, NATIVE), np.int64), np.zeros((rows, NATIVE))
        self._by_median = np.zeros(rows, np.bool_)
        self._counts = np.zeros((2, rows), np.int64)
        self._heads, self._since = self._counts
        self._levels = [Level(rows) for _ in STEPS_MS]

    def _grow(self, rows: int) -> None:
        before, levels = (self._at_ms, self._values, self._heads, self._since, self._by_median), self._levels
        self._room(rows)
        after = self._at_ms, self._values, self._heads, self._since, self._by_median
        for now, then in zip(after, before, strict=True):
            now[: len(then)] = then
        self._levels = [level.grown(rows) for level in levels]

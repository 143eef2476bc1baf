"""The resources that are followed: which series is which, how much there is of it, and where it stands now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.entities import Labels, Topology
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, I64, MetricBatch, Series
from mainstay.domain.words import SECONDS
from mainstay.outlook.history import History, Saved
from mainstay.outlook.limits import Limit, Limits, labels_same

SILENT_MS = 900_000
"""A series that said nothing for so long is over: its place may be given to another one."""
LATELY = 12
"""What jumps stands where the median of so many of its last samples is."""


class Kept(msgspec.Struct):
    """One series of ours as it is kept: enough to know it again."""

    slot: int
    id: int
    entity: str
    metric: str
    labels: Labels
    unit: str


class State(msgspec.Struct):
    """What is followed (by row), what says how much there is (by place), and what there was no room for."""

    followed: list[Kept]
    sizes: list[Kept]
    history: Saved
    beyond: int


@dataclass(frozen=True, slots=True)
class Now:
    """All rows at one moment.

    Attributes:
        value, limit, size: What it says, where it ends (NaN: not known), how much there is at all (for shares).
        sign: 1 where it ends by rising, −1 by falling. share: How much is used, NaN where that is not known.
        is_alive: It spoke lately.
    """

    at_ms: I64
    value: F64
    limit: F64
    sign: F64
    share: F64
    is_alive: npt.NDArray[np.bool_]


class Resources:
    """Follows at most `most` series with a limit; counts those beyond. `topology` knows the objectives."""

    def __init__(self, limits: Limits, most: int, topology: Callable[[], Topology] = Topology) -> None:
        self._limits, self._most, self._topology = limits, most, topology
        self._clear()

    def _clear(self) -> None:
        self._history: History | None = None
        self.followed: list[Kept] = []
        self.rules: list[Limit] = []
        self._sizes: list[Kept] = []
        self._sizes_of: dict[tuple[str, str], list[int]] = {}
        self._slots: set[int] = set()
        self._names: dict[str, bool] = {}
        self._laid: tuple[I64, F64, F64, F64] | None = None
        self.beyond = 0

    @property
    def history(self) -> History:
        """The histories; made when the first series is followed."""
        if self._history is None:
            self._history = History()
        return self._history

    def hear(self, series: Sequence[Series], now_ms: int) -> None:
        """New series: those with a limit are followed. After a restart all are named again."""
        if not len(series):
            return
        columns = SeriesColumns.of(series)
        for at in columns.where(lambda said: self._may_be(said.metric)).tolist():
            one = columns[at]
            if one.slot not in self._slots:
                self._follow(one, now_ms)

    def observe(self, batch: MetricBatch | None, now_ms: int) -> None:
        """Samples."""
        if batch is not None and self._history is not None:
            self._history.observe(batch, now_ms)

    def now(self, now_ms: int) -> Now:
        """Where all rows stand."""
        at_ms, value = self.history.last()
        jumping, lately = self.history.lately(LATELY)
        value[jumping] = lately
        size_at, full, falls, _ = self._layout()
        size = np.where(size_at >= 0, self.history.sizes[size_at] if len(self._sizes) else np.nan, np.nan)
        size = np.where(np.isnan(full), size, full)
        size = np.where(size > 0, size, np.nan)  # a limit of nothing means that there is none
        is_falling = np.isfinite(falls)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(is_falling, 1 - (value - falls) / (size - falls), value / size)
        return Now(
            at_ms=at_ms,
            value=value,
            limit=np.where(is_falling, falls, size),
            sign=np.where(is_falling, -1.0, 1.0),
            share=share,
            is_alive=now_ms - at_ms < SILENT_MS,
        )

    def dates(self) -> F64:
        """The time of the warning (s) of each row that is a date; NaN for the others."""
        return self._layout()[3]

    def key(self, row: int) -> str:
        """Identity of the resource of a row; several series may be about one."""
        kept, rule = self.followed[row], self.rules[row]
        return digest(kept.entity, rule.name, *rule.which(_series(kept)))

    def words(self, row: int) -> str:
        """The resource of a row in words: `disk /var`."""
        return self.rules[row].resource(_series(self.followed[row]))

    def saved(self) -> State | None:
        """All of it; None while nothing is followed."""
        if self._history is None:
            return None
        return State(self.followed, self._sizes, self.history.saved(), self.beyond)

    def take_up(self, saved: State | None) -> None:
        """What `saved` gave. An entry that is no longer in the file of limits is followed and has no limit."""
        self._clear()
        if saved is None:
            return
        self.followed, self._sizes, self.beyond = saved.followed, saved.sizes, saved.beyond
        self.rules = [self._rule(kept) for kept in self.followed]
        for place, kept in enumerate(self._sizes):
            self._sizes_of.setdefault((kept.entity, kept.metric), []).append(place)
        self._slots = {kept.slot for kept in (*self.followed, *self._sizes)}
        slots = [kept.slot for kept in self.followed]
        self.history.take_up(saved.history, slots, [kept.slot for kept in self._sizes])

    def _rule(self, kept: Kept) -> Limit:
        return self._limits.for_series(_series(kept)) or Limit(name=kept.metric, metric=kept.metric)

    def _may_be(self, metric: str) -> bool:
        known = self._names.get(metric)
        if known is None:
            known = self._names[metric] = self._limits.may_be(metric)
        return known

    def _follow(self, series: Series, now_ms: int) -> None:
        kept = Kept(series.slot, series.id, series.entity, series.metric, series.labels, series.unit)
        if series.metric in self._limits.sizes:
            if len(self._sizes) < self._most:
                self._slots.add(series.slot)
                self._sizes.append(kept)
                place = self.history.size(series.slot)
                self._sizes_of.setdefault((series.entity, series.metric), []).append(place)
                self._laid = None
            return
        rule = self._limits.for_series(series)
        if rule is None or (rule.objective and self._objective(kept) is None):
            return
        row = self._free_row(now_ms) if len(self.followed) >= self._most else None
        if row is None and len(self.followed) >= self._most:
            self.beyond += 1
            return
        self._slots.add(series.slot)
        at = self.history.follow(series.slot, row, by_median=bool(rule.objective))
        if row is None:
            self.followed.append(kept)
            self.rules.append(rule)
        else:
            self._slots.discard(self.followed[at].slot)
            self.followed[at], self.rules[at] = kept, rule
        self._laid = None

    def _objective(self, kept: Kept) -> float | None:
        """What the catalog says that its latency must stay below, in its unit; None where it does not say."""
        entity = self._topology().entities.get(kept.entity)
        known_ms, unit_s = entity.latency_ms if entity else None, SECONDS.get(kept.unit)
        return None if known_ms is None or unit_s is None else known_ms / 1000 / unit_s

    def _free_row(self, now_ms: int) -> int | None:
        """The row that is silent for longest, when it is over."""
        at_ms, _ = self.history.last()
        spoke_ms = np.where(at_ms > 0, at_ms, now_ms)  # one that has not spoken yet is about to
        oldest = int(spoke_ms.argmin()) if len(spoke_ms) else 0
        return oldest if len(spoke_ms) and now_ms - int(spoke_ms[oldest]) > SILENT_MS else None

    def _layout(self) -> tuple[I64, F64, F64, F64]:
        """For each row: the place of the series that says how much there is (−1: none), and the numbers of its rule."""
        if self._laid is None:
            self._laid = (
                np.array([self._size_of(row) for row in range(len(self.followed))], np.int64),
                np.array([self._full(row) for row in range(len(self.followed))]),
                np.array([np.nan if rule.falls is None else rule.falls for rule in self.rules]),
                np.array([rule.warn_s or 0.0 if rule.deadline else np.nan for rule in self.rules]),
            )
        return self._laid

    def _full(self, row: int) -> float:
        rule = self.rules[row]
        full = self._objective(self.followed[row]) if rule.objective else rule.full
        return np.nan if full is None else full

    def _size_of(self, row: int) -> int:
        kept, rule = self.followed[row], self.rules[row]
        if not rule.limit:
            return -1
        series = _series(kept)
        places = self._sizes_of.get((kept.entity, rule.limit), ())
        return next((at for at in places if labels_same(rule, series, dict(self._sizes[at].labels))), -1)


def digest(*parts: object) -> str:
    """A short id from what it stands for; never random.

    >>> digest("outlook", "a") == digest("outlook", "a")
    True
    """
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:20]


def _series(kept: Kept) -> Series:
    return Series(kept.slot, kept.id, kept.entity, kept.metric, kept.labels, kept.unit)

"""Which series belongs to which entity, and the row that each entity is just filling."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, I64
from mainstay.models.entity.block import Column, Entity, add, new_entity, replace
from mainstay.models.entity.parameters import EntityParameters

Slots = tuple[npt.NDArray[np.int32], F64, I64]
GONE_ROWS = 720  # a column whose series said nothing for so many rows may be given to another: an hour at 5 s
GONE_NS = 3_600_000_000_000  # the same of an entity


class Members:
    """Series by slot, entities by number, bounded; what does not fit is counted and left alone.

    Attributes:
        series: By slot: entity i4 (−1 none), last value f8, row in which it last spoke i8.
        rows: i8[entities, 4]: number of the open row, when it began, its newest sample, samples that came too late.
    """

    def __init__(self, parameters: EntityParameters) -> None:
        self._parameters = parameters
        self._ignored = re.compile(parameters.ignore)
        self.series: Slots = (np.empty(0, np.int32), np.empty(0), np.empty(0, np.int64))
        self.rows = np.zeros((parameters.most_entities, 4), np.int64)
        self.entities: list[Entity] = []
        self.unwatched = 0
        self._numbers: dict[str, int] = {}

    def watch(self, series: SeriesColumns) -> None:
        """Series come; those that are known come again."""
        if not len(series):
            return
        self._make_room(int(series.slot.max()))
        wanted = series.where(lambda said: not self._ignored.search(said.metric))
        different, first, which = np.unique(series.entity[wanted], return_index=True, return_inverse=True)
        for one in np.argsort(first).tolist():
            self._join(series.entities[different[one]], series, wanted[which == one])

    def _join(self, entity: str, series: SeriesColumns, theirs: I64) -> None:
        """Series of one entity, in their order, until it takes no more; the others are only counted."""
        number = self._numbers.get(entity)
        known = set() if number is None else {column.slot for column in self.entities[number].columns}
        new: list[Column] = []
        for place, at in enumerate(theirs.tolist()):
            number = self._number(entity) if number is None else number
            if number is None or self._is_full(number, len(new)):
                others = series.slot[theirs[place:]]
                self.unwatched += int(np.count_nonzero(~np.isin(others, list(known)))) if known else len(others)
                break
            one = series[at]
            column = Column(one.slot, one.metric, one.labels, one.unit)
            if column not in self.entities[number].columns and column not in new:
                self._place(number, column, new)
                self.series[0][one.slot], self.series[2][one.slot] = number, -(2**40)
        if number is not None:
            add(self.entities[number], new, self._parameters)

    def closed(self, number: int, at_ns: int) -> tuple[Entity, F64, int]:
        """The values of an entity's row that is over (NaN: missing), and its time; the next one begins at `at_ns`."""
        entity, row = self.entities[number], self.rows[number]
        slots = np.array([column.slot for column in entity.columns], np.intp)
        is_fresh = row[0] - self.series[2][slots] <= self._parameters.stale_rows
        values = np.where(is_fresh, self.series[1][slots], np.nan)
        ended_ns = int(row[2])
        row[0], row[1] = row[0] + 1, at_ns
        return entity, values, ended_ns

    def saved(self) -> dict[str, Any]:
        """Plain data."""
        watched = np.flatnonzero(self.series[0] >= 0)
        return {
            "slots": len(self.series[0]),
            "watched": watched.astype(np.int64).tobytes(),
            "series": [part[watched].tobytes() for part in self.series],
            "rows": self.rows[: len(self.entities)].tobytes(),
            "unwatched": self.unwatched,
        }

    def restore(self, saved: dict[str, Any], entities: list[Entity]) -> None:
        """Take up what `saved` gave."""
        self.entities = entities
        self._numbers = {entity.name: number for number, entity in enumerate(entities)}
        self._make_room(saved["slots"] - 1)
        watched = np.frombuffer(saved["watched"], np.int64)
        entity, value, row = self.series
        entity[watched] = np.frombuffer(saved["series"][0], np.int32)
        value[watched] = np.frombuffer(saved["series"][1])
        row[watched] = np.frombuffer(saved["series"][2], np.int64)
        self.rows[: len(entities)] = np.frombuffer(saved["rows"], np.int64).reshape(-1, 4)
        self.unwatched = saved["unwatched"]

    def _make_room(self, slot: int) -> None:
        have = len(self.series[0])
        if slot < have:
            return
        more = max(slot + 1, 2 * have, 64) - have
        entity, value, row = self.series
        self.series = (
            np.concatenate([entity, np.full(more, -1, np.int32)]),
            np.concatenate([value, np.zeros(more)]),
            np.concatenate([row, np.zeros(more, np.int64)]),
        )

    def _number(self, name: str) -> int | None:
        """A number for a new entity: a free one, or that of an entity that has been silent for an hour."""
        number = len(self.entities)
        if number < self._parameters.most_entities:
            self.entities.append(new_entity(name, self._parameters))
        else:
            newest = int(self.rows[:, 2].max())
            number = int(self.rows[:, 2].argmin())
            if newest - int(self.rows[number, 2]) < GONE_NS or self.entities[number].story.firing:
                return None
            self._leave([column.slot for column in self.entities[number].columns])
            del self._numbers[self.entities[number].name]
            self.entities[number] = new_entity(name, self._parameters)
            self.rows[number, :3] = 0  # what came too late is counted over all
        self._numbers[name] = number
        return number

    def _is_full(self, number: int, new: int) -> bool:
        """No column is free, and none has been silent for so long that it may be given to another."""
        if len(self.entities[number].columns) + new < self._parameters.most_metrics:
            return False
        if new:  # these have never spoken: silent for longer than any other
            return bool(self.rows[number, 0] < GONE_ROWS)
        return bool(self.rows[number, 0] < GONE_ROWS or self._silent(number).max() < GONE_ROWS)

    def _silent(self, number: int) -> I64:
        """For how many rows each column has been silent."""
        slots = np.array([column.slot for column in self.entities[number].columns], np.intp)
        silent: I64 = self.rows[number, 0] - self.series[2][slots]
        return silent

    def _place(self, number: int, column: Column, new: list[Column]) -> None:
        """Among the new ones while there is room; else in the place of the one that has been silent for longest."""
        entity = self.entities[number]
        if len(entity.columns) + len(new) < self._parameters.most_metrics:
            new.append(column)
            return
        add(entity, new, self._parameters)
        new.clear()
        longest = int(self._silent(number).argmax())
        self._leave([entity.columns[longest].slot])
        replace(entity, longest, column)

    def _leave(self, slots: list[int]) -> None:
        self.series[0][slots] = -1

"""The series that a detector knows, as columns: 24 bytes each, and a million of them come back in a blink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.series import Said, SeriesColumns
from mainstay.domain.signals import F64, I64, Series

Companions = tuple[int | None, int | None]
"""(slot of what is limited, slot of its limit); either may not be known yet."""

_NONE = -1
_ROW = np.dtype([("id", "u8"), ("print", "u8"), ("entity", "i4"), ("said", "u4")])
_PAIR = np.dtype([("key", "u8"), ("target", "i8"), ("limit", "i8")])


class Watched:
    """Series by slot, and which of them limits which.

    Of labels only a number of 64 bits is kept: it is needed to find the limit that stands beside a series, and for
    nothing that is told.
    """

    def __init__(self) -> None:
        self.entities: list[str] = []
        self.names: list[Said] = []
        self._entity_at: dict[str, int] = {}
        self._name_at: dict[Said, int] = {}
        self._rows = _nothing(0)
        self._pairs: dict[int, Companions] = {}

    def __len__(self) -> int:
        return int(np.count_nonzero(self._rows["entity"] >= 0))

    @property
    def slots(self) -> I64:
        """All that are known."""
        return np.flatnonzero(self._rows["entity"] >= 0)

    def get(self, slot: int) -> Series | None:
        """The series in a slot, without its labels."""
        if slot >= len(self._rows) or self._rows["entity"][slot] < 0:
            return None
        row = self._rows[slot]
        metric, unit, direction = self.names[row["said"]]
        return Series(slot, int(row["id"]), self.entities[row["entity"]], metric, (), unit, direction)

    def add(self, series: SeriesColumns) -> I64:
        """Series come, or come again. The slots that belonged to others before."""
        from mainstay.models.anomaly.prints import prints  # numba: only when series really come

        slots = series.slot.astype(np.int64)
        self._make_room(int(slots.max()) + 1)
        before = self._rows[slots]
        self._rows["id"][slots] = series.id
        self._rows["print"][slots] = prints(series.labels, series.end)
        self._rows["entity"][slots] = _places(series.entity, series.entities, self._entity_at, self.entities)
        self._rows["said"][slots] = _places(series.said, series.names, self._name_at, self.names)
        left: I64 = slots[(before["entity"] >= 0) & (before["id"] != series.id)]
        return left

    def kinds(self, slots: I64) -> tuple[list[tuple[str, Said]], I64]:
        """What there is of (entity, name) among these series, and which of them each series is."""
        rows = self._rows[slots]
        codes = rows["entity"].astype(np.int64) * max(len(self.names), 1) + rows["said"]
        different, which = np.unique(codes, return_inverse=True)
        return [(self.entities[e], self.names[s]) for e, s in (divmod(c, len(self.names)) for c in different)], which

    def said(self, slots: I64) -> I64:
        """The number of each series' name (metric, unit, direction) in `names`."""
        found: I64 = self._rows["said"][slots].astype(np.int64)
        return found

    def worths(self, worth: Mapping[str, float]) -> F64:
        """By slot, what a sample of its entity is worth: all (1) where nothing is said."""
        of = np.array([*(worth.get(entity, 1.0) for entity in self.entities), 1.0])
        found: F64 = of[self._rows["entity"]]  # -1 finds the 1 at the end
        return found

    def by_name(self, slots: I64) -> list[tuple[int, I64]]:
        """The same series, those of one name together."""
        if not len(slots):
            return []
        names = self.said(slots)
        order = np.argsort(names, kind="stable")
        different, starts = np.unique(names[order], return_index=True)
        return list(zip(different.tolist(), np.split(slots[order], starts[1:]), strict=True))

    def nearest(self, slots: I64, peers: I64) -> I64:
        """For each series the peer most like it, -1 where none is of its kind of entity.

        The same entity comes before the same labels, these before the same namespace; then the order of `peers`.
        """
        one, other = self._rows[slots], self._rows[peers]
        ours, theirs = ([self.entities[e].partition("/")[0] for e in rows["entity"]] for rows in (one, other))
        place = {name: at for at, name in enumerate(dict.fromkeys([*ours, *theirs]))}
        kind = {name: at for at, name in enumerate(dict.fromkeys(name.partition(":")[0] for name in place))}
        spaces = [np.array([place[name] for name in names]) for names in (ours, theirs)]
        kinds = [np.array([kind[name.partition(":")[0]] for name in names]) for names in (ours, theirs)]
        alike = (
            4 * (one["entity"][:, None] == other["entity"])
            + 2 * (one["print"][:, None] == other["print"])
            + (spaces[0][:, None] == spaces[1])
        )
        alike = np.where(kinds[0][:, None] == kinds[1], alike, -1)
        best = alike.argmax(axis=1)
        return np.where(alike[np.arange(len(slots)), best] >= 0, peers[best], _NONE)

    def accompany(self, slot: int, *, is_limit: bool) -> Companions:
        """The pair that this series has joined.

        `process.memory.limit` limits `process.memory.usage` of the same entity, labels and unit.
        """
        key = self._key(slot)
        target, limit = self._pairs.get(key, (None, None))
        if is_limit:
            limit = slot
        elif target is None:
            target = slot
        self._pairs[key] = target, limit
        return target, limit

    def snapshot(self) -> dict[str, Any]:
        """Everything as few large pieces."""
        items = [(k, _NONE if t is None else t, _NONE if m is None else m) for k, (t, m) in self._pairs.items()]
        pairs = np.array(items, _PAIR)
        count = int(self.slots[-1]) + 1 if len(self) else 0
        return {
            "watched": self._rows[:count], "pairs": pairs,
            "entities": self.entities, "names": [tuple(name) for name in self.names],
        }  # fmt: skip

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `snapshot` gave."""
        self._rows = np.frombuffer(saved["watched"], _ROW).copy()
        self.entities, self.names = list(saved["entities"]), [Said(*name) for name in saved["names"]]
        self._entity_at = {entity: at for at, entity in enumerate(self.entities)}
        self._name_at = {name: at for at, name in enumerate(self.names)}
        pairs = np.frombuffer(saved["pairs"], _PAIR)
        either = zip(pairs["key"].tolist(), pairs["target"].tolist(), pairs["limit"].tolist(), strict=True)
        self._pairs = {k: (None if t == _NONE else t, None if m == _NONE else m) for k, t, m in either}

    def _make_room(self, count: int) -> None:
        have = len(self._rows)
        if count > have:
            self._rows = np.concatenate([self._rows, _nothing(max(count - have, have // 8, 64))])

    def _key(self, slot: int) -> int:
        row = self._rows[slot]
        metric, unit, _ = self.names[row["said"]]
        words = self.entities[row["entity"]], metric.rpartition(".")[0], int(row["print"]), unit
        return int.from_bytes(blake2b(msgspec.msgpack.encode(words), digest_size=8).digest(), "little")


def _nothing(count: int) -> npt.NDArray[Any]:
    rows = np.zeros(count, _ROW)
    rows["entity"] = _NONE
    return rows


def _places(which: Any, theirs: Sequence[Any], at: dict[Any, int], ours: list[Any]) -> npt.NDArray[np.int64]:
    """Their numbers of words as ours; a word that is new is added."""
    different, back = np.unique(which, return_inverse=True)
    numbers = np.empty(len(different), np.int64)
    for i, one in enumerate(different.tolist()):
        word = theirs[one]
        number = numbers[i] = at.setdefault(word, len(ours))
        if number == len(ours):
            ours.append(word)
    return numbers[back]

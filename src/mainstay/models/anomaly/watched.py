"""The series that a detector knows, kept so that a million of them come back in a blink: one block, read when asked."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.signals import Series

Companions = tuple[int | None, int | None]
"""(slot of what is limited, slot of its limit); either may not be known yet."""

_NONE = -1
_KEPT = np.dtype([("slot", "u4"), ("start", "i8"), ("end", "i8")])
_PAIR = np.dtype([("key", "u8"), ("target", "i8"), ("limit", "i8")])


class Watched:
    """Series by slot, and which of them limits which.

    What came from a snapshot stays encoded until a series is asked for: only few ever are. Keys of pairs are hashed to
    64 bits; who finds a pair compares the series themselves.
    """

    def __init__(self) -> None:
        self._series: dict[int, Series] = {}
        self._pairs: dict[int, Companions] = {}
        self._block, self._kept, self._kept_pairs = b"", np.empty(0, _KEPT), np.empty(0, _PAIR)

    def __len__(self) -> int:
        return len(self._kept) + sum(self._at(slot) is None for slot in self._series)

    def __iter__(self) -> Iterator[Series]:
        slots = {int(s) for s in self._kept["slot"]} | set(self._series)
        return (series for slot in sorted(slots) if (series := self.get(slot)) is not None)

    def get(self, slot: int) -> Series | None:
        """The series in a slot."""
        found = self._series.get(slot)
        if found is None and (row := self._at(slot)) is not None:
            found = self._series[slot] = _series(self._block[row["start"] : row["end"]])
        return found

    def add(self, series: Series) -> None:
        """A series comes, or comes again."""
        self._series[series.slot] = series

    def accompany(self, series: Series, *, is_limit: bool) -> Companions:
        """The pair that this series has joined.

        `process.memory.limit` limits `process.memory.usage` of the same entity, labels and unit.
        """
        key = _key(series)
        while (pair := self._pair(key)) is not None and not self._is_same(pair, series):
            key = (key + 1) % 2**64
        target, limit = pair or (None, None)
        if is_limit:
            limit = series.slot
        elif target is None:
            target = series.slot
        self._pairs[key] = target, limit
        return target, limit

    def snapshot(self) -> dict[str, Any]:
        """Everything as few large pieces."""
        self._compact()
        kept, pairs = self._kept.tobytes(), self._kept_pairs.tobytes()
        return {"series": self._block, "slots": kept, "pairs": pairs}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `snapshot` gave; nothing is decoded yet."""
        self._series, self._pairs, self._block = {}, {}, saved["series"]
        self._kept = np.frombuffer(saved["slots"], _KEPT).copy()
        self._kept_pairs = np.frombuffer(saved["pairs"], _PAIR).copy()

    def _compact(self) -> None:
        """What came since the last snapshot joins the block."""
        fresh = [s for s in self._series.values() if (at := self._at(s.slot)) is None or not self._holds(at, s)]
        if fresh:
            pieces = [_encoded(s) for s in fresh]
            ends = len(self._block) + np.cumsum([len(p) for p in pieces])
            rows = np.empty(len(fresh), _KEPT)
            rows["slot"], rows["end"] = [s.slot for s in fresh], ends
            rows["start"] = ends - [len(p) for p in pieces]
            older = self._kept[~np.isin(self._kept["slot"], rows["slot"])]
            self._block += b"".join(pieces)
            self._kept = np.sort(np.concatenate([older, rows]), order="slot")
        if self._pairs:
            items = [(k, _NONE if t is None else t, _NONE if m is None else m) for k, (t, m) in self._pairs.items()]
            pairs = np.array(items, _PAIR)
            rest = self._kept_pairs[~np.isin(self._kept_pairs["key"], pairs["key"])]
            self._kept_pairs = np.sort(np.concatenate([rest, pairs]), order="key")
        self._series, self._pairs = {}, {}

    def _at(self, slot: int) -> Any:
        at = int(np.searchsorted(self._kept["slot"], slot))
        return self._kept[at] if at < len(self._kept) and self._kept["slot"][at] == slot else None

    def _holds(self, row: Any, series: Series) -> bool:
        return self._block[row["start"] : row["end"]] == _encoded(series)

    def _pair(self, key: int) -> Companions | None:
        if key in self._pairs:
            return self._pairs[key]
        at = int(np.searchsorted(self._kept_pairs["key"], np.uint64(key)))
        if at == len(self._kept_pairs) or int(self._kept_pairs["key"][at]) != key:
            return None
        row = self._kept_pairs[at]
        target, limit = int(row["target"]), int(row["limit"])
        return (None if target == _NONE else target), (None if limit == _NONE else limit)

    def _is_same(self, pair: Companions, series: Series) -> bool:
        slot = next(s for s in pair if s is not None)
        other = self.get(slot)
        return other is None or _words(other) == _words(series)


def _words(series: Series) -> tuple[Any, ...]:
    return series.entity, series.metric.rpartition(".")[0], series.labels, series.unit


def _key(series: Series) -> int:
    return int.from_bytes(blake2b(msgspec.msgpack.encode(_words(series)), digest_size=8).digest(), "little")


def _encoded(series: Series) -> bytes:
    s = series
    return msgspec.msgpack.encode((s.slot, s.id, s.entity, s.metric, s.labels, s.unit, s.direction))


def _series(encoded: bytes) -> Series:
    slot, number, entity, metric, labels, unit, direction = msgspec.msgpack.decode(encoded)
    return Series(slot, number, entity, metric, tuple((k, v) for k, v in labels), unit, direction)

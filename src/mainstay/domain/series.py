"""Series that came together, as columns: a hundred thousand of them cost no object each until one is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import msgspec
import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, U32, U64, Direction, Series

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Labels)


class Said(NamedTuple):
    """What series of one name have in common."""

    metric: str
    unit: str = ""
    direction: Direction = "both"


def encoded(labels: Labels) -> bytes:
    """A label set as it lies in `SeriesColumns.labels`."""
    return _ENCODER.encode(labels)


def decoded(labels: bytes | memoryview) -> Labels:
    """The label set that `encoded` was given."""
    return _DECODER.decode(labels)


@dataclass(frozen=True, slots=True)
class SeriesColumns(Sequence[Series]):
    """Reads like a tuple of `Series`; each is made when it is asked for.

    Args:
        slot, id: u32[n], u64[n].
        entity, said: u32[n], places in `entities` and `names`, which may hold more than these series need.
        end: i64[n]: the labels of series i are `labels[end[i-1]:end[i]]`, encoded.

    >>> both = SeriesColumns.of([Series(3, 7, "service:a/b", "up", (("job", "x"),)), Series(4, 8, "service:a/b", "up")])
    >>> both[0].labels, both[1].slot, both.entities
    ((('job', 'x'),), 4, ['service:a/b'])
    """

    slot: U32
    id: U64
    entity: U32
    said: U32
    end: I64
    labels: bytes
    entities: Sequence[str]
    names: Sequence[Said]

    @classmethod
    def of(cls, series: Sequence[Series]) -> SeriesColumns:
        """The same series as columns."""
        if isinstance(series, cls):
            return series
        entities: dict[str, int] = {}
        names: dict[Said, int] = {}
        pieces = [encoded(one.labels) for one in series]
        return cls(
            slot=np.array([one.slot for one in series], np.uint32),
            id=np.array([one.id for one in series], np.uint64),
            entity=np.array([entities.setdefault(one.entity, len(entities)) for one in series], np.uint32),
            said=np.array(
                [names.setdefault(Said(one.metric, one.unit, one.direction), len(names)) for one in series], np.uint32
            ),
            end=np.cumsum([len(piece) for piece in pieces], dtype=np.int64),
            labels=b"".join(pieces),
            entities=list(entities),
            names=list(names),
        )

    def __len__(self) -> int:
        return len(self.slot)

    def where(self, is_wanted: Callable[[Said], bool]) -> I64:
        """Places of the series whose name is wanted; each name that they have is looked at once.

        >>> SeriesColumns.of([Series(0, 7, "host:a/b", "up"), Series(1, 8, "host:a/b", "load1")]).where(
        ...     lambda said: said.metric == "load1"
        ... ).tolist()
        [1]
        """
        wanted = np.zeros(len(self.names), np.bool_)
        for one in np.flatnonzero(np.bincount(self.said)).tolist():
            wanted[one] = is_wanted(self.names[one])
        return np.flatnonzero(wanted[self.said])

    @overload
    def __getitem__(self, at: int) -> Series: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Series]: ...
    def __getitem__(self, at: int | slice) -> Series | Sequence[Series]:
        if isinstance(at, slice):
            return tuple(self[one] for one in range(*at.indices(len(self))))
        at = range(len(self))[at]
        metric, unit, direction = self.names[self.said[at]]
        start = int(self.end[at - 1]) if at else 0
        labels = decoded(memoryview(self.labels)[start : int(self.end[at])])
        entity = self.entities[self.entity[at]]
        return Series(int(self.slot[at]), int(self.id[at]), entity, metric, labels, unit, direction)

    def __iter__(self) -> Iterator[Series]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # a list, not a key

"""A sample of bounded size that does not depend on order: the values with the smallest hashes stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from mainstay.domain.signals import F64

SIZE = 256
_MASK = (1 << 64) - 1


def spread(identity: bytes) -> int:
    """A well-spread u64 of an id, also of one that merely counts up (splitmix64; Steele et al., OOPSLA 2014)."""
    z = (int.from_bytes(identity[-8:], "big") + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


class Reservoir:
    """Up to 256 of the values that were added, each equally likely to stay, the same whatever the order."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: list[tuple[int, float]] = []

    def add(self, identity: bytes, value: float) -> None:
        self.put(spread(identity), value)

    def put(self, key: int, value: float) -> None:
        """As `add`, for who knows the spread of the identity already."""
        self._kept.append((key, value))
        if len(self._kept) >= 4 * SIZE:
            self._shrink()

    def values(self) -> F64:
        """The sample, in an order that depends on the ids only."""
        self._shrink()
        return np.array([value for _, value in self._kept])

    def _shrink(self) -> None:
        self._kept.sort()
        del self._kept[SIZE:]

    def state(self) -> list[tuple[int, float]]:
        return list(self._kept)

    @classmethod
    def of(cls, state: list[Any]) -> Reservoir:
        reservoir = cls()
        reservoir._kept = [(key, value) for key, value in state]
        return reservoir

"""What was read lately, by its bytes: a sender says the same things again and again. Bounded by bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_BYTES = 16 << 20


class Lately(Generic[T]):
    """Reads bytes once as long as it remembers them; when it is full, it begins anew.

    Args:
        read: What the bytes say; its errors are the caller's.
        cost, weight: An entry is taken to need `cost` bytes and `weight` for each of its own.

    >>> words = Lately(bytes.decode, most_bytes=1000)
    >>> words.of(b"one"), words.of(b"one") is words.of(b"one")
    ('one', True)
    """

    def __init__(
        self, read: Callable[[bytes], T], *, most_bytes: int = MOST_BYTES, cost: int = 300, weight: int = 3
    ) -> None:
        self._read, self._most, self._cost, self._weight = read, most_bytes, cost, weight
        self._bytes = 0
        self._known: dict[bytes, T] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, raw: bytes) -> T:
        """What these bytes say."""
        found = self._known.get(raw)
        if found is None:
            found = self._read(raw)
            size = self._cost + self._weight * len(raw)
            if self._bytes + size > self._most:
                self._known, self._bytes = {}, 0
            if size <= self._most:
                self._bytes += size
                self._known[raw] = found
        return found

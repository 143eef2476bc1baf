"""What was found out before and can be found out again: kept as long as there is room, bounded by bytes."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
EACH = 100  # bytes that an entry costs beside what it holds


class Memo(Generic[K, V]):
    """A dictionary of at most so many bytes; when it is full it is emptied, which costs time and changes nothing.

    >>> memo = Memo[str, int](most_bytes=250)
    >>> for word in ("a", "b", "c"): memo.put(word, len(word), 1)
    >>> memo.get("a"), memo.get("c")
    (None, 1)
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What is known, or None."""
        return self._kept.get(key)

    def put(self, key: K, value: V, size: int) -> None:
        """Remember; `size` is about how many bytes key and value hold. What is larger than all the room is not kept."""
        size += EACH
        if size > self._most:
            return
        if self._bytes + size > self._most:
            self.clear()
        self._bytes += size
        self._kept[key] = value

    def clear(self) -> None:
        """Forget everything."""
        self._kept, self._bytes = {}, 0

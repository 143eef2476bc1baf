"""Repeats: a sender whose answer was lost sends the same body again; it is acknowledged and not stored twice."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from concurrent.futures import Future

WINDOW_NS = 15 * 60 * 1_000_000_000
MOST = 100_000  # about 25 MB; at more than 110 bodies a second the window is shorter than 15 minutes
ENTRY = struct.Struct("<16sQq")
NEVER_REPEATS = frozenset({"tick", "command", "alertmanager-api"})
"""Ticks and commands are equal and yet different; an Alertmanager client repeats an alert to keep it alive."""


def digest_of(source: str, tenant: str, body: bytes) -> bytes | None:
    """The identity of a body, or None for a source whose equal bodies are different things."""
    if source in NEVER_REPEATS:
        return None
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{source}\0{tenant}\0".encode())
    digest.update(body)
    return digest.digest()


class Repeats:
    """Bodies of the last 15 minutes by digest, oldest first."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[int, int, Future[int]]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def find(self, digest: bytes | None, now_ns: int) -> Future[int] | None:
        """The answer that the same body got or is about to get; None when it is new or that one failed."""
        self._expire(now_ns)
        found = self._seen.get(digest) if digest is not None else None
        return found[2] if found is not None and now_ns - found[1] < WINDOW_NS else None

    def add(self, digest: bytes | None, seq: int, received_ns: int, future: Future[int]) -> None:
        """Remember a body."""
        if digest is not None:
            self._seen.pop(digest, None)
            self._seen[digest] = (seq, received_ns, future)

    def forget(self, digest: bytes | None) -> None:
        """A body that could not be kept must be stored when it comes again."""
        if digest is not None:
            self._seen.pop(digest, None)

    def dump(self) -> bytes:
        """What is durable, as bytes for `load`."""
        return b"".join(
            ENTRY.pack(digest, seq, received_ns)
            for digest, (seq, received_ns, future) in self._seen.items()
            if future.done()
        )

    def load(self, dumped: bytes) -> None:
        """Take up what `dump` gave."""
        for digest, seq, received_ns in _entries(dumped):
            self.add(digest, seq, received_ns, known(seq))

    def _expire(self, now_ns: int) -> None:
        while self._seen:
            digest, (_, received_ns, _) = next(iter(self._seen.items()))
            if now_ns - received_ns < WINDOW_NS and len(self._seen) <= MOST:
                return
            del self._seen[digest]


def known(seq: int) -> Future[int]:
    """A future that is already resolved: the record has been durable for a while."""
    future: Future[int] = Future()
    future.set_result(seq)
    return future


def _entries(dumped: bytes) -> Iterator[tuple[bytes, int, int]]:
    return ENTRY.iter_unpack(dumped[: len(dumped) // ENTRY.size * ENTRY.size])

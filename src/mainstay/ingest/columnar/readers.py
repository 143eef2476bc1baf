"""What the compiled readers make of a body: columns, or None when it is odd."""

from __future__ import annotations

from typing import Any

import numpy as np

from mainstay.ingest.columnar import remote_write
from mainstay.ingest.columnar.ready import bytes_of
from mainstay.ingest.limits import EARLIEST_NS, MOST_ITEMS

MILLISECOND = 1_000_000


class Readers:
    """One method for each protocol; each gives what its kernel documents.

    Args:
        seed: Of the hashes.
    """

    def __init__(self, seed: np.uint64) -> None:
        self._seed = seed

    def remote_write(self, body: bytes, latest_ns: int) -> tuple[Any, ...] | None:
        """(label start, end, hash, stream, at_ns, value as bits)."""
        earliest_ms, latest_ms = EARLIEST_NS // MILLISECOND, latest_ns // MILLISECOND
        found = remote_write.read(bytes_of(body), self._seed, earliest_ms, latest_ms, MOST_ITEMS)
        return found[1:] if found[0] else None

    def warm(self) -> None:
        """Compile everything."""
        self.remote_write(b"", 0)

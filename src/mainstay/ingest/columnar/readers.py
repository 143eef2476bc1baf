"""What the compiled readers make of a body: columns, or None when it is odd."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from mainstay.domain.signals import I64, Words
from mainstay.ingest.columnar import entries, logs, metrics, remote_write, streams, traces
from mainstay.ingest.columnar.ready import bytes_of
from mainstay.ingest.limits import EARLIEST_NS, MOST_ITEMS

MILLISECOND = 1_000_000
Key = tuple[np.uint64, np.uint64]


class Readers:
    """One method for each protocol; each gives what its kernel documents.

    Args:
        key: Of the hashes; two numbers of 64 bits that nobody knows.
    """

    def __init__(self, key: Key) -> None:
        self._key = key

    def remote_write(self, body: bytes | memoryview, latest_ns: int) -> tuple[Any, ...] | None:
        """(label start, end, hash, seal, stream, at_ns, value as bits)."""
        earliest_ms, latest_ms = EARLIEST_NS // MILLISECOND, latest_ns // MILLISECOND
        found = remote_write.read(bytes_of(body), self._key, earliest_ms, latest_ms, MOST_ITEMS)
        return found[1:] if found[0] else None

    def words(self, body: bytes, start: I64, end: I64) -> Words:
        """Where the words of label sets stand that `remote_write` found."""
        return Words(body, *remote_write.words(bytes_of(body), start, end))

    def metrics(self, body: bytes | memoryview, latest_ns: int) -> tuple[Any, ...] | None:
        """(samples, histograms, metrics, owner, places, resources, scopes)."""
        found = metrics.read(bytes_of(body), EARLIEST_NS, latest_ns, MOST_ITEMS)
        return found[1:] if found[0] else None

    def streams(self, body: bytes | memoryview, *found: Any) -> tuple[Any, ...] | None:
        """(keys, start, end, hash, seal, number of each row's stream); takes what `streams.keyed` documents."""
        arguments: Any = (bytes_of(body), *found, self._key)
        keyed = streams.keyed(*arguments)
        return keyed[1:] if keyed[0] else None

    def logs(self, body: bytes | memoryview, latest_ns: int) -> tuple[Any, ...] | None:
        """(owner, at_ns, severity, places, label set of each, label sets, resources, scopes)."""
        found = logs.read(bytes_of(body), self._key, EARLIEST_NS, latest_ns, MOST_ITEMS)
        return found[1:] if found[0] else None

    def traces(self, body: bytes | memoryview, latest_ns: int) -> tuple[Any, ...] | None:
        """(owner, start_ns, end_ns, kind, status, places, label set of each, label sets, resources, scopes)."""
        found = traces.read(bytes_of(body), self._key, EARLIEST_NS, latest_ns, MOST_ITEMS)
        return found[1:] if found[0] else None

    def texts(self, body: bytes | memoryview, places: I64, column: int) -> list[str]:
        """The texts of one column of places, which were checked to be UTF-8."""
        text, ends = entries.gathered(bytes_of(body), places, column)
        whole, letters = text.tobytes().decode(), ends.tolist()
        return [whole[start:end] for start, end in pairwise([0, *letters])]

    def warm(self) -> None:
        """Compile everything."""
        start, end, *_ = self.remote_write(b"", 0) or (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self.words(b"", start, end)
        self.logs(b"", 0)
        self.traces(b"", 0)
        (rows, bits), _, kinds, owner, places, *_ = self.metrics(b"", 0) or ((), (), (), (), ())
        self.streams(b"", rows, bits[:, 1], kinds, places, owner, np.zeros((0, 16), np.uint8))
        self.texts(b"", np.zeros((0, logs.WIDTH, 2), np.int64), logs.TEXT)

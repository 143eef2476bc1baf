"""The compiled readers, when they are ready. Until then nobody waits: the readers of messages do the work."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

import numpy as np

from mainstay.domain.signals import U8

if TYPE_CHECKING:
    from mainstay.ingest.columnar.readers import Readers

KEY = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64))
"""Of the hashes of this process: drawn, so that nobody can send names that all hash alike."""


class Ready:
    """Loads and compiles the readers once, in a thread of its own, on first demand."""

    def __init__(self) -> None:
        self._readers: Readers | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def readers(self) -> Readers | None:
        """The readers, or None while they are being compiled."""
        if self._readers is None and self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self.wait, name="compile-readers", daemon=True)
                    self._thread.start()
        return self._readers

    def wait(self) -> Readers:
        """The readers, compiled now if need be: for tests, benches, and `mainstay.warm`."""
        if self._readers is None:
            from mainstay.ingest.columnar.readers import Readers  # numba: not before it is needed

            readers = Readers(KEY)
            readers.warm()
            self._readers = readers
        return self._readers


READY = Ready()


def bytes_of(body: bytes | memoryview) -> U8:
    """A body as numbers, without a copy."""
    return np.frombuffer(body, np.uint8)

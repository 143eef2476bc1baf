"""The compiled readers, when they are ready. Until then nobody waits: the readers of messages do the work."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mainstay.domain.signals import U8

if TYPE_CHECKING:
    from mainstay.ingest.columnar.readers import Readers

log = logging.getLogger(__name__)
PAUSE_S = 60.0  # before compiling is tried again: it takes up to 20 s of a core
KEY = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64))
"""Of the hashes of this process: drawn, so that nobody can send names that all hash alike."""


def compiled() -> Readers:
    """Readers that were called once, so that numba has compiled them."""
    from mainstay.ingest.columnar.readers import Readers  # numba: not before it is needed

    readers = Readers(KEY)
    readers.warm()
    return readers


class Ready:
    """Loads and compiles the readers once, in a thread of its own, on first demand.

    When that fails (a cache that cannot be written, no memory), bodies are read message by message, `failure` says why,
    and it is tried again after a pause.

    Args:
        compiles: Gives the readers.
        now_s: A clock that only moves forward.
    """

    def __init__(self, compiles: Callable[[], Readers] = compiled, now_s: Callable[[], float] = time.monotonic) -> None:
        self._compiles, self._now_s = compiles, now_s
        self._readers: Readers | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again_s = 0.0
        self.failures = 0
        self.failure = ""

    def readers(self) -> Readers | None:
        """The readers, or None while they are being compiled."""
        if self._readers is None and self._is_due():
            with self._lock:
                if self._is_due():
                    self._thread = threading.Thread(target=self._try, name="compile-readers", daemon=True)
                    self._thread.start()
        return self._readers

    def _is_due(self) -> bool:
        """Whether nobody is at it, and the pause after a failure is over."""
        return self._thread is None or (not self._thread.is_alive() and self._now_s() >= self._again_s)

    def _try(self) -> None:
        try:
            self.wait()
        except Exception as error:  # whatever compiling may raise, bodies are read all the same
            self.failures += 1
            self.failure = f"{type(error).__name__}: {str(error)[:200]}"
            self._again_s = self._now_s() + PAUSE_S
            log.exception("compiled readers are not to be had: bodies are read message by message, slowly")

    def wait(self) -> Readers:
        """The readers, compiled now if need be: for tests, benches, and `mainstay.warm`."""
        if self._readers is None:
            self._readers = self._compiles()
            self.failure = ""
        return self._readers


READY = Ready()


def bytes_of(body: bytes | memoryview) -> U8:
    """A body as numbers, without a copy."""
    return np.frombuffer(body, np.uint8)

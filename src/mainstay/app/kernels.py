"""Kernels that are there before the first sample comes: else it waits until they are read, and its batch with it."""

from __future__ import annotations

import logging
import threading

from numba.core.errors import NumbaError

from mainstay.ingest import decode
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.wire import varint_of, written
from mainstay.mlops import warm
from mainstay.normalize import Normalizer

log = logging.getLogger(__name__)
AT_MS = 1_700_000_000_000


def load() -> None:
    """One sample from its bytes to its score, twice: new, and known. Where numba keeps nothing yet, it compiles."""
    READY.wait()
    label = written(1, written(1, b"__name__") + written(2, b"warm"))
    body = written(1, label + written(2, b"\x10" + varint_of(AT_MS)))
    normalizer = Normalizer()
    for _ in range(2):
        normalizer.apply(decode("remote-write", body, AT_MS * 1_000_000), AT_MS * 1_000_000)
    warm()


def load_meanwhile() -> threading.Thread:
    """The same in a thread of its own. Without it the first batch takes a fifth of a second longer."""
    thread = threading.Thread(target=_try, name="load-kernels", daemon=True)
    thread.start()
    return thread


def _try() -> None:
    try:
        load()
    except (OSError, RuntimeError, MemoryError, NumbaError):  # who needs a kernel tries again, and tells
        log.exception("kernels could not be loaded ahead: they are when the first sample comes")

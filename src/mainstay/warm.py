"""Compile every kernel once, at set-up, so that no operator waits for it: `python -m mainstay.warm`."""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Score one small batch with each shipped detector; numba keeps what it compiled beside the code."""
    from mainstay.mlops import warm
    from mainstay.normalize.logs.miner import Miner

    began = time.monotonic()
    warm()
    Miner().learn("one line")
    _columns()
    _ahead()
    sys.stdout.write(f"Kernels are ready ({time.monotonic() - began:.1f} s).\n")


def _ahead() -> None:
    """One sample into a history that is looked at."""
    import numpy as np

    from mainstay.domain.signals import MetricBatch
    from mainstay.outlook.history import LEVELS, History

    history = History()
    for slot in range(2):
        history.follow(slot, by_median=slot == 1)
    history.observe(MetricBatch(np.zeros(1, np.uint32), np.zeros(1, np.int64), np.ones(1)), 1)
    history.condense()
    for level in range(LEVELS):
        history.thirds(level)


def _columns() -> None:
    """One body from bytes to samples, twice: new, and known."""
    from mainstay.ingest import decode
    from mainstay.ingest.columnar.ready import READY
    from mainstay.ingest.wire import varint_of, written
    from mainstay.normalize import Normalizer

    READY.wait()
    at_ms = 1_700_000_000_000
    label = written(1, written(1, b"__name__") + written(2, b"warm"))
    body = written(1, label + written(2, b"\x10" + varint_of(at_ms)))
    normalizer = Normalizer()
    for _ in range(2):
        normalizer.apply(decode("remote-write", body, at_ms * 1_000_000), at_ms * 1_000_000)


if __name__ == "__main__":
    main()

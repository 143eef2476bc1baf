"""Compile every kernel once, at set-up, so that no operator waits for it: `python -m mainstay.warm`."""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Score one small batch with each shipped detector; numba keeps what it compiled beside the code."""
    from mainstay.app.kernels import load
    from mainstay.normalize.logs.miner import Miner

    began = time.monotonic()
    load()
    Miner().learn("one line")
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


if __name__ == "__main__":
    main()

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
    sys.stdout.write(f"Kernels are ready ({time.monotonic() - began:.1f} s).\n")


if __name__ == "__main__":
    main()

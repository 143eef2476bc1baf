"""Writes until it is killed, and prints each committed sequence: `python -m tests.store.telemetry_writer DIRECTORY`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.store.telemetry_samples import T0, S, second

from mainstay.store.telemetry import Telemetry


def main(directory: Path) -> None:
    store = Telemetry(directory, retention_s=40, hot_s=5)
    for seq in range(store.applied_seq + 1, 10**9):
        store.write(second(seq), seq)
        store.commit(seq)
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()
        store.seal(T0 + seq * S)
        store.expire(T0 + seq * S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

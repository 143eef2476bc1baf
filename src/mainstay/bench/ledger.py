"""How long the proof of the ledger takes: entries written as a platform writes them, then every hash walked again."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mainstay.app.clock import SystemClock
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.store.control import Control

BATCH = 1000
AT_MS = 1_800_000_000_000


def ledger(entries: int) -> dict[str, Any]:
    """Write `entries` decisions with their frozen inputs in batches, and verify the whole chain."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        control = Control(Path(folder) / "control.db", SystemClock())
        began = time.process_time()
        for first in range(0, entries, BATCH):
            chunk = list(_entries(first, min(first + BATCH, entries)))
            control.commit(Effects(decided_seq=first + 1, entries=chunk))
        written = time.process_time()
        wall = time.monotonic()
        found = control.verify_ledger()
        verify_s, wall_s = time.process_time() - written, time.monotonic() - wall
        size = (Path(folder) / "control.db").stat().st_size
        control.close()
    return {
        "entries": found.count,
        "is_whole": found.is_whole,
        "write_cpu_us_per_entry": round((written - began) / entries * 1e6, 1),
        "verify_s": round(wall_s, 2),
        "verify_cpu_s": round(verify_s, 2),
        "bytes_per_entry": round(size / entries),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def _entries(first: int, end: int) -> Iterator[Entry]:
    """Alerts as the metric detector raises them: the entry, and the state of one series frozen beside it."""
    for number in range(first, end):
        service = f"service:bench/s{number % 500}"
        yield Entry(
            id=f"alert-{number}",
            kind="alert",
            at_ms=AT_MS + number * 100,
            actor="metrics@1",
            subject=f"A-{number:08x}",
            rests_on=("version-metrics@1",),
            inputs={"series": number, "row": [number * 0.5, 1.25, 0.031, number % 97], "value": 12.5 + number},
            output={"entity": service, "channel": "level", "p_value": 1e-7, "band": [1.5, 9.25], "event": "started"},
        )

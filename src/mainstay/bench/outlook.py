"""What it costs to look ahead: CPU seconds of the pipeline for a million samples, and the part of the outlook."""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mainstay.app.wiring import Line, wire
from mainstay.domain.records import Record
from mainstay.ingest.wire import varint_of, written
from mainstay.settings import Settings

STEP_S = 15
PER_REQUEST = 2000
TICK_S = 5
AT_S = 1_800_000_000
GIB = float(1 << 30)


class Moment:
    """The time of the record at hand."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return self.at_ns


class Spent:
    """CPU seconds of this thread inside of some calls."""

    def __init__(self) -> None:
        self.cpu_s = 0.0

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*given: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*given)
            finally:
                self.cpu_s += time.thread_time() - began

        return counted


def outlook(series: int, share: float, rounds: int) -> dict[str, Any]:
    """Remote-write bodies of series, of which a share are disks with their sizes; every tenth disk fills.

    The first two rounds bring the series and are not counted.
    """
    clock, spent = Moment(), Spent()
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        line = wire(Path(folder), Settings(), clock)
        try:
            stage = line.outlook
            stage.apply = spent.timed(stage.apply)  # type: ignore[method-assign]
            total = 0.0
            for number in range(rounds + 2):
                if number == 2:
                    total, spent.cpu_s = 0.0, 0.0
                total += _round(line, clock, _records(series, int(series * share / 2), number))
            state, began = stage.standing, time.thread_time()
            kept = len(stage.snapshot())
            took_s = time.thread_time() - began
        finally:
            line.close()
    millions = series * rounds / 1e6
    return {
        "series": series,
        "followed": state.followed,
        "outlooks_near": sum(one.expected_s is not None for one in state.outlooks),
        "alerts": sum(one.alert != "" for one in state.outlooks),
        "waiting": state.waiting,
        "pipeline_cpu_s_per_million": round(total / millions, 3),
        "outlook_cpu_s_per_million": round(spent.cpu_s / millions, 4),
        "ratio": round(total / (total - spent.cpu_s), 4),
        "snapshot_mb": round(kept / 1e6, 2),
        "snapshot_cpu_ms": round(took_s * 1e3, 1),
    }


def _round(line: Line, clock: Moment, records: Iterator[Record]) -> float:
    """CPU seconds of the whole process for one round of samples: the stores have threads of their own."""
    ready = list(records)
    clock.at_ns = ready[-1].received_ns
    began = time.process_time()
    line.pipeline.run(ready)
    return time.process_time() - began


def _records(series: int, disks: int, number: int) -> Iterator[Record]:
    """One sample of each series in requests spread over the step, and ticks between them."""
    bodies = list(_bodies(series, disks, number))
    at_s, seq = AT_S + number * STEP_S, number * (len(bodies) + STEP_S // TICK_S)
    for place, body in enumerate(bodies):
        received_ns = int((at_s + STEP_S * place / len(bodies)) * 1e9)
        yield Record(seq := seq + 1, "signals", "remote-write", received_ns, body)
    for tick in range(STEP_S // TICK_S):
        received_ns = (at_s + STEP_S) * 10**9 + tick
        yield Record(seq := seq + 1, "control", "tick", received_ns, b"")


def _bodies(series: int, disks: int, number: int) -> Iterator[bytes]:
    at_ms = (AT_S + number * STEP_S) * 1000
    for first in range(0, series, PER_REQUEST):
        part = range(first, min(first + PER_REQUEST, series))
        yield b"".join(_series(i, disks, number, at_ms) for i in part)


def _series(place: int, disks: int, number: int, at_ms: int) -> bytes:
    if place < 2 * disks:
        disk = place // 2
        labels = {"mountpoint": f"/disk{disk % 20}", "instance": f"db-{disk // 20}:9100", "job": "node"}
        free = 40 * GIB + disk % 7 * GIB + (number * 104729 + disk) % 97 * 1e4
        free -= number * 6e8 if disk % 10 == 0 else 0.0
        name, value = ("node_filesystem_avail_bytes", free) if place % 2 else ("node_filesystem_size_bytes", 100 * GIB)
    else:
        labels = {"slot": str(place), "service": f"svc-{place // 500}", "namespace": "bench"}
        name, value = f"bench_metric_{place % 50}", 100 + (place * 7919 + number * 104729) % 97 / 50
    pairs = sorted({**labels, "__name__": name}.items())
    said = b"".join(written(1, written(1, key.encode()) + written(2, text.encode())) for key, text in pairs)
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + varint_of(at_ms)
    return written(1, said + written(2, sample))

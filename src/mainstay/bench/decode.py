"""How fast bodies become columns, and what a million damaged bodies do to the compiled readers.

`python -m mainstay.bench.decode fuzz N SEED [KIND]` is one process of the fuzzing: with NUMBA_BOUNDSCHECK=1 every index
is checked, without it too every body ends at a page that must not be touched: one byte too far ends the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from mainstay.bench.damage import Guarded, bodies, damaged, same
from mainstay.domain.errors import BadInput, MainstayError
from mainstay.domain.signals import Decoded
from mainstay.ingest import remote_write
from mainstay.ingest.columnar import logs as log_columns
from mainstay.ingest.columnar import traces as span_columns
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import DAY_NS
from mainstay.ingest.otlp import logs, metrics, traces

RECORDS = 2_000
SEED = 20261122
NOW_NS = 1_795_357_100_000_000_000
LATEST_NS = NOW_NS + DAY_NS
Reads = Callable[[bytes], Decoded | None]


def decode(turns: int = 20) -> dict[str, Any]:
    """Items per CPU second, compiled and message by message, on bodies as senders write them."""
    now_ns = time.time_ns()
    figures: dict[str, Any] = {}
    for name, (fast, slow) in _readers(now_ns).items():
        body = bodies(name, RECORDS, now_ns)
        if not same(fast(body), slow(body)):
            raise MainstayError(f"the two readers of {name} do not agree on {len(body)} bytes")
        quick, walked = (_per_s(reads, body, turns) for reads in (fast, slow))
        figures |= {f"{name}_per_s": round(quick), f"{name}_messages_per_s": round(walked)}
        figures[f"{name}_ratio"] = round(quick / walked, 1)
    return figures


def fuzz(count: int) -> dict[str, Any]:
    """`count` damaged bodies with every index checked, and as many that end at a guard page. Raises when one fails."""
    figures: dict[str, Any] = {"inputs": count}
    with tempfile.TemporaryDirectory(prefix="mainstay-fuzz-") as cache:
        for name, checks in (("boundscheck", "1"), ("guard_page", "0")):
            # A cache of its own: numba would take up kernels that were compiled without the checks.
            environment = {**os.environ, "NUMBA_BOUNDSCHECK": checks, "NUMBA_CACHE_DIR": f"{cache}/{name}"}
            command = [sys.executable, "-m", __name__, "fuzz", str(count), str(SEED)]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
            if ended.returncode:
                raise MainstayError(f"{name}: ended with {ended.returncode}: {ended.stderr[-2000:]}")
            understood, kept = ended.stdout.split()
            figures |= {f"{name}_understood": int(understood), f"{name}_agreed": int(kept)}
    return figures


def _fuzz(count: int, seed: int, only: str = "") -> tuple[int, int]:
    """(bodies that a compiled reader understood, of these: the reader of messages read the same). Raises at the first
    that it reads otherwise.
    """  # noqa: D205
    readers = _readers(NOW_NS)
    whole = {name: bodies(name, 7 if name == "points" else 3, NOW_NS) for name in readers}  # points: of every kind
    chance, guarded = Random(seed), Guarded()  # noqa: S311 - drawn anew it would not be the same million
    understood = agreed = 0
    names = [only] if only else list(readers)
    for turn in range(count):
        name = names[turn % len(names)]
        body = damaged(whole[name], chance)
        with guarded.holds(body) as view:
            is_understood = TOUCHES[name](view)
        if is_understood:
            understood += 1
            if not _agree(*readers[name], body):
                raise MainstayError(f"{name}: the readers do not agree on {body.hex()}")
            agreed += 1
    return understood, agreed


def _touch_samples(view: memoryview) -> bool:
    return READY.wait().remote_write(view, LATEST_NS) is not None


def _touch_records(view: memoryview) -> bool:
    found = READY.wait().logs(view, LATEST_NS)
    if found is not None:
        READY.wait().texts(view, found[3], log_columns.TEXT)
    return found is not None


def _touch_spans(view: memoryview) -> bool:
    found = READY.wait().traces(view, LATEST_NS)
    if found is not None:
        READY.wait().texts(view, found[5], span_columns.NAME_TEXT)
    return found is not None


def _touch_points(view: memoryview) -> bool:
    found = READY.wait().metrics(view, LATEST_NS)
    if found is None:
        return False
    (rows, bits), (whole, *_), metrics, owner, places, resources, _ = found
    every, quantiles = np.concatenate([rows, whole]), np.concatenate([bits[:, 1], np.zeros(len(whole), np.uint64)])
    marks = np.zeros((len(resources), 16), np.uint8)
    return READY.wait().streams(view, every, quantiles, metrics, places, owner, marks) is not None


TOUCHES = {"samples": _touch_samples, "records": _touch_records, "spans": _touch_spans, "points": _touch_points}


def _agree(fast: Reads, slow: Reads, body: bytes) -> bool:
    """Whether both read the same. A compiled reader may find an attribute that is no protobuf: then it says nothing."""
    found = fast(body)
    try:
        return found is None or same(found, slow(body))
    except BadInput:
        return False


def _readers(now_ns: int) -> dict[str, tuple[Reads, Reads]]:
    ready = READY.wait()

    def samples(body: bytes) -> Decoded | None:
        return remote_write.decode(body, now_ns) if ready.remote_write(body, now_ns + DAY_NS) is not None else None

    return {
        "samples": (samples, lambda body: remote_write.decode_messages(body, now_ns)),
        "records": (
            lambda body: logs.decode_columns(ready, body, now_ns),
            lambda body: logs.decode_messages(body, now_ns),
        ),
        "spans": (
            lambda body: traces.decode_columns(ready, body, now_ns),
            lambda body: traces.decode_messages(body, now_ns),
        ),
        "points": (
            lambda body: metrics.decode_columns(ready, body, now_ns),
            lambda body: metrics.decode_messages(body, now_ns),
        ),
    }


def _per_s(reads: Reads, body: bytes, turns: int) -> float:
    """Of the fastest turn: what else runs on the machine makes a turn slower, never faster."""
    reads(body)
    took = []
    for _ in range(turns):
        began = time.process_time()
        reads(body)
        took.append(time.process_time() - began)
    return RECORDS / min(took)


if __name__ == "__main__":
    sys.stdout.write("{} {}\n".format(*_fuzz(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])))

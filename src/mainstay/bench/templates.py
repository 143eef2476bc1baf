"""Lines per second of the template miner beside drain3: merging and parameters included, new words all the time."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mainstay.normalize.logs.miner import CHUNK, Miner

REPEATS = 3
_STATEMENTS = (
    "Accepted connection {n} from {ip}:{n} for user {new} after {n} ms",
    "GET /api/v1/{word}/{n} status={n} bytes={n} took={n}ms agent={new}",
    "cache miss for key {word}:{hex} in region {word}, loading from {path}",
    "worker {word} finished job {hex} in {n}.{n} s with result code {n}",
    "Session opened for user {new} by (uid={n})",
    "Failed to reach {word} at {ip}:{n}: connection refused, attempt {n} of 5",
    "replica {word} lags behind by {n} records, last offset {n}",
    "heartbeat from {ip}",
    "block {hex} of size {n} KB stored as values in memory (free {n} MB)",
    "order {n} placed by {new} for {n} items, total={n}.{n}, currency=EUR",
)


def stream(lines: int, seed: int = 1) -> list[str]:
    """Lines of a few busy and many rare statements, where every tenth word that can be new is new."""
    rng = random.Random(seed)  # noqa: S311 - drawn lots, guarding nothing
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 9))) for _ in range(2_000)]
    rare = tuple(f"{a} {b} {{n}} while {c} on {{ip}}" for a, b, c in zip(*[iter(words[:300])] * 3, strict=True))
    statements = _STATEMENTS * 20 + rare
    return [_filled(rng, rng.choice(statements), words) for _ in range(lines)]


def _filled(rng: random.Random, statement: str, words: list[str]) -> str:
    fresh = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=8)) if rng.random() < 0.1 else rng.choice(words)
    return statement.format(
        n=rng.randrange(100_000), ip=f"10.0.{rng.randrange(256)}.{rng.randrange(256)}", new=fresh,
        word=words[rng.randrange(40)],
        hex=f"{rng.getrandbits(48):012x}", path=f"/var/lib/{rng.choice(words)}/{rng.randrange(99)}",
    )  # fmt: skip


def lines_of(data: Path) -> list[str]:
    """The column `raw` or `content` of a Parquet file or of all in a folder."""
    from pyarrow import parquet

    files = sorted(data.glob("*.parquet")) if data.is_dir() else [data]
    tables = [parquet.read_table(path) for path in files]
    return [
        line or ""
        for table in tables
        for line in table["raw" if "raw" in table.column_names else "content"].to_pylist()
    ]


def measure(lines: Sequence[str]) -> dict[str, Any]:
    """Figures of both on the same lines, each from nothing; CPU seconds, the best of three for ours."""
    from mainstay.bench.drain import drained

    mined(lines[:CHUNK])  # the kernels are compiled or read from their cache
    cpu_s, miner, parameters = min((mined(lines) for _ in range(REPEATS)), key=lambda run: run[0])
    rate = len(lines) / cpu_s
    out: dict[str, Any] = {
        "lines": len(lines), "bytes_per_line": round(sum(map(len, lines)) / len(lines)), "lines_per_s": round(rate),
        "cpu_us_per_line": round(1e6 / rate, 3), "templates": len(miner.templates), "parameters": parameters,
    }  # fmt: skip
    peer = drained(lines, parameters=True)
    if peer is None:
        return {**out, "drain3_ratio": "drain3 is not installed"}
    return {
        **out,
        "drain3_lines_per_s": round(len(lines) / peer.with_parameters_s),
        "drain3_ratio": round(peer.with_parameters_s / cpu_s, 1),
        "drain3_mining_only_lines_per_s": round(len(lines) / peer.cpu_s),
        "drain3_mining_only_ratio": round(peer.cpu_s / cpu_s, 1),
        "drain3_templates": len(set(peer.ids)),
    }


def mined(lines: Sequence[str]) -> tuple[float, Miner, int]:
    """(CPU seconds, the miner, how many parameters): from text to templates and the columns of their parameters."""
    miner, parameters, since = Miner(), 0, time.process_time()
    for at in range(0, len(lines), CHUNK):
        _, variables = miner.read_many([line.encode() for line in lines[at : at + CHUNK]])
        parameters += len(variables.begin) - 1
    return time.process_time() - since, miner, parameters

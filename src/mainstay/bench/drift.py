"""How long it takes to see whether a million rows of a hundred columns have drifted."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mainstay.models.drift import F64, compare, counted, reference_of

PART = 100_000
MOVED_EVERY = 10
"""Every tenth column is moved by a standard deviation: a bench that finds nothing measured nothing."""


def drift(rows: int, columns: int) -> dict[str, Any]:
    """Count and compare; the data are made part by part, and making them is not timed."""
    names = [f"f{number}" for number in range(columns)]
    reference = reference_of(names, next(_parts(PART, columns, seed=1, moved=0.0)))
    counted(reference.edges, [np.zeros((1, columns))])  # compiled before it is timed
    spent = 0.0
    counts = np.zeros_like(reference.counts)
    for part in _parts(rows, columns, seed=2, moved=1.0):
        began = time.process_time()
        counts += counted(reference.edges, [part])
        spent += time.process_time() - began
    began = time.process_time()
    lines = compare(reference, counts)
    spent += time.process_time() - began
    return {
        "rows": rows,
        "columns": columns,
        "cpu_s": round(spent, 2),
        "values_per_s": round(rows * columns / spent),
        "drifted": sum(line.status == "drifted" for line in lines),
        "drifted_expected": len(range(0, columns, MOVED_EVERY)),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def _parts(rows: int, columns: int, seed: int, moved: float) -> Iterator[F64]:
    draw = np.random.default_rng(seed)
    for first in range(0, rows, PART):
        part = draw.standard_normal((min(PART, rows - first), columns))
        part[:, ::MOVED_EVERY] += moved
        yield part

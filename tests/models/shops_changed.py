"""Shops whose truth is known: services with noise, waves that all feel, and one change."""

from __future__ import annotations

from typing import Any

import numpy as np


def question(
    seed: int = 0,
    harm: dict[str, float] | None = None,
    units: int = 8,
    history: int = 90,
    after: int = 6,
    **other: Any,
) -> dict[str, Any]:
    """A change in bucket `history` of service 0, of buckets of 5 s.

    Args:
        harm: Per signal what the change did: a factor for latency, own and rate, a sum for errors.
    """
    rng = np.random.default_rng(seed)
    length = history + 1 + after
    wave = np.cumsum(rng.normal(0, 0.01, length))  # what all of them feel: the busy hour
    level = rng.uniform(10, 80, units)
    signals = {
        "latency": level[:, None] * np.exp(wave + rng.normal(0, 0.12, (units, length))),
        "own": level[:, None] / 2 * np.exp(rng.normal(0, 0.08, (units, length))),
        "errors": (rng.random((units, length)) < 0.03) * 0.02,
        "rate": rng.poisson(40, (units, length)) / 5 * np.exp(wave),
        "availability": np.ones((units, length)),
    }
    for name, effect in (harm or {}).items():
        later = signals[name][0, history:]
        signals[name][0, history:] = np.minimum(later + effect, 1) if name == "errors" else later * effect
    clean = np.ones((units, length), np.int8)
    clean[0, history:] = 0
    asked = {
        "bucket_s": 5.0,
        "at": history,
        "after": after,
        "units": [f"service:t/s{i}" for i in range(units)],
        "callers": [1],
        "signals": {name: [[float(f"{v:.4g}") for v in row] for row in rows]
                    for name, rows in signals.items()},
        "clean": ["".join(map(str, row)) for row in clean],
    }  # fmt: skip
    return {**asked, **other}

"""Plain ways to name a cause, kept beside ours for ever: robust z-scores, and the end of a chain of odd services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mainstay.domain.signals import F64

ODD = 3.0


def robust_z(before: F64, now: F64) -> float:
    """By how many robust deviations the farthest sample lies from the usual level.

    >>> robust_z(np.array([1.0, 2.0, 3.0]), np.array([2.0, 9.0]))
    4.72
    """
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if len(before) < 2 or not len(now):
        return 0.0
    centre = float(np.median(before))
    spread = max(1.4826 * float(np.median(np.abs(before - centre))), 1e-3 * abs(centre), 1e-9)
    return round(float(np.max(np.abs(now - centre))) / spread, 2)


def traversal(z: Mapping[str, float], edges: Sequence[tuple[str, str]], start: str = "") -> dict[str, float]:
    """From where trouble is felt along odd services, to those that call no odd one: they are the causes.

    Without a start all odd services are felt. Among causes the score decides; the others follow far behind.

    >>> traversal({"shop": 9.0, "cart": 5.0, "db": 0.4}, [("shop", "cart"), ("cart", "db")], "shop")
    {'shop': 0.0, 'cart': 5.0, 'db': 0.0}
    """
    odd = {name for name, score in z.items() if score > ODD} | ({start} if start else set())
    callees: dict[str, list[str]] = {}
    for caller, callee in edges:
        callees.setdefault(caller, []).append(callee)
    reached, border = ({start}, [start]) if start else (set(odd), sorted(odd))
    while border:
        fresh = [c for c in callees.get(border.pop(), ()) if c in odd and c not in reached]
        reached |= set(fresh)
        border += fresh
    ends = {name for name in reached if not any(c in odd and c != name for c in callees.get(name, ()))}
    return {name: score if name in ends else 0.0 for name, score in z.items()}

"""Whether users are hurt, since when, and when they were well again."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.lab.users.load import quantile

BASELINE_S = 120.0
WINDOW_S = 5.0
WELL_FOR_S = 8.0  # users must be well for this long before they count as recovered
ERROR_SHARE = 0.03  # more than this share of requests failing hurts (the noise is at 0.05 %)
ERRORS = 2
SLOWER_BY = 2.0  # a request whose median or upper quartile is this many times its baseline …
SLOWER_BY_MS = 60.0  # … and slower by this much, hurts: people do not feel less
FEW = 6  # requests of one sort in a window, below which their latency says nothing


@dataclass(frozen=True)
class Experience:
    """What users felt since a moment.

    `recovery_s` counts from that moment to the last second in which they were hurt; it is None while they are
    hurt, and when they never were.
    """

    is_hurt: bool
    was_hurt: bool
    hurt_since_s: float | None
    recovered_at_s: float | None
    recovery_s: float | None
    error_share: float
    worst_error_share: float
    p95_ms: float | None
    worst_p95_ms: float | None
    baseline_p95_ms: float | None


class Users:
    """Reads what the load wrote down."""

    def __init__(self, diary: Path) -> None:
        self._diary = diary

    def seconds(self, since_s: float = 0.0) -> list[dict[str, Any]]:
        """The pages written since a moment, oldest first."""
        if not self._diary.exists():
            return []
        lines = self._diary.read_text(encoding="utf-8").split("\n")
        pages = [json.loads(line) for line in lines[:-1]]  # a last line without its end is still being written
        return [page for page in pages if page["at_s"] > since_s]

    def experience(self, since_s: float, until_s: float | None = None) -> Experience:
        """Compare what users felt since a moment with the two minutes before it."""
        pages = self.seconds(since_s - BASELINE_S)
        until = until_s or time.time()
        before = [page for page in pages if page["at_s"] <= since_s]
        after = [page for page in pages if since_s < page["at_s"] <= until]
        return _judge(since_s, before, after)


def _judge(since_s: float, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Experience:
    usual = {name: _quantiles(_latencies(before, name)) for name in _requests(before)}
    ends = [page["at_s"] for page in after]
    windows = [[page for page in after if end - WINDOW_S < page["at_s"] <= end] for end in ends]
    hurt = [end for end, window in zip(ends, windows, strict=True) if _hurts(window, usual)]
    is_hurt = bool(hurt) and ends[-1] - hurt[-1] < WELL_FOR_S
    recovered_at = None if is_hurt or not hurt else hurt[-1] - WINDOW_S + 1
    return Experience(
        is_hurt=is_hurt,
        was_hurt=bool(hurt),
        hurt_since_s=hurt[0] if hurt else None,
        recovered_at_s=recovered_at,
        recovery_s=None if recovered_at is None else round(max(0.0, recovered_at - since_s), 1),
        error_share=_error_share(windows[-1]) if windows else 0.0,
        worst_error_share=max(map(_error_share, windows), default=0.0),
        p95_ms=_p95(windows[-1]) if windows else None,
        worst_p95_ms=max((value for window in windows if (value := _p95(window)) is not None), default=None),
        baseline_p95_ms=_p95(before),
    )


def _hurts(window: list[dict[str, Any]], usual: dict[str, tuple[float, float]]) -> bool:
    errors = sum(page["errors"] for page in window)
    if errors >= ERRORS and _error_share(window) > ERROR_SHARE:
        return True
    for name, normal in usual.items():
        latencies = _latencies(window, name)
        if len(latencies) < FEW:
            continue
        for value, baseline in zip(_quantiles(latencies), normal, strict=True):
            if value > baseline * SLOWER_BY and value > baseline + SLOWER_BY_MS:
                return True
    return False


def _requests(pages: list[dict[str, Any]]) -> set[str]:
    return {name for page in pages for name in page["requests"]}


def _latencies(pages: list[dict[str, Any]], request: str) -> list[float]:
    return sorted(value for page in pages for value in page["requests"].get(request, {}).get("latencies_ms", ()))


def _quantiles(ordered: list[float]) -> tuple[float, float]:
    return quantile(ordered, 0.5) or 0.0, quantile(ordered, 0.75) or 0.0


def _error_share(pages: list[dict[str, Any]]) -> float:
    count = sum(page["count"] for page in pages)
    return round(sum(page["errors"] for page in pages) / count, 4) if count else 0.0


def _p95(pages: list[dict[str, Any]]) -> float | None:
    return quantile(sorted(value for name in _requests(pages) for value in _latencies(pages, name)), 0.95)

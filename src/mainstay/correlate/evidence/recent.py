"""The last minutes of calls and of error lines: little enough to hold, enough to say what moved at the onset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import msgspec
import numpy as np

from mainstay.domain.signals import EdgeWindow, TemplateWindow

KEEP = 72  # windows of 5 s: six minutes, long enough to see a leak grow
MOST_EDGES = 4_000
MOST_LINES = 5_000
WARNING = 13  # OpenTelemetry severity number
LEAD_MS = 5_000  # an onset is known to one window


class CallWindow(msgspec.Struct, array_like=True, frozen=True):
    """One edge in one window: upper quartiles in ms (`own_ms` −1 when the callee sends no spans)."""

    until_ms: int
    length_ms: int
    count: int
    errors: int
    ms: float
    own_ms: float


class RecentCalls(msgspec.Struct):
    """Edges of the last minutes, by caller and callee."""

    windows: dict[str, dict[str, list[CallWindow]]] = {}

    def observe(self, edges: Iterable[EdgeWindow]) -> None:
        """Take in closed windows."""
        for edge in edges:
            by_callee = self.windows.setdefault(edge.caller, {})
            if edge.callee not in by_callee and self._count() >= MOST_EDGES:
                continue
            ring = by_callee.setdefault(edge.callee, [])
            ring.append(_call_window(edge))
            del ring[:-KEEP]

    def is_entry(self, entity: str) -> bool:
        """Whether the outside world calls it."""
        return entity in self.windows.get("", ())

    def pairs(self) -> list[tuple[str, str]]:
        """Every call seen, without those of the outside world."""
        return [(caller, callee) for caller, by_callee in self.windows.items() for callee in by_callee if caller]

    def facts(self, entities: set[str], onset_ms: int, at_ms: int) -> list[dict[str, Any]]:
        """Before and now, for calls among these entities and from outside; edges without a past are left out."""
        found = []
        for caller, by_callee in sorted(self.windows.items()):
            for callee, ring in sorted(by_callee.items()):
                if callee in entities and (not caller or caller in entities):
                    fact = _call_fact(ring, onset_ms, at_ms)
                    if fact:
                        found.append({"caller": caller, "callee": callee, **fact})
        return found

    def passed_on(self, entity: str, since_ms: int) -> float | None:
        """The largest share of what it calls that fails since then, 0–1; None when it is not seen to call anybody."""
        shares = [
            _error_share([w for w in ring if w.until_ms > since_ms]) for ring in self.windows.get(entity, {}).values()
        ]
        return max(shares, default=None)

    def _count(self) -> int:
        return sum(len(by_callee) for by_callee in self.windows.values())


class Line(msgspec.Struct):
    """One thing that one entity says: when first, and how often in each of the last windows."""

    text: str
    severity: int
    first_ms: int
    counts: list[tuple[int, int]] = []


class RecentLines(msgspec.Struct):
    """Warnings and errors of the last minutes, by entity and template."""

    lines: dict[str, dict[int, Line]] = {}
    since_ms: int = 0

    def observe(self, windows: Iterable[TemplateWindow]) -> None:
        """Take in closed windows; lines below a warning are not kept."""
        for window in windows:
            until_ms = window.until_ns // 1_000_000
            self.since_ms = self.since_ms or until_ms
            if window.severity < WARNING:
                continue
            lines = self.lines.setdefault(window.entity, {})
            if window.template not in lines and sum(map(len, self.lines.values())) >= MOST_LINES:
                self._forget(until_ms)
            text = (window.example or window.text)[:300]
            line = lines.setdefault(window.template, Line(text, window.severity, window.since_ns // 1_000_000))
            line.severity = max(line.severity, window.severity)
            line.counts.append((until_ms, window.count))
            del line.counts[:-KEEP]

    def facts(self, entities: set[str], onset_ms: int, most: int = 24) -> list[dict[str, Any]]:
        """What these entities say for the first time or three times as often since the onset."""
        found: list[dict[str, Any]] = []
        for entity in sorted(entities & self.lines.keys()):
            for template, line in sorted(self.lines[entity].items()):
                count = sum(n for at, n in line.counts if at > onset_ms - LEAD_MS)
                usual = sum(n for at, n in line.counts if at <= onset_ms - LEAD_MS)
                is_new = line.first_ms > max(onset_ms - 2 * LEAD_MS, self.since_ms)
                if count and (is_new or count > 3 * usual):
                    found.append({
                        "entity": entity, "template": template, "text": line.text, "severity": line.severity,
                        "count": count, "since_ms": max(line.first_ms, onset_ms - LEAD_MS), "is_new": is_new,
                    })  # fmt: skip
        return sorted(found, key=lambda f: (-int(f["count"]), f["entity"], f["template"]))[:most]

    def _forget(self, now_ms: int) -> None:
        """Drop what has not been said for a while; the first to go are those said longest ago."""
        horizon = now_ms - KEEP * 5_000
        for entity in list(self.lines):
            kept = {t: line for t, line in self.lines[entity].items() if line.counts and line.counts[-1][0] > horizon}
            self.lines[entity] = kept


def _call_window(edge: EdgeWindow) -> CallWindow:
    return CallWindow(
        until_ms=edge.until_ns // 1_000_000,
        length_ms=max(1, (edge.until_ns - edge.since_ns) // 1_000_000),
        count=edge.count,
        errors=edge.errors,
        ms=_quartile(edge.latency_ms),
        own_ms=_quartile(edge.own_ms),
    )


def _quartile(values: Any) -> float:
    return round(float(np.percentile(values, 75)), 3) if len(values) else -1.0


def _call_fact(ring: Sequence[CallWindow], onset_ms: int, at_ms: int) -> dict[str, Any] | None:
    before = [w for w in ring if w.until_ms <= onset_ms]
    if len(before) < 2:
        return None
    now = [w for w in ring if w.until_ms > onset_ms + LEAD_MS // 2][-6:]
    past_ms = before[-1].until_ms - before[0].until_ms + before[0].length_ms
    present_ms = max(LEAD_MS, at_ms - (now[0].until_ms - now[0].length_ms if now else onset_ms))
    usual = median(w.ms for w in before)
    return {
        "before_ms": round(usual, 3),
        "now_ms": round(median(w.ms for w in now), 3) if now else round(usual, 3),
        "own_before_ms": _own(before),
        "own_now_ms": _own(now),
        "errors_before": _error_share(before),
        "errors_now": _error_share(now),
        "rate_before": round(sum(w.count for w in before) / past_ms * 1000, 3),
        "rate_now": round(sum(w.count for w in now) / present_ms * 1000, 3),
    }


def _own(windows: Sequence[CallWindow]) -> float | None:
    values = [w.own_ms for w in windows if w.own_ms >= 0]
    return round(median(values), 3) if values else None


def _error_share(windows: Sequence[CallWindow]) -> float:
    count = sum(w.count for w in windows)
    return round(sum(w.errors for w in windows) / count, 4) if count else 0.0

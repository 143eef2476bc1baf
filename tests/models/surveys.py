"""Surveys for tests: a small shop in windows of a minute, calm except for what a test changes."""

from __future__ import annotations

from typing import Any

MINUTE = 60_000
AT = [minute * MINUTE for minute in range(8)]
ONSET = 4 * MINUTE
NAMES = ("front", "cart", "pay", "store", "mail", "ads", "search", "users", "ship")


def entity(name: str) -> str:
    return f"service:p/{name}"


def gauge(name: str, kind: str, now: float, usual: float, **rest: Any) -> dict[str, Any]:
    """Calm until the onset, then another level."""
    ripple = [usual * (1 + 0.01 * (minute % 3)) for minute in range(len(AT))]
    value = [v if at < ONSET else now for at, v in zip(AT, ripple, strict=True)]
    return {"entity": entity(name), "kind": kind, "metric": f"{kind}.p90", "at_ms": AT, "value": value, **rest}


def pace(name: str, now: float, usual: float = 1.0, toward: str = "", **rest: Any) -> dict[str, Any]:
    """Means are logarithms of 1 + ms."""
    windows = [[20, usual if at < ONSET else now, 0.05] for at in AT]
    to = entity(toward) if toward else ""
    return {"entity": entity(name), "toward": to, "what": "", "at_ms": AT, "windows": windows, **rest}


def habit(before: int, now: int, kind: str = "line", what: str = "paid", toward: str = "") -> dict[str, Any]:
    heard = [before if at < ONSET else now for at in AT]
    return {"kind": kind, "what": what, "toward": entity(toward) if toward else "", "heard": heard}


def work(name: str, *habits: dict[str, Any], calls: int = 20, traces: int = 160) -> dict[str, Any]:
    """One operation with so many calls a minute."""
    return {
        "entity": entity(name), "operation": f"/{name}", "at_ms": AT, "calls": [calls] * len(AT), "traces": traces,
        "habits": list(habits),
    }  # fmt: skip


def case(**survey: Any) -> dict[str, Any]:
    rest = survey.pop("rest", {})
    onsets = survey.pop("onsets_ms", [ONSET])
    return {
        "at_ms": AT[-1], "incident": "INC-1", "onset_ms": ONSET, "survey": {"onsets_ms": onsets, **survey}, **rest,
    }  # fmt: skip

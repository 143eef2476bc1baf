"""What a diagnoser looks at beyond alerts: every entity's metrics, times and habits, in windows, with their past.

All of it is sketched per window while telemetry streams by, so a diagnosis reads counts and means, never spans. `past`
is what was seen in windows before the recording, the ensemble of normal times; windows of the recording before the
onset join it, whenever the onset turns out to be.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one entity: a sample per window, and those of past normal times.

    Attributes:
        kind: `cpu` and `memory` tell of the entity itself; `latency` and `errors` also of all that it calls.
        is_share: Values are shares, 0–1; else they are positive and compared by their ratio.
        count: Of how many requests each value is the mean; empty when that is not known.
    """

    entity: str
    kind: Literal["cpu", "memory", "latency", "errors"]
    metric: str
    at_ms: tuple[int, ...]
    value: tuple[float, ...]
    past: tuple[float, ...] = ()
    is_share: bool = False
    count: tuple[float, ...] = ()


class Window(msgspec.Struct, frozen=True, array_like=True):
    """Durations of one window: how many, and mean and variance of log(1 + ms)."""

    count: int
    mean: float
    variance: float


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took, by window.

    Attributes:
        toward: "": the own time of an operation of the entity. Else the time between entity and this callee: what the
            caller waited less what the callee worked.
    """

    entity: str
    what: str
    at_ms: tuple[int, ...]
    windows: tuple[Window, ...]
    past: tuple[Window, ...] = ()
    toward: str = ""


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an operation does: how many of its calls did it, by window, and in the past.

    Attributes:
        kind: `call`: calls this operation (of `toward`); `line`: says this; `error`: says this, and it is an error;
            `last`: calls `toward` and nobody after it.
    """

    kind: Literal["call", "line", "error", "last"]
    what: str
    heard: tuple[int, ...]
    past: int = 0
    toward: str = ""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one entity: how often it was called, by window, in how many traces, and what it does then."""

    entity: str
    operation: str
    at_ms: tuple[int, ...]
    calls: tuple[int, ...]
    traces: int
    past: int = 0
    habits: tuple[Habit, ...] = ()


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of all entities around one incident.

    Attributes:
        onsets_ms: When it may have begun: an alert knows it to a minute. Each is tried, and none is believed alone.
    """

    onsets_ms: tuple[int, ...]
    gauges: tuple[Gauge, ...] = ()
    paces: tuple[Pace, ...] = ()
    works: tuple[Work, ...] = ()

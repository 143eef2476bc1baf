"""One edge of the service graph: what its calls usually do, and the newest windows that are not learned yet."""

from __future__ import annotations

import math

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.domain.signals import EdgeWindow
from mainstay.models.traces.histogram import Counts, blended, counted
from mainstay.models.traces.parameters import EdgeParameters


class Window(msgspec.Struct, kw_only=True):
    """One closed window. `timed` is how many durations were kept; `strange`: it must not be learned.

    Attributes:
        seen: Calls to look at: (trace as hex, ms, failed).
        made: Of an operation: how often it called whom.
        worth: What it counts in what is learned; less than 1 while a host was starved.
    """

    until_ns: int
    calls: int = 0
    errors: int = 0
    latency: Counts = {}
    timed: int = 0
    latency_ms: float = 0.0
    own_ms: float = 0.0
    owned: int = 0
    strange: bool = False
    seen: list[tuple[str, float, bool]] = []
    made: dict[str, int] = {}
    worth: float = 1.0


class Reference(msgspec.Struct, kw_only=True):
    """What is usual: decayed counts of latencies, calls and errors, calls per window and how they scatter.

    `judged` counts windows with calls, `slow_*` those of them that were slow all the same: pauses hit the calls of a
    window together, so calls alone would be believed too much. `paths`: calls made by `asked` requests, by callee.
    `windows` and `heard` (calls) count what was there, everything else by its worth, in all `weight`.
    """

    latency: Counts = {}
    windows: int = 0
    heard: float = 0.0
    weight: float = 0.0
    calls: float = 0.0
    errors: float = 0.0
    latency_ms: float = 0.0
    own_ms: float = 0.0
    timed: float = 0.0
    owned: float = 0.0
    rate: float = 0.0
    rate_variance: float = 0.0
    judged: float = 0.0
    slow_middle: float = 0.0
    slow_tail: float = 0.0
    asked: float = 0.0
    paths: dict[str, float] = {}


class Firing(msgspec.Struct, kw_only=True):
    """A condition that is told and not yet over."""

    since_ns: int
    severity: Severity
    calm: int = 0


class EdgeState(msgspec.Struct, kw_only=True):
    """All that is remembered of one edge, or of one operation of a callee; `firing` by channel.

    `usual` is the trace (hex) of the last calm call of ordinary length: what a strange one is compared with. `mix` is
    what calls would take now if every operation took what it usually takes; empty when that is not known.
    """

    caller: str
    callee: str
    operation: str = ""
    usual: str = ""
    mix: Counts = {}
    last_ns: int = 0
    silent: int = 0
    reference: Reference
    ring: list[Window]
    firing: dict[str, Firing] = {}

    @property
    def subject(self) -> str:
        if self.operation:
            return f"operation:{self.callee}#{self.operation}"
        return f"edge:{self.caller}>{self.callee}"


def window_of(seen: EdgeWindow, worth: float = 1.0) -> Window:
    """A closed window, its durations as counts."""
    latencies, own = seen.latency_ms.tolist(), seen.own_ms.tolist()
    return Window(
        until_ns=seen.until_ns,
        calls=seen.count,
        errors=seen.errors,
        latency=counted(latencies),
        timed=len(latencies),
        latency_ms=_sum(latencies),
        own_ms=_sum(own),
        owned=len(own),
        seen=[(one.trace.hex(), round(min(one.ms, 1e9), 3), one.is_error) for one in seen.exemplars],
        made=dict(seen.calls),
        worth=worth,
    )


def is_warm(reference: Reference, parameters: EdgeParameters) -> bool:
    """Whether there is enough history to judge by."""
    return reference.windows >= parameters.warm_windows and reference.heard >= parameters.warm_requests


def learn(reference: Reference, window: Window, memory: float) -> None:
    """Take one window that has left the ring into what is usual; one of little worth teaches and displaces little."""
    calls, worth = float(window.calls), window.worth
    reference.weight += worth
    reference.windows += 1
    alpha = max(worth / reference.weight, worth * (1.0 - memory))
    gap = calls - reference.rate
    reference.rate += alpha * gap
    reference.rate_variance = (1.0 - alpha) * (reference.rate_variance + alpha * gap * gap)
    if not window.calls:
        return
    reference.heard = reference.heard * memory + calls
    kept = survived(memory, worth)
    counts = window.latency if worth >= 1.0 else {index: count * worth for index, count in window.latency.items()}
    reference.latency = blended(reference.latency, kept, counts)
    reference.calls = reference.calls * kept + worth * calls
    reference.errors = reference.errors * kept + worth * window.errors
    reference.latency_ms = reference.latency_ms * kept + worth * window.latency_ms
    reference.timed = reference.timed * kept + worth * window.timed
    reference.own_ms = reference.own_ms * kept + worth * window.own_ms
    reference.owned = reference.owned * kept + worth * window.owned


def survived(memory: float, worth: float) -> float:
    """The share of the reference that survives a window: a time that counts little passes slowly.

    >>> survived(0.5, 1.0), round(survived(0.5, 0.5), 3)
    (0.5, 0.707)
    """
    return memory if worth >= 1.0 else float(memory**worth)


def own_share(reference: Reference, ring: list[Window]) -> float | None:
    """Of the time that calls take longer now: how much passes in the callee itself, not in what it calls. 0–1."""
    owned, timed = sum(w.owned for w in ring), sum(w.timed for w in ring)
    if not owned or not timed or not reference.owned or not reference.timed:
        return None
    own = math.fsum(w.own_ms for w in ring) / owned - reference.own_ms / reference.owned
    longer = math.fsum(w.latency_ms for w in ring) / timed - reference.latency_ms / reference.timed
    return round(min(max(own / longer, 0.0), 1.0), 3) if longer > 0 else None


def _sum(durations: list[float]) -> float:
    return math.fsum(min(d, 1e9) for d in durations if d > 0)

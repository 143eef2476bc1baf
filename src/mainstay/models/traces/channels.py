"""The three questions about an edge: slower? failing? gone? Each needs rarity, effect, and more than one window."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.models.tails import binomial
from mainstay.models.traces.edge import EdgeState, Reference, Window, own_share, survived
from mainstay.models.traces.finding import Finding
from mainstay.models.traces.histogram import above, pooled, quantile, total
from mainstay.models.traces.parameters import EdgeParameters
from mainstay.models.traces.structure import is_still_restructured, restructured

Channel = Callable[[EdgeState, EdgeParameters], Finding | None]


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """One way of being slow: `needed` of the calls above the limit that follows from the usual quantile `share`."""

    statistic: str
    share: float
    needed: float
    floors: float

    def limit_ms(self, reference: Reference, parameters: EdgeParameters) -> float:
        """Above this a call is slow in practice: relative and absolute."""
        usual = quantile(reference.latency, self.share)
        return max(parameters.ratio * usual, usual + self.floors * parameters.least_ms)

    def holds(self, window: Window, limit_ms: float) -> bool:
        """Whether this window by itself is slow."""
        return window.timed > 0 and above(window.latency, limit_ms) >= self.needed * window.timed


MIDDLE = Slow(statistic="p50", share=0.5, needed=0.5, floors=1.0)
TAIL = Slow(statistic="p90", share=0.9, needed=0.15, floors=2.0)
# (way, windows pooled, calls needed, chance of the calls × latency_p, of the windows). Three windows at least: when a
# process starts, a small host is slow all over for two. A tail needs four, since everyday pauses come in threes.
SLOW_TESTS = (
    (MIDDLE, 3, 6, 1.0, 1e-4),
    (MIDDLE, 6, 6, 1.0, 1e-4),
    (TAIL, 4, 12, 1.0, 2e-6),
    (TAIL, 6, 12, 1.0, 2e-6),
    (TAIL, 6, 20, 1e-4, 5e-5),
)
# Operations are many and each has few calls: a harmless start makes two windows slow, and a pause makes the third.
OPERATION_TESTS = (
    (MIDDLE, 3, 6, 1e-2, 1e-4),
    (MIDDLE, 6, 6, 1e-2, 1e-4),
    (TAIL, 6, 20, 1e-4, 2e-6),
)


def slower(state: EdgeState, parameters: EdgeParameters) -> Finding | None:
    """Most calls slower, or a good part of them much slower; rare among calls and among windows."""
    reference = state.reference
    if not reference.latency:
        return None
    for way, size, least_calls, strictness, window_p in OPERATION_TESTS if state.operation else SLOW_TESTS:
        pool, limit = _newest(state.ring, size), way.limit_ms(reference, parameters)
        if not pool or not way.holds(pool[-1], limit) or sum(w.timed for w in pool) < least_calls:
            continue
        usual = reference.slow_tail if way is TAIL else reference.slow_middle
        windows = sum(1 for w in pool if way.holds(w, limit))
        # Everyday pauses come in twos and threes: one window in fifty may be slow even on an edge that never was.
        if binomial(windows, len(pool), max((usual + 1.0) / (reference.judged + 25.0), 0.02)) >= window_p:
            continue
        p_value = _slow_p(state, pool, limit, way.needed)
        if p_value < strictness * parameters.latency_p:
            return _latency(state, pool, way, (limit, p_value), parameters)
    return None


def noted(reference: Reference, window: Window, parameters: EdgeParameters) -> None:
    """Remember whether a window that is learned was slow all the same; before there is a reference, nothing is."""
    if not window.timed or not reference.latency:
        return
    kept = survived(parameters.memory, window.worth)
    reference.judged = reference.judged * kept + window.worth
    middle = MIDDLE.holds(window, MIDDLE.limit_ms(reference, parameters))
    tail = TAIL.holds(window, TAIL.limit_ms(reference, parameters))
    reference.slow_middle = reference.slow_middle * kept + window.worth * float(middle)
    reference.slow_tail = reference.slow_tail * kept + window.worth * float(tail)


def failing(state: EdgeState, parameters: EdgeParameters) -> Finding | None:
    """A share of calls fails that this edge does not usually have."""
    usual = _error_share(state.reference, parameters)
    for size in (2, 3, 6):
        pool = _newest(state.ring, size)
        calls, errors = sum(w.calls for w in pool), sum(w.errors for w in pool)
        if errors < 3 or sum(1 for w in pool if w.errors) < 2 or not pool[-1].errors:
            continue
        share, p_value = errors / calls, binomial(errors, calls, usual)
        if share - usual >= parameters.error_share and p_value < parameters.errors_p:
            severity: Severity = "critical" if share >= 0.2 else "major" if share >= 0.1 else "minor"
            since = _onset(state.ring, lambda w: w.errors > 0)
            return Finding(
                since_ns=since,
                p_value=p_value,
                value=round(share, 4),
                low=0.0,
                high=round(usual + parameters.error_share, 4),
                factor=round(min(share / usual, 1e3), 2),
                severity=severity,
                statistic="share",
            )
    return None


def gone(state: EdgeState, parameters: EdgeParameters) -> Finding | None:
    """No call for so long that steady traffic cannot explain it (a partial drop is not told)."""
    reference, silent = state.reference, state.silent
    expected = reference.rate * silent
    if silent < parameters.silence_windows or expected < parameters.silence_expected:
        return None
    dispersion = max(1.0, reference.rate_variance / max(reference.rate, 1e-9))
    p_value = math.exp(-min(expected / dispersion, 700.0))
    if p_value >= parameters.silence_p:
        return None
    since = state.last_ns - int(silent * parameters.window_s * 1e9)
    spread = 3.0 * math.sqrt(reference.rate * dispersion)
    return Finding(
        since_ns=since,
        p_value=p_value,
        value=0.0,
        low=round(max(reference.rate - spread, 0.0), 2),
        high=round(reference.rate + spread, 2),
        factor=1e3,
        severity="minor" if state.caller else "major",
        statistic="calls",
    )


def is_still_slow(state: EdgeState, parameters: EdgeParameters) -> bool:
    """Hysteresis: a third of the calls of the last two windows above the limit, or a tenth far above it."""
    latency, pool = state.reference.latency, pooled(w.latency for w in state.ring[-2:])
    calls = total(pool)
    if not calls:
        return True
    for share, needed in ((0.5, 0.3), (0.9, 0.1)):
        usual = quantile(latency, share)
        if above(pool, max(parameters.ratio * usual, usual + parameters.least_ms)) >= needed * calls:
            return True
    return False


def is_still_failing(state: EdgeState, parameters: EdgeParameters) -> bool:
    """Hysteresis: half of what would start it."""
    calls, errors = sum(w.calls for w in state.ring[-2:]), sum(w.errors for w in state.ring[-2:])
    limit = _error_share(state.reference, parameters) + 0.5 * parameters.error_share
    return not calls or errors > limit * calls


def is_still_gone(state: EdgeState, _parameters: EdgeParameters) -> bool:
    """One call is enough to be back."""
    return state.silent > 0


CHANNELS: dict[str, tuple[Channel, Callable[[EdgeState, EdgeParameters], bool]]] = {
    "latency": (slower, is_still_slow),
    "errors": (failing, is_still_failing),
    "traffic": (gone, is_still_gone),
}
OPERATION_CHANNELS: dict[str, tuple[Channel, Callable[[EdgeState, EdgeParameters], bool]]] = {
    "latency": (slower, is_still_slow),
    "errors": (failing, is_still_failing),
    "structure": (restructured, is_still_restructured),
}
"""An operation may fall out of use at any time: that it is not asked for is not told."""


def _newest(ring: list[Window], size: int) -> list[Window]:
    """The newest windows that hold calls, so that rare calls add up; none unless the very newest is among them."""
    held = [w for w in ring if w.calls]
    return held[-size:] if held and held[-1] is ring[-1] and len(held) >= min(size, 3) else []


def _slow_p(state: EdgeState, pool: list[Window], limit: float, needed: float) -> float:
    """Chance of so many calls above the limit; 1.0 when they are too few to matter."""
    counts = pooled(w.latency for w in pool)
    calls, slow = int(total(counts)), int(above(counts, limit))
    if slow < max(4.0, needed * calls):
        return 1.0
    # The +1 of 50 keeps a young reference modest: an edge that was never slow may be slow 2 % of the time.
    usual = (above(state.reference.latency, limit) + 1.0) / (total(state.reference.latency) + 50.0)
    if state.mix:  # users ask for other things than before: that is no slowness
        usual = min(max(usual, 1.25 * above(state.mix, limit) / total(state.mix)), 0.99)
    return binomial(slow, calls, usual)


def _latency(
    state: EdgeState, pool: list[Window], way: Slow, found: tuple[float, float], parameters: EdgeParameters
) -> Finding:
    latency, (limit, p_value) = state.reference.latency, found
    usual, now = quantile(latency, way.share), quantile(pooled(w.latency for w in pool), way.share)
    factor = round(min(now / usual, 1e3), 2)
    added = now - usual
    severity: Severity = "minor"
    if factor >= 5 and added >= parameters.critical_ms:
        severity = "critical"
    elif factor >= 2.5 and added >= 0.5 * parameters.critical_ms:
        severity = "major"
    return Finding(
        since_ns=_onset(state.ring, lambda w: way.holds(w, limit)),
        p_value=p_value,
        value=round(now, 2),
        low=round(quantile(latency, 0.05), 2),
        high=round(limit, 2),
        factor=factor,
        severity=severity,
        statistic=way.statistic,
        own_share=own_share(state.reference, pool),
    )


def _onset(ring: list[Window], is_bad: Callable[[Window], bool]) -> int:
    """Begin of the first bad window of the run that lasts until now; windows without calls do not end a run."""
    since = ring[-1].until_ns
    for i in range(len(ring) - 1, -1, -1):
        if ring[i].calls and not is_bad(ring[i]):
            break
        if is_bad(ring[i]):
            since = ring[i - 1].until_ns if i else ring[i].until_ns
    return since


def _error_share(reference: Reference, parameters: EdgeParameters) -> float:
    """Usual share of failing calls: smoothed towards the floor that every edge is granted, never below it."""
    smoothed = (reference.errors + 1.0) / (reference.calls + 1.0 / parameters.error_floor)
    return max(smoothed, parameters.error_floor)

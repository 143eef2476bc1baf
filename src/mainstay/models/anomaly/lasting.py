"""Whether what is strange matters and lasts: channels, persistence, hysteresis, what becomes the new normal.

All of it is rare: the kernel calls it for samples near or beyond their band, and for series that are suspected or fire.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.state import DRIFT, LEVEL, LIMIT, STRONG

MS, SECOND = 1_000_000, 1_000_000_000
STARTED, CALM, ADOPTED, WORSE = 1, 2, 3, 4
PAUSE = 10  # times its usual interval


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _popcount(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@nb.njit(cache=True, nogil=True, error_model="numpy")
def channel_of(s: Any, rule: Any, x: float, view: tuple[float, float, float, float], ease: float) -> int:
    """Which channel sees this sample outside its band times `ease` (hysteresis), 0 for none."""
    d, w, drift, least = view
    up, down = (s.ways & 1) > 0, (s.ways & 2) > 0
    if s.limit > 0.0 and x < rule.above * s.limit:
        return 0
    found = 0
    far = max(rule.drift_rel * abs(s.slow), least, 6.0 * 1.2533 * s.slow_scale)
    if (up and d > ease * w) or (down and -d > ease * w):
        found = LEVEL
    elif s.limit > 0.0 and rule.near > 0.0 and x >= rule.near * s.limit and s.slow < (rule.near - 0.02) * s.limit:
        found = LIMIT
    elif rule.drift_rel > 0.0 and ((up and drift > ease * far) or (down and -drift > ease * far)):
        found = DRIFT
    return found


@nb.njit(cache=True, nogil=True, error_model="numpy")
def is_strong(s: Any, rule: Any, x: float, m: float) -> bool:
    """So many times the expected value (or its inverse), or the resource is nearly used up."""
    if s.limit > 0.0 and rule.near > 0.0 and x >= rule.near * s.limit:
        return True
    if x > m:
        return bool(x >= rule.strong_ratio * abs(m))
    return bool(abs(x) * rule.strong_ratio <= abs(m))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _creeps(s: Any, rule: Any, at_ns: int, drift: float) -> Any:
    """Whether what is far from its slow reference is still on its way, by what it was `adopt_s` ago; then that is
    noted anew. What has come to rest is the new normal, what creeps on never is.
    """  # noqa: D205
    if rule.drift_rel <= 0.0 or abs(drift) <= 0.7 * rule.drift_rel * abs(s.slow):
        return False
    age, before = at_ns - s.since_ns, s.last_ns - s.since_ns
    period = rule.adopt_s * SECOND
    if age // period == before // period:
        return True  # looked at once in so long
    moved = s.slow + drift - s.level
    s.level = s.slow + drift
    return age // period < 2 or moved * np.sign(drift) > max(0.5 * 1.2533 * s.scale, 0.005 * abs(s.level))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _burning(s: Any, rule: Any, at_ns: int, out: int, drift: float) -> int:
    """A series that fires: the event of this sample, 0 for none."""
    if out:
        s.out_ms, s.run = (at_ns - s.since_ns) // MS, 0
        if s.strong == STRONG:
            s.strong = STRONG + 1
            return WORSE
        if at_ns - s.since_ns < rule.adopt_s * SECOND or _creeps(s, rule, at_ns, drift):
            return 0
        return ADOPTED
    s.run = min(s.run + 1, 60_000)
    return CALM if s.run >= 3 and at_ns - s.since_ns - s.out_ms * MS >= rule.calm_s * SECOND else 0


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _paused(s: Any, at_ns: int) -> bool:
    """Whether nothing came for much longer than usual: what was suspected before the pause is another story."""
    lived = s.last_ns - np.int64(s.first_s) * SECOND
    return bool(at_ns - s.last_ns > PAUSE * max(lived // max(np.int64(s.count), 1), SECOND))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _suspected(s: Any, rule: Any, at_ns: int, out: int) -> int:
    """A series that does not fire yet: it must be outside for some time, in most samples, at least three."""
    if s.run > 0 and _paused(s, at_ns):
        s.bits = s.run = 0
        s.strong = min(s.strong, 1)
    s.bits = ((s.bits << 1) | out) & 0xFFFF
    if s.run == 0:
        if not out:
            return 0
        s.since_ns = at_ns
    elif (s.bits & 7) == 0:
        s.run = s.strong = 0
        return 0
    s.run = min(s.run + 1, 60_000)
    seen = min(s.run, 8)
    outside = _popcount(int(s.bits) & ((1 << seen) - 1))
    if out and s.run >= 3 and 4 * outside >= 3 * seen and at_ns - s.since_ns >= rule.persist_s * SECOND:
        return STARTED
    return 0


@nb.njit(cache=True, nogil=True, error_model="numpy")
def judge(s: Any, rule: Any, at_ns: int, seen: tuple[int, bool], drift: float) -> int:
    """Persistence and hysteresis: the event of this sample, 0 for none."""
    channel, strong = seen
    out = 1 if channel > 0 else 0
    if s.strong <= STRONG:
        s.strong = min(s.strong + 1, STRONG) if out and strong else 0
    event = _burning(s, rule, at_ns, out, drift) if s.firing > 0 else _suspected(s, rule, at_ns, out)
    if event == STARTED:
        s.firing, s.out_ms, s.run = channel, (at_ns - s.since_ns) // MS, 0
        if s.strong == STRONG:
            s.strong = STRONG + 1
    elif event == CALM or event == ADOPTED:  # noqa: PLR1714, SIM109 (numba compares integers, not tuples)
        s.firing, s.bits, s.run, s.strong = 0, 0, 0, 0
    return event

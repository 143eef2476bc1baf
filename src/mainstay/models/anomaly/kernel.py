"""The streaming metric detector's kernel: every sample of every series, in order, one call per batch.

A sequential loop, so that a batch and the same samples one by one give the same bits. All mathematics of one
sample stands in `_step`; `run` only walks. Formulas, with x the sample, m the expected value, σ = 1.2533 · scale:

- level: Huberised exponentially weighted mean, m ← m + α·clip(x − m, ±2.5 σ′); scale likewise on |x − m|.
- α = max(2 / (n + 2), min(1 − exp(−Δt / τ), 0.05)): quick while young, then by time, never by one sample.
- tail: peaks over threshold u = 3 with a generalised Pareto tail of fixed shape ξ = 0.1 (Siffer et al., "Anomaly
  Detection in Streams with Extreme Value Theory", KDD 2017, use the same tail with fitted shape): p(z) = π(1 + ξ(z − u)/β)^(−1/ξ).
- outside: beyond both what is rare (p < p_fire) and what matters in practice (relative and absolute floor).
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.state import DAYS, DRIFT, HOURS, LEVEL, RANGE

U, XI = 3.0, 0.1
HUGE = 1e150  # squares and differences of clamped values stay finite
SECOND = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * SECOND, 86_400 * SECOND
SEASON_WIDTH = HOURS + DAYS + 1  # the last column says whether the factors are in use
ENGAGED = HOURS + DAYS
STARTED, CALM, ADOPTED = 1, 2, 3


@nb.njit(cache=True, nogil=True, inline="always")
def _tail(z: float, rate: float, mean: float) -> float:
    if z <= U:
        return rate ** (z / U)
    return rate * (1.0 + XI * (z - U) / mean) ** (-1.0 / XI)


@nb.njit(cache=True, nogil=True, inline="always")
def _critical(p: float, rate: float, mean: float) -> float:
    """The z beyond which the tail holds less than p."""
    if p >= rate:
        return U
    return U + mean / XI * ((p / rate) ** (-XI) - 1.0)


@nb.njit(cache=True, nogil=True, inline="always")
def _season_at(factors: Any, at_ns: int) -> float:
    """Hour of day (interpolated between the middles of hours) plus day of week; 1970-01-01 was a Thursday."""
    place = (at_ns % DAY_NS) / HOUR_NS - 0.5
    low = math.floor(place)
    share = place - low
    hour = int(low) % HOURS
    return float(
        factors[hour] * (1.0 - share) + factors[(hour + 1) % HOURS] * share + factors[HOURS + (at_ns // DAY_NS) % DAYS]
    )


@nb.njit(cache=True, nogil=True)
def _learn_season(factors: Any, at_ns: int, dt: float, rest: float) -> None:
    """Each hour of the day learns with a memory of two visits, each day of the week likewise."""
    hour, day = (at_ns % DAY_NS) // HOUR_NS, HOURS + (at_ns // DAY_NS) % DAYS
    factors[hour] += (1.0 - math.exp(-dt / 7200.0)) * rest
    factors[day] += (1.0 - math.exp(-dt / 345_600.0)) * rest


@nb.njit(cache=True, nogil=True, inline="always")
def _popcount(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _first(s: Any, at_ns: int, x: float) -> None:
    s.level = s.fast = s.slow = s.last = x
    s.first_ns = s.last_ns = at_ns
    s.tail_rate, s.tail_mean = 0.01, 0.8
    s.count = 1


@nb.njit(cache=True, nogil=True)
def _learn(s: Any, rule: Any, factors: Any, at_ns: int, x: float, dt: float, m: float, least: float, slowed: float) -> None:
    """Take the sample into level, scale, range, tail and season; `slowed` < 1 while it is suspicious."""
    alpha = slowed * max(2.0 / (s.count + 2.0), min(1.0 - math.exp(-dt / rule.tau_s), 0.05))
    sigma = max(1.2533 * s.scale, least / 16.0)
    d = x - m
    if s.count < 4:
        s.level += alpha * d
    else:
        s.level += alpha * min(max(d, -2.5 * sigma), 2.5 * sigma)
    s.scale += alpha * (min(abs(d), 4.0 * sigma if s.count >= 8 else abs(d)) - s.scale)
    step = abs(x - s.last)
    s.range += alpha * (min(step, 4.0 * s.range + least / 16.0) - s.range)
    z = abs(d) / max(1.2533 * s.scale, least / 8.0)
    rare = slowed * max(1.0 / (s.count + 200.0), 0.001)
    s.tail_rate = min(max(s.tail_rate + rare * ((1.0 if z > U else 0.0) - s.tail_rate), 1e-3), 0.2)
    if z > U:
        s.tail_mean = min(max(s.tail_mean + 0.05 * slowed * (min(z - U, 20.0) - s.tail_mean), 0.5), 10.0)
    season = _season_at(factors, at_ns) if s.season > 0 else 0.0
    beta = slowed * max(2.0 / (s.count + 2.0), 1.0 - math.exp(-dt / rule.slow_s))
    rest = x - s.slow - season
    bound = 4.0 * 1.2533 * s.slow_scale + least / 16.0
    s.slow += beta * min(max(rest, -bound), bound)
    s.slow_scale += beta * (min(abs(rest), bound) - s.slow_scale)
    if s.season > 0:
        _learn_season(factors, at_ns, dt, min(max(rest, -bound), bound))
        if factors[ENGAGED] == 0.0 and at_ns - s.first_ns >= rule.season_s * SECOND:
            factors[ENGAGED] = 1.0
            s.level -= _season_at(factors, at_ns)


@nb.njit(cache=True, nogil=True, inline="always")
def _channel(s: Any, rule: Any, d: float, w: float, drift: float, least: float, ease: float) -> int:
    """Which channel sees this sample outside its band times `ease` (hysteresis), 0 for none."""
    up, down = s.ways & 1, s.ways & 2
    w *= ease
    if (up and d > w) or (down and -d > w):
        return LEVEL
    if rule.drift_rel > 0.0:
        far = ease * max(rule.drift_rel * abs(s.slow), max(least, 6.0 * 1.2533 * s.slow_scale))
        if (up and drift > far) or (down and -drift > far):
            return DRIFT
    if rule.range_ratio > 0.0 and s.range_fast > ease * rule.range_ratio * max(s.range, 0.5 * least):
        return RANGE
    return 0


@nb.njit(cache=True, nogil=True)
def _judge(s: Any, rule: Any, at_ns: int, channel: int) -> int:
    """Persistence and hysteresis: the event of this sample, 0 for none."""
    out = 1 if channel > 0 else 0
    if s.firing > 0:
        if out:
            s.out_ns, s.run = at_ns, 0
            if at_ns - s.since_ns >= rule.adopt_s * SECOND:
                return ADOPTED
            return 0
        s.run = min(s.run + 1, 60_000)
        return CALM if s.run >= 3 and at_ns - s.out_ns >= rule.calm_s * SECOND else 0
    s.bits = ((s.bits << 1) | out) & 0xFFFF
    if s.run == 0:
        if not out:
            return 0
        s.since_ns = at_ns
    elif (s.bits & 7) == 0:
        s.run = 0
        return 0
    s.run = min(s.run + 1, 60_000)
    seen = min(s.run, 8)
    outside = _popcount(int(s.bits) & ((1 << seen) - 1))
    if out and s.run >= 3 and 4 * outside >= 3 * seen and at_ns - s.since_ns >= rule.persist_s * SECOND:
        return STARTED
    return 0


@nb.njit(cache=True, nogil=True)
def _adopt(s: Any, season: float) -> None:
    """After hours outside, what was strange is how it is now."""
    s.scale = max(s.scale, 0.1 * abs(s.fast - season - s.level))
    s.level = s.slow = s.fast - season
    s.slow_scale = max(s.slow_scale, s.scale)
    s.range = max(s.range, s.range_fast)
    s.count = min(s.count, 60)


@nb.njit(cache=True, nogil=True)
def _step(s: Any, rule: Any, factors: Any, at_ns: int, x: float, out: Any) -> int:
    """One sample of one watched series. `out` gets p, low, high, channel, expected; the result is the event."""
    x = min(max(x, -HUGE), HUGE)
    if s.count == 0:
        _first(s, at_ns, x)
        return 0
    dt = (at_ns - s.last_ns) / SECOND
    season = _season_at(factors, at_ns) if s.season > 0 and factors[ENGAGED] > 0.0 else 0.0
    m = s.level + season
    least = max(rule.rel * abs(m), rule.abs)
    sigma = max(1.2533 * s.scale * (1.0 + 4.0 / s.count), least / 8.0)
    w = max(_critical(rule.p_fire, s.tail_rate, s.tail_mean) * sigma, least)
    s.fast += 0.25 * (x - s.fast)
    s.range_fast += 0.2 * (abs(x - s.last) - s.range_fast)
    d, drift = x - m, s.fast - s.slow - season
    event = 0
    judged = s.count >= rule.min_samples and at_ns - s.first_ns >= rule.min_s * SECOND
    if judged:
        channel = _channel(s, rule, d, w, drift, least, 0.7 if s.firing > 0 else 1.0)
        out[0] = _tail(abs(d) / sigma, s.tail_rate, s.tail_mean)
        if channel == DRIFT:
            out[0] = min(out[0], _tail(abs(drift) / max(1.2533 * s.slow_scale, least / 8.0), s.tail_rate, s.tail_mean))
        out[1], out[2], out[3], out[4] = m - w, m + w, channel, m
        event = _judge(s, rule, at_ns, channel)
        if event == STARTED:
            s.firing = channel
    if event == CALM or event == ADOPTED:  # noqa: PLR1714 (numba)
        s.firing, s.bits, s.run = 0, 0, 0
    if event == ADOPTED:
        _adopt(s, season)
    elif s.firing == 0:
        _learn(s, rule, factors, at_ns, x, dt, m, least, 0.1 if s.run > 0 else 1.0)
        s.count = min(s.count + 1, 4_000_000_000)
    s.last, s.last_ns = x, at_ns
    return event


@nb.njit(cache=True, nogil=True)
def run(
    rows: Any, rules: Any, seasons: Any, batch: tuple[Any, Any, Any], start: int, out: Any, frozen: Any
) -> tuple[int, int, int]:
    """Walk a batch from `start`; stops early when a transition is found.

    Args:
        rows, rules, seasons: State, parameter table, season table (row 0 unused; its [0, 0] counts the rows in use).
        batch: series u32[n], at_ns i64[n], value f64[n].
        out: f64[n, 5], NaN before: p, low, high, channel, expected.
        frozen: One row (and in `seasons[-1]` its factors): the state before the sample of the transition.

    Returns:
        (next position, event or 0, position of the event).
    """
    series, at, value = batch
    known = len(rows)
    for k in range(start, len(series)):
        i = series[k]
        x = value[k]
        if i >= known or not math.isfinite(x):
            continue
        s = rows[i]
        if s.rule == 0 or (s.count > 0 and at[k] <= s.last_ns):
            continue
        rule = rules[s.rule]
        if s.season == 0 and s.count >= 200 and at[k] - s.first_ns >= DAY_NS and rule.season_s > 0:
            seasons[0, 0] += 1
            s.season = np.uint32(seasons[0, 0])
        if s.run > 0 or s.firing > 0:
            frozen[0] = rows[i]
            seasons[-1] = seasons[s.season]
        event = _step(s, rule, seasons[s.season], at[k], x, out[k])
        if event > 0:
            return k + 1, event, k
    return len(series), 0, -1

"""The streaming metric detector's kernel: every sample of every series, in order, one call per batch.

A sequential loop, so that a batch and the same samples one by one give the same bits. Formulas, with x the sample,
m the expected value, σ = 1.2533 · scale (the normal law's ratio of standard to mean absolute deviation):

- level: Huberised exponentially weighted mean, m ← m + α·clip(x − m, ±2.5 σ′); scale likewise on |x − m|.
- α = max(2 / (n + 2), min(1 − exp(−Δt / τ), 0.05)): quick while young, then by time, never by one sample.
- tail: peaks over threshold u = 3, a generalised Pareto tail of fixed shape ξ = 0.1, rate π and mean excess β learned:
  p(z) = π(1 + ξ(z − u)/β)^(−1/ξ) (after Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory",
  KDD 2017).
- outside: beyond both what is rare (p < p_fire) and what matters in practice (relative and absolute floor).
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.state import DAYS, DRIFT, HOURS, LEVEL, LIMIT, RANGE, STRONG

U, XI = 3.0, 0.1
HUGE = 1e150  # squares and differences of clamped values stay finite
SECOND = 1_000_000_000
HOUR_NS, DAY_NS = 3600 * SECOND, 86_400 * SECOND
# A row of the season table: what each hour of the day adds, what each day of the week adds, whether they are in use,
# each hour's mean at the visit before, mean and samples of the visit that goes on.
ENGAGED, BEFORE = HOURS + DAYS, HOURS + DAYS + 1
VISIT, VISIT_COUNT = BEFORE + HOURS, BEFORE + HOURS + 1
SEASON_WIDTH = VISIT_COUNT + 1
EDGE_NS = 300 * SECOND  # jobs do not begin on the second: five minutes round a full hour either hour is right
STARTED, CALM, ADOPTED, WORSE = 1, 2, 3, 4


@nb.njit(cache=True, nogil=True)
def _tail(z: float, rate: float, mean: float) -> Any:
    if z <= U:
        return rate ** (z / U)
    return rate * (1.0 + XI * (z - U) / mean) ** (-1.0 / XI)


@nb.njit(cache=True, nogil=True)
def _critical(p: float, rate: float, mean: float) -> Any:
    """The z beyond which the tail holds less than p."""
    if p >= rate:
        return U
    return U + mean / XI * ((p / rate) ** (-XI) - 1.0)


@nb.njit(cache=True, nogil=True)
def _season_at(factors: Any, at_ns: int) -> Any:
    """Hour of day plus day of week; 1970-01-01 was a Thursday."""
    return factors[(at_ns % DAY_NS) // HOUR_NS] + factors[HOURS + (at_ns // DAY_NS) % DAYS]


@nb.njit(cache=True, nogil=True)
def _season_near(factors: Any, at_ns: int, rest: float) -> Any:
    """Of the seasons five minutes ago and ahead the one that explains the rest better."""
    early, late = _season_at(factors, at_ns - EDGE_NS), _season_at(factors, at_ns + EDGE_NS)
    return early if abs(rest - early) <= abs(rest - late) else late


@nb.njit(cache=True, nogil=True)
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
def _learn_level(s: Any, tau_s: float, sample: tuple[float, float, float, float], slowed: float) -> None:
    """Level, scale, range and tail; `slowed` < 1 while the sample is suspicious."""
    x, dt, m, least = sample
    alpha = slowed * max(2.0 / (s.count + 2.0), min(1.0 - math.exp(-dt / tau_s), 0.05))
    sigma, d = max(1.2533 * s.scale, least / 16.0), x - m
    s.level += alpha * (min(max(d, -2.5 * sigma), 2.5 * sigma) if s.count >= 4 else d)
    s.scale += alpha * (min(abs(d), 3.0 * s.scale + least / 32.0 if s.count >= 12 else abs(d)) - s.scale)
    s.range += alpha * (min(abs(x - s.last), 4.0 * s.range + least / 16.0) - s.range)
    z, rare = abs(d) / max(1.2533 * s.scale, least / 8.0), slowed * max(1.0 / (s.count + 200.0), 0.001)
    s.tail_rate = min(max(s.tail_rate + rare * ((1.0 if z > U else 0.0) - s.tail_rate), 1e-3), 0.2)
    if z > U:
        s.tail_mean = min(max(s.tail_mean + 0.05 * slowed * (min(z - U, 20.0) - s.tail_mean), 0.5), 10.0)


@nb.njit(cache=True, nogil=True)
def _learn_slow(s: Any, slow_s: float, sample: tuple[float, float, float, float], season: float) -> None:
    """The long memory; its scale may grow by little at a time, so that a ramp does not pass for noise."""
    x, dt, _, least = sample
    beta = max(1.0 / (s.count + 1.0), 1.0 - math.exp(-dt / slow_s))
    rest, bound = x - s.slow - season, 4.0 * s.slow_scale + least / 200.0
    s.slow += beta * min(max(rest, -bound), bound)
    most = 1.5 * s.slow_scale + least / 200.0 if s.count >= 12 else abs(rest)
    s.slow_scale += beta * (min(abs(rest), most) - s.slow_scale)


@nb.njit(cache=True, nogil=True)
def _learn_season(s: Any, rule: Any, factors: Any, at_ns: int, rest: float) -> None:
    """What an hour adds is what it added on both of its last two visits (the smaller): one incident is no season."""
    hour, before = (at_ns % DAY_NS) // HOUR_NS, (s.last_ns % DAY_NS) // HOUR_NS
    if hour != before or at_ns - s.last_ns >= HOUR_NS:
        mean, last = factors[VISIT], factors[BEFORE + before]
        if factors[VISIT_COUNT] >= 3.0:
            factors[before] = (min(abs(mean), abs(last)) if mean * last > 0.0 else 0.0) * (1.0 if mean > 0.0 else -1.0)
            factors[BEFORE + before] = mean
        factors[VISIT] = factors[VISIT_COUNT] = 0.0
        if factors[ENGAGED] == 0.0 and at_ns - s.first_ns >= rule.season_s * SECOND:
            factors[ENGAGED] = 1.0
            s.level -= _season_at(factors, at_ns)
    factors[VISIT_COUNT] += 1.0
    day = HOURS + (at_ns // DAY_NS) % DAYS
    factors[VISIT] += (rest - factors[day] - factors[VISIT]) / factors[VISIT_COUNT]
    bound = 4.0 * s.slow_scale
    others = rest - factors[hour] - factors[day]
    factors[day] += (1.0 - math.exp(-(at_ns - s.last_ns) / SECOND / 345_600.0)) * min(max(others, -bound), bound)


@nb.njit(cache=True, nogil=True)
def _channel(s: Any, rule: Any, x: float, view: tuple[float, float, float, float], ease: float) -> int:
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
    elif rule.range_ratio > 0.0 and s.range_fast > ease * rule.range_ratio * max(s.range, 0.5 * least):
        found = RANGE
    return found


@nb.njit(cache=True, nogil=True)
def _is_strong(s: Any, rule: Any, x: float, m: float) -> bool:
    """So many times the expected value (or its inverse), or the resource is nearly used up."""
    if s.limit > 0.0 and rule.near > 0.0 and x >= rule.near * s.limit:
        return True
    if x > m:
        return bool(x >= rule.strong_ratio * abs(m))
    return bool(abs(x) * rule.strong_ratio <= abs(m))


@nb.njit(cache=True, nogil=True)
def _burning(s: Any, rule: Any, at_ns: int, out: int) -> int:
    """A series that fires: the event of this sample, 0 for none."""
    if out:
        s.out_ns, s.run = at_ns, 0
        if s.strong == STRONG:
            s.strong = STRONG + 1
            return WORSE
        return ADOPTED if at_ns - s.since_ns >= rule.adopt_s * SECOND else 0
    s.run = min(s.run + 1, 60_000)
    return CALM if s.run >= 3 and at_ns - s.out_ns >= rule.calm_s * SECOND else 0


@nb.njit(cache=True, nogil=True)
def _suspected(s: Any, rule: Any, at_ns: int, out: int) -> int:
    """A series that does not fire yet: it must be outside for some time, in most samples, at least three."""
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


@nb.njit(cache=True, nogil=True)
def _judge(s: Any, rule: Any, at_ns: int, channel: int, strong: bool) -> int:
    """Persistence and hysteresis: the event of this sample, 0 for none."""
    out = 1 if channel > 0 else 0
    if s.strong <= STRONG:
        s.strong = min(s.strong + 1, STRONG) if out and strong else 0
    event = _burning(s, rule, at_ns, out) if s.firing > 0 else _suspected(s, rule, at_ns, out)
    if event == STARTED:
        s.firing, s.out_ns, s.run = channel, at_ns, 0
        if s.strong == STRONG:
            s.strong = STRONG + 1
    elif event == CALM or event == ADOPTED:  # noqa: PLR1714, SIM109 (numba compares integers, not tuples)
        s.firing, s.bits, s.run, s.strong = 0, 0, 0, 0
    return event


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
    if s.count == 0:
        _first(s, at_ns, x)
        return 0
    dt = (at_ns - s.last_ns) / SECOND
    season = _season_near(factors, at_ns, x - s.level) if s.link > 0 and factors[ENGAGED] > 0.0 else 0.0
    m = s.level + season
    least = max(rule.rel * abs(m), rule.abs)
    sigma = max(1.2533 * s.scale * (1.0 + 6.0 / s.count), least / 8.0)
    w = max(_critical(rule.p_fire, s.tail_rate, s.tail_mean) * sigma, least)
    s.fast += 0.25 * (x - s.fast)
    s.range_fast += 0.2 * (abs(x - s.last) - s.range_fast)
    event = 0
    if s.count >= rule.min_samples and at_ns - s.first_ns >= rule.min_s * SECOND:
        drift, now = s.fast - s.slow - season, x - s.slow - season
        if abs(now) < abs(drift):  # the mean of the last samples is still away, the series is back
            drift = now
        channel = _channel(s, rule, x, (x - m, w, drift, least), 0.7 if s.firing > 0 else 1.0)
        out[0] = _tail(abs(x - m) / sigma, s.tail_rate, s.tail_mean)
        if channel == DRIFT:
            out[0] = min(out[0], _tail(abs(drift) / max(1.2533 * s.slow_scale, least / 8.0), s.tail_rate, s.tail_mean))
        out[1], out[2], out[3], out[4] = m - w, m + w, channel, m
        event = _judge(s, rule, at_ns, channel, _is_strong(s, rule, x, m))
    if s.link > 0:
        _learn_season(s, rule, factors, at_ns, x - s.slow)
    if event == ADOPTED:
        _adopt(s, season)
    elif s.firing == 0:
        sample = (x, dt, m, least)
        _learn_level(s, rule.tau_s, sample, 0.1 if s.run > 0 else 1.0)
        if s.run == 0:
            _learn_slow(s, rule.slow_s, sample, season)
        s.count = min(s.count + 1, 4_000_000_000)
    s.last, s.last_ns = x, at_ns
    return event


@nb.njit(cache=True, nogil=True)
def run(
    tables: tuple[Any, Any, Any], batch: tuple[Any, Any, Any], start: int, out: Any, frozen: Any
) -> tuple[int, int, int]:
    """Walk a batch from `start`; stops early when a transition is found.

    Args:
        tables: Rows, parameter table, season table. Row 0 of the seasons is unused but for [0, 0], which counts the
            rows in use; their last row takes the factors that belong to `frozen`.
        batch: series u32[n], at_ns i64[n], value f64[n].
        start: Position to begin at.
        out: f64[n, 5], NaN before: p, low, high, channel, expected.
        frozen: One row: the state before the sample of the transition.

    Returns:
        (next position, event or 0, position of the event).
    """
    rows, rules, seasons = tables
    series, at, value = batch
    for k in range(start, len(series)):
        i = series[k]
        if i >= len(rows) or not math.isfinite(value[k]):
            continue
        s, x = rows[i], min(max(value[k], -HUGE), HUGE)
        if s.rule == 0 or (s.count > 0 and at[k] <= s.last_ns):
            continue
        rule = rules[s.rule]
        if rule.is_limit > 0.0:
            if 0 < s.link <= len(rows):
                rows[s.link - 1].limit = x
            continue
        if s.link == 0 and s.count >= 200 and at[k] - s.first_ns >= DAY_NS and rule.season_s > 0:
            seasons[0, 0] += 1
            s.link = np.uint32(seasons[0, 0])
        if s.run > 0 or s.firing > 0:
            frozen[0] = rows[i]
            seasons[-1] = seasons[s.link]
        event = _step(s, rule, seasons[s.link], at[k], x, out[k])
        if event > 0:
            return k + 1, event, k
    return len(series), 0, -1

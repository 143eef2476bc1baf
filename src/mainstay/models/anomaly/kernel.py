"""The streaming metric detector's kernel: every sample of every series, in order, one call per batch.

A sequential loop, so that a batch and the same samples one by one give the same bits. Formulas, with x the sample,
m the expected value, σ = 1.2533 · scale (the normal law's ratio of standard to mean absolute deviation):

- level: Huberised exponentially weighted mean, m ← m + α·clip(x − m, ±2.5 σ′); scale likewise on |x − m|.
- α = max(2 / (n + 2), min(1 − exp(−Δt / τ), 0.05)): quick while young, then by time, never by one sample.
- tail: peaks over threshold u = 3, a generalised Pareto tail of fixed shape ξ = 0.1, rate π and mean excess β learned:
  p(z) = π(1 + ξ(z − u)/β)^(−1/ξ) (after Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory",
  KDD 2017).
- outside: beyond both what is rare (p < p_fire) and what matters in practice (relative and absolute floor).
- the score of every sample is not this p but that of `records`: it does not ask what matters, nor whether it lasts.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.days import WIDE, day_at, day_near, learn_hour
from mainstay.models.anomaly.peers import OWN, born
from mainstay.models.anomaly.records import follow, remember, strangeness
from mainstay.models.anomaly.season import HOUR_NS, season_near, slot_at, steps_of, usual_of
from mainstay.models.anomaly.state import BORROWED, DRIFT, LEVEL, LIMIT, MOST_COUNT, SEASONAL, STRONG, UNSEEN

U, XI = 3.0, 0.1
HUGE = 1e30  # clamped values, their differences and products stay finite in single precision
MS, SECOND = 1_000_000, 1_000_000_000
BAND_EVERY_S = 32  # of a calm series one band in this time is kept (of those slower than that, some)
STARTED, CALM, ADOPTED, WORSE = 1, 2, 3, 4
# What is told of a sample: for an alert the tail's p, the band, the channel; and how strange it is (−ln p), by which
# statistic; by what the band is widened. NaN strangeness: not judged. NaN high: no band.
P, LOW, HIGH, CHANNEL, EXPECTED, STRANGENESS, STATISTIC, WIDENED = 0, 1, 2, 3, 4, 5, 6, 7
TOLD = 8


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _tail(z: float, rate: float, mean: float) -> Any:
    if z <= U:
        return rate ** (z / U)
    return rate * (1.0 + XI * (z - U) / mean) ** (-1.0 / XI)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _critical(p: float, rate: float, mean: float) -> Any:
    """The z beyond which the tail holds less than p."""
    if p >= rate:
        return U
    return U + mean / XI * ((p / rate) ** (-XI) - 1.0)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _popcount(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _first(s: Any, at_ns: int, x: float) -> None:
    s.level = s.fast = s.slow = s.last = s.high = s.low = x
    s.last_ns, s.first_s = at_ns, at_ns // SECOND
    s.tail_rate, s.tail_mean = 0.01, 0.8
    s.count = 1


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _share(times: float) -> float:
    """1 − exp(−times), to 1 % below a share of a third, and never above 1: no exponential for every sample."""
    return min(times / (1.0 + 0.5 * times), 1.0)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _learn_level(s: Any, tau_s: float, sample: tuple[float, float, float, float], slowed: float) -> None:
    """Level, scale and tail; `slowed` < 1 while the sample is suspicious."""
    x, dt, m, least = sample
    alpha = slowed * max(2.0 / (s.count + 2.0), min(_share(dt / tau_s), 0.05))
    sigma, d = max(1.2533 * s.scale, least / 16.0), x - m
    s.level += alpha * (min(max(d, -2.5 * sigma), 2.5 * sigma) if s.count >= 4 else d)
    s.scale += alpha * (min(abs(d), 3.0 * s.scale + least / 32.0 if s.count >= 12 else abs(d)) - s.scale)
    z, rare = (
        abs(d) / max(1.2533 * s.scale, least / 8.0),
        slowed * (0.001 if s.count >= 800 else 1.0 / (s.count + 200.0)),
    )
    s.tail_rate = min(max(s.tail_rate + rare * ((1.0 if z > U else 0.0) - s.tail_rate), 1e-3), 0.2)
    if z > U:
        s.tail_mean = min(max(s.tail_mean + 0.05 * slowed * (min(z - U, 20.0) - s.tail_mean), 0.5), 10.0)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _learn_slow(s: Any, slow_s: float, sample: tuple[float, float, float, float], rest: float) -> None:
    """The long memory; its scale may grow by little at a time, so that a ramp does not pass for noise."""
    _, dt, _, least = sample
    beta = max(1.0 / (s.count + 1.0), _share(dt / slow_s))
    bound = 4.0 * s.slow_scale + least / 200.0
    s.slow += beta * min(max(rest, -bound), bound)
    most = 1.5 * s.slow_scale + least / 200.0 if s.count >= 12 else abs(rest)
    s.slow_scale += beta * (min(abs(rest), most) - s.slow_scale)


@nb.njit(cache=True, nogil=True, error_model="numpy")
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
    return found


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _is_strong(s: Any, rule: Any, x: float, m: float) -> bool:
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


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _judge(s: Any, rule: Any, at_ns: int, seen: tuple[int, bool], drift: float) -> int:
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


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _adopt(s: Any, season: float, is_day_known: bool) -> None:
    """After hours outside, what was strange is how it is now; only for today where no such day is known yet."""
    s.scale = max(s.scale, 0.1 * abs(s.fast - season - s.level))
    s.level = s.fast - season
    if is_day_known:
        s.slow = s.level
    s.slow_scale = max(s.slow_scale, s.scale)
    s.count = min(s.count, 60)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _band(s: Any, rule: Any, sigma: float, least: float) -> float:
    """Half the width of what is expected."""
    return float(max(_critical(rule.p_fire, s.tail_rate, s.tail_mean) * sigma, least))


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _drift(s: Any, rule: Any, known: Any, x: float, season: float) -> Any:
    """How far the mean of the last samples has left the slow reference, not counting what every hour seems to add."""
    if s.ways & SEASONAL and abs(s.fast - s.slow) > 0.5 * rule.drift_rel * abs(s.slow):
        season -= s.unit * usual_of(known)
    drift, now = s.fast - s.slow - season, x - s.slow - season
    return now if abs(now) < abs(drift) else drift  # the mean is still away, the series is back


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _look(
    s: Any, rule: Any, season: Any, sample: tuple[int, float], view: tuple[float, float, float, float], told: Any
) -> int:
    """Judge one sample by what was known before it. The half width is only computed where it can matter."""
    at_ns, x = sample
    m, added, least, wide = view
    sigma = max(1.2533 * s.scale * (1.0 + 6.0 / s.count), least / 8.0)
    now, drift = x - s.slow - added, _drift(s, rule, season, x, added)
    d, ease = x - m, 0.7 if s.firing > 0 else 1.0
    is_now = at_ns // SECOND % BAND_EVERY_S < 2
    w = wide * max(U * sigma, least)  # the least that it can be
    if is_now or abs(d) > ease * w:
        w = wide * _band(s, rule, sigma, least)
        if s.ways & SEASONAL and abs(d) > ease * w and abs(now) <= w:  # not as just now, but as usual at this hour
            s.level, m, d = s.slow, s.slow + added, now
    channel = _channel(s, rule, x, (d, w, drift / wide, least), ease)
    event = _judge(s, rule, at_ns, (channel, _is_strong(s, rule, x, m)), drift)
    if event > 0 or channel > 0 or is_now:
        w = wide * _band(s, rule, sigma, least)
        told[LOW], told[HIGH], told[CHANNEL], told[EXPECTED], told[WIDENED] = m - w, m + w, channel, m, wide
    if event > 0:
        told[P] = _tail(abs(d) / sigma, s.tail_rate, s.tail_mean)
        if channel == DRIFT:
            z = abs(drift) / max(1.2533 * s.slow_scale, least / 8.0)
            told[P] = min(told[P], _tail(z, s.tail_rate, s.tail_mean))
    return event


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _hour(
    s: Any, season: Any, beside: tuple[Any, Any, int, int], at_ns: int, x: float
) -> tuple[int, float, float, float]:
    """What the hour adds to the slow reference (in steps, `UNSEEN` if that says nothing, and in the metric's unit) and
    to the level; and by what the band is widened because nothing is known of such a day.
    """  # noqa: D205
    days, _, i, day = beside
    if day == 0:
        steps = steps_of(season, slot_at(at_ns // HOUR_NS))
        added = season_near(season, s.unit, at_ns, x - s.level) if s.ways & SEASONAL else 0.0
        return steps, 0.0 if steps == UNSEEN else steps * s.unit, added, 1.0
    known = (season, days[i])
    hour, is_known = day_near(known, s.unit, (day, at_ns), x - s.slow)
    added = day_near(known, s.unit, (day, at_ns), x - s.level)[0] if s.ways & SEASONAL else 0.0
    return 0 if is_known else UNSEEN, hour, added, 1.0 if is_known and s.ways & SEASONAL else WIDE


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _step(
    s: Any, rule: Any, season: Any, beside: tuple[Any, Any, int, int], sample: tuple[int, float], told: Any
) -> int:
    """One sample of one watched series; the result is the event."""
    at_ns, x = sample
    told[STRANGENESS] = told[P] = told[LOW] = told[HIGH] = told[EXPECTED] = math.nan
    if s.count == 0:
        if s.ways & BORROWED:
            added = season_near(season, s.unit, at_ns, 0.0) if s.ways & SEASONAL else 0.0
            born(s, sample, added, int(rule.min_samples))
        else:
            _first(s, at_ns, x)
        return 0
    dt, event = (at_ns - s.last_ns) / SECOND, 0
    steps, hour, added, wide = _hour(s, season, beside, at_ns, x)
    rest, m = x - s.slow - hour, s.level + added
    least = max(rule.rel * abs(m), rule.abs)
    s.fast += 0.25 * (x - s.fast)
    follow(s, x, rest)
    is_old = at_ns // SECOND - s.first_s >= rule.min_s
    if s.count >= rule.min_samples and is_old:
        told[STRANGENESS], told[STATISTIC] = strangeness(s, x, rest, steps)
        event = _look(s, rule, season, sample, (m, added, least, wide), told)
    remember(s, x, rest)
    if s.firing == 0 or rule.drift_rel <= 0.0:  # a creep that goes on is no rhythm
        if at_ns // HOUR_NS != s.last_ns // HOUR_NS:
            days, table, i, day = beside
            learn_hour(s, (season, days[i]), (table, day), (at_ns, rule.season_s), x - s.slow)
        s.visits = min(s.visits + 1, 255)
        s.visit = s.visit + (x - s.slow - s.visit) / s.visits if s.visits > 1 else x - s.slow
    if event == ADOPTED:
        is_usual = beside[3] == 0 and season[slot_at(at_ns // HOUR_NS)] != UNSEEN
        _adopt(s, added, is_usual or s.ways & SEASONAL == 0)
    elif s.firing == 0 and (is_old or s.ways & BORROWED == 0):  # what is borrowed holds until it is judged
        looked = (x, dt, m, least)
        _learn_level(s, rule.tau_s, looked, 0.1 if s.run > 0 else 1.0)
        if s.run == 0 and wide == 1.0:
            _learn_slow(s, rule.slow_s, looked, x - s.slow - added)
        s.count = min(s.count + 1, MOST_COUNT)
        if s.count >= OWN:
            s.ways &= ~BORROWED
    s.last, s.last_ns = x, at_ns
    return event


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _limits(rows: Any, other: int, x: float) -> None:
    if 0 < other <= len(rows):
        rows[other - 1].limit = x


@nb.njit(cache=True, nogil=True, error_model="numpy")
def run(
    tables: tuple[Any, Any, Any, Any, Any],
    batch: tuple[Any, Any, Any],
    start: tuple[int, int],
    out: tuple[Any, Any, Any, Any],
    frozen: tuple[Any, Any],
) -> tuple[int, int, int, int]:
    """Walk a batch from `start`; stops early when a transition is found.

    Args:
        tables: Rows, parameter table, the rows' `season` field, days of a kind beside them, the calendar.
        batch: series u32[n], at_ns i64[n], value f64[n].
        start: (position to begin at, bands found before), as the last call returned them.
        out: ln p f64[n], NaN before; positions u32[n] and (low, high) f64[n, 2] of bands worth keeping;
            what is known of the sample of a transition f64[TOLD].
        frozen: One row, and its days: the state before the sample of the transition.

    Returns:
        (next position, bands found, event or 0, position of the event).
    """
    rows, rules, seasons, days, table = tables
    series, at, value = batch
    scores, kept, bands, told = out
    found, day = 0, 0
    since, until = np.int64(1), np.int64(0)
    for k in range(start[0], len(series)):
        i = series[k]
        if i >= len(rows) or not math.isfinite(value[k]):
            continue
        s, x = rows[i], min(max(value[k], -HUGE), HUGE)
        if s.rule == 0 or (s.count > 0 and at[k] <= s.last_ns):
            continue
        rule = rules[s.rule]
        if rule.is_limit > 0.0:
            _limits(rows, s.since_ns, x)
            continue
        if s.run > 0 or s.firing > 0:
            frozen[0][0], frozen[1][0] = rows[i], days[i]
        if not since <= at[k] < until:
            day, since, until = day_at(table, at[k])
        event = _step(s, rule, seasons[i], (days, table, i, day), (at[k], x), told)
        if not math.isnan(told[STRANGENESS]):
            scores[k] = -told[STRANGENESS]
        if not math.isnan(told[HIGH]):
            at_band = start[1] + found
            kept[at_band] = k
            # What is never below zero is not expected below zero: a person reads the band, the score does not.
            bands[at_band, 0] = max(told[LOW], 0.0) if told[EXPECTED] >= 0.0 else told[LOW]
            bands[at_band, 1] = told[HIGH]
            found += 1
        if event > 0:
            return k + 1, start[1] + found, event, k
    return len(series), start[1] + found, 0, -1

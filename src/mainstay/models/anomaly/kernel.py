"""The streaming metric detector's kernel: every sample of every series, in order, one call per batch.

A sequential loop, so that a batch and the same samples one by one give the same bits. Formulas, with x the sample,
m the expected value, σ = 1.2533 · scale (the normal law's ratio of standard to mean absolute deviation):

- level: Huberised exponentially weighted mean, m ← m + α·clip(x − m, ±2.5 σ′); scale likewise on |x − m|.
- α = max(2 / (n + 2), min(1 − exp(−Δt / τ), 0.05)): quick while young, then by time, never by one sample.
- tail: peaks over threshold u = 3, a generalised Pareto tail of fixed shape ξ = 0.1, rate π and mean excess β learned:
  p(z) = π(1 + ξ(z − u)/β)^(−1/ξ) (after Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory",
  KDD 2017).
- outside: beyond both what is rare (p < p_fire, never nearer than z_least σ) and what matters in practice (relative and
  absolute floor).
- the score of every sample is not this p but that of `records`: it does not ask what matters, nor whether it lasts.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

from mainstay.models.anomaly.days import WIDE, day_at, day_near, learn_hour
from mainstay.models.anomaly.lasting import ADOPTED, channel_of, is_strong, judge
from mainstay.models.anomaly.learning import SHARES, U, adopt, first, learn_level, learn_slow, live_hour, shares
from mainstay.models.anomaly.peers import OWN, born
from mainstay.models.anomaly.records import follow, remember, strangeness
from mainstay.models.anomaly.season import EDGE_NS, HOUR_NS, season_near, slot_at, steps_near, steps_of, usual_of
from mainstay.models.anomaly.state import BORROWED, DRIFT, MOST_COUNT, SEASONAL, STRONG, UNSEEN
from mainstay.models.fetching import fetch

XI = 0.1
AHEAD = 16  # samples: by then a row has come
HUGE = 1e30  # clamped values, their differences and products stay finite in single precision
SECOND = 1_000_000_000
YOUNG, HALF = 30, 0.5  # samples until which all is learned; worth below which nothing is learned to last
BAND_EVERY_S = 32  # of a calm series one band in this time is kept (of those slower than that, some)
# What is told of a sample: for an alert the tail's p, the band, the channel; and how strange it is (−ln p), by which
# statistic; by what the band is widened. NaN strangeness: not judged. NaN high: no band.
TOLD = np.dtype(
    [(name, "f8") for name in ("p", "low", "high", "channel", "expected", "strangeness", "statistic", "widened")]
)
_SHARES = np.dtype([("rule", "i8"), ("dt_ns", "i8"), ("level", "f8"), ("slow", "f8")])
Hour = tuple[int, float, float, float]
"""What an hour adds: in steps and in the metric's unit to the slow reference, to the level; how much wider a band."""
Now = tuple[int, int, int, int, int, int, int]
"""Of a sample's time: ns, begin of the hour, its slot, the slots five minutes later and earlier, second, band due."""


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _tail(z: float, rate: float, mean: float) -> Any:
    if z <= U:
        return rate ** (z / U)
    return rate * (1.0 + XI * (z - U) / mean) ** (-1.0 / XI)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _critical(p: float, rate: float, mean: float) -> Any:
    """The z beyond which the tail holds less than p."""
    if p >= rate:
        return U * math.log(p) / math.log(rate)
    return U + mean / XI * ((p / rate) ** (-XI) - 1.0)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _band(s: Any, rule: Any, sigma: float, least: float) -> float:
    """Half the width of what is expected."""
    return float(max(max(_critical(rule.p_fire, s.tail_rate, s.tail_mean), rule.z_least) * sigma, least))


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _drift(s: Any, rule: Any, x: float, season: float) -> Any:
    """How far the mean of the last samples has left the slow reference, not counting what every hour seems to add."""
    if s.ways & SEASONAL and abs(s.fast - s.slow) > 0.5 * rule.drift_rel * abs(s.slow):
        season -= s.unit * usual_of(s.season)
    drift, now = s.fast - s.slow - season, x - s.slow - season
    return now if abs(now) < abs(drift) else drift  # the mean is still away, the series is back


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _look(s: Any, rule: Any, sample: tuple[int, float], view: tuple[float, float, float, float], told: Any) -> int:
    """Judge one sample by what was known before it. The half width is only computed where it can matter."""
    at_ns, x = sample
    m, added, least, wide = view
    sigma = max(1.2533 * s.scale * (1.0 + 6.0 / s.count), least / 8.0)
    now, drift = x - s.slow - added, _drift(s, rule, x, added)
    d, ease = x - m, 0.7 if s.firing > 0 else 1.0
    is_now = at_ns // SECOND % BAND_EVERY_S < 2
    w, exact = wide * max(rule.z_least * sigma, least), -1.0  # at least; what it is, once needed
    if is_now or abs(d) > ease * w:
        w = exact = wide * _band(s, rule, sigma, least)
        if s.ways & SEASONAL and abs(d) > ease * w and abs(now) <= w:  # not as just now, but as usual at this hour
            s.level, m, d = s.slow, s.slow + added, now
    channel = channel_of(s, rule, x, (d, w, drift / wide, least), ease)
    event = judge(s, rule, at_ns, (channel, is_strong(s, rule, x, m)), drift)
    if event > 0 or channel > 0 or is_now:
        w = exact if exact >= 0.0 else wide * _band(s, rule, sigma, least)
        told.low, told.high, told.channel, told.expected, told.widened = m - w, m + w, channel, m, wide
    if event > 0:
        told.p = _tail(abs(d) / sigma, s.tail_rate, s.tail_mean)
        if channel == DRIFT:
            z = abs(drift) / max(1.2533 * s.slow_scale, least / 8.0)
            told.p = min(told.p, _tail(z, s.tail_rate, s.tail_mean))
    return event


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _is_calm(s: Any, rule: Any, x: float, view: tuple[float, float, float, float]) -> bool:
    """Surely no channel sees it and nothing goes on: less is asked than `_look` does, never more is let pass."""
    m, added, least, _ = view
    if s.run > 0 or s.firing > 0 or abs(x - m) > max(rule.z_least * (1.2533 * s.scale), least):
        return False
    if s.limit > 0.0 and rule.near > 0.0 and x >= rule.near * s.limit:
        return False
    far, away = rule.drift_rel * abs(s.slow), s.fast - s.slow
    return bool(rule.drift_rel <= 0.0 or (abs(away) <= 0.5 * far and abs(away - added) <= max(far, least)))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _on_a_day(s: Any, days: Any, moment: tuple[int, int], x: float) -> Hour:
    """As `_hour`, on a day of the calendar."""
    known = s.season, days
    hour, is_known = day_near(known, s.unit, moment, x - s.slow)
    added = day_near(known, s.unit, moment, x - s.level)[0] if s.ways & SEASONAL else 0.0
    return 0 if is_known else UNSEEN, hour, added, 1.0 if is_known and s.ways & SEASONAL else WIDE


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _hour(s: Any, now: Now, x: float) -> Hour:
    """What the hour adds to the slow reference (in steps, `UNSEEN` if that says nothing, and in the metric's unit) and
    to the level; and by what the band is widened because nothing is known of such a day.
    """  # noqa: D205
    steps, added = steps_of(s.season, now[2]), 0.0
    if s.ways & SEASONAL:
        added = steps_near(s.season, s.unit, (now[3], now[4]), x - s.level)
    return steps, 0.0 if steps == UNSEEN else steps * s.unit, added, 1.0


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _is_next(s: Any, at_ns: int) -> bool:
    """Whether a row is watched, and this is neither late nor a repeat."""
    return bool(s.rule > 0 and (s.count == 0 or at_ns > s.last_ns))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _begin(rows: Any, s: Any, rule: Any, at_ns: int, x: float) -> None:
    """The first sample: alone, or by what a peer has lent. Every sample of a limit."""
    if rule.is_limit > 0.0:
        if 0 < s.since_ns <= len(rows):
            rows[s.since_ns - 1].limit = x
    elif s.ways & BORROWED:
        added = season_near(s.season, s.unit, at_ns, 0.0) if s.ways & SEASONAL else 0.0
        born(s, (at_ns, x), added, int(rule.min_samples))
    else:
        first(s, at_ns, x)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _judge(s: Any, rule: Any, hour: Hour, now: Now, x: float, told: Any) -> int:
    """How strange the sample is, by what was known before it, and whether that is an event."""
    event, (steps, usual, added, wide) = 0, hour
    told.strangeness = math.nan
    if not math.isnan(told.high):
        told.p = told.low = told.high = told.expected = math.nan
    rest, m = x - s.slow - usual, s.level + added
    s.fast += 0.25 * (x - s.fast)
    follow(s, x, rest)
    if s.count >= rule.min_samples and now[5] - s.first_s >= rule.min_s:
        told.strangeness, told.statistic = strangeness(s, x, rest, steps)
        view = m, added, max(rule.rel * abs(m), rule.abs), wide
        if now[6] == 0 and _is_calm(s, rule, x, view):
            s.bits, s.strong = (s.bits << 1) & 0xFFFF, 0 if s.strong <= STRONG else s.strong
        else:
            event = _look(s, rule, (now[0], x), view, told)
    return event


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _is_rhythm(s: Any, rule: Any) -> bool:
    """A creep that goes on is no rhythm."""
    return bool(s.firing == 0 or rule.drift_rel <= 0.0)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _learn(
    s: Any,
    rule: Any,
    judged: tuple[int, bool],
    paces: tuple[float, float, float],
    expected: tuple[float, float, float, int],
    x: float,
) -> None:
    """The hour that goes on, level and slow reference; what is borrowed holds until it is judged.

    Args:
        s: The row.
        rule: Its rule.
        judged: The event; after an adoption, whether an ordinary day's hour is known.
        paces: What its interval counts for the level and for the slow reference; what the sample is worth.
        expected: The value, what the hour added to the level, how much wider the band; the second.
        x: The sample.
    """
    m, added, wide, second = expected
    worth = paces[2] if s.count >= YOUNG else 1.0
    if _is_rhythm(s, rule) and worth >= HALF:
        live_hour(s, x)
    if judged[0] == ADOPTED:
        adopt(s, added, judged[1] or s.ways & SEASONAL == 0)
    elif s.firing == 0 and (s.ways & BORROWED == 0 or second - s.first_s >= rule.min_s):
        least = max(rule.rel * abs(m), rule.abs)
        learn_level(s, paces[0], (x, m, least), worth * (0.1 if s.run > 0 else 1.0))
        if s.run == 0 and wide == 1.0:
            learn_slow(s, paces[1], least, x - s.slow - added, worth)
        if worth >= HALF:  # who was young when its host was starved stays young, and learns anew when it is over
            s.count = min(s.count + 1, MOST_COUNT)
        if s.count >= OWN:
            s.ways &= ~BORROWED


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _keep(out: tuple[Any, Any], at: int, position: int, told: Any) -> None:
    """A band that is worth keeping.

    What is never below zero is not expected below zero: a person reads the band, the score does not.
    """
    kept, bands = out
    kept[at] = position
    bands[at, 0] = max(told.low, 0.0) if told.expected >= 0.0 else told.low
    bands[at, 1] = told.high


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _now(at_ns: int) -> Now:
    """What follows from the time alone; neighbours in a batch mostly share it."""
    hour, second = at_ns // HOUR_NS, at_ns // SECOND
    late, early = slot_at((at_ns + EDGE_NS) // HOUR_NS), slot_at((at_ns - EDGE_NS) // HOUR_NS)
    is_band = 1 if second % BAND_EVERY_S < 2 else 0
    return int(at_ns), hour * HOUR_NS, slot_at(hour), late, early, second, is_band


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
        tables: Rows, parameter table, days of a kind beside the rows, the calendar; by slot what a sample is worth
            (a slot beyond: all of it).
        batch: series u32[n], at_ns i64[n], value f64[n], from `start` on not empty.
        start: (position to begin at, bands found before), as the last call returned them.
        out: ln p f64[n], NaN before; positions u32[n] and (low, high) f64[n, 2] of bands worth keeping;
            what is told of the sample of a transition, TOLD[1].
        frozen: One row, and its days: the state before the sample of the transition.

    Returns:
        (next position, bands found, event or 0, position of the event).
    """
    rows, rules, days, table, worths = tables
    series, at, value = batch
    scores, kept, bands, told = out
    found, memo = start[1], np.zeros(SHARES, _SHARES)
    now, day = _now(at[start[0]]), day_at(table, at[start[0]])[0]
    for k in range(start[0], len(series)):
        i = series[k]
        fetch(rows, int(series[min(k + AHEAD, len(series) - 1)]))
        if i >= len(rows) or not math.isfinite(value[k]) or not _is_next(rows[i], at[k]):
            continue
        s, x, heard = rows[i], min(max(value[k], -HUGE), HUGE), told[0]
        rule = rules[s.rule]
        if s.count == 0 or rule.is_limit > 0.0:
            _begin(rows, s, rule, at[k], x)
            continue
        if s.run > 0 or s.firing > 0:
            frozen[0][0], frozen[1][0] = s, days[i]
        if at[k] != now[0]:
            now, day = _now(at[k]), day_at(table, at[k])[0]
        paces = shares(memo[s.rule % SHARES], s.rule, rule, at[k] - s.last_ns)
        hour = _hour(s, now, x) if day == 0 else _on_a_day(s, days[i], (day, at[k]), x)
        m, worth, rest = s.level + hour[2], worths[i] if i < len(worths) else 1.0, x - s.slow - hour[1]
        event = _judge(s, rule, hour, now, x, heard)
        remember(s, x, rest, worth if s.count >= YOUNG else 1.0)
        if s.last_ns < now[1] and _is_rhythm(s, rule):
            learn_hour(s, (s.season, days[i]), (table, day), (at[k], rule.season_s), x - s.slow)
        is_usual = event == ADOPTED and day == 0 and s.season[now[2]] != UNSEEN
        _learn(s, rule, (event, is_usual), (paces[0], paces[1], worth), (m, hour[2], hour[3], now[5]), x)
        s.last, s.last_ns = x, at[k]
        if not math.isnan(heard.strangeness):
            scores[k] = -heard.strangeness
        if not math.isnan(heard.high):
            _keep((kept, bands), found, k, heard)
            found += 1
        if event > 0:
            return k + 1, found, event, k
    return len(series), found, 0, -1

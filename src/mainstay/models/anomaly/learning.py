"""What a sample teaches its series: level, scale, tail and the slow reference."""

from __future__ import annotations

from typing import Any

import numba as nb

U = 3.0  # deviations beyond which the tail begins
SECOND = 1_000_000_000
SHARES = 64  # pairs of rule and interval of which the shares are kept while a batch is walked
Sample = tuple[float, float, float]
"""The sample, what was expected, the least deviation that matters."""


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _share(times: float) -> float:
    """1 − exp(−times), to 1 % below a share of a third, and never above 1: no exponential for every sample."""
    return min(times / (1.0 + 0.5 * times), 1.0)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def shares(known: Any, number: int, rule: Any, dt_ns: int) -> tuple[float, float]:
    """What an interval counts for the level and for the slow reference: neighbours share rule and interval."""
    if known.rule != number or known.dt_ns != dt_ns:
        dt = dt_ns / SECOND
        known.rule, known.dt_ns = number, dt_ns
        known.level, known.slow = min(_share(dt / rule.tau_s), 0.05), _share(dt / rule.slow_s)
    return known.level, known.slow


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def live_hour(s: Any, x: float) -> None:
    """The mean of the hour that goes on, over the slow reference."""
    s.visits = min(s.visits + 1, 255)
    s.visit = s.visit + (x - s.slow - s.visit) / s.visits if s.visits > 1 else x - s.slow


@nb.njit(cache=True, nogil=True, error_model="numpy")
def first(s: Any, at_ns: int, x: float) -> None:
    """The first sample of a series that borrows nothing."""
    s.level = s.fast = s.slow = s.last = s.high = s.low = x
    s.last_ns, s.first_s = at_ns, at_ns // SECOND
    s.tail_rate, s.tail_mean = 0.01, 0.8
    s.count = 1


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def learn_level(s: Any, share: float, sample: Sample, slowed: float) -> None:
    """Level, scale and tail; `slowed` < 1 while the sample is suspicious or of little worth."""
    x, m, least = sample
    young = s.count + 2.0
    alpha = slowed * (share if young * share > 2.001 else max(2.0 / young, share))
    sigma, d = max(1.2533 * s.scale, least / 16.0), x - m
    s.level += alpha * (min(max(d, -2.5 * sigma), 2.5 * sigma) if s.count >= 4 else d)
    s.scale += alpha * (min(abs(d), 3.0 * s.scale + least / 32.0 if s.count >= 12 else abs(d)) - s.scale)
    rare = slowed * (0.001 if s.count >= 800 else 1.0 / (s.count + 200.0))
    wide, z = max(1.2533 * s.scale, least / 8.0), 0.0
    if abs(d) > 2.999 * wide:  # only there can z be beyond U: mostly one division less
        z = abs(d) / wide
    s.tail_rate = min(max(s.tail_rate + rare * ((1.0 if z > U else 0.0) - s.tail_rate), 1e-3), 0.2)
    if z > U:
        s.tail_mean = min(max(s.tail_mean + 0.05 * slowed * (min(z - U, 20.0) - s.tail_mean), 0.5), 10.0)


@nb.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def learn_slow(s: Any, share: float, least: float, rest: float, worth: float) -> None:
    """The long memory; its scale may grow by little at a time, so that a ramp does not pass for noise."""
    young, little = s.count + 1.0, least / 200.0
    beta = worth * (share if young * share > 1.001 else max(1.0 / young, share))
    bound = 4.0 * s.slow_scale + little
    s.slow += beta * min(max(rest, -bound), bound)
    most = 1.5 * s.slow_scale + little if s.count >= 12 else abs(rest)
    s.slow_scale += beta * (min(abs(rest), most) - s.slow_scale)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def adopt(s: Any, season: float, is_day_known: bool) -> None:
    """After hours outside, what was strange is how it is now; only for today where no such day is known yet."""
    s.scale = max(s.scale, 0.1 * abs(s.fast - season - s.level))
    s.level = s.fast - season
    if is_day_known:
        s.slow = s.level
    s.slow_scale = max(s.slow_scale, s.scale)
    s.count = min(s.count, 60)

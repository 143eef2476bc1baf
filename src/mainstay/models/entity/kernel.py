"""One row of one entity: how far every metric is from what the others let expect, and what the row teaches.

Plain loops in a fixed order, no matrix product of a library: the same row gives the same bits however rows are cut.

Arrays of an entity (`Block`), d = columns, b = 2 bases (the value; the value less its recent mean), r = ridges,
v = b·r views, s = spans: seen f8[d] · mean f8[b,d] · cov f8[b,d,d] · slow f8[d] · centre f8[b,d] · scale f8[b,d]
(0: not used) · coef f4[v,d,d] · ewma f8[v,d,s] · usual f8[v,d,s] · judged f8[d] · strength f8[d] · residual f8[d].
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

NOTHING, LEVELS, EVERYTHING = 0, 1, 2  # what a row may teach
_LARGEST = 1e100  # squares of it are still numbers
_f1, _f2, _f3 = types.float64[::1], types.float64[:, ::1], types.float64[:, :, ::1]
_block = types.Tuple(  # type: ignore[no-untyped-call]
    (_f1, _f2, _f3, _f1, _f2, _f2, types.float32[:, :, ::1], _f3, _f3, _f1, _f1, _f1)
)
_series = types.Tuple((types.int32[::1], _f1, types.int64[::1]))  # type: ignore[no-untyped-call]
_samples = types.Tuple((types.uint32[::1], types.int64[::1], _f1))  # type: ignore[no-untyped-call]
SETTINGS = ("memory", "slow_rate", "detrend_weight", "fit_rows", "cap", "ridges")
"""First entries of the settings array; then the rate of each span."""


@njit(_f2(_f1, _f1, _f2, _f2), cache=True, nogil=True)
def standardised(values, slow, centre, scale):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """Both bases in units of their usual deviation; 0 for what is missing or never moved."""
    z = np.zeros(centre.shape)
    for j in range(len(values)):
        if math.isnan(values[j]):
            continue
        for b in range(2):
            if scale[b, j] > 0.0:
                x = values[j] - slow[j] if b else values[j]
                z[b, j] = (x - centre[b, j]) / scale[b, j]
    return z


@njit(types.float64(_f1, _f1, types.float64, types.float64, _f1), cache=True, nogil=True)
def averaged(ewma, usual, left, cap, rates):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """Take a residual into its averages over all spans; the sum of their sizes over the usual ones."""
    total = 0.0
    for s in range(len(ewma)):
        ewma[s] += rates[s] * (left - ewma[s])
        if usual[s] > 0.0:
            strange = abs(ewma[s]) / usual[s]
            total += strange if strange <= cap else cap * (1.0 + math.log(strange / cap))
    return total


@njit(types.float64(_block, _f1, _f1), cache=True, nogil=True)
def judge(block, values, settings):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """The strength of every metric in `block.strength`, and the score of the row: their mean, usually 1.

    `values` has NaN for what is missing: its strength is 0 and its averages fall back to nothing. NaN when no metric
    can be judged.
    """
    _, _, _, slow, centre, scale, coef, ewma, usual, judged, strength, residual = block
    d, ridges, rates = len(values), int(settings[5]), settings[6:]
    z = standardised(values, slow, centre, scale)
    total, active = 0.0, 0
    for j in range(d):
        strength[j] = residual[j] = 0.0
        if scale[0, j] <= 0.0:
            continue
        is_here = not math.isnan(values[j])
        weights = 0.0
        for v in range(coef.shape[0]):
            b = v // ridges
            weight = settings[2] if b else 1.0
            left = 0.0
            for k in range(d):
                left += coef[v, j, k] * z[b, k]
            left = left if is_here else 0.0
            if v == 0:
                residual[j] = left * scale[0, j]
            strength[j] += weight * averaged(ewma[v, j], usual[v, j], left, settings[4], rates)
            weights += weight * len(rates)
        strength[j] /= weights
        if is_here and judged[j] >= settings[3]:
            total += strength[j]
            active += 1
    return total / active if active else math.nan


@njit(types.void(_f2, _f2, _f1, types.float64), cache=True, nogil=True)
def covaried(cov, delta, seen, memory):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """One row into the covariances of one basis: `delta` [2, d] has the deviations, and whether a metric is here."""
    for j in range(len(seen)):
        if delta[1, j] == 0.0:
            continue
        for k in range(j + 1):
            if delta[1, k] == 0.0:
                continue
            rate = 1.0 / min(seen[j], seen[k], memory)
            together = (1.0 - rate) * (cov[j, k] + rate * delta[0, j] * delta[0, k])
            cov[j, k], cov[k, j] = together, together


@njit(types.void(_block, _f1, _f1, types.int64), cache=True, nogil=True)
def learn(block, values, settings, teaches):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """Take a row in: recent means always; what a row `teaches` is nothing (0), where the metrics stand (1: means),
    or everything (2: covariances and the usual sizes of residuals too)."""  # noqa: D205, D209
    seen, mean, cov, slow, _, scale, _, ewma, usual, judged, _, _ = block
    d, memory = len(values), settings[0]
    delta = np.zeros((2, 2, d))
    for j in range(d):
        if math.isnan(values[j]):
            continue
        x = min(max(values[j], -_LARGEST), _LARGEST)
        if seen[j] == 0.0:
            mean[0, j], slow[j] = x, x
        delta[0, 0, j], delta[1, 0, j], delta[:, 1, j] = x - mean[0, j], x - slow[j] - mean[1, j], 1.0
        slow[j] += settings[1] * (x - slow[j])
        if teaches == NOTHING:
            continue
        seen[j] += 1.0
        mean[:, j] += delta[:, 0, j] / min(seen[j], memory)
        if teaches == EVERYTHING and scale[0, j] > 0.0:
            judged[j] += 1.0
            rate = max(2.0 / (judged[j] + 1.0), 1.0 / memory)  # the first fits were poor: what came later counts more
            usual[:, j] += rate * (np.abs(ewma[:, j]) - usual[:, j])
    if teaches == EVERYTHING:
        covaried(cov[0], delta[0], seen, memory)
        covaried(cov[1], delta[1], seen, memory)


@njit(
    types.int64(_series, types.int64[:, ::1], _samples, types.int64, types.int64, types.int64),
    cache=True,
    nogil=True,
)
def gather(series, rows, samples, start, window_ns, late_ns):  # type: ignore[no-untyped-def]  # noqa: ANN201, ANN001
    """Take samples in from `start` on, up to the first that would begin a new row of its entity; its index, or n.

    A row is over when a series that already spoke in it speaks again, and `window_ns` have passed: so fast senders make
    a row per window, slow ones a row per round. What is at most `late_ns` older than the beginning of the open row is
    taken into it: one of two senders may be behind, and must not lose its words to the one ahead. What is older is
    counted. `series` is (entity i4, last value f8, last row i8) by slot; `rows` is i8[entities, 4]: number of the row,
    its beginning, its newest sample, samples that came too late.
    """
    entity, value, row = series
    slots, at_ns, said = samples
    for i in range(start, len(slots)):
        slot = slots[i]
        if slot >= len(entity) or entity[slot] < 0 or not math.isfinite(said[i]):
            continue
        mine = rows[entity[slot]]
        if mine[1] == 0:
            mine[1] = at_ns[i]
        if mine[1] - at_ns[i] > late_ns:
            mine[3] += 1
            continue
        if row[slot] == mine[0] and at_ns[i] - mine[1] >= window_ns:
            return i
        value[slot], row[slot] = said[i], mine[0]
        mine[2] = max(mine[2], at_ns[i])
    return len(slots)

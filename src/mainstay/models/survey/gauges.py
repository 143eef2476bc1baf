"""Metrics: a level that held, against the ensemble of past windows, judged by how much the other entities moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64
from mainstay.models.survey.facts import Gauge
from mainstay.models.survey.finding import Finding
from mainstay.models.survey.names import short
from mainstay.models.survey.surprise import shifted

ENOUGH_PEERS = 8
QUANTILE, QUANTILE_Z = 0.8, 0.84
HIGH, HIGH_Z = 0.95, 1.645


@dataclass(frozen=True, slots=True)
class _Shift:
    gauge: Gauge
    z: float
    before: float
    now: float


def gauge_findings(gauges: Sequence[Gauge], onset_ms: int, weights: Mapping[str, float]) -> list[Finding]:
    """One finding per metric that rose. A metric that moves everywhere says little of anybody."""
    by_metric: dict[str, list[_Shift]] = {}
    for gauge in gauges:
        shift = _shift(gauge, onset_ms, weights)
        if shift is not None:
            by_metric.setdefault(gauge.metric, []).append(shift)
    return [_finding(shift, _unrest(shifts)) for shifts in by_metric.values() for shift in shifts]


def _unrest(shifts: Sequence[_Shift]) -> float:
    """How much this metric moved where nothing is wrong: most entities are well, so the usual one tells."""
    if len(shifts) < ENOUGH_PEERS:
        return 1.0
    return max(1.0, float(np.quantile([shift.z for shift in shifts], QUANTILE)) / QUANTILE_Z)


def _shift(gauge: Gauge, onset_ms: int, weights: Mapping[str, float]) -> _Shift | None:
    at, value = np.asarray(gauge.at_ms), np.asarray(gauge.value, dtype=float)
    known = np.isfinite(value)
    before, now = value[known & (at < onset_ms)], value[known & (at >= onset_ms)]
    usual = np.concatenate([np.asarray(gauge.past, dtype=float), before])
    usual = usual[np.isfinite(usual)]
    if not len(now) or len(usual) < 2:
        return None
    floor = _floor(gauge, usual, known & (at >= onset_ms), weights)
    scaled, held = _scaled(usual, gauge), _held(_scaled(now, gauge))
    centre = float(np.median(scaled))
    reached = (float(np.quantile(scaled, HIGH)) - centre) / HIGH_Z  # what normal times reach now and then
    spread = float(np.hypot(max(reached, 1.4826 * float(np.median(np.abs(scaled - centre)))), floor))
    level = max(centre, float(np.median(_scaled(before, gauge)))) if len(before) else centre  # it may have drifted
    return _Shift(gauge, (held - level) / spread, float(np.median(usual)), float(np.median(now)))


def _floor(gauge: Gauge, usual: F64, is_now: npt.NDArray[np.bool_], weights: Mapping[str, float]) -> float:
    """The smallest variation that counts; of errors also what chance does to so few requests at the usual rate."""
    if gauge.kind != "errors":
        return weights["share_floor" if gauge.is_share else "ratio_floor"]
    floor = weights["error_floor"]
    requests = float(np.median(np.asarray(gauge.count)[is_now])) if gauge.count else 0.0
    by_chance = np.sqrt(max(float(np.mean(usual)), floor) / requests) if requests > 0 else 0.0
    return float(np.hypot(floor, by_chance))


def _scaled(values: F64, gauge: Gauge) -> F64:
    return values if gauge.is_share else np.log(np.maximum(values, 1e-9))


def _held(values: F64) -> float:
    """The highest level of two windows in a row: a single odd sample is no level."""
    return float(max(np.minimum(values[1:], values[:-1]))) if len(values) > 1 else float(values[0])


def _finding(shift: _Shift, unrest: float) -> Finding:
    gauge = shift.gauge
    says = f"{gauge.metric} of {short(gauge.entity)}: {shift.before:.3g} → {shift.now:.3g}"
    return Finding(gauge.entity, gauge.kind, shifted(shift.z / unrest), says, "metric", gauge.metric)

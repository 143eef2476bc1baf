"""A forecast that was tried on the series' own past before anybody believes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.signals import F64
from mainstay.models.forecast.ramp import BEND, Wander
from mainstay.models.forecast.reach import Habit, reached, until

Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
LARGEST = 1e100
FEW = 0.6
"""How much wider an interval must be than its quantile, for each of few trials: measured (docs/forecast.md)."""
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Way = Callable[[F64, int, int], F64]
"""A costlier way to go on: (values, steps of a season, steps ahead) to values."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the forecaster.

    Attributes:
        folds: From so many moments of the past a forecast is tried.
        least: A series of fewer points than this is not forecast.
        most: Older points than so many are not looked at.
        level: Share of the truth that the interval shall hold.
        close: Methods whose error is within this share of the best one's are averaged with it.
        mstl: Whether MSTL is tried as well, on series with a season that are said to matter; from so many moments.
    """

    folds: Count = 16
    least: Count = 24
    most: Count = 2_000
    level: Share = 0.9
    close: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    mstl: bool = False
    mstl_folds: Annotated[int, msgspec.Meta(ge=3, le=64)] = 6


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A series at equal steps, oldest first, and what is wanted of it.

    Attributes:
        season: Steps of one cycle; 1 is none.
        limit: The line whose crossing matters; `rising`: whether it is crossed from below.
        floor: No value can be below this (a disk cannot hold less than nothing).
        reach: When the limit is reached is wanted, by `reached` (`reach.py`).
        peak: How near to the limit it was before these values, as far as is known.
        seen, beyond: A rise must be nearer to the limit than the values were before it for this share of the time, by
            this share of what was left (`reach.py`). 1 and 0: than ever, by anything.
        bend, by_factor: How far the slopes of such series wander, and whether by factors (`ramp.py`).
        is_deadline: The limit is a moment and the last value is now: it comes, whatever came before.
        matters: It is worth a costlier way, when the version has one.
    """

    values: list[float | None]
    horizon: Count
    season: Count = 1
    limit: float | None = None
    rising: bool = True
    floor: float | None = None
    reach: bool = False
    peak: float | None = None
    seen: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    beyond: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    bend: Annotated[float, msgspec.Meta(ge=0, le=10)] = BEND
    by_factor: bool = False
    is_deadline: bool = False
    matters: bool = False


class Forecaster:
    """Goes on from a series by the method that went on best from its past, with an interval from the errors made there.

    Seven methods are tried from `folds` past moments: the last value, smoothed level, damped trend, a robust line, the
    last season, season with level, season with trend. Those within `close` of the best are averaged. The interval is
    conformal: quantiles of the chosen forecast's own past errors, each divided by what is usual at its distance. A gap
    is filled between its neighbours. A series that is too short is said to be, not guessed. A version with `mstl` tries
    that too, of the few that matter, and takes it where it was better from the same moments of the same series.

    Source: exponential smoothing (Holt 1957; damped: Gardner and McKenzie 1985), Theil–Sen, rolling-origin evaluation
    (Tashman 2000), split conformal prediction (Lei et al. 2018).
    """

    ALGORITHM: ClassVar[str] = "tried-forecast"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(Parameters())

    def __init__(self, parameters: Mapping[str, Any], mstl: Way | None = None) -> None:
        from mainstay.models.forecast import kernel  # numba: only when it is really built

        self._kernel = kernel
        self._parameters = msgspec.convert({**self.DEFAULTS, **parameters}, Parameters)
        if self._parameters.mstl and mstl is None:
            raise ValueError("mstl is an extra: pip install 'mainstay[statsforecast]'")
        self._mstl = mstl if self._parameters.mstl else None

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The path, its interval, and when the limit is crossed.

        Returns:
            `method` ("" when there is too little), `path`, `low`, `high` (one value a step), `error` (mean absolute
            error of the trials), `mase` (that against the naive forecast of the same trials), `held` (share of past
            truths inside the interval), `crosses`: steps until the limit, `expected`, `earliest`, `latest` (None: not
            within the horizon), `says`; when it is asked for, `reach`.
        """
        asked = msgspec.convert(inputs, Asked)
        y = _filled(asked.values[-self._parameters.most :])
        if asked.is_deadline:
            return {**_nothing("a date is not forecast"), "reach": until(y, asked.limit)}
        said = self._forecast(asked, y)
        if asked.reach and asked.limit is not None:
            sign = 1.0 if asked.rising else -1.0
            habit = Habit(None if asked.peak is None else sign * asked.peak, asked.seen, asked.beyond)
            crosses = said["crosses"] if said["method"] else None
            said["reach"] = reached(sign * y, sign * asked.limit, habit, crosses, Wander(asked.bend, asked.by_factor))
        return said

    def _forecast(self, asked: Asked, y: F64) -> dict[str, Any]:
        folds, stride = self._trials(len(y), asked)
        if folds < 3:
            return _nothing(f"{len(y)} points are too few for a forecast of {asked.horizon} steps")
        errors = self._kernel.backtest(y, asked.season, asked.horizon, folds, stride)
        chosen = self._chosen(errors)
        method, made = " + ".join(self._kernel.METHODS[m] for m in chosen), errors[chosen].mean(axis=0)
        other = self._decomposed(asked, y, made, stride)
        if other is not None:
            method, made, path = "mstl", *other
        else:
            path = np.mean([self._kernel.go_on(y, asked.season, asked.horizon, m) for m in chosen], axis=0)
        low, high, held = _interval(made, self._parameters.level)
        low, high = path + low, path + high
        if asked.floor is not None:
            path, low, high = (np.maximum(each, asked.floor) for each in (path, low, high))
        naive = errors[4] if asked.season > 1 and np.isfinite(errors[4]).all() else errors[0]
        scale = float(np.abs(naive).mean())
        error = float(np.abs(made).mean())
        return {
            "method": method,
            "path": _plain(path),
            "low": _plain(low),
            "high": _plain(high),
            "error": error,
            "mase": error / scale if scale > 0 else (0.0 if error == 0 else None),
            "held": held,
            "trials": len(made),
            "crosses": _crossing(asked, path, low, high),
            "says": "",
        }

    def _decomposed(self, asked: Asked, y: F64, made: F64, stride: int) -> tuple[F64, F64] | None:
        """(errors, path) of MSTL where it is asked for and was better than `made` from the same latest moments."""
        if self._mstl is None or not asked.matters or asked.season < 2:
            return None
        errors = []
        for fold in range(min(self._parameters.mstl_folds, len(made))):
            origin = len(y) - asked.horizon - fold * stride
            path = self._mstl(y[:origin], asked.season, asked.horizon)
            errors.append(y[origin : origin + asked.horizon] - path)
        tried = np.array(errors)
        needed = np.abs(made[: len(tried)]).mean() * (1 - self._parameters.close)
        if not np.abs(tried).mean() < needed:  # NaN is not better
            return None
        return tried, self._mstl(y, asked.season, asked.horizon)

    def _trials(self, n: int, asked: Asked) -> tuple[int, int]:
        """How many moments of the past there are to try from, and how far apart."""
        known = max(self._parameters.least, 2 * asked.season, asked.horizon)
        room = n - known - asked.horizon
        if room < 2:
            return 0, 1
        stride = max(1, room // self._parameters.folds)
        return min(self._parameters.folds, room // stride), stride

    def _chosen(self, errors: F64) -> list[int]:
        cost = np.abs(errors).mean(axis=(1, 2))
        best = float(np.nanmin(cost))
        return [int(m) for m in np.flatnonzero(cost <= best * (1 + self._parameters.close))]


def _filled(values: list[float | None]) -> F64:
    """Without gaps: between its neighbours; before the first and after the last the nearest one."""
    y = np.array([math.nan if v is None else v for v in values], np.float64)
    y[np.abs(y) > LARGEST] = np.nan  # no unit of ours has such a number, and sums of it are none
    known = np.flatnonzero(np.isfinite(y))
    return np.interp(np.arange(len(y)), known, y[known]) if len(known) else np.empty(0)


def _interval(errors: F64, level: float) -> tuple[F64, F64, float]:
    """How far below and above the path the truth may lie at each step, and the share of past truths inside.

    The errors of all distances tell one shape, in units of what is usual at their distance (which never falls).
    """
    usual = np.maximum.accumulate(np.abs(errors).mean(axis=0))
    usual = np.where(usual > 0, usual, 1.0)
    shape = errors / usual
    rank = min(1.0, level * (1 + FEW * _together(shape) / len(errors)))
    wide = float(np.quantile(np.abs(shape), rank, method="higher"))
    tilt = float(np.median(shape))
    low, high = (tilt - wide) * usual, (tilt + wide) * usual
    held = float(((errors >= low) & (errors <= high)).mean())
    return np.minimum(low, 0.0), np.maximum(high, 0.0), held


def _together(shape: F64) -> float:
    """How far the errors of one trial go together (0–1): the correlation of neighbours. Then a trial is one witness."""
    one, next_one = shape[:, :-1].ravel(), shape[:, 1:].ravel()
    size = float(np.sqrt((one**2).sum() * (next_one**2).sum())) if one.size else 0.0
    return min(max(float((one * next_one).sum()) / size, 0.0), 1.0) if size > 0 else 0.0


def _crossing(asked: Asked, path: F64, low: F64, high: F64) -> dict[str, int | None]:
    if asked.limit is None:
        return {"expected": None, "earliest": None, "latest": None}
    soon, late = (high, low) if asked.rising else (low, high)
    return {
        "expected": _first(path, asked.limit, rising=asked.rising),
        "earliest": _first(soon, asked.limit, rising=asked.rising),
        "latest": _first(late, asked.limit, rising=asked.rising),
    }


def _first(values: F64, limit: float, *, rising: bool) -> int | None:
    beyond = np.flatnonzero(values >= limit if rising else values <= limit)
    return int(beyond[0]) + 1 if len(beyond) else None


def _plain(values: F64) -> list[float]:
    return [float(v) for v in values]


def _nothing(says: str) -> dict[str, Any]:
    return {
        "method": "", "path": [], "low": [], "high": [], "error": None, "mase": None, "held": None, "trials": 0,
        "crosses": {"expected": None, "earliest": None, "latest": None}, "says": says,
    }  # fmt: skip

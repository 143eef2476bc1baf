"""A rise that began lately: how fast, since when, and when it reaches a limit, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mainstay.domain.signals import F64

LEAST = 8
"""A rise of fewer points is none yet."""
TURN = 25.0
"""Two lines instead of one must take away so many times the variance that is left, per point."""
STRAIGHT = 1e-3
"""What is nearer to a line than this share of its range lies on it."""
STEEP = 6.0
"""The whole rise must be so many times what its points scatter around it."""
EVEN = 0.45
"""Each third, and the last points, must rise at least by this share of an even rise: a step is none, nor what ended."""
BEND = 0.15
"""How far slopes wander: by this share of themselves while the rise lasts once more. Measured (docs/forecast.md)."""
WIDE = 1.645
"""Of a normal distribution, 90 % lie within so many standard deviations."""


FARTHEST = 3.0
"""Where slopes wander by factors, a factor above this is no date any more."""


@dataclass(frozen=True, slots=True)
class Wander:
    """How far slopes wander while a rise lasts once more: by a share of themselves, more or less, or by a factor.

    What fills up is filled by somebody: a share. What waits in a queue gets slower the slower it is: a factor, whose
    logarithm has this size.
    """

    share: float = BEND
    is_factor: bool = False


FILLING = Wander()


@dataclass(frozen=True, slots=True)
class Ramp:
    """A straight rise at the end of a series.

    Attributes:
        points: How many of the last points it has lasted.
        slope, error: A step, and its standard error. end: Where the line stands at the last point.
    """

    points: int
    slope: float
    error: float
    end: float

    def steps_to(self, limit: float, wander: Wander = FILLING) -> tuple[float, float, float | None]:
        """Steps until the limit: expected, earliest, latest (None: it may never be).

        >>> Ramp(points=20, slope=2.0, error=0.0, end=60.0).steps_to(100.0)[0]
        20.0
        """
        left = limit - self.end
        if left <= 0:
            return 0.0, 0.0, 0.0
        expected = left / self.slope
        far = math.sqrt(expected / self.points)
        if wander.is_factor:
            factor = math.exp(WIDE * math.hypot(self.error / self.slope, wander.share * far))
            return expected, expected / factor, expected * factor if factor <= FARTHEST else None
        spread = WIDE * math.hypot(self.error, wander.share * self.slope * far)
        slowest = self.slope - spread
        return expected, left / (self.slope + spread), left / slowest if slowest > 0.05 * self.slope else None


def ramp_of(y: F64) -> Ramp | None:
    """The straight rise that the series ends with; None when it ends with none.

    Where two lines that meet are much better than one, the second is looked at alone, and so on (segmented
    regression). What is left must rise evenly, and much more than its points scatter. The error of its slope
    lies between that of points that scatter around a line and that of a walk, as neighbours go together.
    """
    start = 0
    while len(y) - start >= LEAST:
        bend = _bend(y[start:])
        if bend == 0:
            return _line(y, len(y) - start)
        start += bend
    return None


def _bend(y: F64) -> int:
    """Where the line turns, so that `LEAST` points at the least are behind it; 0 when it does not."""
    n = len(y)
    where = np.arange(LEAST // 2, n - LEAST + 1)
    if not len(where):
        return 0
    at = np.arange(n) - (n - 1) / 2
    hinges = np.maximum(np.arange(n)[:, None] - where[None, :], 0).astype(np.float64)
    spread = float((at * at).sum())
    hinges -= hinges.mean(axis=0) + at[:, None] * ((at @ hinges) / spread)
    rest = y - y.mean() - at * (float((at * y).sum()) / spread)
    gains = (rest @ hinges) ** 2 / (hinges**2).sum(axis=0)
    best = int(gains.argmax())
    left = float((rest**2).sum()) - float(gains[best])
    least = n * (STRAIGHT * float(y.max() - y.min())) ** 2  # a line without noise is one line
    return int(where[best]) if float(gains[best]) > TURN * max(left, least) / n else 0


def _line(y: F64, points: int) -> Ramp | None:
    tail = y[len(y) - points :]
    third = points // 3
    first, middle, last = (float(part.mean()) for part in (tail[:third], tail[third : points - third], tail[-third:]))
    at = np.arange(points) - (points - 1) / 2
    slope = float((at * tail).sum() / (at * at).sum())
    rest = tail - tail.mean() - slope * at
    scatter = float(np.sqrt((rest**2).sum() / (points - 2)))
    even = slope * (points - third) / 2
    if slope <= 0 or slope * (points - 1) < STEEP * scatter or min(middle - first, last - middle) < EVEN * even:
        return None
    lately = max(points // 4, 2)
    if tail[-1] - tail[-1 - lately] < EVEN * slope * lately - scatter / 2:
        return None
    together = float((rest[1:] * rest[:-1]).sum() / (rest**2).sum()) if scatter > 0 else 0.0
    together = min(max(together, 0.0), 1.0)
    apart = scatter * math.sqrt(12 / points) / points
    walked = float(np.diff(tail).std()) / math.sqrt(points)
    error = math.sqrt((1 - together) * apart**2 + together * walked**2)
    return Ramp(points, slope, error, float(tail.mean() + slope * at[-1]))

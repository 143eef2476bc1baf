"""How good the forecasts were: said against what came, by bins, with counts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from mainstay.domain.changes import Calibration, CalibrationBin, ChangeForecast, PlaceboTally

EDGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def calibration(forecasts: Iterable[ChangeForecast], tally: PlaceboTally | None) -> Calibration:
    """Reliability, Brier score, and the score of somebody who only knows how often changes do harm.

    A forecast without enough evidence of what came is counted as `unsure`, and judged by nobody.
    """
    known = list(forecasts)
    scored = [one for one in known if one.outcome in ("harmless", "harmful")]
    harmful = sum(one.outcome == "harmful" for one in scored)
    knew = [(one.base - (one.outcome == "harmful")) ** 2 for one in scored if one.base is not None]
    rate = harmful / len(scored) if scored else None
    return Calibration(
        forecasts=len(known),
        scored=len(scored),
        harmful=harmful,
        unsure=sum(one.outcome == "not-enough-evidence" for one in known),
        brier=_mean([one.brier or 0.0 for one in scored]),
        brier_of_base_rate=None if rate is None else round(rate * (1 - rate), 4),
        brier_of_known_rate=_mean(knew),
        bins=tuple(_bins(scored)),
        placebos=tally or PlaceboTally(),
        placebo_false_positive_rate=round(tally.harmful / tally.judged, 4) if tally and tally.judged else None,
    )


def _bins(scored: list[ChangeForecast]) -> Iterable[CalibrationBin]:
    for low, high in pairwise(EDGES):
        within = [one for one in scored if low <= one.probability < high or (high == EDGES[-1] == one.probability)]
        if within:
            yield CalibrationBin(
                low=low,
                high=high,
                n=len(within),
                said=_mean([one.probability for one in within]) or 0.0,
                came=_mean([float(one.outcome == "harmful") for one in within]) or 0.0,
            )


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None

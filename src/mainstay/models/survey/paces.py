"""Times from traces: what an entity needs itself, and what is lost between a caller and whom it calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mainstay.models.survey.facts import Pace, Window
from mainstay.models.survey.finding import Finding
from mainstay.models.survey.names import short
from mainstay.models.survey.surprise import shifted

LEAST = 2  # calls, before and after


def pace_findings(paces: Sequence[Pace], onset_ms: int, weights: Mapping[str, float]) -> list[Finding]:
    """Own time of entities, and of the time lost on the way, who is at the end of all the ways that are slow."""
    peers = _peers([pace for pace in paces if pace.toward], weights)
    own = [_finding(pace, _shift(pace, onset_ms, weights, None)) for pace in paces if not pace.toward]
    lost = [(pace, _shift(pace, onset_ms, weights, peers)) for pace in paces if pace.toward]
    return [*own, *_ends([(pace, shift) for pace, shift in lost if shift is not None])]


def _peers(paces: Sequence[Pace], weights: Mapping[str, float]) -> tuple[float, float] | None:
    """Usual time of a way and its variation, over all ways: for a way of which no normal time is known."""
    means = [window.mean for pace in paces for window in (*pace.windows, *pace.past)]
    if not means:
        return None
    centre = float(np.median(means))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(means) - centre)))
    return centre, math.hypot(weights["drift"], weights["peers"] * spread)


Shift = tuple[float, float, float]
"""Evidence, usual ms, ms now."""


def _shift(pace: Pace, onset_ms: int, weights: Mapping[str, float], peers: tuple[float, float] | None) -> Shift | None:
    pairs = list(zip(pace.at_ms, pace.windows, strict=True))
    now = [w for at, w in pairs if at >= onset_ms]
    before = [w for at, w in pairs if at < onset_ms] + list(pace.past)
    if sum(w.count for w in now) < LEAST:
        return None
    level = _level(now)
    if sum(w.count for w in before) >= LEAST:
        usual = _level(before)
        noise = _variance(before) * (1 / sum(w.count for w in now) + 1 / sum(w.count for w in before))
        spread = math.sqrt(weights["drift"] ** 2 + noise)
    elif peers is not None:
        usual, spread = peers
    else:
        return None
    return shifted((level - usual) / spread), math.expm1(usual), math.expm1(level)


def _level(windows: Sequence[Window]) -> float:
    """The middle window: one that is odd, or half in the fault, moves nothing."""
    if len(windows) > 2:
        return float(np.median([w.mean for w in windows]))
    return sum(w.count * w.mean for w in windows) / sum(w.count for w in windows)


def _variance(windows: Sequence[Window]) -> float:
    count = sum(w.count for w in windows)
    mean = sum(w.count * w.mean for w in windows) / count
    return max(0.04, sum(w.count * (w.variance + (w.mean - mean) ** 2) for w in windows) / count)


def _finding(pace: Pace, shift: Shift | None) -> Finding:
    evidence, usual, now = shift or (0.0, 0.0, 0.0)
    says = f"own time of {short(pace.entity)} in {pace.what}: {usual:.3g} → {now:.3g} ms"
    return Finding(pace.entity, "own", evidence, says, "edge", pace.what)


def _ends(lost: Sequence[tuple[Pace, Shift]]) -> list[Finding]:
    """A slow network is at the end that all slow ways share and no quick way has."""
    beyond = sum(max(0.0, shift[0] - 1) for _, shift in lost) + 0.01
    found = []
    for entity in sorted({end for pace, _ in lost for end in (pace.entity, pace.toward)}):
        mine = [(pace, shift) for pace, shift in lost if entity in (pace.entity, pace.toward)]
        slow = float(np.mean([min(1.0, shift[0] / 4) for _, shift in mine]))
        share = (sum(max(0.0, shift[0] - 1) for _, shift in mine) + 0.01) / beyond
        pace, (evidence, usual, now) = max(mine, key=lambda pair: (pair[1][0], pair[0].entity, pair[0].toward))
        way = f"{short(pace.entity)} and {short(pace.toward)}"
        says = f"between {way} {usual:.3g} → {now:.3g} ms are lost, as on {slow:.0%} of the ways of {short(entity)}"
        ref = f"{pace.entity}>{pace.toward}"
        found.append(Finding(entity, "gap", evidence * slow * share, says, "edge", ref))
    return found

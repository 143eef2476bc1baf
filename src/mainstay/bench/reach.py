"""How often a rise that is told reaches its limit, and when: made series whose ends are known, by the deployment."""

from __future__ import annotations

from typing import Any

import numpy as np

from mainstay.domain.signals import F64
from mainstay.mlops.serving import Serving

POINTS = 96
AHEAD = 400
RISING = ("even", "since ever", "wandering", "faster", "slower", "bursts")
OTHER = ("stops", "season", "walk", "saw")


def reach(served: Serving, each: int, seed: int) -> dict[str, Any]:
    """By kind: of how many series it was believed, how many of these reached the limit, and how many in the interval.

    The latter of those that arrived (`held_by_90`), and of all that were believed: what never arrives is not held.
    A limit is 5 to 150 above the last value; what a rise of a second kind is, its name says. `saw`, `season` and `walk`
    have no rise that lasts: what is believed of them is a false word.
    """
    draw = np.random.default_rng(seed)
    by_kind = {kind: _judged(served, kind, each, draw) for kind in (*RISING, *OTHER)}
    held = [by_kind[kind]["held_by_90"] for kind in RISING if by_kind[kind]["held_by_90"] is not None]
    believed = sum(one["believed"] for one in by_kind.values())
    of_all = [(one["held_by_90_of_believed"] or 0.0) * one["believed"] for one in by_kind.values()]
    return {
        "held_by_90_of_rises": round(float(np.mean(held)), 3),
        "held_by_90_of_believed": round(sum(of_all) / max(believed, 1), 3),
        "by_kind": by_kind,
    }


def _judged(served: Serving, kind: str, each: int, draw: np.random.Generator) -> dict[str, Any]:
    believed, arrived, held = 0, 0, 0
    for _ in range(each):
        row = _made(kind, draw)
        limit = float(row[POINTS - 1] + draw.uniform(5, 150))
        asked = {"values": row[:POINTS].tolist(), "horizon": 24, "limit": limit, "reach": True}
        said = served.decide("forecaster", asked).output["reach"]
        if said["by"] != "rise" or not said["is_believed"]:
            continue
        believed += 1
        there = np.flatnonzero(row[POINTS:] >= limit)
        if len(there):
            arrived += 1
            held += said["earliest"] - 1 <= int(there[0]) + 1 <= said["latest"] + 1
    return {
        "series": each,
        "believed": believed,
        "arrived": round(arrived / believed, 3) if believed else None,
        "held_by_90": round(held / arrived, 3) if arrived else None,
        "held_by_90_of_believed": round(held / believed, 3) if believed else None,
    }


def _made(kind: str, draw: np.random.Generator) -> F64:
    count, start = POINTS + AHEAD, 0 if kind == "since ever" else POINTS - int(draw.integers(8, 70))
    noise = draw.standard_normal(count) * draw.uniform(0.02, 1.0)
    if draw.random() < 0.4:
        for i in range(1, count):
            noise[i] += 0.6 * noise[i - 1]
    at, slope = np.arange(count), draw.uniform(0.3, 3)
    since = np.maximum(at - start, 0)
    if kind == "season":
        return np.asarray(40 + 20 * np.sin(2 * np.pi * (at / draw.integers(60, 120) + draw.random())) + noise)
    if kind == "walk":
        return np.asarray(40 + np.cumsum(draw.standard_normal(count)))
    if kind == "saw":
        period = int(draw.integers(15, 60))
        return np.asarray(40 + slope * ((at + draw.integers(0, period)) % period) + noise)
    steps = np.where(at >= start, slope, 0.0) * _pace(kind, since, draw)
    return np.asarray(20 + np.cumsum(steps) + noise)


def _pace(kind: str, since: np.ndarray[Any, Any], draw: np.random.Generator) -> F64:
    if kind == "wandering":
        slow = np.cumsum(draw.standard_normal(len(since))) * 0.03
        return np.asarray(np.exp(slow + draw.standard_normal(len(since)) * 0.3))
    if kind == "faster":
        return np.asarray(1 + since / draw.uniform(40, 200))
    if kind == "slower":
        return np.asarray(np.exp(-since / draw.uniform(60, 300)))
    if kind == "bursts":
        return np.asarray(3.0 * (draw.random(len(since)) < 1 / 3))
    if kind == "stops":
        return np.asarray((np.arange(len(since)) < POINTS + draw.integers(0, 30)).astype(np.float64))
    return np.ones(len(since))

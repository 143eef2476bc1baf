"""How often a service that becomes slower is told before it passes its objective: made latencies, through the stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.outlook import Outlook, OutlookPolicy
from mainstay.domain.protocols import Models
from mainstay.domain.signals import F64, MetricBatch, Normal, Series
from mainstay.outlook import Outlooks

STEP_S = 120
T0_MS = 1_800_000_000_000
OBJECTIVE_MS = 300.0
KNOWN_H = 26.0
RISING = ("even", "wandering", "faster", "slower", "even on a day's wave")
OTHER = ("stable", "day's wave", "hour's wave", "spikes", "steps", "stops short")
SERVICE = Entity(id="service:bench/shop", kind="service", name="shop", latency_ms=OBJECTIVE_MS)
P95 = Series(0, 1, SERVICE.id, "service.latency.p95", (), "ms")


def slower(models: Models, each: int, seed: int) -> dict[str, Any]:
    """By kind: of how many it was told, how many of these passed, and how often the interval of the telling held it.

    `held_by_90_if_passed` leaves out what never passed, `held_by_90` counts it as not held. After what stands there for
    26 hours or more, the level climbs from 120–200 ms and passes 300 within 2 to 14 hours, or never.
    """
    draw = np.random.default_rng(seed)
    found = {kind: [_followed(models, *_made(kind, draw)) for _ in range(each)] for kind in (*RISING, *OTHER)}
    told = [one for kind in RISING for one in found[kind] if one["told"]]
    passed = [one for one in told if one["passed"]]
    return {
        "told_before_of_rises": round(float(np.mean([o["before"] for kind in RISING for o in found[kind]])), 3),
        "held_by_90_if_passed": _share([one["held"] for one in passed]),
        "held_by_90": _share([one["held"] for kind in found for one in found[kind] if one["told"]]),
        "told_of_others": sum(one["told"] for kind in OTHER for one in found[kind]),
        "others": each * len(OTHER),
        "by_kind": {kind: _summed(rows) for kind, rows in found.items()},
    }


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    told = [one for one in rows if one["told"]]
    leads = [one["lead_s"] for one in told if one["passed"]]
    return {
        "series": len(rows),
        "told": len(told),
        "told_before": sum(one["before"] for one in rows),
        "lead_min": round(float(np.median(leads)) / 60, 1) if leads else None,
        "held_by_90": _share([one["held"] for one in told if one["passed"]]),
    }


def _share(which: list[bool]) -> float | None:
    return round(float(np.mean(which)), 3) if which else None


def _followed(models: Models, level: F64, heard: F64) -> dict[str, Any]:
    """The first telling of one latency, beside when its level really passed."""
    stage = Outlooks(models, OutlookPolicy(risk_every_s=1e9), lambda: Topology(entities={SERVICE.id: SERVICE}))
    past = np.flatnonzero(level >= OBJECTIVE_MS)
    at_s = int(past[0]) * STEP_S if len(past) else None
    for step, value in enumerate(heard[: int(past[0]) if len(past) else None].tolist()):
        outlook = _said(stage, step, value)
        if outlook is not None:
            left_s = None if at_s is None else at_s - step * STEP_S
            held = left_s is not None and (outlook.earliest_s or 0) <= left_s <= (outlook.latest_s or np.inf)
            return {
                "told": True,
                "passed": at_s is not None,
                "before": at_s is not None,
                "held": held,
                "lead_s": left_s,
            }
    return {"told": False, "passed": at_s is not None, "before": False, "held": False, "lead_s": None}


def _said(stage: Outlooks, step: int, value: float) -> Outlook | None:
    at_ms = T0_MS + step * STEP_S * 1000
    batch = MetricBatch(np.zeros(1, np.uint32), np.array([at_ms * 1_000_000]), np.array([value]))
    new = (P95,) if step == 0 else ()
    stage.apply(Normal(metrics=batch, new_series=new, at_ns=at_ms * 1_000_000), np.ones(1), at_ms, Effects())
    return next((one for one in stage.standing.outlooks if one.alert), None)


def _made(kind: str, draw: np.random.Generator) -> tuple[F64, F64]:
    """(level, what is heard of it): scatter of 1 to 6 %, neighbours alike in part, and one in a hundred far above."""
    known_h = KNOWN_H * (4.0 if "wave" in kind else 1.0) + draw.uniform(0, 4)
    takes_h = float(np.exp(draw.uniform(np.log(2), np.log(14))))
    at_h = np.arange(int((known_h + 2.0 * takes_h) * 3600 / STEP_S)) * STEP_S / 3600
    low = draw.uniform(120, 200)
    level = np.full(len(at_h), low)
    since = np.maximum(at_h - known_h, 0) / takes_h
    if kind in RISING:
        level += (OBJECTIVE_MS - low) * _course(kind, since, draw)
    if kind == "stops short":
        level += (OBJECTIVE_MS - low) * np.minimum(since, draw.uniform(0.3, 0.9))
    if "wave" in kind:
        swing = draw.uniform(0.1, 0.25 if kind in RISING else 0.4) * low
        period = 24.0 if "day" in kind else draw.uniform(0.7, 3)
        level = level - swing / 2 + swing * np.sin(2 * np.pi * (at_h / period + draw.random()))
    if kind == "steps":
        level += (at_h > known_h) * draw.uniform(0.2, 0.9) * (OBJECTIVE_MS - low)
    noise = draw.standard_normal(len(at_h))
    for i in range(1, len(at_h)):
        noise[i] = 0.4 * noise[i - 1] + 0.917 * noise[i]
    heard = level * np.exp(draw.uniform(0.01, 0.06) * noise)
    heard *= 1 + (draw.random(len(at_h)) < (0.05 if kind == "spikes" else 0.01)) * draw.exponential(2, len(at_h))
    return level, heard


def _course(kind: str, since: F64, draw: np.random.Generator) -> F64:
    """From 0 to 1 and beyond; 1 is the objective."""
    if kind == "faster":
        return np.asarray(since ** draw.uniform(1.2, 2))
    if kind == "slower":
        return np.asarray(1.25 * (1 - np.exp(-since * draw.uniform(1.61, 2.5))))
    if kind == "wandering":
        steps = np.exp(np.cumsum(draw.standard_normal(len(since))) * 0.03) * (np.diff(since, prepend=0.0) > 0)
        return np.asarray(np.cumsum(steps) / max(float(steps[: int(len(since) * 0.95)].sum()), 1e-9) * 1.5)
    return since

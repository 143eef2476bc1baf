"""From the kernel's numbers to an operator's words: how severe, which signal, what to say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Severity
from mainstay.models.anomaly.rules import Parameters, Rule, find, unit_of
from mainstay.models.words import clock, quantity, short, span

SAYS = {"level": "outside", "drift": "creeping away", "range": "unsteady"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the kernel found of one sample. `numbers` is p, low, high, channel, expected; `rows` the state after it."""

    event: int
    channel: str
    at_ns: int
    value: float
    numbers: npt.NDArray[np.float64]
    rows: npt.NDArray[Any]
    since_before_ns: int


def judgement(parameters: Parameters, series: dict[str, Any], judged: Judged) -> dict[str, Any]:
    """The whole output of a decision, JSON-able; the same for live scoring and for repeating it years later."""
    rule = parameters.rules[max(find(parameters, series["metric"]), 0)]
    p, low, high, _, expected = (float(v) if math.isfinite(v) else None for v in judged.numbers)
    since = int(judged.rows["since_ns"][0]) if judged.event == 1 else judged.since_before_ns
    factor, effect = _effects(judged.value, low, high, expected)
    output: dict[str, Any] = {
        "firing": judged.event == 1, "event": ("none", "started", "calm", "adopted")[judged.event], "rule": rule.name,
        "channel": judged.channel, "signal": rule.signal, "p_value": p, "low": low, "high": high, "expected": expected,
        "since_ns": since, "factor": factor, "effect": effect, "name": _name(rule, judged.channel, judged.value, expected),
        "severity": _severity(rule, series, judged.value, factor),
    }  # fmt: skip
    return {**output, "summary": _summary(series, judged, output)}


def _effects(value: float, low: float | None, high: float | None, expected: float | None) -> tuple[float, float]:
    """Times the expected value (or its inverse), and distance from it in half widths of the band; capped at 1,000."""
    if low is None or high is None or expected is None:
        return 1.0, 0.0
    over, under = max(abs(value), 1e-12), max(abs(expected), 1e-12)
    half = max((high - low) / 2, 1e-300)
    return round(min(max(over / under, under / over), 1e3), 3), round(min(abs(value - expected) / half, 1e3), 3)


def _severity(rule: Rule, series: dict[str, Any], value: float, factor: float) -> Severity:
    strong: Severity = rule.strong or rule.severity
    if rule.limit:
        share = value / 100.0 if unit_of(series["metric"], series["unit"]) == "%" else value
        if rule.limit <= share <= 1.5 and unit_of(series["metric"], series["unit"]) in ("", "1", "%"):
            return strong
    return strong if factor >= rule.strong_ratio else rule.severity


def _name(rule: Rule, channel: str, value: float, expected: float | None) -> str:
    if channel == "range":
        return f"{rule.signal} unsteady"
    if channel == "drift":
        return f"{rule.signal} creeping"
    return f"{rule.signal} {'low' if expected is not None and value < expected else 'high'}"


def _summary(series: dict[str, Any], judged: Judged, output: dict[str, Any]) -> str:
    unit = unit_of(series["metric"], series["unit"])
    metric, _, statistic = series["metric"].rpartition(".")
    called = f"{statistic} of {metric}" if statistic in ("p50", "p90", "p95", "p99") else series["metric"]
    text = f"{called} of {short(series['entity'])} {quantity(judged.value, unit)}"
    if output["high"] is not None:
        low = max(output["low"], 0.0) if output["expected"] is not None and output["expected"] >= 0 else output["low"]
        text += f", expected {span(low, output['high'], unit)}"
    if output["event"] == "adopted":
        return f"{text}; outside since {clock(output['since_ns'])}, now taken as the new normal"
    if output["event"] == "calm":
        return f"{text}; calm again at {clock(judged.at_ns)}"
    return f"{text}{'' if judged.channel == 'level' else ' (' + SAYS.get(judged.channel, '') + ')'}, since {clock(output['since_ns'])}"

"""From the kernel's numbers to an operator's words: how severe, which signal, what to say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.words import clock, quantity, short, span
from mainstay.models.anomaly.rules import Rule, unit_of
from mainstay.models.anomaly.state import STRANGE, STRONG

EVENTS = ("none", "started", "calm", "adopted", "worse")
SAYS = {"drift": " (creeping)", "limit": " (near its limit)"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the kernel found of one sample.

    `numbers` is the kernel's TOLD; `after` the row after it; `day` its kind; `peer` whose past it goes by.
    """

    event: int
    channel: str
    at_ns: int
    value: float
    numbers: npt.NDArray[np.float64]
    after: npt.NDArray[Any]
    since_before_ns: int
    day: str = ""
    peer: str = ""


def judgement(rule: Rule, series: dict[str, Any], judged: Judged) -> dict[str, Any]:
    """The whole output of a decision, JSON-able; the same for live scoring and for repeating it years later."""
    p, low, high, _, expected, rare, _, widened = (float(v) if math.isfinite(v) else None for v in judged.numbers)
    event = EVENTS[judged.event]
    factor, effect = _effects(judged.value, low, high, expected)
    limit = float(judged.after["limit"][0])
    is_strong = int(judged.after["strong"][0]) > STRONG
    output: dict[str, Any] = {
        "firing": event in ("started", "worse"),
        "event": event,
        "rule": rule.name,
        "channel": judged.channel,
        "signal": rule.signal,
        "severity": rule.strong if is_strong and rule.strong else rule.severity,
        "p_value": p,
        "strangeness": None if rare is None else round(rare / math.log(10.0), 3),
        "strange_by": "" if rare is None else STRANGE[int(judged.numbers[6])],
        "low": low,
        "high": high,
        "expected": expected,
        "day": judged.day,
        "day_is_known": widened == 1.0,
        "borrowed_from": judged.peer,
        "limit": limit or None,
        "near_exhaustion": rule.exhausts and limit > 0 and judged.value >= rule.near * limit,
        "since_ns": int(judged.after["since_ns"][0]) if event == "started" else judged.since_before_ns,
        "factor": factor,
        "effect": effect,
        "name": _name(rule, judged.channel, judged.value, expected),
    }
    return {**output, "summary": _summary(series, judged, output)}


def _effects(value: float, low: float | None, high: float | None, expected: float | None) -> tuple[float, float]:
    """Times the expected value (or its inverse), and distance from it in half widths of the band; capped at 1,000."""
    if low is None or high is None or expected is None:
        return 1.0, 0.0
    over, under = max(abs(value), 1e-12), max(abs(expected), 1e-12)
    half = max((high - low) / 2, 1e-300)
    return round(min(max(over / under, under / over), 1e3), 3), round(min(abs(value - expected) / half, 1e3), 3)


def _name(rule: Rule, channel: str, value: float, expected: float | None) -> str:
    words = {"drift": "creeping", "limit": "near its limit"}
    is_low = expected is not None and value < expected
    return f"{rule.name} {words.get(channel, 'low' if is_low else 'high')}"


def _summary(series: dict[str, Any], judged: Judged, output: dict[str, Any]) -> str:
    unit = unit_of(series["metric"], series["unit"])
    metric, _, statistic = series["metric"].rpartition(".")
    called = f"{statistic} of {metric}" if statistic in ("p50", "p90", "p95", "p99") else series["metric"]
    text = f"{called} of {short(series['entity'])} {quantity(judged.value, unit)}"
    if output["high"] is not None:
        low = max(output["low"], 0.0) if (output["expected"] or 0.0) >= 0 else output["low"]
        text += f", expected {span(low, output['high'], unit)}{_day(output)}{_peer(output)}"
    if output["near_exhaustion"]:
        text += f", limit {quantity(output['limit'], unit)}"
    if output["event"] == "adopted":
        return f"{text}; outside since {clock(output['since_ns'])}, now taken as the new normal"
    if output["event"] == "calm":
        return f"{text}; calm again at {clock(judged.at_ns)}"
    return f"{text}{SAYS.get(judged.channel, '')}, since {clock(output['since_ns'])}"


def _day(output: dict[str, Any]) -> str:
    """What a calendar has to do with what was expected."""
    if not output["day"]:
        return ""
    if output["day_is_known"]:
        return f" as on earlier days of the kind {output['day']}"
    return f" (a day of the kind {output['day']}, of which none is known: twice as much as usual)"


def _peer(output: dict[str, Any]) -> str:
    """Whose past it was judged by."""
    return (
        f" (borrowed from {short(output['borrowed_from'])}: too young for its own)" if output["borrowed_from"] else ""
    )

"""How much an entity says in all, by gravity, whatever the lines are: far more than usual, or far less.

Per entity three counts a window: `errors` (ERROR and above), `warnings`, `lines` (the rest). Fifteen seconds of them
stand against what is learned: above, the quasi-Poisson tail; below, the Chernoff bound of the Poisson law
e^−(λ − k + k·ln(k/λ)) (Mitzenmacher and Upfal, "Probability and Computing", 2005, theorem 5.4), both divided by the
dispersion. Few errors are good news and never told. What no single template shows is seen here: many different
errors, each said once; an entity that says a quarter of its lines.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from mainstay.domain.alerts import Band, Severity
from mainstay.domain.protocols import Transition
from mainstay.domain.words import clock, short
from mainstay.models.logs.voice import ERROR, WARN, LogParameters, Rate
from mainstay.models.tails import poisson

Gravity = Literal["errors", "warnings", "lines"]
CHANNELS = {"more": "volume-high", "less": "volume-low"}


class Volume(msgspec.Struct, kw_only=True):
    """What one entity says of one gravity. `ring`: lines of the newest windows, not learned; `open`: of the last."""

    entity: str
    gravity: Gravity
    rate: Rate
    ring: list[int] = []
    open: int = 0
    firing: str = ""
    since_ns: int = 0
    calm: int = 0

    @property
    def subject(self) -> str:
        return f"log:{self.entity}#{self.gravity}"


def gravity_of(severity: int) -> Gravity:
    """Which of the three counts a line belongs to.

    >>> gravity_of(17), gravity_of(13), gravity_of(0)
    ('errors', 'warnings', 'lines')
    """
    return "errors" if severity >= ERROR else "warnings" if severity >= WARN else "lines"


class Volumes:
    """The counts of all entities. What a template of the entity tells already is not told again."""

    def __init__(self, parameters: LogParameters) -> None:
        self._parameters = parameters
        self.known: dict[tuple[str, Gravity], Volume] = {}

    def heard(self, entity: str, severity: int, count: int) -> None:
        """Lines of the window that is open."""
        for gravity in ("errors", "warnings", "lines"):
            if (entity, gravity) not in self.known:
                self.known[entity, gravity] = Volume(entity=entity, gravity=gravity, rate=Rate())
        self.known[entity, gravity_of(severity)].open += count

    def passed(self, until_ns: int, told: set[tuple[str, Gravity]]) -> list[Transition]:
        """A window is over for everybody; `told`: of whom a template fires already."""
        found = []
        for key, volume in self.known.items():
            inputs = {"volume": msgspec.to_builtins(volume), "until_ns": until_ns, "is_told": key in told}
            output = judged(volume, until_ns, self._parameters, is_told=key in told)
            if output["event"] != "none":
                found.append(_transition(volume, inputs, output))
        gone = [k for k, v in self.known.items() if not v.firing and v.rate.mean < 1e-6 and v.rate.windows > 17_280]
        for key in gone:
            del self.known[key]
        return found

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is told now."""
        return tuple((v.subject, v.firing) for v in self.known.values() if v.firing)


def judged(volume: Volume, until_ns: int, parameters: LogParameters, *, is_told: bool) -> dict[str, Any]:
    """Close one window of one count and say what it means; what leaves the ring calm is learned."""
    volume.ring.append(volume.open)
    volume.open = 0
    if len(volume.ring) > parameters.ring:
        oldest = volume.ring.pop(0)
        if not volume.firing:
            volume.rate.learn(float(oldest), parameters.memory)
    newest = volume.ring[-parameters.pool :]
    count, expected = float(sum(newest)), volume.rate.mean * parameters.pool
    channel, p_value = _outside(volume, newest, expected, parameters)
    if volume.firing:
        return _still(volume, until_ns, (count, expected), parameters, is_out=channel == volume.firing)
    if not channel or is_told:
        return {"firing": False, "event": "none"}
    volume.firing, volume.calm = channel, 0
    volume.since_ns = until_ns - int(parameters.window_s * 1e9) * parameters.pool
    return _said(volume, "started", until_ns, (count, expected, p_value), parameters)


def _outside(volume: Volume, newest: list[int], expected: float, parameters: LogParameters) -> tuple[str, float]:
    """The channel that sees it out of range, "" for none, and its chance."""
    rate, count = volume.rate, float(sum(newest))
    if rate.windows < parameters.volume_known:
        return "", 1.0
    dispersion = max(1.0, rate.variance / max(rate.mean, 1e-3))
    least = {"errors": parameters.least_error, "warnings": parameters.least_warn, "lines": parameters.least_info}
    if count > expected:
        p_value = poisson(count, max(expected, 0.1), dispersion)
        is_much = count - expected >= 2 * least[volume.gravity] and count >= parameters.ratio * expected
        spread = all(newest)  # a line that alone explains it is told in two windows
        return (CHANNELS["more"], p_value) if is_much and spread and p_value < parameters.volume_p else ("", 1.0)
    if volume.gravity == "errors" or count > 0.25 * expected or rate.windows < parameters.steady:
        return "", 1.0
    if not count and not volume.firing:
        return "", 1.0  # it says nothing at all: gone, or its logs are; not what this is about
    whole = expected * len(volume.ring) / parameters.pool
    k = float(sum(volume.ring))
    gap = whole - k + (k * math.log(k / whole) if k else 0.0)
    p_value = math.exp(-gap / dispersion) if k < 0.25 * whole else 1.0
    return (CHANNELS["less"], p_value) if p_value < parameters.absent_p else ("", 1.0)


def _still(
    volume: Volume, until_ns: int, numbers: tuple[float, float], parameters: LogParameters, *, is_out: bool
) -> dict[str, Any]:
    volume.calm = 0 if is_out else volume.calm + 1
    is_adopted = until_ns - volume.since_ns > parameters.adopt_s * 1e9
    if not is_adopted and volume.calm * parameters.window_s < parameters.calm_s:
        return {"firing": True, "event": "none"}
    output = _said(volume, "adopted" if is_adopted else "calm", until_ns, (*numbers, 1.0), parameters)
    volume.firing = ""
    if is_adopted:
        volume.rate = Rate()
    return output


def _said(
    volume: Volume, event: str, until_ns: int, numbers: tuple[float, float, float], parameters: LogParameters
) -> dict[str, Any]:
    count, expected, p_value = numbers
    seconds = parameters.pool * parameters.window_s
    is_start = event == "started"
    more = volume.firing == CHANNELS["more"]
    severity: Severity = "info"
    if is_start and more and volume.gravity != "lines":
        grave = volume.gravity == "errors" and count >= 10 * expected and count >= 6 * parameters.least_error
        severity = "major" if grave else "minor"
    says = f"{short(volume.entity)} says {count:g} {volume.gravity} in {seconds:g} s, expected {expected:.1f}"
    ends = {"started": f", since {clock(volume.since_ns)}", "calm": f"; calm again at {clock(until_ns)}"}
    return {
        "firing": is_start, "event": event, "channel": volume.firing, "severity": severity,
        "since_ns": volume.since_ns, "at_ns": until_ns, "count": count, "expected": round(expected, 3),
        "p_value": p_value if is_start else None, "name": f"{'more' if more else 'fewer'} {volume.gravity} than usual",
        "effect": round(min(max(count, 0.3) / max(expected, 0.3), 1e3), 2) if more else
        round(min(max(expected, 0.3) / max(count, 0.3), 1e3), 2),
        "summary": says + ends.get(event, "; now taken as normal"),
    }  # fmt: skip


def _transition(volume: Volume, inputs: dict[str, Any], output: dict[str, Any]) -> Transition:
    expected = output["expected"]
    low, high = (expected / 4, math.inf) if output["channel"] == CHANNELS["less"] else (0.0, expected)
    band = Band(low=low, high=min(high, 4 * expected), value=output["count"], unit="1") if output["firing"] else None
    return Transition(
        subject=volume.subject,
        entity=volume.entity,
        firing=output["firing"],
        since_ns=output["since_ns"],
        at_ns=output["at_ns"],
        name=output["name"],
        signal="logs",
        severity=output["severity"],
        summary=output["summary"],
        channel=output["channel"],
        inputs=inputs,
        output=output,
        band=band,
        p_value=output["p_value"],
        labels={"gravity": volume.gravity},
    )

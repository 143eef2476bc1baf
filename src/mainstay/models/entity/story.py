"""What is told of a row: which metrics are to blame, whether it lasts, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mainstay.domain.words import clock, quantity, short
from mainstay.models.entity.block import Story
from mainstay.models.entity.parameters import EntityParameters
from mainstay.models.entity.tail import Tail

REMEMBERED = 0xFF  # the last eight rows
NAMED, LISTED = 2, 10  # metrics in the summary, and in the output


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One metric in one row: what came, what the others let expect, its usual level, times the usual strangeness."""

    metric: str
    unit: str
    value: float
    expected: float
    level: float
    strength: float

    def is_off(self, parameters: EntityParameters) -> bool:
        """Strange enough to be blamed, and by an amount that matters."""
        matters = parameters.matters * max(abs(self.level), abs(self.expected))
        return self.strength >= parameters.blame and abs(self.value - self.expected) >= matters


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a decision about one row rests on; plain data, so it repeats from JSON.

    The d² coefficients that led to `expected` and `strength` are not kept with every decision.
    """

    entity: str
    at_ns: int
    metrics: tuple[Judged, ...]
    tail: Tail
    story: Story

    @property
    def score(self) -> float:
        """Mean strength, added up in the order of the columns as the kernel does."""
        return sum(m.strength for m in self.metrics) / len(self.metrics)


def told(row: Row, parameters: EntityParameters) -> tuple[Story, dict[str, Any]]:
    """The story after this row, and what is to be said (`event` none, started, calm or noted)."""
    story = msgspec.structs.replace(row.story)
    score, blamed = row.score, _blamed(row.metrics, parameters)
    p_value = row.tail.p_value(score)
    is_strange = p_value <= parameters.p_fire and len(blamed) >= parameters.least_blamed
    if is_strange and not story.strange and not story.away:
        story.since_ns = row.at_ns
    since_ns = story.since_ns
    story.strange = (story.strange << 1 | is_strange) & REMEMBERED
    is_calm = score <= row.tail.above or len(blamed) < parameters.least_blamed  # averages forget slowly
    event = _turn(story, parameters, is_calm=is_calm)
    output = {
        "firing": story.firing,
        "event": event,
        "since_ns": since_ns,
        "p_value": p_value,
        "score": round(score, 4),
        "effect": round(score / row.tail.above, 4),
        "blame": _shares(blamed, row.metrics),
    }
    return story, {**output, "summary": _summary(row, output)}


def _turn(story: Story, parameters: EntityParameters, *, is_calm: bool) -> str:
    """What this row makes of the story: started, calm, noted (said long enough; it holds no incident open) or none."""
    if not story.away:
        if story.strange.bit_count() < parameters.persist_rows:
            return "none"
        story.firing, story.away, story.calm, story.rows = True, True, 0, 0
        return "started"
    was_firing = story.firing
    story.calm, story.rows = story.calm + 1 if is_calm else 0, story.rows + 1
    if story.calm >= parameters.calm_rows:
        story.firing, story.away, story.strange = False, False, 0
        return "calm" if was_firing else "none"
    story.firing = was_firing and story.rows < parameters.hold_rows
    return "noted" if was_firing and not story.firing else "none"


def silenced(given: dict[str, Any]) -> dict[str, Any]:
    """An entity that fires and does not speak any more: its silence is another detector's subject."""
    text = f"no metric of {short(given['entity'])} since {clock(given['last_ns'])}"
    return {"firing": False, "event": "silent", "since_ns": given["since_ns"], "summary": text}


def _blamed(metrics: Sequence[Judged], parameters: EntityParameters) -> list[Judged]:
    found = [m for m in metrics if m.is_off(parameters)]
    return sorted(found, key=lambda m: (-m.strength, m.metric))


def _shares(blamed: Sequence[Judged], metrics: Sequence[Judged]) -> list[dict[str, Any]]:
    """The blamed metrics, strangest first, each with its share of all that is beyond the usual."""
    beyond = sum(max(m.strength - 1.0, 0.0) for m in metrics)
    return [
        {"metric": m.metric, "value": m.value, "expected": m.expected, "share": round((m.strength - 1.0) / beyond, 3)}
        for m in blamed[:LISTED]
    ]


def _summary(row: Row, output: dict[str, Any]) -> str:
    name = short(row.entity)
    if output["event"] == "calm":
        return f"the metrics of {name} agree again at {clock(row.at_ns)}"
    if output["event"] == "noted":
        return f"the metrics of {name} go another way since {clock(output['since_ns'])}: noted, not told on"
    units = {m.metric: m.unit for m in row.metrics}
    words = [
        f"{b['metric']} {quantity(b['value'], units[b['metric']])}"
        f" where the others let expect {quantity(b['expected'], units[b['metric']])} ({b['share']:.0%})"
        for b in output["blame"][:NAMED]
    ]
    since = clock(output["since_ns"])
    return f"{len(output['blame'])} metrics of {name} out of step since {since}: {', '.join(words)}"

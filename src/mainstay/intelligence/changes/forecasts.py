"""Forecasts: made before a change, or when it is told; bound to it when it comes; scored when its impact is known."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from mainstay.domain.changes import Change, ChangeForecast, ChangeImpact, ImpactVerdict
from mainstay.domain.entities import Topology
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision
from mainstay.domain.protocols import Models
from mainstay.intelligence.changes.questions import NEAR_HOPS, callers_of, risk_inputs
from mainstay.intelligence.changes.state import State

WAITS_MS = 24 * 3_600_000  # a change that was assessed and does not come within a day is another one
EARLY_MS = 60_000  # clocks differ: a change may be dated a little before it was assessed


class Made(NamedTuple):
    """A forecast and what the ledger keeps of it."""

    forecast: ChangeForecast
    entry: Entry


def foretell(name: str, change: Change, seen: tuple[Models, State, Topology], at_ms: int) -> Made:
    """Ask what a change will do, by what is known now."""
    models, state, topology = seen
    decision = models.decide("change-risk", risk_inputs(change, state, topology))
    by = decision.decided_by
    forecast = msgspec.convert(
        {
            **decision.output,
            "id": name,
            "planned": change,
            "at_ms": at_ms,
            "by": "mainstay",
            "decided_by": {"model": by.model, "version": by.version},
            "entry": name,
        },
        ChangeForecast,
    )
    if not change.entity:
        says = f"{change.subject} is not known here, so only its kind speaks; {forecast.says}"
        forecast = msgspec.structs.replace(forecast, says=says)
    return Made(forecast, _entry("change-forecast", name, change.id, decision, at_ms))


def name_of(change: Change) -> str:
    """Id of the forecast that is made when a change is told.

    >>> name_of(Change(id="change-7", at_ms=0, kind="flag", subject="a"))
    'forecast-change-7'
    """
    return f"forecast-{change.id}"


def name_of_plan(change: Change, at_ms: int) -> str:
    """Id of a forecast that somebody asks for at a moment."""
    text = f"{change.id} {change.subject} {change.kind} {change.version} {at_ms}"
    return f"forecast-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def asked_for(change: Change, forecasts: Iterable[ChangeForecast]) -> ChangeForecast | None:
    """The forecast that was made for this change before it came: by its id, else the latest that fits what it is."""
    waiting = [
        one
        for one in forecasts
        if not one.change
        and one.planned.entity == change.entity
        and one.at_ms - EARLY_MS <= change.at_ms <= max(one.at_ms, one.planned.at_ms) + WAITS_MS
    ]
    named = [one for one in waiting if one.planned.id == change.id]
    alike = [one for one in waiting if one.planned.kind == change.kind and one.planned.version in ("", change.version)]
    return max(named or alike, key=lambda one: (one.at_ms, one.id), default=None)


def scored(forecast: ChangeForecast, verdict: ImpactVerdict, at_ms: int) -> ChangeForecast:
    """A forecast with what came of it; without enough evidence there is nothing to score.

    The Brier score is the square of what it was off by (Brier 1950).
    """
    if verdict == "not-enough-evidence":
        return msgspec.structs.replace(forecast, outcome=verdict, scored_ms=at_ms)
    brier = round((forecast.probability - (verdict == "harmful")) ** 2, 6)
    return msgspec.structs.replace(forecast, outcome=verdict, scored_ms=at_ms, brier=brier)


def count_felt(impact: ChangeImpact, state: State, topology: Topology) -> None:
    """Who felt a harmful change, and who called the service and did not."""
    for caller, hops in callers_of(topology, impact.entity):
        if hops <= NEAR_HOPS:
            state.count([f"hops:{hops}"], did_harm=caller in impact.felt)


def impact_entry(name: str, change: str, decision: Decision, at_ms: int) -> Entry:
    """What the ledger keeps of a look."""
    return _entry("impact", name, change, decision, at_ms)


def _entry(kind: str, name: str, subject: str, decision: Decision, at_ms: int) -> Entry:
    return msgspec.convert(
        {
            "id": name,
            "kind": kind,
            "at_ms": at_ms,
            "actor": str(decision.decided_by),
            "subject": subject,
            "output": decision.output,
            "rests_on": (f"version-{decision.decided_by}",),
            "inputs": decision.inputs,
        },
        Entry,
    )

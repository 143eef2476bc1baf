"""Ledger entries of this stage: each names what it rests on, with the inputs frozen where a model decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mainstay.domain.alerts import Alert
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision


def grouping(alert: Alert, decision: Decision, rests_on: Iterable[str], at_ms: int) -> Entry:
    """An alert was put into an incident, opened one, or waits."""
    return Entry(
        id=f"grouping:{alert.id}:{at_ms}",
        kind="grouping",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=alert.id,
        output=decision.output,
        rests_on=tuple(dict.fromkeys(rests_on)),
        inputs=decision.inputs,
    )


def diagnosis(incident: str, decision: Decision, rests_on: Iterable[str], at_ms: int) -> Entry:
    """Suspects were ranked."""
    return Entry(
        id=f"diagnosis:{incident}:{at_ms}",
        kind="diagnosis",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=incident,
        output=decision.output,
        rests_on=tuple(dict.fromkeys(rests_on)),
        inputs=decision.inputs,
    )


def incident(name: str, event: str, actor: str, rests_on: Iterable[str], at_ms: int, **output: Any) -> Entry:
    """An incident was opened, reopened, acknowledged, merged or split."""
    return Entry(
        id=f"incident:{name}:{event}:{at_ms}",
        kind="incident",
        at_ms=at_ms,
        actor=actor,
        subject=name,
        output={"event": event, **output},
        rests_on=tuple(dict.fromkeys(rests_on)),
    )


def resolution(name: str, actor: str, rests_on: Iterable[str], at_ms: int, why: str) -> Entry:
    """An incident is over."""
    return Entry(
        id=f"resolution:{name}:{at_ms}",
        kind="resolution",
        at_ms=at_ms,
        actor=actor,
        subject=name,
        output={"event": "resolved", "why": why},
        rests_on=tuple(dict.fromkeys(rests_on)),
    )

"""Ledger entries of this stage: each names what it rests on, with the inputs frozen where a model decided.

An id ends in the record's sequence number: a replay gives the same one, and no two records share it, as they may share
a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mainstay.domain.alerts import Alert
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision


def episode(alert: Alert, before: str, seq: int) -> Entry:
    """A condition that burned on came back after the pause of its flood: from here on it is an alert of its own."""
    return Entry(
        id=f"alert-{alert.id}-{alert.status}-{alert.at_ms}-{seq}",
        kind="alert",
        at_ms=alert.at_ms,
        actor=str(alert.decided_by),
        subject=alert.id,
        output={"firing": True, "summary": alert.summary, "severity": alert.severity},
        rests_on=(before,),
    )


def grouping(alert: Alert, decision: Decision, rests_on: Iterable[str], at_ms: int, seq: int) -> Entry:
    """An alert was put into an incident, opened one, or waits."""
    return Entry(
        id=f"grouping:{alert.id}:{seq}",
        kind="grouping",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=alert.id,
        output=decision.output,
        rests_on=tuple(dict.fromkeys(rests_on)),
        inputs=decision.inputs,
    )


def along(alert: Alert, incident: str, decision: Decision, rests_on: Iterable[str], at_ms: int, seq: int) -> Entry:
    """A waiting alert came along with another into an incident: the decision is that of the other."""
    return Entry(
        id=f"grouping:{alert.id}:along:{seq}",
        kind="grouping",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=alert.id,
        output={"action": "along", "incident": incident, "why": decision.output["why"]},
        rests_on=tuple(dict.fromkeys(rests_on)),
    )


def diagnosis(incident: str, decision: Decision, rests_on: Iterable[str], at_ms: int, seq: int) -> Entry:
    """Suspects were ranked."""
    return Entry(
        id=f"diagnosis:{incident}:{seq}",
        kind="diagnosis",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=incident,
        output=decision.output,
        rests_on=tuple(dict.fromkeys(rests_on)),
        inputs=decision.inputs,
    )


def incident(name: str, event: str, actor: str, rests_on: Iterable[str], at_ms: int, seq: int, **output: Any) -> Entry:
    """An incident was opened, reopened, acknowledged, merged or split."""
    return Entry(
        id=f"incident:{name}:{event}:{seq}",
        kind="incident",
        at_ms=at_ms,
        actor=actor,
        subject=name,
        output={"event": event, **output},
        rests_on=tuple(dict.fromkeys(rests_on)),
    )


def resolution(name: str, actor: str, rests_on: Iterable[str], at_ms: int, seq: int, why: str) -> Entry:
    """An incident is over."""
    return Entry(
        id=f"resolution:{name}:{seq}",
        kind="resolution",
        at_ms=at_ms,
        actor=actor,
        subject=name,
        output={"event": "resolved", "why": why},
        rests_on=tuple(dict.fromkeys(rests_on)),
    )

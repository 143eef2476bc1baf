"""Incidents: what an operator works on. One incident, its cause first, its victims named as victims."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.alerts import Evidence, Severity
from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.models import VersionRef
from mainstay.domain.silences import Withheld
from mainstay.domain.similar import SimilarIncident

IncidentStatus = Literal["open", "acknowledged", "resolved", "merged"]
Cause = Literal[
    "deploy", "config", "memory", "cpu", "host", "database", "dependency", "queue", "disk", "traffic", "model",
    "unknown",
]  # fmt: skip


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate for the cause, how sure we are, and what we go by.

    `probability` is that this entity is the cause. `change` is the change that we think did it.
    """

    entity: str
    cause: Cause
    probability: float
    decided_by: VersionRef
    change: str | None = None
    evidence: tuple[str, ...] = ()
    says: str = ""


class RiskPart(msgspec.Struct, frozen=True, kw_only=True):
    """One addend of a risk score, in points, with its reason."""

    name: str
    points: int
    says: str


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """0–100, always shown as the sum of its parts."""

    score: int
    parts: tuple[RiskPart, ...]


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what happened: a signal, an alert, a change, a decision, an action."""

    at_ms: int
    kind: Literal["signal", "alert", "change", "decision", "action", "verdict", "page"]
    says: str
    ref: str = ""
    decided_by: VersionRef | None = None


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """Why an alert is in this incident."""

    alert: str
    at_ms: int
    why: str
    decided_by: VersionRef


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What is broken, why, who feels it, and how sure we are.

    Attributes:
        id: `INC-7`, numbered in the order of opening; the same after a replay.
        since_ms: When the trouble began (earliest onset), before `opened_ms`, when the evidence sufficed.
        critical_failure: The worst symptom in words. `impact`: entity ids that suffer, the cause not among them.
        groupings: Of the first 500 alerts; `more_alerts` counts those beyond, whose groupings stand in the ledger.
        evidence: What suspects and summary cite by id.
        similar: Past incidents that look like it, the most alike first.
        withheld: Why the page that it has to tell is held back; None when none is.
    """

    id: str
    status: IncidentStatus
    severity: Severity
    title: str
    since_ms: int
    opened_ms: int
    updated_ms: int
    decided_by: VersionRef
    tenant: str = DEFAULT_TENANT
    resolved_ms: int | None = None
    summary: str = ""
    groupings: tuple[Grouping, ...] = ()
    entities: tuple[str, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    critical_failure: str = ""
    impact: tuple[str, ...] = ()
    risk: Risk | None = None
    timeline: tuple[TimelineEntry, ...] = ()
    acknowledged_by: str = ""
    merged_into: str = ""
    more_alerts: int = 0
    similar: tuple[SimilarIncident, ...] = ()
    withheld: Withheld | None = None


def belongs_to(incident: Incident) -> str:
    """The entity that an incident counts for: its first suspect, or where it was seen first; "" when neither is known.

    >>> from mainstay.domain.models import VersionRef
    >>> by = VersionRef("correlator", 1)
    >>> kept = {"status": "open", "severity": "major", "since_ms": 0, "opened_ms": 0, "updated_ms": 0}
    >>> belongs_to(Incident(id="INC-1", title="", decided_by=by, entities=("service:prod/pay",), **kept))
    'service:prod/pay'
    """
    if incident.suspects:
        return incident.suspects[0].entity
    return incident.entities[0] if incident.entities else ""

"""An incident as a person needs it at three in the morning: title, summary, impact, risk; pure and repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mainstay.domain.alerts import SEVERITIES, Alert, Severity
from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.intelligence.risk import Burns, Situation, risk_of
from mainstay.intelligence.summary import summary, title
from mainstay.intelligence.symptoms import FELT, is_user_facing, says, worst

SURE = 0.3
"""A suspect below this probability is no root cause yet: it is listed among those that suffer."""


def assess(
    incident: Incident,
    topology: Topology,
    alerts: Sequence[Alert],
    changes: Sequence[Change],
    at_ms: int,
    burns: Burns | None = None,
) -> Incident:
    """The incident with severity, risk, impact, critical failure, title and summary.

    Args:
        incident: As the correlator left it: groupings, suspects, evidence.
        topology: For tiers, and for how much of the whole is affected.
        alerts: Those of the incident in their newest state (others are not looked at).
        changes: Recent ones, to name the version that is blamed.
        at_ms: The record's time; nothing else tells the time.
        burns: How fast a service spends its error budget; without it that part of the risk is not known.
    """
    grouped = {grouping.alert for grouping in incident.groupings}
    mine = sorted((a for a in alerts if a.id in grouped), key=lambda a: (a.since_ms, a.id))
    if not mine:
        return incident
    situation = Situation(incident, topology, mine, at_ms, burns)
    tiers = {name: entity.tier for name, entity in topology.entities.items()}
    worst_alert = worst(situation.firing or mine, tiers)
    assert worst_alert is not None
    impact = _impact(incident, mine, topology)
    assessed = msgspec.structs.replace(
        incident,
        severity=_severity(_weighed(incident, mine), impact, topology),
        impact=impact,
        critical_failure=says(worst_alert),
        risk=risk_of(situation, impact),
    )
    return msgspec.structs.replace(
        assessed,
        title=title(assessed, mine, worst_alert, changes),
        summary=summary(assessed, mine, worst_alert, changes, at_ms),
    )


def _weighed(incident: Incident, alerts: Sequence[Alert]) -> list[Alert]:
    """Whose severity counts: when a whole host is starved every call is late, so it is as grave as what users feel."""
    felt = [alert for alert in alerts if is_user_facing(alert) and alert.signal in FELT]
    is_host = bool(incident.suspects) and incident.suspects[0].cause == "host"
    return felt if is_host and felt else list(alerts)


def _severity(alerts: Iterable[Alert], impact: Sequence[str], topology: Topology) -> Severity:
    """The worst of its alerts; one step more when users feel it and a tier-1 service is among those that suffer."""
    found = list(alerts)
    severity = min((alert.severity for alert in found), key=SEVERITIES.index)
    is_felt = any(is_user_facing(alert) and alert.signal in FELT for alert in found)
    suffering = {*(alert.about for alert in found), *impact}
    has_tier_1 = any(topology.entities[e].tier == 1 for e in suffering if e in topology.entities)
    if is_felt and has_tier_1 and severity in ("major", "minor"):
        return SEVERITIES[SEVERITIES.index(severity) - 1]
    return severity


def _impact(incident: Incident, alerts: Sequence[Alert], topology: Topology) -> tuple[str, ...]:
    """Who suffers, the cause not among them: what is slow, fails or stopped, and who is seen calling it."""
    cause = ""
    if incident.suspects and incident.suspects[0].probability >= SURE:
        cause = incident.suspects[0].entity
    ill = {alert.about for alert in alerts if alert.signal in (*FELT, "traffic")}
    callers = {alert.call[0] for alert in alerts}
    return tuple(sorted((ill | callers) - {cause, ""}, key=lambda entity: (_tier(entity, topology), entity)))


def _tier(entity: str, topology: Topology) -> int:
    known = topology.entities.get(entity)
    return known.tier if known and known.tier is not None else 9

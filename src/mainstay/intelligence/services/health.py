"""The health of a service: 100 less what speaks against it, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.domain.alerts import Severity
from mainstay.domain.entities import Entity
from mainstay.domain.outlook import Outlook
from mainstay.domain.services import Burn, HealthReason, HealthStatus, ServiceHealth
from mainstay.intelligence.wording import counted, lasted

ALERT_POINTS: dict[Severity, int] = {"critical": 45, "major": 25, "minor": 10, "info": 2}
MOST_ALERT_POINTS = 60
BURNS = ((14.4, 30, "30 days' budget in 2 days"), (6.0, 20, "30 days' budget in 5 days"), (1.0, 10, "too fast"))
"""Rates of the workbook's table 5-8: what is worth a page, a ticket, a look."""
SPENT_POINTS = 15
SOON_S = 86_400.0
SILENT_MS = 180_000
HEALTHY, DEGRADED = 85, 50


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a service at one moment.

    Attributes:
        alerts: Severities of what is open about it. heard_ms: When it last spoke; None never, or not within a day.
        harmful: What a change did lately, in words; "" for nothing. ahead: What runs out of what it owns.
    """

    alerts: Sequence[Severity] = ()
    burn: Burn | None = None
    heard_ms: int | None = None
    harmful: str = ""
    ahead: Sequence[Outlook] = ()


def health_of(entity: Entity, known: Known, at_ms: int) -> ServiceHealth:
    """Health with its reasons. A service that says nothing is `unknown`, whatever else there is: it has no figure."""
    is_silent = known.heard_ms is None or at_ms - known.heard_ms > SILENT_MS
    reasons = [*_alerts(known), *_burn(known.burn), *_change(known), *_ahead(known)]
    health = max(0, 100 - sum(reason.points for reason in reasons))
    status: HealthStatus = "healthy" if health >= HEALTHY else "degraded" if health >= DEGRADED else "unhealthy"
    if is_silent:
        ago = "nothing was ever heard of it" if known.heard_ms is None else _silence(at_ms - known.heard_ms)
        reasons.insert(0, HealthReason(name="silence", points=0, says=ago))
    return ServiceHealth(
        entity=entity.id,
        name=entity.name,
        environment=entity.environment,
        status="unknown" if is_silent else status,
        at_ms=at_ms,
        health=None if is_silent else health,
        reasons=tuple(reasons),
        tier=entity.tier,
        owner=entity.owner,
        alerts=len(known.alerts),
        burn=known.burn,
        last_heard_ms=known.heard_ms,
    )


def _silence(ms: int) -> str:
    return f"nothing was heard of it for {lasted(ms)}: that is not health"


def _alerts(known: Known) -> list[HealthReason]:
    if not known.alerts:
        return []
    points = min(MOST_ALERT_POINTS, sum(sorted((ALERT_POINTS[one] for one in known.alerts), reverse=True)[:5]))
    worst = max(known.alerts, key=lambda one: ALERT_POINTS[one])
    says = f"{counted(len(known.alerts), 'open alert')}, the worst {worst}"
    return [HealthReason(name="alerts", points=points, says=says)]


def _burn(burn: Burn | None) -> list[HealthReason]:
    if burn is None:
        return [HealthReason(name="burn", points=0, says="not known: nobody is seen calling it")]
    found, rates = [], (burn.rate_1h, burn.rate_5m)
    objective = f"{'default ' if burn.is_default else ''}objective {burn.objective:g} %"
    fast = min(rate for rate in rates if rate is not None) if None not in rates else 0.0
    for least, points, says in BURNS:
        if fast >= least:
            told = f"spends its error budget {fast:.1f} times as fast as it may ({says}; {objective})"
            found.append(HealthReason(name="burn", points=points, says=told))
            break
    if burn.budget_left is not None and burn.budget_left <= 0:
        told = f"its error budget is overspent: {burn.errors} of {burn.requests} requests failed ({objective})"
        found.append(HealthReason(name="budget", points=SPENT_POINTS, says=told))
    return found


def _change(known: Known) -> list[HealthReason]:
    return [HealthReason(name="change", points=15, says=known.harmful)] if known.harmful else []


def _ahead(known: Known) -> list[HealthReason]:
    soon = [one for one in known.ahead if one.is_believed and one.expected_s is not None and one.expected_s < SOON_S]
    if not soon:
        return []
    first = min(soon, key=lambda one: (one.expected_s or 0.0, one.id))
    return [HealthReason(name=first.signal, points=15, says=first.says)]

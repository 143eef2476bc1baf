"""Services as a team answers for them: their objective, how fast they spend what it allows, and their health."""

from __future__ import annotations

from typing import Literal

import msgspec

DEFAULT_OBJECTIVE = 99.9
"""Percent of requests that must not fail, where the catalog names no objective."""
HealthStatus = Literal["healthy", "degraded", "unhealthy", "unknown"]


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a service spends its error budget: 1 spends it exactly within 30 days.

    Source: multi-window burn rates, The Site Reliability Workbook, chapter 5.

    Attributes:
        objective: Percent of requests that must not fail. is_default: The catalog names none.
        rate_5m, rate_1h: Times the rate that the objective allows; None without requests.
        budget_left: Of 30 days, 1 is untouched, below 0 is overspent; counted since `since_ms`, when we began to see.
    """

    objective: float = DEFAULT_OBJECTIVE
    is_default: bool = True
    rate_5m: float | None = None
    rate_1h: float | None = None
    budget_left: float | None = None
    requests: int = 0
    errors: int = 0
    since_ms: int = 0


class HealthReason(msgspec.Struct, frozen=True, kw_only=True):
    """What takes points from a service's health."""

    name: str
    points: int
    says: str


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a service is: 100 less its reasons. Without data it is `unknown`, with no figure: silence is not health.

    Attributes:
        owner: None is not known, and reported. alerts: Open ones about it that nothing holds back.
    """

    entity: str
    name: str
    environment: str
    status: HealthStatus
    at_ms: int
    health: int | None = None
    reasons: tuple[HealthReason, ...] = ()
    tier: int | None = None
    owner: str | None = None
    alerts: int = 0
    burn: Burn | None = None
    last_heard_ms: int | None = None

"""What keeps pages from leaving, and how services are: as the API answers for one world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.console.samples import HOSTILE, service

from mainstay.api.silences.desk import WithheldPage, view
from mainstay.domain.changes import (
    AtRisk,
    Calibration,
    Change,
    ChangeForecast,
    ChangeImpact,
    ChangePage,
    PlaceboTally,
    Reason,
    SignalEffect,
)
from mainstay.domain.incidents import Risk
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import Outlook, OutlookState, RiskReason, ServiceRisk
from mainstay.domain.services import HealthReason, ServiceHealth
from mainstay.domain.silences import Matcher, Silence, Window, Withholding
from mainstay.feedback.withheld import replayed

HOUR = 3_600_000


def listed(now_ms: int, *, is_calm: bool) -> dict[str, Callable[[], Any]]:
    """By path; in a calm world there is nothing of it."""
    return {
        "silences": lambda: [] if is_calm else [view(a_silence(now_ms), now_ms)],
        "maintenance": lambda: [] if is_calm else [view(a_window(now_ms), now_ms)],
        "suppressions": lambda: [] if is_calm else [replayed("payments-team", "proposed", [], {})],
        "withheld": lambda: [] if is_calm else [WithheldPage(page=a_page(now_ms), missed=None)],
        "services": lambda: [] if is_calm else [a_service(now_ms)],
        "outlook": lambda: (
            OutlookState() if is_calm else OutlookState(at_ms=now_ms, followed=12, outlooks=(a_disk(now_ms),))
        ),
    }


def one(page: str, name: str, changes: list[Change], now_ms: int, *, is_calm: bool) -> Any:
    """A part of the pages of changes and of what is ahead."""
    if page == "outlook":
        return {"risks": risks(now_ms, is_calm=is_calm)}[name]
    if name == "calibration":
        return calibration()
    return change_page(next((c for c in changes if c.id == name), None))


def a_silence(now_ms: int) -> Silence:
    known = Matcher(name="service", value="cart"), Matcher(name="alertname", value=HOSTILE)
    return Silence(
        id="s1", matchers=known, starts_ms=now_ms - HOUR, ends_ms=now_ms + 2 * HOUR, by="ada", comment="known since May"
    )


def a_window(now_ms: int) -> Window:
    return Window(
        id="w1", entities=(service("orders"),), starts_ms=now_ms, ends_ms=now_ms + HOUR, by="ben", with_dependents=True
    )


def a_page(now_ms: int) -> Withholding:
    return Withholding(
        id="h1", incident="INC-20212", by="silence", ref="s1", mode="on", status="held", at_ms=now_ms - HOUR,
        says="silenced by ada until 04:00", decided_by=VersionRef(model="user/ada", version=1),
    )  # fmt: skip


def a_service(now_ms: int) -> ServiceHealth:
    why = (HealthReason(name="alerts", points=45, says="latency is critical"),)
    return ServiceHealth(
        entity=service("payments"), name="payments", environment="prod", status="degraded", at_ms=now_ms, health=55,
        reasons=why, tier=1, alerts=1,
    )  # fmt: skip


def calibration() -> Calibration:
    return Calibration(
        forecasts=20, scored=12, harmful=2, unsure=3, brier=0.11, brier_of_base_rate=0.14, bins=(),
        placebos=PlaceboTally(), placebo_false_positive_rate=0.01,
    )  # fmt: skip


def a_disk(now_ms: int) -> Outlook:
    return Outlook(
        id="o1", entity=service("orders"), resource=f"disk /var {HOSTILE}", metric="disk", series=1, at_ms=now_ms,
        value=62.0, limit=100.0, share=0.62, by="rise", expected_s=18_000.0, earliest_s=10_800.0, latest_s=32_400.0,
        says="full in 5 h (3–9 h), because +1.2 GiB/h, 62 % used", is_believed=True, severity="minor", alert="a1",
        decided_by=VersionRef(model="forecaster", version=1),
    )  # fmt: skip


def risks(now_ms: int, *, is_calm: bool) -> dict[str, object]:
    why = (RiskReason(name="change", odds=3.1, says="it was changed lately"),)
    one = ServiceRisk(entity=service("payments"), probability=0.31, usual=0.04, reasons=why, is_flagged=True)
    standing = "in shadow, nobody is paged: 3 of 20 incidents seen; 1 of them flagged before, 0.5 false flags a day"
    return {
        "at_ms": 0 if is_calm else now_ms, "horizon_s": 0.0 if is_calm else 3600.0, "standing": standing,
        "risks": [] if is_calm else [one], "tally": {"flagged": 2, "came_true": 1}, "predictor": "predictor@1",
    }  # fmt: skip


def change_page(change: Change | None) -> ChangePage:
    """With what was foretold of it and what came, when its service is known."""
    if change is None:
        raise KeyError("change")
    if not change.entity:
        return ChangePage(change=change)
    return ChangePage(change=change, forecast=a_forecast(change), impact=an_impact(change))


def a_forecast(change: Change) -> ChangeForecast:
    reached = (
        AtRisk(entity=change.entity, probability=0.31, hops=0),
        AtRisk(entity=service("cart"), probability=0.12, hops=1),
    )
    return ChangeForecast(
        id="forecast-1", planned=change, at_ms=change.at_ms, by="mainstay", probability=0.31,
        services=reached, reasons=(Reason(name="past", odds=2.1, says=f"2 of 3 like it did harm {HOSTILE}"),),
        risk=Risk(score=41, parts=()), says="", decided_by=VersionRef(model="assessor", version=1), change=change.id,
        outcome="harmful", brier=0.476, entry="e1",
    )  # fmt: skip


def an_impact(change: Change) -> ChangeImpact:
    slow = SignalEffect(
        signal="latency", before=180.0, after=2400.0, effect=12.9, low=9.1, high=17.2, p_value=0.018, is_harm=True
    )
    errors = SignalEffect(signal="errors", before=0.0, after=0.01, effect=0.01, low=-0.002, high=0.02, p_value=0.21)
    return ChangeImpact(
        id=change.id, entity=change.entity, kind=change.kind, at_ms=change.at_ms, judged_ms=change.at_ms + 360_000,
        horizon_s=360.0, verdict="harmful", says="latency is 12.9 times what it was", p_value=0.018, placebos=55,
        decided_by=VersionRef(model="judge", version=1), peers=(service("orders"), service("cart")),
        effects=(slow, errors), felt=(service("gateway"),), is_final=True, entry="e2",
    )  # fmt: skip

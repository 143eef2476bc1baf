"""What keeps pages from leaving, and how services are: as the API answers for one world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.console.samples import HOSTILE, service

from mainstay.api.silences.desk import WithheldPage, view
from mainstay.domain.changes import Calibration, PlaceboTally
from mainstay.domain.models import VersionRef
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
    }


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

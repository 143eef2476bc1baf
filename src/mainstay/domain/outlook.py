"""What is ahead: resources that run out, and services at risk; how far, how sure, by which version."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.domain.models import VersionRef
from mainstay.domain.training import FeatureView

OutlookKind = Literal["full", "rise", "forecast", "deadline", "quiet"]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


LEADING = FeatureView(
    name="leading",
    version=3,
    columns=(
        "odd", "strange", "drift", "mounting", "alerts", "restless", "warnings", "change", "change_strange",
        "change_harm", "burn", "burn_slow", "runs_out", "filling", "again", "callee_odd", "callee_strange",
        "callee_change",
    ),
)  # fmt: skip
"""What a look at a service holds; what it means is said where it is computed. Another meaning is another version."""


class OutlookPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far ahead is looked, how often, and how much of it is told.

    Attributes:
        limits: A file of resources with a limit, read before the shipped one; its entries win.
        look_s: How often limits are looked at.
        forecasts_per_look: At most; what is most urgent comes first, the rest at the next looks.
        series: How many series with a limit are followed at most.
        alerts: How many predictive alerts may be open at once; what is beyond is listed and not told.
        risk_every_s: How often the risk of every service is predicted. horizon_s: For how long ahead.
    """

    limits: str = ""
    look_s: Seconds = 10.0
    forecasts_per_look: Count = 32
    series: Count = 20_000
    alerts: Count = 20
    risk_every_s: Seconds = 60.0
    horizon_s: Seconds = 3600.0


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """One resource with a limit, and when that is reached.

    Attributes:
        id: Of the resource: entity, kind and place; the same after a restart.
        series: The one that is followed. resource: In words, `disk /var`.
        value, limit, unit: Now, and where it ends; a resource that runs out by falling ends at its floor.
        share: How much of it is used, 0–1 (of a latency: of its objective); None where that is a date or not known.
        signal: `latency` is how long a service's answers take, and its limit the objective that the catalog names.
        by: `full` (it is there), `rise` (it began lately), `forecast` (tried on its past), `deadline`, or `quiet`.
        expected_s, earliest_s, latest_s: Time left, and its 90 % interval (None: not within sight).
        per_h: How fast it changes, in its unit an hour. lasted_s: For how long it has risen so.
        known_s: How long it was watched before; a rise that is older than our memory may be a habit.
        is_believed: Enough speaks for it to tell somebody; `says` has it in one sentence.
        severity: Of its alert; None while there is none. held: Why it is not told although it is believed.
    """

    id: str
    entity: str
    resource: str
    metric: str
    series: int
    at_ms: int
    value: float
    says: str
    limit: float | None = None
    unit: str = ""
    share: float | None = None
    signal: Literal["saturation", "latency"] = "saturation"
    by: OutlookKind = "quiet"
    expected_s: float | None = None
    earliest_s: float | None = None
    latest_s: float | None = None
    per_h: float = 0.0
    lasted_s: float = 0.0
    known_s: float = 0.0
    is_believed: bool = False
    decided_by: VersionRef | None = None
    severity: Severity | None = None
    alert: str = ""
    held: str = ""


class RiskReason(msgspec.Struct, frozen=True, kw_only=True):
    """One leading indicator and how much it weighs: by it the odds are multiplied."""

    name: str
    odds: float
    says: str


class ServiceRisk(msgspec.Struct, frozen=True, kw_only=True):
    """How likely a service has an incident within the horizon, and why.

    Attributes:
        usual: What its past incidents alone would say (the repeat-offender baseline).
        is_flagged: It is above the threshold for which one false alarm a day is accepted.
    """

    entity: str
    probability: float
    usual: float
    reasons: tuple[RiskReason, ...] = ()
    is_flagged: bool = False


class RiskLook(msgspec.Struct, frozen=True):
    """One look at the services as it was: what a predictor is trained on, and what evaluation reads.

    Attributes:
        view: Which leading indicators `rows` hold, by the number of their definition.
        usual, probability: What the baseline and the predictor said, by service.
        in_trouble: Whether an incident of the service was not over: such a look foretells nothing.
    """

    at_ms: int
    horizon_s: float
    view: int
    services: tuple[str, ...]
    rows: list[list[float]]
    usual: list[float]
    probability: list[float]
    in_trouble: tuple[bool, ...]


class RiskTally(msgspec.Struct, frozen=True, kw_only=True):
    """How flags came out so far, over `days` of watching: what decides whether the predictor is believed.

    Attributes:
        flagged: Flags that are judged. came_true: An incident of the service began within the horizon.
        incidents: All that began meanwhile. caught: Those that were flagged before.
        lead_s: Median time between a flag and its incident.
    """

    days: float = 0.0
    flagged: int = 0
    came_true: int = 0
    incidents: int = 0
    caught: int = 0
    lead_s: float | None = None

    @property
    def false_per_day(self) -> float:
        """False alarms a day.

        >>> RiskTally(days=4, flagged=6, came_true=2).false_per_day
        1.0
        """
        return (self.flagged - self.came_true) / max(self.days, 1.0)


class OutlookState(msgspec.Struct, frozen=True, kw_only=True):
    """What is ahead, at one moment.

    Attributes:
        followed: Series with a limit that are followed; beyond: those for which there was no room.
        waiting: Resources whose forecast waits for the next look.
        predictor: Which version; `standing` says in words whether it pages anybody, and why not.
    """

    at_ms: int = 0
    outlooks: tuple[Outlook, ...] = ()
    followed: int = 0
    beyond: int = 0
    waiting: int = 0
    risks_at_ms: int = 0
    horizon_s: float = 0.0
    risks: tuple[ServiceRisk, ...] = ()
    predictor: VersionRef | None = None
    tally: RiskTally = RiskTally()
    standing: str = ""

"""Changes: deploys, configuration, flags, infrastructure; what each was expected to do, and what it did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.errors import BadInput
from mainstay.domain.incidents import Risk
from mainstay.domain.models import VersionRef

ChangeKind = Literal["deploy", "rollback", "config", "flag", "scale", "restart", "infrastructure", "other"]
ChangeOutcome = Literal["", "successful", "failed"]
ImpactVerdict = Literal["harmless", "harmful", "not-enough-evidence"]
ImpactSignal = Literal["latency", "own", "errors", "rate", "availability", "cpu", "memory"]
"""Latency is the 95th percentile of what a service was asked, own its own time without that of what it calls."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed something, when, and what it was before.

    Attributes:
        entity: Entity id once normalised; before that the sender's word for it stands in `subject`.
        by_mainstay: It was one of our own actions: never a suspect of the incident it tries to mend.
        size: How many files were touched; 0 is not known.
        outcome: What its sender says became of it (a change record's close code); mostly "".
    """

    id: str
    at_ms: int
    kind: ChangeKind
    subject: str
    entity: str = ""
    tenant: str = DEFAULT_TENANT
    environment: str = ""
    version: str = ""
    previous_version: str = ""
    author: str = ""
    summary: str = ""
    source: str = ""
    by_mainstay: bool = False
    size: int = 0
    outcome: ChangeOutcome = ""


class PlannedChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change as a person writes it down, before it is made or afterwards.

    Attributes:
        service: Name, alias or entity id of what is changed.
        at: When, RFC 3339 with its zone; "" is now.
        id: By which it is known to its sender; "" makes one of what it says. source: Who that is; "" for who tells.
    """

    service: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    kind: ChangeKind = "deploy"
    id: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    at: Annotated[str, msgspec.Meta(max_length=64)] = ""
    environment: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    version: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    previous_version: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    author: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    summary: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    size: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    outcome: ChangeOutcome = ""
    source: Annotated[str, msgspec.Meta(max_length=1024)] = ""

    def at_ms(self, now_ms: int) -> int:
        """When, in milliseconds since 1970.

        >>> PlannedChange(service="a", at="2026-11-20T10:00:00Z").at_ms(0)
        1795168800000

        Raises:
            BadInput: `at` is no time, or names no zone.
        """
        if not self.at:
            return now_ms
        try:
            when = datetime.fromisoformat(self.at)
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            raise BadInput(f"at: expected a time with its zone such as 2026-11-20T10:00:00Z, got {self.at[:40]!r}")
        return int(when.timestamp() * 1000)


class SignalEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What one signal did after a change, beyond what unchanged peers did.

    Attributes:
        effect, low, high: With its 90 % interval: a factor for latency, own, rate, cpu and memory (1.3 is 30 % more),
            a difference for errors and availability (0.02 is two more of a hundred).
        before, after: The usual value, in the unit of the signal, before and after.
        p_value: Share of placebo changes in which this signal did as badly or worse.
        is_harm: It is rare among placebos, and large enough to matter.
    """

    signal: ImpactSignal
    before: float
    after: float
    effect: float
    low: float
    high: float
    p_value: float
    is_harm: bool = False


class ChangeImpact(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did, by difference-in-differences against unchanged peers and placebo changes.

    Attributes:
        id: That of the change.
        horizon_s: How long after the change was looked at. `is_final`: there will be no later look.
        p_value: Share of placebo changes that look at least as bad; `placebos` is how many there were.
        peers: Unchanged services that it was compared with.
        felt: Callers of the changed service that got worse with it.
        decided_by, entry: None and "" when there was nothing to judge by.
    """

    id: str
    entity: str
    kind: ChangeKind
    at_ms: int
    judged_ms: int
    horizon_s: float
    verdict: ImpactVerdict
    says: str
    decided_by: VersionRef | None = None
    p_value: float | None = None
    placebos: int = 0
    peers: tuple[str, ...] = ()
    effects: tuple[SignalEffect, ...] = ()
    felt: tuple[str, ...] = ()
    is_final: bool = False
    entry: str = ""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that makes harm more or less likely: by it the odds are multiplied."""

    name: str
    odds: float
    says: str


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A service that a change may harm: itself (`hops` 0), or a caller so many calls away."""

    entity: str
    probability: float
    hops: int
    tier: int | None = None


class ChangeForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a change is expected to do, said before it did anything; scored when its impact is known.

    Attributes:
        id: `forecast-…`. change: Id of the change that it was bound to; "" while that has not come.
        planned: The change as it was known then.
        probability: That it harms the service that is changed. services: Who else, and how likely.
        base: What the rate of harm that was known said alone. by_factors: What the factors said alone; the probability
            lies between the two, by how both did so far.
        reasons: The factors of the odds, the largest first. risk: 0–100, with its parts.
        outcome: "" until the impact is final. `brier`: (probability − outcome)².
        is_asked: A person or a pipeline asked for it; else it was made when the change was told.
    """

    id: str
    planned: Change
    at_ms: int
    by: str
    probability: float
    services: tuple[AtRisk, ...]
    reasons: tuple[Reason, ...]
    risk: Risk
    says: str
    decided_by: VersionRef
    base: float | None = None
    by_factors: float | None = None
    change: str = ""
    outcome: Literal["", "harmless", "harmful", "not-enough-evidence"] = ""
    scored_ms: int = 0
    brier: float | None = None
    is_asked: bool = False
    entry: str = ""


class PlaceboTally(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that nobody made, judged like real ones: what is called harmful among them is a false positive.

    Attributes:
        judged, harmful, unsure: How many; `unsure` is "not enough evidence".
    """

    id: str = "placebos"
    since_ms: int = 0
    at_ms: int = 0
    judged: int = 0
    harmful: int = 0
    unsure: int = 0


class CalibrationBin(msgspec.Struct, frozen=True, kw_only=True):
    """Forecasts between `low` and `high`: how many, what they said on average, and how often harm came."""

    low: float
    high: float
    n: int
    said: float
    came: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How good forecasts were.

    Attributes:
        scored: Those whose change was found harmful or harmless; `unsure`: those for which evidence did not suffice.
        brier: Mean of (probability − outcome)²; 0 is perfect. `brier_of_known_rate`: of saying each time the rate of
            harm that was known then. `brier_of_base_rate`: of always saying the rate of harm, with hindsight.
    """

    forecasts: int
    scored: int
    harmful: int
    unsure: int
    brier: float | None
    brier_of_base_rate: float | None
    bins: tuple[CalibrationBin, ...]
    placebos: PlaceboTally
    placebo_false_positive_rate: float | None
    brier_of_known_rate: float | None = None


class ChangeLine(Change, frozen=True, kw_only=True):
    """A change in a list, with what was foretold and found of it.

    Attributes:
        verdict: "" while it is looked at. is_placed: Its service is known; else it is kept, and never judged.
    """

    verdict: Literal["", "harmless", "harmful", "not-enough-evidence"] = ""
    probability: float | None = None
    risk: int | None = None
    is_placed: bool = True


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """One change with its forecast and its impact, as far as there are any."""

    change: Change
    forecast: ChangeForecast | None = None
    impact: ChangeImpact | None = None

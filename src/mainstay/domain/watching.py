"""What is watched of a model: findings about a version, whether it stands, how risky it is, whom it serves worse."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from mainstay.domain.models import ModelKind, VersionRef

Measure = Literal["data_drift", "concept_drift", "score_drift", "calibration", "accuracy", "runtime"]
Asks = Literal["", "retrain", "look"]
Reason = Literal["drifting", "canary", "unverified", "rolled_back", "overdue"]
Materiality = Literal["high", "medium", "low"]
BiasStatus = Literal["none", "worse", "too_few"]


class WatchPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How models are watched.

    Attributes:
        span_s: How long "then" and "now" are, which are compared. A rhythm that is longer than this looks like drift.
        look_s: How often they are compared; two looks one after another must agree.
        series, calls: How many series, and how many figures of calls between entities, are watched at most.
        gates_automation: A plan that rests on a version that does not stand asks a human, whatever policy allows.
    """

    span_s: Annotated[float, msgspec.Meta(ge=60)] = 7 * 86_400
    look_s: Annotated[float, msgspec.Meta(ge=10)] = 3600
    series: Annotated[int, msgspec.Meta(ge=16, le=10_000)] = 256
    calls: Annotated[int, msgspec.Meta(ge=16, le=10_000)] = 128
    gates_automation: bool = True


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share of counts with its 95 % interval; `value` is None while there are too few to say."""

    hits: int
    n: int
    value: float | None
    low: float
    high: float


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding means for whom.

    Attributes:
        scopes: Which services, tiers, environments are concerned (`service=…`), by how much of them moved.
        alerts: Ids of alerts that the version raised there since the change; `alert_count` counts all of them.
        moved: What moved, each as `entity metric: from → to`, the farthest first.
        retrain: What a retrain would change, in words: which bands would move, and which of the alerts would be silent.
        asks: `retrain` (it would help), `look` (a person should), or nothing.
    """

    scopes: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    alert_count: int = 0
    moved: tuple[str, ...] = ()
    retrain: str = ""
    asks: Asks = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not any more as it was when this version was chosen.

    Attributes:
        id: Derived from (measure, version, scope, since): the same after a replay.
        value: What was measured; `threshold`: from where on it counts. `unit` says of what.
        since_ms: From when on the data look so; `at_ms`: when it was sure; `ended_ms`: when it was over, None: not.
    """

    id: str
    measure: Measure
    kind: ModelKind
    version: VersionRef
    scope: str
    value: float
    threshold: float
    unit: str
    since_ms: int
    at_ms: int
    says: str
    ended_ms: int | None = None
    ended_why: str = ""
    impact: Impact = Impact()

    @property
    def status(self) -> Literal["open", "over"]:
        """Whether it still holds."""
        return "open" if self.ended_ms is None else "over"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long a model took for what it was asked: processor time an item and a call, and the wall time that
    ninety-five of a hundred calls kept within."""  # noqa: D205, D209

    calls: int
    us_per_item: float
    ms_per_call: float
    p95_ms: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what a version says may move anything without a person, and if not, why not."""

    version: VersionRef
    scope: str
    is_sound: bool
    reasons: tuple[Reason, ...] = ()
    says: tuple[str, ...] = ()


class ModelRiskPart(msgspec.Struct, frozen=True, kw_only=True):
    """One addend of a model's risk score, in points, with its reason."""

    name: str
    points: int
    says: str


class RiskScore(msgspec.Struct, frozen=True, kw_only=True):
    """0–100, always shown as the sum of its parts."""

    version: VersionRef
    value: int
    parts: tuple[ModelRiskPart, ...]


class Governance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers for a model, as a person wrote it down; `id` is the model's name.

    Attributes:
        materiality: How much harm a wrong word of it does; sets how often it is validated anew.
        validator: Who judged it last, never its owner; `validated_ms`: when, 0 never.
        review_days: How long a validation holds; 0 takes the materiality's own.
        findings: What the validator asks for, still open.
    """

    id: str
    owner: str = ""
    purpose: str = ""
    materiality: Materiality = "medium"
    validator: str = ""
    validated_ms: int = 0
    review_days: int = 0
    findings: tuple[str, ...] = ()
    by: str = ""
    at_ms: int = 0


class InventoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model in the inventory: who answers for it, what serves, what is open, and when it is due; `production` is
    one that users run."""  # noqa: D205, D209

    model: str
    kind: ModelKind | Literal["production"]
    live: str
    versions: int
    owner: str
    purpose: str
    materiality: Materiality
    validator: str
    validated_ms: int
    next_review_ms: int
    is_overdue: bool
    open_findings: tuple[str, ...]
    risk: int


class BiasCase(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a version did or missed, on one entity.

    Attributes:
        is_true: What was said of it; None: nothing. is_missed: It should have told of something and did not.
        delay_s: From the begin of the trouble until it was told; None where that says nothing.
    """

    entity: str
    is_true: bool | None = None
    is_missed: bool = False
    is_page: bool = False
    delay_s: float | None = None


class BiasFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one group beside all the others.

    Attributes:
        rest: The same measure over every other group together.
        p_value: Chance of a difference this large between equals, before it is corrected for the number of looks.
    """

    measure: Literal["precision", "recall", "delay", "pages"]
    group: str
    value: float | None
    low: float
    high: float
    n: int
    rest: float | None
    p_value: float
    is_worse: bool


class BiasRow(msgspec.Struct, frozen=True, kw_only=True):
    """One way of grouping entities (tier, team, environment, region, traffic), and which group fares worse."""

    by: str
    status: BiasStatus
    worse: tuple[str, ...]
    figures: tuple[BiasFigure, ...]
    says: str


class BiasReport(msgspec.Struct, frozen=True, kw_only=True):
    """How evenly one version serves everybody. `status`: any group worse, none, or too few judged to say."""

    version: VersionRef
    since_ms: int
    until_ms: int
    status: BiasStatus
    rows: tuple[BiasRow, ...]
    says: str


class RecallMark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a recalled version caused, marked so that a person looks at it again.

    Attributes:
        status: `open` until somebody has looked; then what they found.
    """

    id: str
    version: VersionRef
    entry: str
    kind: str
    subject: str
    by: str
    why: str
    at_ms: int
    status: Literal["open", "upheld", "wrong"] = "open"
    reviewed_by: str = ""
    reviewed_ms: int = 0

"""A version on its way into service: shadow → canary → live, past gates that a policy sets, or back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from mainstay.domain.models import ModelKind, VersionRef
from mainstay.domain.watching import BiasStatus

RolloutStage = Literal["shadow", "canary", "live", "rolled_back", "refused"]
UNDER_WAY: frozenset[str] = frozenset({"shadow", "canary"})
Change = Literal["standard", "normal"]
Verdict = Literal["passed", "failed", "not_enough"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version must have shown to leave a stage; what it must never show while it is in it.

    Attributes:
        windows: It stays at least so long, in windows.
        most_windows: Evidence that is too thin after so many ends the rollout: it is refused. 0 waits for ever.
        cases: Conditions found by champion or challenger, live or replayed, needed for any comparison.
        missed_share: Of what the champion found, the challenger may miss so much.
        extra_share: Of all that is found, and of all pages, so much may be the challenger's alone.
        page_ratio: Alerts that may page, challenger to champion.
        extra_pages_per_week: Pages a week that only the challenger causes: the page budget as shipped (`Budget`). A
            canary may use its share of it.
        precision_loss: How far below the champion's its precision from verdicts may lie; both need `verdicts`.
        verdicts: About each version before its precision is compared; fewer are no reason to wait.
        delay_s: How much later, on average, it may find what both find.
        agreement: Of judges: share of equal decisions.
        cost_ratio: CPU of the challenger to the champion's for the same items; measured beside the pipeline.
        latency_ratio: The same of the wall time that ninety-five of a hundred calls keep within; up to 5 ms any will
            do.
        even: Nobody may be served worse: precision, recall, delay and pages by tier, team, environment, region and
            traffic. Asked of detectors; too few cases to say is not enough.
    """

    windows: Count = 10
    most_windows: Count = 0
    cases: Count = 20
    missed_share: Share = 0.05
    extra_share: Share = 0.2
    page_ratio: Positive = 1.25
    extra_pages_per_week: Positive = 7.0
    precision_loss: Share = 0.05
    verdicts: Count = 10
    delay_s: Annotated[float, msgspec.Meta(ge=0)] = 60.0
    agreement: Share = 0.9
    cost_ratio: Positive = 2.0
    latency_ratio: Positive = 3.0
    even: bool = False


class GatePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a version may go on, and when it must leave.

    Attributes:
        name: Of the policy; entries of the ledger name it.
        window_s: Length of an evaluation window, of record time: from a second to a day.
        shadow_share, canary_share: Of the entities, drawn by a stable hash.
        alpha: Chance to send back a challenger that keeps within the limits, over the whole rollout.
        shadow, canary: What it takes to leave each stage.
        replayed_faults_count: Replayed labelled faults may supply cases, marked as such.
        standard_promotes_itself: A standard change needs no person.
        bench_hours: How long the version just replaced shadows its successor.
    """

    name: str = "shipped"
    window_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60.0
    shadow_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    canary_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    alpha: Annotated[float, msgspec.Meta(gt=0, lt=0.5)] = 0.01
    shadow: Gate = Gate()
    canary: Gate = Gate()
    replayed_faults_count: bool = True
    standard_promotes_itself: bool = True
    bench_hours: Annotated[float, msgspec.Meta(ge=0, le=8_760)] = 24.0


class GatePolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An edit of the policy: one person wrote it, another must agree before it holds."""

    id: str
    policy: GatePolicy
    by: str
    at_ms: int
    text: str
    agreed_by: str = ""
    status: Literal["proposed", "in_force", "replaced"] = "proposed"


class Evidence(msgspec.Struct, kw_only=True):
    """What a stage has seen of champion and challenger on the same entities.

    Attributes:
        both, champion_only, challenger_only: Conditions found by both within two minutes, or by one of them.
        corroborated: Of `champion_only`, those that something else confirms (another kind of model or a rule of the
            user's about the same entity in the same incident, a verdict).
        confirmed: What the challenger alone found and something else confirms: real, so no count of its own, and no
            finding that both share either, since whoever cries all day is right whenever there is trouble.
        champion_pages, challenger_pages: Alerts about the share that were free to page.
        pages: Incidents opened since the stage began; each is a page. extra_pages, missed_pages: Those of them in which
            there is nothing but what the challenger alone found and nobody confirmed, or what the champion alone found.
            `opened`, `alone`, `champion_alone`: which, while they are counted.
        lasted_s: How long the stage has lasted, of record time.
        delay_ms: Sum over `both` of how much later the challenger was.
        champion_true, champion_false, challenger_true, challenger_false: Verdicts about their alerts in the share.
        same, decisions: Of judges.
        faults, champion_faults, challenger_faults: Labelled faults replayed, and who found how many.
        champion_extra, challenger_extra: False findings in the replay.
        champion_cpu_s, challenger_cpu_s: Processor seconds for the same items, when they were measured.
        champion_p95_ms, challenger_p95_ms: Wall time that ninety-five of a hundred calls kept within, likewise.
        even: How evenly the challenger serves, as last looked at, when the policy asks; even_says: who fares worse.
    """

    both: int = 0
    champion_only: int = 0
    challenger_only: int = 0
    corroborated: int = 0
    confirmed: int = 0
    champion_pages: int = 0
    challenger_pages: int = 0
    delay_ms: float = 0.0
    champion_true: int = 0
    champion_false: int = 0
    challenger_true: int = 0
    challenger_false: int = 0
    same: int = 0
    decisions: int = 0
    faults: int = 0
    champion_faults: int = 0
    challenger_faults: int = 0
    champion_extra: int = 0
    challenger_extra: int = 0
    champion_cpu_s: float = 0.0
    challenger_cpu_s: float = 0.0
    champion_p95_ms: float = 0.0
    challenger_p95_ms: float = 0.0
    even: BiasStatus | None = None
    even_says: str = ""
    errors: int = 0
    pages: int = 0
    extra_pages: int = 0
    missed_pages: int = 0
    lasted_s: float = 0.0
    opened: list[str] = []
    alone: list[str] = []
    champion_alone: list[str] = []

    @property
    def champion_would_page(self) -> int:
        """Pages that there would be if the challenger had said nothing."""
        return self.pages - self.extra_pages

    @property
    def challenger_would_page(self) -> int:
        """Pages that there would be if the champion had said nothing: counted as the champion's are."""
        return self.pages - self.missed_pages


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says at the end of a window: every reason with its figure."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    figures: dict[str, float] = {}


class CoursePoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far champion and challenger had come at the end of a window, counted from the begin of its stage.

    Attributes:
        champion, challenger: Conditions that each has found; `both` of them by both. Of judges: what was decided.
    """

    at_ms: int
    stage: RolloutStage
    champion: int
    challenger: int
    both: int


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One version on its way.

    Attributes:
        champion: What serves the scope meanwhile.
        validator: Who allowed a normal change to go live; never its author.
        windows: Whole evaluation windows in the stage so far.
        given: Evidence as it was handed in (experiment, validation), untouched.
        evidence: What was seen since the stage began, and replayed.
        course: Both on one line of time, window by window; a long one is kept coarser, never cut.
    """

    id: str
    kind: ModelKind
    scope: str = "*"
    champion: VersionRef
    challenger: VersionRef
    stage: RolloutStage = "shadow"
    change: Change = "normal"
    by: str = ""
    why: str = ""
    validator: str = ""
    since_ms: int = 0
    stage_since_ms: int = 0
    windows: int = 0
    given: dict[str, Any] = {}
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    result: GateResult | None = None
    policy: str = ""
    run: str = ""
    says: str = ""
    course: tuple[CoursePoint, ...] = ()

    @property
    def has_begun(self) -> bool:
        """Whether it ever stood beside the champion: one that was refused when it was asked for says nothing of its
        version."""  # noqa: D205, D209
        return self.stage != "refused" or self.windows > 0 or self.stage_since_ms > self.since_ms

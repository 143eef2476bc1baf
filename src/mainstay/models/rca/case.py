"""The case that a diagnoser judges: everything it looks at, as it stands frozen in the ledger."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.models.survey.facts import Survey
from mainstay.models.survey.names import short

__all__ = [
    "AlertFact", "CallFact", "Case", "ChangeFact", "LogFact", "VitalFact", "case_of", "short",
]  # fmt: skip


class AlertFact(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of the incident.

    Attributes:
        caller: For a call (`edge:a>b`): a; "" for the outside world or when it is no call.
        callee: … and b; "" when it is no call.
        ratio: Value over the upper edge of what was expected (1 = at the edge); None when there is no band.
        own_share: Share of a latency shift that is the callee's own time, 0–1; None when not known.
        resource: memory, cpu, disk, queue or delay, when the alert is about one.
    """

    id: str
    entity: str
    signal: str
    severity: str
    since_ms: int
    is_firing: bool = True
    subject: str = ""
    name: str = ""
    summary: str = ""
    channel: str = ""
    caller: str = ""
    callee: str = ""
    ratio: float | None = None
    own_share: float | None = None
    resource: str = ""
    user_facing: bool = False

    @property
    def about(self) -> str:
        """The entity whose behaviour it describes: of a call the callee."""
        return self.callee or self.entity

    @property
    def is_trouble(self) -> bool:
        """Whether it tells of something wrong: more or fewer calls, and what only informs, follow from other things."""
        return self.signal != "traffic" and self.severity != "info"


class CallFact(msgspec.Struct, frozen=True, kw_only=True):
    """One edge of the service graph before the onset and now: medians in ms, error shares 0–1, calls per second.

    `own_*` is the callee's own time; None when the callee sends no spans (a database, an uninstrumented service).
    """

    caller: str
    callee: str
    before_ms: float
    now_ms: float
    own_before_ms: float | None = None
    own_now_ms: float | None = None
    errors_before: float = 0.0
    errors_now: float = 0.0
    rate_before: float = 0.0
    rate_now: float = 0.0


class VitalFact(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of one entity before the onset and now.

    Attributes:
        kind: memory, cpu, disk, queue, delay (how late the process wakes).
        before: Usual level, `now` the level of the last windows, both in `unit`.
        spread: Usual variation: half the range of its middle 80 %.
        per_min: Change per minute since the onset, in the same unit.
        limit: What it cannot exceed, in the same unit; None when not known.
        peak: The highest level that it held for some samples since the onset; 0 when not known.
    """

    entity: str
    kind: str
    metric: str
    series: int
    before: float
    now: float
    spread: float = 0.0
    per_min: float = 0.0
    limit: float | None = None
    unit: str = ""
    peak: float = 0.0


class LogFact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one entity says more often since the onset than before, or for the first time."""

    entity: str
    template: int
    text: str
    severity: int
    count: int
    since_ms: int
    is_new: bool = False


class ChangeFact(msgspec.Struct, frozen=True, kw_only=True):
    """One recent change in the neighbourhood, also harmless ones and our own."""

    id: str
    entity: str
    kind: str
    at_ms: int
    version: str = ""
    previous_version: str = ""
    summary: str = ""
    by_mainstay: bool = False


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as it stands at one moment.

    Attributes:
        edges: (caller, callee) of the neighbourhood; some may be missing or wrong.
        silent: Entities that stopped speaking, with the time of their last word.
        hosts: Entity → the host (an entity id) on which it runs, as far as it is known, also of those that are well.
        ruled_out: Entities that a person said are not the cause. `confirmed`: the entity that a person named.
        survey: Every entity's metrics, times and habits in windows, where they are collected.
    """

    at_ms: int
    incident: str
    onset_ms: int
    alerts: tuple[AlertFact, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    kinds: dict[str, str] = {}
    tiers: dict[str, int] = {}
    hosts: dict[str, str] = {}
    changes: tuple[ChangeFact, ...] = ()
    silent: dict[str, int] = {}
    calls: tuple[CallFact, ...] = ()
    vitals: tuple[VitalFact, ...] = ()
    logs: tuple[LogFact, ...] = ()
    ruled_out: tuple[str, ...] = ()
    confirmed: str = ""
    confirmed_by: str = ""
    survey: Survey | None = None

    def kind(self, entity: str) -> str:
        """service, database, queue, host …; from the id when the topology does not know it."""
        return self.kinds.get(entity) or entity.partition(":")[0]


def case_of(inputs: Any) -> Case:
    """Frozen inputs as a case.

    Raises:
        msgspec.ValidationError: The inputs are not those of a diagnoser; the message names the field.
    """
    return msgspec.convert(inputs, Case)

"""What the platform tells a person about itself and about telemetry: computed when asked, never stored."""

from __future__ import annotations

from typing import Any

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.domain.budget import LearnedBar
from mainstay.domain.incidents import IncidentStatus, Risk, Suspect
from mainstay.domain.models import VersionRef


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What an empty incidents page says: how much is watched, and since when."""

    series: int = 0
    entities: int = 0
    services: int = 0
    since_ms: int = 0


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """How much came in and how little was shown, over one span of time; what was held back is counted too."""

    since_ms: int = 0
    signals: int = 0
    anomalies: int = 0
    alerts: int = 0
    incidents: int = 0
    not_paged: int = 0


class IncidentLine(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as a list shows it: an `Incident` without what only its own page needs, which is most of its weight.

    Read from the stored incident itself: fields that are not named here are skipped, not decoded.
    """

    id: str
    status: IncidentStatus
    severity: Severity
    title: str
    since_ms: int
    opened_ms: int
    updated_ms: int
    decided_by: VersionRef
    tenant: str
    resolved_ms: int | None
    entities: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    critical_failure: str
    risk: Risk | None
    acknowledged_by: str
    merged_into: str


class StageHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: how far behind it is, when it last succeeded, and what is wrong if something is."""

    name: str
    is_ok: bool = True
    lag_s: float = 0.0
    last_ok_ms: int = 0
    errors: int = 0
    says: str = ""


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One source of data: requests and items taken, items refused, and when it last spoke.

    `series_refused`: new series beyond what one sender may bring in a minute, each time that they came.
    """

    source: str
    requests: int = 0
    records: int = 0
    refused: int = 0
    series_refused: int = 0
    last_ms: int = 0
    says: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The one sentence at the top of every page, and everything that `/metrics` prints.

    Attributes:
        inbox_records: Records waiting per lane; `inbox_bytes` likewise.
        refused: Items that were refused at the doors since start; `unplaced`: label sets without an entity.
    """

    version: str
    now_ms: int
    started_ms: int
    watching: Watching
    funnel: Funnel
    stages: tuple[StageHealth, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    inbox_records: dict[str, int] = {}
    inbox_bytes: dict[str, int] = {}
    unplaced: int = 0
    refused: int = 0
    decided_seq: int = 0
    disk_bytes: int = 0
    is_ready: bool = True
    not_ready_why: str = ""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One log record as kept (masked). `severity` is OTel's 0-24; ids are lower-case hex or ""."""

    at_ms: int
    entity: str
    severity: int
    body: str
    template: str = ""
    trace_id: str = ""


class TemplateCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines of one template there were. `numbered` says which value stands where."""

    id: int
    text: str
    numbered: str
    lines: int


class ValueCount(msgspec.Struct, frozen=True, kw_only=True):
    """One value, how many lines had it, and when the newest came."""

    value: str
    lines: int
    last_ms: int


class ParameterValues(msgspec.Struct, frozen=True, kw_only=True):
    """The values at one place of a template, the most frequent first.

    `other_lines` have another number of values, from when the template was not as general as it is now: they are left
    out, since their places are others.
    """

    template: int
    text: str
    numbered: str
    number: int
    lines: int
    distinct: int
    other_lines: int
    values: tuple[ValueCount, ...]


class SpanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a trace. Ids are lower-case hex; `kind` is OTel's number (2 server, 3 client)."""

    trace_id: str
    span_id: str
    parent_id: str
    entity: str
    name: str
    kind: int
    is_error: bool
    start_ms: float
    duration_ms: float
    peer: str = ""


class KeptTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One trace that was kept whole, and why: alert, error, new, slow, sample. `told`: what an alert says of it."""

    trace_id: str
    start_ms: float
    duration_ms: float
    entity: str
    name: str
    spans: int
    errors: int
    why: str
    told: str = ""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """To which entity a label set belongs, by which rule of the mapping, in words. `entity` "" is unplaced."""

    entity: str
    rule: str
    says: str


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One model version under scrutiny: whether it is signed by whom we trust and is what was signed, or why not."""

    version: VersionRef
    is_served: bool
    says: str


class Reperformed(msgspec.Struct, frozen=True, kw_only=True):
    """A decision taken again from its frozen inputs by the version that took it."""

    entry: str
    decided_by: VersionRef
    is_same: bool
    recorded: dict[str, Any]
    output: dict[str, Any]
    says: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An alert in words, for a person who has to believe it or not.

    Attributes:
        rarity: How often chance brings this for this very series, in words.
        held_back: Why it may not page; "" when it may.
        learned: What an earlier verdict taught of this condition; `learned_says` in words, with what it has done since.
        if_wrong: What to type.
    """

    expected: str
    came: str
    since_ms: int
    rarity: str
    channel: str
    decided_by: str
    held_back: str = ""
    learned: LearnedBar | None = None
    learned_says: str = ""
    if_wrong: str = ""

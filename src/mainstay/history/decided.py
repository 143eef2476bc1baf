"""What the pipeline decided about a recorded past, as the report needs it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mainstay.domain.alerts import Severity
from mainstay.written import write_whole

FORMAT = 1
FILE = "decided.json"


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the report needs it: `first_ms` is when it was told for the first time."""

    id: str
    name: str
    entity: str
    is_rule: bool
    severity: Severity
    first_ms: int
    suppressed: bool


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as the report needs it."""

    id: str
    title: str
    severity: Severity
    entities: tuple[str, ...]
    alerts: tuple[str, ...]
    since_ms: int
    opened_ms: int
    resolved_ms: int | None


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline decided about a recorded past."""

    format: int = FORMAT
    since_ms: int
    until_ms: int
    records: int
    samples: int
    series: int
    took_s: float
    scores_sha256: str
    alerts: list[Raised]
    incidents: list[Opened]
    entities: list[str]

    def save(self, folder: Path) -> None:
        """Keep it; durable when this returns."""
        write_whole(folder / FILE, msgspec.json.encode(self))

    @classmethod
    def load(cls, folder: Path) -> Decided | None:
        """What was decided about the history in this folder; None when it was not replayed yet."""
        try:
            return msgspec.json.decode((folder / FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None

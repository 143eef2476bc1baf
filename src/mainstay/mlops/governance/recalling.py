"""A recall in deed: what a version caused, marked, so that a person looks at each of it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.watching import RecallMark
from mainstay.mlops.recall import Recall

REST = 100
"""An entry of the ledger names so many of what was marked, and how many there were."""


def marks_of(found: Recall, by: str, why: str, at_ms: int) -> list[RecallMark]:
    """One mark for each thing that is listed."""
    return [
        RecallMark(
            id=f"{found.version}:{one.entry}", version=found.version, entry=one.entry, kind=one.kind,
            subject=one.subject, by=by, why=why, at_ms=at_ms,
        )
        for one in found.entries
    ]  # fmt: skip


def recalled_entry(version: VersionRef, marks: Sequence[RecallMark], by: str, why: str, at_ms: int) -> Entry:
    """The ledger's line about a recall."""
    counts: dict[str, int] = {}
    for mark in marks:
        counts[mark.kind] = counts.get(mark.kind, 0) + 1
    return Entry(
        id=f"recall:{version}:{at_ms}",
        kind="recall",
        at_ms=at_ms,
        actor=f"user:{by}",
        subject=str(version),
        output={"marked": len(marks), "counts": dict(sorted(counts.items())), "why": why},
        rests_on=(f"version-{version}", *(mark.entry for mark in marks[:REST])),
    )


def reviewed(mark: RecallMark, status: Literal["upheld", "wrong"], by: str, at_ms: int) -> tuple[RecallMark, Entry]:
    """A person looked at one of them again."""
    now = msgspec.structs.replace(mark, status=status, reviewed_by=by, reviewed_ms=at_ms)
    entry = Entry(
        id=f"recall-review:{mark.id}:{at_ms}",
        kind="recall",
        at_ms=at_ms,
        actor=f"user:{by}",
        subject=mark.subject,
        output={"status": status, "of": mark.entry, "version": str(mark.version)},
        rests_on=(mark.entry,),
    )
    return now, entry

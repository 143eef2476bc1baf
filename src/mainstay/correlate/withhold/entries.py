"""Ledger entries of what was silenced, switched and withheld."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.silences import Withheld, Withholding


def told(command: Command, event: str, seq: int, output: dict[str, Any]) -> Entry:
    """A person made, changed or ended a silence or a window, or switched a suppression."""
    return Entry(
        id=f"{command.kind}:{command.subject}:{event}:{seq}",
        kind="silence",
        at_ms=command.at_ms,
        actor=command.by if ":" in command.by or command.by == "mainstay" else f"user:{command.by}",
        subject=command.subject,
        output={"event": event, "what": command.kind, **output},
    )


def withheld(incident: str, mark: Withheld, severity: str, rests_on: Iterable[str], at_ms: int, seq: int) -> Entry:
    """A page was held by a person's word."""
    return Entry(
        id=f"withheld:{incident}:{seq}",
        kind="suppression",
        at_ms=at_ms,
        actor=actor_of(mark.decided_by),
        subject=incident,
        output={"event": "page withheld", "by": mark.by, "ref": mark.ref, "why": mark.why, "severity": severity},
        rests_on=tuple(dict.fromkeys(name for name in rests_on if name)),
    )


def symptom(incident: str, decision: Decision, rests_on: Iterable[str], at_ms: int, seq: int) -> Entry:
    """A page was, or would have been, held as a symptom: the output is the model's, to be taken again."""
    return Entry(
        id=f"symptom:{incident}:{seq}",
        kind="suppression",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=incident,
        output=decision.output,
        rests_on=tuple(dict.fromkeys(name for name in rests_on if name)),
        inputs=decision.inputs,
    )


def ended(record: Withholding, at_ms: int, seq: int) -> Entry:
    """A page that was held left after all, or its incident ended."""
    return Entry(
        id=f"withheld-{record.status}:{record.incident}:{record.mode}:{seq}",
        kind="suppression",
        at_ms=at_ms,
        actor="mainstay",
        subject=record.incident,
        output={"event": record.status, "mode": record.mode, "why": record.ended_why, "pages": record.pages},
        rests_on=(record.entry,),
    )


def actor_of(ref: VersionRef) -> str:
    """A person as the ledger names one, or the version.

    >>> actor_of(VersionRef("user/ada", 0))
    'user:ada'
    """
    return f"user:{ref.model.removeprefix('user/')}" if ref.model.startswith("user/") else str(ref)

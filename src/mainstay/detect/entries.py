"""Ledger entries of this stage. Each id ends in the record's number: a replay gives the same, and no two records share
it, as they may share a millisecond."""  # noqa: D205, D209

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mainstay.domain.alerts import Alert
from mainstay.domain.budget import LearnedBar
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef


def alert_entry(
    alert: Alert, inputs: dict[str, Any] | None, output: dict[str, Any], seq: int, by: VersionRef | None = None
) -> Entry:
    """An alert starts, worsens or ends because a version (or a user's rule) said so; `by`: another than raised it."""
    actor = by or alert.decided_by
    return Entry(
        id=f"alert-{alert.id}-{alert.status}-{alert.at_ms}-{seq}",
        kind="alert-resolved" if alert.status == "resolved" else "alert",
        at_ms=alert.at_ms,
        actor=str(actor),
        subject=alert.id,
        inputs=inputs,
        output=output,
        rests_on=(_version(actor),),
    )


def silence_entry(alert: Alert, why: str, seq: int) -> Entry:
    """An alert ends although no model decided: its series does not speak any more."""
    return Entry(
        id=f"alert-{alert.id}-{alert.status}-{alert.at_ms}-{seq}",
        kind="alert-resolved",
        at_ms=alert.at_ms,
        actor="mainstay",
        subject=alert.id,
        output={"firing": False, "event": "silent", "summary": why},
        rests_on=(alert.id,),
    )


def suppression_entry(alert: Alert, rests_on: Iterable[str], output: dict[str, Any], seq: int) -> Entry:
    """An alert is listed but must not page."""
    return Entry(
        id=f"suppression-{alert.id}-{alert.at_ms}-{seq}",
        kind="suppression",
        at_ms=alert.at_ms,
        actor="mainstay",
        subject=alert.id,
        output={"why": alert.suppressed_why, "by": alert.suppressed_by, **output},
        rests_on=tuple(rests_on),
    )


def release_entry(alert: Alert, why: str, at_ms: int, seq: int) -> Entry:
    """What was held back may page after all."""
    return Entry(
        id=f"suppression-{alert.id}-released-{seq}",
        kind="suppression",
        at_ms=at_ms,
        actor="mainstay",
        subject=alert.id,
        output={"released": True, "why": why},
        rests_on=(alert.id,),
    )


def held_entry(held: list[Alert], lost: int, at_ms: int, seq: int, most: int) -> Entry:
    """The list of what the cap on storms makes wait: nothing is dropped in silence."""
    return Entry(
        id=f"held-{at_ms}-{seq}",
        kind="suppression",
        at_ms=at_ms,
        actor="mainstay",
        subject="storm",
        output={
            "why": f"more than {most} new alerts in five seconds; they follow, gravest first",
            "count": len(held),
            "lost": lost,
            "held": [{"alert": a.id, "subject": a.subject, "severity": a.severity} for a in held[:1000]],
        },
    )


def learned_entry(bar: LearnedBar, seq: int) -> Entry:
    """A verdict raised the bar of a condition."""
    return Entry(
        id=f"learned-{bar.id}-{seq}",
        kind="policy",
        at_ms=bar.at_ms,
        actor=_person(bar.by),
        subject=bar.alert,
        output={"learned": bar.id, "entity": bar.entity, "name": bar.name, "channel": bar.channel,
                "judged": bar.judged, "needed": bar.needed},
        rests_on=(f"verdict:{bar.verdict}", bar.alert),
    )  # fmt: skip


def unlearned_entry(bar: LearnedBar, by: str, why: str, at_ms: int, seq: int) -> Entry:
    """What a verdict taught is taken back."""
    return Entry(
        id=f"unlearned-{bar.id}-{seq}",
        kind="policy",
        at_ms=at_ms,
        actor=_person(by),
        subject=bar.alert,
        output={"unlearned": bar.id, "entity": bar.entity, "name": bar.name, "held": bar.held, "why": why},
        rests_on=(f"verdict:{bar.verdict}", bar.alert),
    )


def _person(by: str) -> str:
    return by if by.startswith("user:") else f"user:{by}"


def _version(ref: VersionRef) -> str:
    return str(ref) if ref.model.startswith("rule/") else f"version-{ref}"

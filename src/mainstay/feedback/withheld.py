"""What was withheld, or would have been, and the misses in it: what a team looks at before it switches anything on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mainstay.domain.incidents import Incident
from mainstay.domain.silences import Mode, Withholding
from mainstay.domain.verdicts import Verdict, VerdictKind

DAYS = 14
RIGHT: tuple[VerdictKind, ...] = ("anomaly", "right-cause", "wrong-cause", "missed")


class WithheldMiss(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was held (or would have been), and what says that somebody needed it."""

    withholding: str
    incident: str
    by: Literal["verdict", "acknowledged", "plan"]
    says: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a team's suppression did in these days, or would have done while it was proposed.

    Attributes:
        pages_held: Pages of `incidents` incidents, taken for symptoms of `causes` others. The share while it was
            `proposed` left all the same.
        only_pages: Held pages after which their incident would never have paged: it ended while its cause burned.
        missed: Held pages of incidents that a person judged right, took on, or mended.
    """

    team: str
    mode: Mode
    days: int
    pages_held: int
    proposed: int
    incidents: int
    causes: int
    only_pages: int
    missed: tuple[WithheldMiss, ...]
    says: str


def replayed(
    team: str, mode: Mode, records: Iterable[Withholding], missed: Mapping[str, WithheldMiss], days: int = DAYS
) -> Replayed:
    """Count one team's held pages; `records` are those of all in these days."""
    mine = [one for one in records if one.by == "dependency" and one.ref == team]
    pages, misses = sum(one.pages for one in mine), tuple(missed[one.id] for one in mine if one.id in missed)
    incidents = len({one.incident for one in mine})
    only = sum(1 for one in mine if one.status == "over")
    word = "held" if mode == "on" else "would have held"
    says = (
        f"last {days} days: {word} {pages} pages in {incidents} incidents; {only} of them were the only page of an "
        f"incident, {len(misses)} were needed by what people said"
    )
    return Replayed(
        team=team, mode=mode, days=days, pages_held=pages, incidents=incidents,
        proposed=sum(one.pages for one in mine if one.mode == "proposed"),
        causes=len({one.suppressor for one in mine}), only_pages=only, missed=misses, says=says,
    )  # fmt: skip


def misses_of(
    records: Iterable[Withholding], incidents: Mapping[str, Incident], verdicts: Sequence[Verdict]
) -> dict[str, WithheldMiss]:
    """By withholding: what says that the page was needed. A person's "not-anomaly" says that it was not."""
    words: dict[str, Verdict] = {}
    for verdict in sorted(verdicts, key=lambda one: (one.at_ms, one.id)):
        about = verdict.target if verdict.kind == "plan-worked" else verdict.subject
        words[about] = verdict
    found = ((one, _miss(one, incidents.get(one.incident), words)) for one in records)
    return {one.id: miss for one, miss in found if miss is not None}


def _miss(record: Withholding, incident: Incident | None, words: Mapping[str, Verdict]) -> WithheldMiss | None:
    said = next((words[name] for name in (record.incident, *record.alerts) if name in words), None)
    if said is not None and said.kind == "not-anomaly":
        return None
    if said is not None and said.kind in RIGHT:
        return _made(record, "verdict", f"{said.by} says {said.kind} ({said.id})")
    if said is not None and said.kind == "plan-worked":
        return _made(record, "plan", f"a plan mended it ({said.subject})")
    if incident is not None and incident.acknowledged_by:
        return _made(record, "acknowledged", f"{incident.acknowledged_by} took it on")
    return None


def _made(record: Withholding, by: Literal["verdict", "acknowledged", "plan"], says: str) -> WithheldMiss:
    return WithheldMiss(withholding=record.id, incident=record.incident, by=by, says=says)

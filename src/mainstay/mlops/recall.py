"""Recall: everything that one version caused, found in the ledger, as a maker recalls a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from mainstay.domain.ledger import EntryKind, LedgerEntry
from mainstay.domain.models import VersionRef

EFFECTS: frozenset[EntryKind] = frozenset(
    {"alert", "suppression", "grouping", "incident", "diagnosis", "plan", "approval", "step", "page"}
)
"""What people and systems felt of it. Bookkeeping (batches, resolutions, labels) is not recalled."""
_THINGS: frozenset[EntryKind] = frozenset({"incident", "plan"})
"""Entries whose subject is named by later ones: what rests on an incident names the incident, not its entry."""


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that this version took (`decided`), or that rests on one (`rests on it`, and on which)."""

    entry: str
    kind: EntryKind
    at_ms: int
    subject: str
    actor: str
    how: Literal["decided", "rests on it"]
    via: str = ""


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """What a version caused.

    Attributes:
        counts: By kind, all of them.
        entries: In the order of the ledger; the first `limit` of them.
    """

    version: VersionRef
    counts: dict[str, int]
    entries: list[Recalled]


def recall(
    ledger: Iterable[LedgerEntry], version: VersionRef, limit: int = 1000, kind: EntryKind | None = None
) -> Recall:
    """Walk the ledger once and follow what rests on what.

    Args:
        ledger: From its first entry; may be a stream. What an entry rests on stands before it.
        version: The one that is suspected.
        limit: How many to list; all are counted.
        kind: List only these.
    """
    counts: Counter[str] = Counter()
    entries: list[Recalled] = []
    for one in _caused(ledger, version):
        counts[one.kind] += 1
        if len(entries) < limit and kind in (None, one.kind):
            entries.append(one)
    return Recall(version=version, counts=dict(sorted(counts.items())), entries=entries)


def _caused(ledger: Iterable[LedgerEntry], version: VersionRef) -> Iterator[Recalled]:
    actor, touched = str(version), set[str]()
    for entry in ledger:
        is_its_own = entry.actor == actor
        via = "" if is_its_own else _via(actor, entry, touched)
        if not (is_its_own or via):
            continue
        touched.add(entry.id)
        if entry.kind in _THINGS:
            touched |= {entry.subject, f"{entry.kind}:{entry.subject}"}
        if entry.kind in EFFECTS:
            yield Recalled(
                entry=entry.id,
                kind=entry.kind,
                at_ms=entry.at_ms,
                subject=entry.subject,
                actor=entry.actor,
                how="decided" if is_its_own else "rests on it",
                via=via,
            )


def _via(version: str, entry: LedgerEntry, touched: set[str]) -> str:
    """By what an entry rests on the version; "" when it does not. A page names every version that was behind it when
    it was written: what joined the incident later was not, and what had joined it was."""  # noqa: D205, D209
    named: tuple[str, ...] = entry.output.get("decided_by", ()) if entry.kind == "page" else ()
    if named:
        return version if version in named else ""
    return next((name for name in entry.rests_on if name in touched), "")

"""How what was judged leaves: a record for people, an entry for the ledger."""

from __future__ import annotations

import msgspec

from mainstay.domain.changes import Change, ChangeForecast, ChangeImpact, PlaceboTally
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision

CUT = "the service was changed again before anything could be told"
LOST = "nothing was heard while it should have been looked at, and what was before is not kept so long"
WORDS: dict[type, str] = {
    ChangeImpact: "change-impact",
    ChangeForecast: "change-forecast",
    PlaceboTally: "placebo-tally",
}


def tell(
    effects: Effects, record: ChangeImpact | ChangeForecast | PlaceboTally | None = None, entry: Entry | None = None
) -> None:
    """Hand over a record, an entry, or both."""
    if record is not None:
        effects.records[f"{WORDS[type(record)]}:{record.id}"] = record
    if entry is not None:
        effects.entries.append(entry)


def impact_of(change: Change, decision: Decision, look: int, at_ms: int, before: ChangeImpact | None) -> ChangeImpact:
    """What a look found. "Not enough evidence" does not take back what an earlier look had enough for."""
    found = msgspec.convert(
        {
            **decision.output,
            "id": change.id,
            "entity": change.entity,
            "kind": change.kind,
            "at_ms": change.at_ms,
            "judged_ms": at_ms,
            "horizon_s": (decision.inputs["after"] + 1) * decision.inputs["bucket_s"],
            "decided_by": {"model": decision.decided_by.model, "version": decision.decided_by.version},
            "entry": f"impact-{change.id}-{look}",
        },
        ChangeImpact,
    )
    if before is not None and before.verdict == "harmless" and found.verdict == "not-enough-evidence":
        return before
    return found


def unseen(change: Change, at_ms: int, says: str) -> ChangeImpact:
    """What is said of a change whose effect could not be looked at."""
    return ChangeImpact(
        id=change.id,
        entity=change.entity,
        kind=change.kind,
        at_ms=change.at_ms,
        judged_ms=at_ms,
        horizon_s=0.0,
        verdict="not-enough-evidence",
        says=says,
    )

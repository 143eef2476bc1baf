"""Models that a plan comes from and that do not stand: then a person decides, whatever a policy would allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.runbooks import Plan
from mainstay.domain.watching import Standing

Unsound = Callable[[Incident, Plan, int], Sequence[Standing]]
"""Which versions behind an incident and its plan do not stand at a moment (ms); none is the rule."""


def all_stand(_incident: Incident, _plan: Plan, _at_ms: int) -> Sequence[Standing]:
    """Nobody watches: every version stands."""
    return ()


def asking(plan: Plan, unsound: Sequence[Standing], at_ms: int) -> tuple[Plan, Entry | None]:
    """The plan with its reasons to ask a human, and the ledger's line about them; both as they were when there is none.

    A plan that comes from models that stand may be approved by whatever policy allows.
    """
    says = tuple(dict.fromkeys(line for one in unsound for line in one.says))
    if not says:
        return plan, None
    entry = Entry(
        id=f"plan:{plan.id}:asks",
        kind="plan",
        at_ms=at_ms,
        actor="mainstay",
        subject=plan.id,
        output={"asks": list(says), "reasons": sorted({reason for one in unsound for reason in one.reasons})},
        rests_on=(f"plan:{plan.id}", *(f"version-{one.version}" for one in unsound)),
    )
    return msgspec.structs.replace(plan, asks=says), entry

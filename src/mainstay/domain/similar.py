"""Past incidents: what an incident looks like, how it ended, and which earlier ones it resembles."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.models import VersionRef

Judged = Literal["", "right-cause", "wrong-cause", "not-anomaly"]


class Portrait(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident looks like, without numbers and names of the day.

    Attributes:
        words: Distinct words of its alerts and log templates, sorted.
        facts: `group:value`, distinct and sorted: symptoms, where in the call graph, cause, change, services.
    """

    words: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an incident ended, as far as that is known.

    Attributes:
        cause, entity: The first suspect at the end.
        judged: What a person or the outcome said of that cause; "" when nobody did.
        right: The entity that a person named instead.
        runbook: Which one mended it. recovery_s: From the first sign to the end.
    """

    cause: str = ""
    entity: str = ""
    judged: Judged = ""
    right: str = ""
    runbook: str = ""
    recovery_s: float | None = None

    @property
    def says(self) -> str:
        """In one line.

        >>> Ending(cause="deploy", entity="service:p/pay", judged="right-cause", runbook="roll-back", recovery_s=9).says
        'deploy of pay, confirmed; mended by roll-back; over after 9 s'
        >>> Ending().says
        'its cause was never written down'
        """
        what = f"{self.cause} of {self.entity.rpartition('/')[2]}" if self.cause else "its cause was never written down"
        judged = {"right-cause": ", confirmed", "wrong-cause": ", which was wrong", "not-anomaly": ", and was nothing"}
        what += judged.get(self.judged, "")
        what += f" (it was {self.right.rpartition('/')[2]})" if self.right else ""
        parts = [what]
        parts += [f"mended by {self.runbook}"] if self.runbook else []
        parts += [f"over after {self.recovery_s:.0f} s"] if self.recovery_s is not None else []
        return "; ".join(parts)


class PastIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that is over, or a ticket of the time before us (`ticket:ID`), as it is remembered."""

    id: str
    title: str
    since_ms: int
    portrait: Portrait
    ending: Ending = Ending()

    @property
    def is_ticket(self) -> bool:
        """Whether people wrote it down before we were there."""
        return self.id.startswith("ticket:")


class SimilarIncident(msgspec.Struct, frozen=True, kw_only=True):
    """A past incident that the one at hand resembles; how it ended as known when they were compared.

    Attributes:
        score: 0–1, of `text` (words) and `structure` (facts). shared: The facts that weigh most in it.
        entry: Of the ledger, where the comparison can be done again.
    """

    id: str
    title: str
    since_ms: int
    score: float
    text: float
    structure: float
    decided_by: VersionRef
    shared: tuple[str, ...] = ()
    ending: Ending = Ending()
    says: str = ""
    entry: str = ""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What people wrote down about one incident. `resolved_ms` None: not resolved, or not said."""

    id: str
    opened_ms: int
    resolved_ms: int | None = None
    title: str = ""
    service: str = ""
    severity: str = ""

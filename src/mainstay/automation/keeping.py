"""What automation needs of the control store, and of the rest of the platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Entity
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import ActionContext
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Approval, Plan, PlanStatus, StepResult

Submit = Callable[[Command], Awaitable[Any]]
"""Hands a command to the pipeline and returns when it is durable (`Platform.command`)."""


class PlanStore(Protocol):
    """The part of the control store where plans, approvals and steps live. A write is durable when it returns."""

    def plan(self, plan: str, /) -> Plan | None: ...
    def plans(self, incident: str | None = None, status: PlanStatus | None = None) -> Sequence[Plan]: ...
    def save_plan(self, plan: Plan, entries: Sequence[Entry] = ()) -> None: ...
    def approvals(self, plan: str, /) -> Sequence[Approval]: ...

    def answer_plan(self, approval: Approval, of: Collection[PlanStatus], entries: Sequence[Entry] = ()) -> bool:
        """Keep the answer and the plan's new status together; False when the plan is another or over by now."""
        ...

    def use_approval(self, approval: str, at_ms: int, /) -> bool:
        """Mark it as used if it is not yet; False when somebody was first, or it is expired or a no. Atomic."""
        ...

    def steps(self, plan: str, /) -> Sequence[StepResult]:
        """The newest state of each step."""
        ...

    def save_step(self, step: StepResult, entries: Sequence[Entry] = ()) -> None: ...
    def incident(self, incident: str, /) -> Incident | None: ...
    def alerts_by_id(self, ids: Sequence[str], /) -> Sequence[Alert]: ...
    def entities(self) -> Sequence[Entity]: ...
    def changes(self, *, limit: int = 500) -> Sequence[Change]: ...


def alerts_of(control: PlanStore, incident_id: str) -> Sequence[Alert]:
    """The alerts of an incident as they are now; of the one that it was merged into, if it was."""
    incident = control.incident(incident_id)
    if incident is not None and incident.merged_into and incident.merged_into != incident_id:
        incident = control.incident(incident.merged_into) or incident
    return control.alerts_by_id([grouping.alert for grouping in incident.groupings]) if incident else ()


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the signals say that it worked, and what they say."""

    is_true: bool
    says: str


class Verifier(Protocol):
    """Judges by the signals whether a plan worked."""

    def still_broken(self, plan: Plan) -> bool:
        """Whether there is anything left to mend; asked before the first step."""
        ...

    async def __call__(self, plan: Plan) -> Verified:
        """Watch until it can be told."""
        ...


@runtime_checkable
class Probing(Protocol):
    """An action that can find out whether an interrupted run of it took effect."""

    async def probe(self, arguments: Mapping[str, Any], context: ActionContext) -> bool | None:
        """True: it did. False: it did not, or running it again does no harm. None: it cannot be told."""
        ...

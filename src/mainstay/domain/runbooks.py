"""Runbooks, the plans made from them, and the approvals without which nothing is touched."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.incidents import Cause
from mainstay.domain.models import VersionRef

RiskClass = Literal["standard", "normal", "emergency"]
PlanStatus = Literal[
    "proposed",
    "approved",
    "rejected",
    "expired",
    "withdrawn",
    "running",
    "succeeded",
    "failed",
    "undone",
    "unknown",
    "escalated",
]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One action and its arguments; `${name}` refers to a parameter of the runbook."""

    name: str
    action: str
    with_: dict[str, Any] = msgspec.field(default_factory=dict, name="with")
    timeout_s: float = 60.0


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """How the signals must look before we say that it worked.

    Attributes:
        within_s: The incident's alerts on `entity` (default: all of the incident's) must resolve within this time …
        quiet_s: … and stay so for this long, while the entity keeps reporting: silence is not health.
    """

    within_s: float = 120.0
    quiet_s: float = 15.0
    entity: str | None = None


class Runbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do when a certain thing is the cause, how to know that it worked, and how to take it back."""

    name: str
    title: str
    causes: tuple[Cause, ...]
    steps: tuple[Step, ...]
    verify: Verify
    description: str = ""
    min_probability: float = 0.5
    needs_change: bool = False
    parameters: dict[str, str] = {}
    undo: tuple[Step, ...] = ()
    risk_class: RiskClass = "normal"
    enabled: bool = True


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A runbook made concrete for one incident: these steps, these targets, nothing else.

    `digest` covers runbook, parameters, steps, undo and targets; an approval names it and holds for nothing else.

    Attributes:
        asks: Why a person must say yes even where a policy could: what is wrong with the models it comes from.
    """

    id: str
    incident: str
    runbook: str
    title: str
    parameters: dict[str, str]
    targets: tuple[str, ...]
    steps: tuple[Step, ...]
    undo: tuple[Step, ...]
    verify: Verify
    risk_class: RiskClass
    decided_by: VersionRef
    created_ms: int
    requested_by: str = "mainstay"
    tenant: str = DEFAULT_TENANT
    status: PlanStatus = "proposed"
    reason: str = ""
    dry_run: tuple[str, ...] = ()
    outcome: str = ""
    updated_ms: int = 0
    suspect: str = ""
    asks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 over everything that decides what will be touched; status and outcome are not part of it."""
        body = msgspec.json.encode(
            [self.id, self.incident, self.runbook, self.parameters, self.targets, self.steps, self.undo, self.verify],
            order="deterministic",
        )
        return hashlib.sha256(body).hexdigest()


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A runbook that a person asks for by hand.

    Attributes:
        entity: On what; "" is the incident's first suspect.
        parameters: Values that the inventory does not hold, or holds otherwise: an older version to go back to. What
            names the target cannot be given: it is `entity`, so that a policy judges what will really be touched.
    """

    runbook: str
    entity: str = ""
    parameters: dict[str, str] = {}


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's yes or no to one plan digest. Server-side, expiring, used once."""

    id: str
    plan: str
    digest: str
    decision: Literal["approved", "rejected"]
    by: str
    at_ms: int
    expires_ms: int
    comment: str = ""
    used_ms: int | None = None


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one step really did. `unknown`: the process died between effect and record; it is asked, not repeated."""

    plan: str
    index: int
    phase: Literal["do", "undo", "verify"]
    name: str
    status: Literal["started", "succeeded", "failed", "unknown", "skipped"]
    at_ms: int
    says: str = ""
    output: str = ""

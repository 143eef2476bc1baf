"""What people and outcomes say about our decisions; the only truth that models are judged and trained on."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.models import VersionRef

VerdictKind = Literal[
    "anomaly", "not-anomaly", "right-cause", "wrong-cause", "merge", "split", "missed", "plan-worked", "plan-failed"
]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement: by a person, or by the outcome of an action (`by` = `outcome`).

    Attributes:
        subject: Alert, incident or plan id; for `missed` the entity.
        target: For merge the other incident; for wrong-cause the right entity if known; for split the alert.
        about: The version that is judged; set by the server from the subject, not by the caller.
    """

    id: str
    kind: VerdictKind
    subject: str
    by: str
    at_ms: int
    tenant: str = DEFAULT_TENANT
    target: str = ""
    comment: str = ""
    about: tuple[VersionRef, ...] = ()
    since_ms: int | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as training truth: of which model, about what, true or false, from where."""

    id: str
    model: str
    version: int
    subject: str
    is_true: bool
    kind: Literal["alert", "cause", "grouping", "missed", "plan"]
    from_verdict: str
    by: str
    at_ms: int

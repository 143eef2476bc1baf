"""Changes: deploys, configuration, scaling, restarts; by people, pipelines, or by Mainstay itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT

ChangeKind = Literal["deploy", "rollback", "config", "flag", "scale", "restart", "infrastructure", "other"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed something, when, and what it was before.

    Attributes:
        entity: Entity id once normalised; before that the sender's word for it stands in `subject`.
        by_mainstay: It was one of our own actions: never a suspect of the incident it tries to mend.
    """

    id: str
    at_ms: int
    kind: ChangeKind
    subject: str
    entity: str = ""
    tenant: str = DEFAULT_TENANT
    environment: str = ""
    version: str = ""
    previous_version: str = ""
    author: str = ""
    summary: str = ""
    source: str = ""
    by_mainstay: bool = False

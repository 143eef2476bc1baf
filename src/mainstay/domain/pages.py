"""What leaves for people: outbox records with a dedup key, delivered at least once."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One notification to one receiver.

    The same `key` is never needed twice; the receiver may see it twice after a crash.

    Attributes:
        key: Dedup key, `<incident>/<receiver>/<state>`; sent along, so that the receiver can drop a repeat.
        receiver: `alertmanager` or `webhook`; the address is configuration, not data.
        decided_by: Every model version behind it: of the alerts, of their grouping, of the suspects.
    """

    key: str
    receiver: Literal["alertmanager", "webhook"]
    incident: str
    body: dict[str, Any]
    created_ms: int
    tenant: str = DEFAULT_TENANT
    decided_by: tuple[str, ...] = ()
    sent_ms: int | None = None
    attempts: int = 0
    next_try_ms: int = 0
    error: str = ""

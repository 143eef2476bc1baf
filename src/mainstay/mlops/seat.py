"""One kind of decision and who makes it: the live version, its shadow, and what passes between them at a swap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from mainstay.domain.models import Deployment, VersionRef
from mainstay.mlops.agreement import Agreement
from mainstay.mlops.registry import Registry
from mainstay.models.checks import Pure, Streaming


@dataclass(slots=True)
class Seat:
    """Live and shadow of one kind. `orphans` are conditions that a cold live version does not know of."""

    deployment: Deployment
    live: Streaming | Pure
    shadow: Streaming | Pure | None
    agreement: Agreement
    orphans: list[tuple[str, str]] = field(default_factory=list)

    def drop_shadow(self, error: Exception) -> None:
        """A shadow that fails leaves; the live version has not noticed."""
        self.shadow = None
        self.agreement.errors += 1
        self.agreement.error = f"{type(error).__name__}: {error}"[:500]

    def told(self) -> dict[str, Any]:
        """For people."""
        said: dict[str, Any] = msgspec.to_builtins(self.deployment)
        named = {
            name: str(ref) if ref else None
            for name, ref in (
                ("live", self.deployment.live),
                ("shadow", self.deployment.shadow),
                ("previous", self.deployment.previous),
            )
        }
        return {**said, **named, "agreement": self.agreement.told() if self.deployment.shadow else None}


def seat_of(deployment: Deployment, registry: Registry) -> Seat:
    """A seat whose versions have seen nothing yet."""
    shadow = registry.load(deployment.shadow) if deployment.shadow else None
    return Seat(deployment, registry.load(deployment.live), shadow, Agreement(since_ms=deployment.since_ms))


def swapped(old: Seat, wanted: Deployment, registry: Registry) -> Seat:
    """The seat after a change of deployment; the old seat is left as it is when a version cannot be loaded.

    A rollback to the warm shadow goes on with the shadow's own state: the bad version's may be what is bad about it.
    """
    live = _taken_over(old, wanted, registry)
    shadow = _instance(old, wanted.shadow, registry) if wanted.shadow else None
    if wanted.shadow == old.deployment.shadow and wanted.live == old.deployment.live:
        agreement = old.agreement
    else:
        agreement = Agreement(since_ms=wanted.since_ms)
    return Seat(wanted, live, shadow, agreement, [*old.orphans, *_orphans(old.live, live)])


def _taken_over(old: Seat, wanted: Deployment, registry: Registry) -> Streaming | Pure:
    if wanted.live == old.deployment.live:
        return old.live
    is_rollback = wanted.live == old.deployment.previous
    if old.shadow is not None and wanted.live == old.deployment.shadow and is_rollback:
        return old.shadow
    return _warmed(old, wanted.live, registry)


def _instance(old: Seat, ref: VersionRef, registry: Registry) -> Streaming | Pure:
    """The instance that serves this version already, or a new one."""
    if ref == old.deployment.live:
        return old.live
    if ref == old.deployment.shadow and old.shadow is not None:
        return old.shadow
    return _warmed(old, ref, registry)


def _warmed(old: Seat, ref: VersionRef, registry: Registry) -> Streaming | Pure:
    """A new instance with the live version's state when that has the same format; else the shadow's own, else cold."""
    new = registry.load(ref)
    if not hasattr(new, "snapshot"):
        return new
    fresh, before = cast("Streaming", new), cast("Streaming", old.live)
    if fresh.STATE == before.STATE:
        fresh.restore(before.snapshot())
    elif ref == old.deployment.shadow and old.shadow is not None:
        return old.shadow
    return fresh


def _orphans(before: Streaming | Pure, after: Streaming | Pure) -> list[tuple[str, str]]:
    if before is after or not hasattr(before, "firing") or not hasattr(after, "firing"):
        return []
    known = set(cast("Streaming", after).firing())
    return [pair for pair in cast("Streaming", before).firing() if pair not in known]

"""What drift means: which scopes, which alerts it has already cost, and what a retrain would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.entities import Entity
from mainstay.domain.models import VersionRef
from mainstay.domain.watching import Impact
from mainstay.mlops.watching.breadth import Breadth
from mainstay.mlops.watching.characters import Judged

LISTED = 20


class Raised(msgspec.Struct, frozen=True):
    """An alert that a version of ours raised: when, about whom, and which value was too much."""

    alert: str
    entity: str
    subject: str
    version: VersionRef
    since_ms: int
    value: float | None

    @classmethod
    def of(cls, alert: Alert) -> Raised:
        """What is kept of an alert."""
        value = alert.band.value if alert.band else None
        return cls(alert.id, alert.about, alert.subject, alert.decided_by, alert.since_ms, value)


def impact(
    found: Breadth, version: VersionRef, raised: Iterable[Raised], since_ms: int, entities: Mapping[str, Entity]
) -> Impact:
    """The assessment of one drift: alerts that this version raised on what moved since then are what it has cost."""
    moved = {one.source.entity for one in found.moved}
    mine = [one for one in raised if one.version == version and one.entity in moved and one.since_ms >= since_ms]
    return Impact(
        scopes=_scopes(found.moved, entities),
        entities=tuple(sorted(moved))[:LISTED],
        alerts=tuple(one.alert for one in mine[:LISTED]),
        alert_count=len(mine),
        moved=tuple(_line(one) for one in found.moved[:LISTED]),
        retrain=_retrain(found.moved, mine),
        asks="retrain",
    )


def _scopes(moved: Sequence[Judged], entities: Mapping[str, Entity]) -> tuple[str, ...]:
    """Services, tiers and environments that moved, by how many of their series did, the most first."""
    counts: dict[str, int] = {}
    for one in moved:
        known = entities.get(one.source.entity)
        names = [f"service={known.name}"] if known else [one.source.entity]
        if known and known.tier is not None:
            names.append(f"tier={known.tier}")
        if known and known.environment:
            names.append(f"environment={known.environment}")
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts, key=lambda name: (-counts[name], name))[:LISTED])


def _line(one: Judged) -> str:
    return f"{one.source.entity} {one.source.name}: {one.before:.4g} → {one.now:.4g} (PSI {one.psi:.2f})"


def _retrain(moved: Sequence[Judged], mine: Sequence[Raised]) -> str:
    """Which alerts would have been silent with bands around what is usual now."""
    usual = {one.source.key: one for one in moved}
    silent = [
        alert
        for alert in mine
        if alert.value is not None and (now := usual.get(alert.subject)) and now.low <= alert.value <= now.high
    ]
    up = sum(one.now > one.before for one in moved)
    says = f"{len(moved)} bands would be drawn around what is usual now ({up} higher, {len(moved) - up} lower)"
    if not mine:
        return f"{says}; no alert was raised there since, so none would be spared"
    return f"{says}; of {len(mine)} alerts raised there since, {len(silent)} would lie inside of them"

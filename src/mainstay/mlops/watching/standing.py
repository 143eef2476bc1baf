"""Does a version stand? Where one does not, nothing that rests on it moves without a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mainstay.domain.alerts import Alert
from mainstay.domain.entities import Entity
from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.runbooks import Plan
from mainstay.domain.watching import Finding, Reason, Standing
from mainstay.mlops.watching.health import Health

EVERYWHERE = "*"
GATES: frozenset[str] = frozenset({"data_drift", "concept_drift", "calibration", "accuracy"})
"""Findings that keep a version from standing. Slowness does not make its word worth less, and scores that are spread
otherwise are a reason to look, not yet a fault."""


class Standings:
    """Says whether versions stand: drifting, in canary, rolled back, unverified, overdue, or none of it.

    Args:
        findings: What holds now.
        health: Canaries, versions that were taken back, who answers for which model.
        refused: Why a version could not be served if it were loaded now; "" when it could.
    """

    def __init__(
        self,
        findings: Callable[[], Iterable[Finding]],
        health: Callable[[], Health],
        refused: Callable[[VersionRef], str] = lambda _: "",
    ) -> None:
        self._findings, self._health, self._refused = findings, health, refused

    def standing(self, version: VersionRef, scope: str | Iterable[str], at_ms: int) -> Standing:
        """Of one version in a scope (`*`, `service=checkout`), or in all of several."""
        scopes = {scope} if isinstance(scope, str) else set(scope)
        found = [*self._drifting(version, scopes), *self._known(version, scopes, at_ms)]
        why = self._refused(version)
        if why:
            found.append(("unverified", f"{version} could not be served now: {why}"))
        return Standing(
            version=version,
            scope=",".join(sorted(scopes)),
            is_sound=not found,
            reasons=tuple(dict.fromkeys(reason for reason, _ in found)),
            says=tuple(says for _, says in found),
        )

    def unsound(self, versions: Iterable[VersionRef], scopes: Iterable[str], at_ms: int) -> tuple[Standing, ...]:
        """Those of these versions that do not stand, by name. A user's own rule (`rule/…`) is not ours to judge."""
        names = sorted({ref for ref in versions if ref.version > 0})
        concerned = list(scopes)
        standings = (self.standing(ref, concerned, at_ms) for ref in names)
        return tuple(one for one in standings if not one.is_sound)

    def _drifting(self, version: VersionRef, scopes: set[str]) -> list[tuple[Reason, str]]:
        open_ = [one for one in self._findings() if one.version == version and one.measure in GATES]
        return [
            ("drifting", f"{version} drifts ({one.measure.replace('_', ' ')}): {one.says}")
            for one in open_
            if _meets(one.scope, scopes)
        ]

    def _known(self, version: VersionRef, scopes: set[str], at_ms: int) -> list[tuple[Reason, str]]:
        health, found = self._health(), list[tuple[Reason, str]]()
        for name, (challenger, scope) in sorted(health.canary.items()):
            if challenger == version and _meets(scope, scopes):
                found.append(("canary", f"{version} is in canary ({name}): it has not shown itself yet"))
        for scope, why in health.why_back(version):
            if _meets(scope, scopes):
                where = "" if scope == EVERYWHERE else f" in {scope}"
                found.append(("rolled_back", f"{version} was rolled back{where}" + (f": {why}" if why else "")))
        if health.is_overdue(version.model, at_ms):
            days = (at_ms - (health.next_review_ms(version.model) or 0)) // 86_400_000
            found.append(("overdue", f"the validation of {version.model} ran out {days} days ago"))
        return found


def scopes_of(entities: Iterable[str], known: Mapping[str, Entity]) -> set[str]:
    """In which scopes these entities lie.

    >>> one = Entity(id="service:prod/a", kind="service", name="a", environment="prod", tier=1)
    >>> sorted(scopes_of([one.id], {one.id: one}))
    ['*', 'environment=prod', 'service=a', 'tier=1']
    """
    scopes = {EVERYWHERE}
    for entity in (known[name] for name in entities if name in known):
        scopes.add(f"service={entity.name}")
        if entity.environment:
            scopes.add(f"environment={entity.environment}")
        if entity.tier is not None:
            scopes.add(f"tier={entity.tier}")
    return scopes


def upstream_of(incident: Incident, alerts: Iterable[Alert], plan: Plan) -> set[VersionRef]:
    """Every version that had a hand in a plan: who raised the alerts, grouped them, found the suspects, and chose."""
    found = {incident.decided_by, plan.decided_by}
    found |= {grouping.decided_by for grouping in incident.groupings}
    found |= {suspect.decided_by for suspect in incident.suspects}
    return found | {alert.decided_by for alert in alerts}


def _meets(scope: str, scopes: set[str]) -> bool:
    """A scope concerns these when it is everywhere, or one of them, or they are everywhere."""
    return scope == EVERYWHERE or scope in scopes or scopes == {EVERYWHERE}

"""Risk of an incident, 0–100: the plain sum of named parts, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.domain.alerts import Alert
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident, Risk, RiskPart
from mainstay.intelligence.symptoms import FELT, is_user_facing, ratio
from mainstay.intelligence.wording import counted, listed, short

TREND_MS = 120_000


@dataclass(frozen=True)
class Situation:
    """An incident with its alerts in their newest state, at one moment."""

    incident: Incident
    topology: Topology
    alerts: Sequence[Alert]
    at_ms: int

    @property
    def firing(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.status == "firing"]


def risk_of(situation: Situation, impact: Sequence[str]) -> Risk:
    """The parts and their sum. The most of each: blast 35, tier 25, users 25, trend 15."""
    parts = (_blast(situation, impact), _tier(situation, impact), _users(situation), _trend(situation))
    kept = tuple(part for part in parts if part.points)
    return Risk(score=min(100, sum(part.points for part in kept)), parts=kept)


def _blast(situation: Situation, impact: Sequence[str]) -> RiskPart:
    """Services that suffer, against all that are known; the first few count most."""
    suffering = {alert.about for alert in situation.alerts} | set(impact)
    services = [e for e in situation.topology.entities.values() if e.kind == "service"]
    share = len(suffering) / max(len(services), len(suffering), 1)
    points = round(15 * (1 - 0.6 ** len(suffering)) + 20 * share)
    says = f"{counted(len(suffering), 'service')} affected of {max(len(services), len(suffering))}"
    return RiskPart(name="blast", points=points, says=says)


def _tier(situation: Situation, impact: Sequence[str]) -> RiskPart:
    suffering = {alert.about for alert in situation.alerts} | set(impact)
    known = [(e.tier, e.name) for e in map(situation.topology.entities.get, sorted(suffering)) if e and e.tier]
    if not known:
        return RiskPart(name="tier", points=8, says="no tier is known of what is affected")
    tier = min(known)[0] or 9
    names = [name for found, name in known if found == tier]
    return RiskPart(name="tier", points={1: 25, 2: 16, 3: 8}.get(tier, 4), says=f"tier {tier}: {listed(names, 3)}")


def _users(situation: Situation) -> RiskPart:
    """Whether users feel it, and how much."""
    felt = [a for a in situation.firing or situation.alerts if a.signal in FELT]
    seen = [a for a in felt if is_user_facing(a)]
    if seen:
        size = max(ratio(alert) for alert in seen)
        points = 15 + min(10, round(3 * max(0.0, size - 1)))
        where = listed(sorted({short(alert.about) for alert in seen}))
        return RiskPart(name="users", points=points, says=f"users see it at {where}")
    if felt:
        says = f"{counted(len(felt), 'symptom')} between services, none seen by users yet"
        return RiskPart(name="users", points=8, says=says)
    return RiskPart(name="users", points=0, says="users feel nothing so far")


def _trend(situation: Situation) -> RiskPart:
    """New alerts in the last two minutes against those that ended."""
    horizon = situation.at_ms - TREND_MS
    new = sum(1 for alert in situation.firing if alert.at_ms > horizon or alert.since_ms > horizon)
    ended = sum(1 for alert in situation.alerts if alert.status == "resolved" and (alert.ended_ms or 0) > horizon)
    if new > ended:
        points = min(15, 5 + 2 * (new - ended))
        return RiskPart(name="trend", points=points, says=f"spreading: {counted(new, 'new alert')} in the last 2 min")
    if ended > new:
        return RiskPart(name="trend", points=0, says=f"calming: {counted(ended, 'alert')} ended in the last 2 min")
    return RiskPart(name="trend", points=4 if situation.firing else 0, says="steady")

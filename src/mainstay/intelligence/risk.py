"""Risk of an incident, 0–100: the plain sum of named parts, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mainstay.domain.alerts import Alert
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident, Risk, RiskPart
from mainstay.domain.services import Burn
from mainstay.intelligence.symptoms import FELT, is_user_facing, ratio
from mainstay.intelligence.wording import counted, lasted, listed, short

TREND_MS = 120_000
MOST_REACHED = 200
BURN_POINTS = ((14.4, 15), (6.0, 11), (1.0, 6), (0.0, 2))
"""Rates of the Site Reliability Workbook's table 5-8, and points."""
Burns = Callable[[str, int], Burn | None]


@dataclass(frozen=True)
class Situation:
    """An incident with its alerts in their newest state, at one moment.

    Attributes:
        burns: How fast a service spends its error budget at a moment; None where that is not known.
    """

    incident: Incident
    topology: Topology
    alerts: Sequence[Alert]
    at_ms: int
    burns: Burns | None = None

    @property
    def firing(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.status == "firing"]


def risk_of(situation: Situation, impact: Sequence[str]) -> Risk:
    """The parts and their sum. The most of each: blast 25, tier 20, users 15, burn 15, trend 15, past 10.

    A part of which nothing is known has no points and says so.
    """
    suffering = {alert.about for alert in situation.alerts} | set(impact)
    parts = (
        _blast(situation, suffering),
        _tier(situation, suffering),
        _users(situation),
        _burn(situation, suffering),
        _trend(situation),
        _past(situation),
    )
    return Risk(score=sum(part.points for part in parts), parts=parts)


def _blast(situation: Situation, suffering: set[str]) -> RiskPart:
    """Services that suffer, and those that depend on them and do not suffer yet, against all that are known."""
    services = {e.id for e in situation.topology.entities.values() if e.kind == "service"}
    reached = _above(situation.topology, suffering) - suffering
    known = max(len(services), len(suffering | reached), 1)
    points = round(12 * (1 - 0.6 ** len(suffering)) + 9 * len(suffering) / known + 4 * len(reached) / known)
    says = f"{counted(len(suffering), 'service')} affected of {known}"
    if reached:
        says += f", {len(reached)} more depend on them: {listed(sorted(map(short, reached)), 3)}"
    return RiskPart(name="blast", points=points, says=says)


def _above(topology: Topology, entities: set[str]) -> set[str]:
    """Who depends on them, any number of calls away; at most 200 are walked."""
    callers: dict[str, list[str]] = {}
    for edge in topology.edges:
        callers.setdefault(edge.callee, []).append(edge.caller)
    found: set[str] = set()
    waiting = sorted(entities)
    while waiting and len(found) < MOST_REACHED:
        for caller in callers.get(waiting.pop(), ()):
            if caller and caller not in found:
                found.add(caller)
                waiting.append(caller)
    return found


def _tier(situation: Situation, suffering: set[str]) -> RiskPart:
    known = [(e.tier, e.name) for e in map(situation.topology.entities.get, sorted(suffering)) if e and e.tier]
    if not known:
        return RiskPart(name="tier", points=7, says="no tier is known of what is affected")
    tier = min(known)[0] or 9
    names = [name for found, name in known if found == tier]
    return RiskPart(name="tier", points={1: 20, 2: 13, 3: 7}.get(tier, 3), says=f"tier {tier}: {listed(names, 3)}")


def _users(situation: Situation) -> RiskPart:
    """Whether users feel it, and how much."""
    felt = [a for a in situation.firing or situation.alerts if a.signal in FELT]
    seen = [a for a in felt if is_user_facing(a)]
    if seen:
        size = max(ratio(alert) for alert in seen)
        points = 9 + min(6, round(2 * max(0.0, size - 1)))
        where = listed(sorted({short(alert.about) for alert in seen}))
        return RiskPart(name="users", points=points, says=f"users see it at {where}")
    if felt:
        says = f"{counted(len(felt), 'symptom')} between services, none seen by users yet"
        return RiskPart(name="users", points=5, says=says)
    return RiskPart(name="users", points=0, says="users feel nothing so far")


def _burn(situation: Situation, suffering: set[str]) -> RiskPart:
    """The fastest that an affected service spends its error budget; the slower of the two windows counts."""
    found = []
    for entity in sorted(suffering):
        burn = situation.burns(entity, situation.at_ms) if situation.burns else None
        if burn is not None and burn.rate_5m is not None and burn.rate_1h is not None:
            found.append((min(burn.rate_5m, burn.rate_1h), entity, burn))
    if not found:
        return RiskPart(name="burn", points=0, says="not known: no requests of what is affected were counted")
    rate, entity, burn = max(found, key=lambda one: one[0])
    objective = f"{'default ' if burn.is_default else ''}objective {burn.objective:g} %"
    if rate <= 0:
        return RiskPart(name="burn", points=0, says=f"no request failed in the last five minutes ({objective})")
    points = next(points for least, points in BURN_POINTS if rate >= least)
    left = f", {burn.budget_left:.0%} of 30 days' budget left" if burn.budget_left is not None else ""
    says = f"{short(entity)} spends its error budget {rate:.1f} times as fast as it may ({objective}){left}"
    return RiskPart(name="burn", points=points, says=says)


def _past(situation: Situation) -> RiskPart:
    """How bad those were that looked like it: the longest of the three most alike, and whether a runbook is known."""
    alike = situation.incident.similar[:3]
    if not alike:
        return RiskPart(name="past", points=0, says="nothing like it is remembered")
    lasted_s = [one.ending.recovery_s for one in alike if one.ending.recovery_s is not None]
    mended = sorted({one.ending.runbook for one in alike if one.ending.runbook})
    points = 2 + (min(5, round(max(lasted_s) / 600)) if lasted_s else 2) + (0 if mended else 3)
    took = f", the longest took {lasted(round(max(lasted_s) * 1000))}" if lasted_s else ""
    mend = f"; mended before by {listed(mended)}" if mended else "; no runbook is known to have mended it"
    return RiskPart(name="past", points=points, says=f"{counted(len(alike), 'past incident')} like it{took}{mend}")


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

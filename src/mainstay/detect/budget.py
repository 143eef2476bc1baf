"""The page budget of each team: which alerts of ours may page, which are held back, and what became of those pages.

Alerts of one team that begin near one another (same entity or one call apart, within two minutes) are one burst: one
page at most. A burst calls for a page when it holds a major alert, or minor ones of two subjects; one minor condition
alone wakes nobody and costs nothing.
"""

from __future__ import annotations

import msgspec

from mainstay.detect import chances
from mainstay.detect.bursts import Burst, Sent, Spending
from mainstay.detect.watched import Watched, ends
from mainstay.domain.alerts import SEVERITIES, Alert, SuppressedBy
from mainstay.domain.budget import Budget, TeamBudget
from mainstay.domain.verdicts import VerdictKind

FLAPS = 3  # starts within half an hour after which a condition that is not rare flaps
FLAPPING_MS = 1_800_000
RIGHT: tuple[VerdictKind, ...] = ("anomaly", "right-cause", "wrong-cause")


class Ruling(msgspec.Struct, frozen=True):
    """What the budget says of an alert: held back `by` what and why (both "" when it may page), and who may page now.

    `figures` is what the ledger keeps beside it.
    """

    by: SuppressedBy = ""
    why: str = ""
    released: tuple[str, ...] = ()
    figures: dict[str, object] = {}


PASS = Ruling()


class PageBudget:
    """Decides for each start of ours. What passed stays passed while it lasts.

    Args:
        budget: Promised false pages a week per team.
        watched: Over what chances are taken.
        spending: The state.
    """

    def __init__(self, budget: Budget, watched: Watched, spending: Spending) -> None:
        self._budget, self._watched, self.spending = budget, watched, spending
        self._places: tuple[dict[int, Burst], dict[str, list[int]]] = ({}, {})  # bursts by entity; made when needed

    def judge(self, key: str, alert: Alert, before: Alert | None, at_ms: int) -> Ruling:
        """Whether an alert that starts, comes back (`before`) or worsens may page."""
        if before is None:
            self.spending.started(key, at_ms, FLAPPING_MS)
        if alert.severity == "info":
            return PASS
        burst = self._burst(key, alert, at_ms)
        if before is not None and not before.suppressed and not _is_worse(alert, before):
            return PASS
        if _is_exempt(alert):
            return self._send(burst, key, "exempt", 0.0, at_ms)
        if burst.pages or not burst.calls:
            return PASS
        return self._weigh(burst, key, at_ms)

    def saw(self, incident: str, alerts: set[str]) -> None:
        """An incident holds these alerts: pages that are not in one yet may be in it."""
        for sent in self.spending.sent:
            if not sent.incident and not alerts.isdisjoint(sent.alerts):
                sent.incident = incident

    def alerts_of(self, incident: str) -> list[str]:
        """Alerts of ours in the pages that opened this incident."""
        return [alert for sent in self.spending.sent if sent.incident == incident for alert in sent.alerts]

    def proved(self, subject: str, kind: VerdictKind) -> None:
        """A verdict or an outcome about an alert or an incident: a right page gives its place back."""
        word = "right" if kind in RIGHT or kind == "plan-worked" else "wrong" if kind == "not-anomaly" else ""
        for sent in self.spending.sent:
            if word and subject and (sent.incident == subject or subject in sent.alerts):
                sent.word = word

    def standing(self, team: str, watched: int, at_ms: int) -> TeamBudget:
        """Where a team's budget stands."""
        promised, used = self._budget.of(team), self.spending.used(team, at_ms)
        level = chances.level(promised, used)
        return TeamBudget(
            team=team,
            promised=promised,
            watched=watched,
            reserved=chances.reserved(promised),
            places=chances.places(promised),
            used=used,
            level=None if level == float("inf") else level,
            trust=round(self._trust(team, promised, at_ms), 3),
        )

    def _burst(self, key: str, alert: Alert, at_ms: int) -> Burst:
        team, where = self._watched.team(alert.entity), ends(alert)
        bursts, numbers = self.spending.bursts, self._by_entity()
        near = {n for entity in self._watched.around(where) for n in numbers.get(entity, ()) if n in bursts}
        mine = [number for number in near if bursts[number].team == team]
        burst = self.spending.united(mine) if mine else self.spending.opened(team)
        burst.take(key, alert, where, at_ms)
        for entity in burst.entities if len(mine) > 1 else where:
            if burst.number not in numbers.setdefault(entity, []):
                numbers[entity].append(burst.number)
        self.spending.follow(burst)
        return burst

    def _by_entity(self) -> dict[str, list[int]]:
        if self._places[0] is not self.spending.bursts:  # some have ended, or this is another state
            found: dict[str, list[int]] = {}
            for number, burst in self.spending.bursts.items():
                for entity in burst.entities:
                    found.setdefault(entity, []).append(number)
            self._places = (self.spending.bursts, found)
        return self._places[1]

    def _weigh(self, burst: Burst, key: str, at_ms: int) -> Ruling:
        watched = self._watched.sizes().get(burst.team, 1)
        stand = self.standing(burst.team, watched, at_ms)
        evidence = stand.trust * chances.together(burst.evidence.values())
        expected = chances.expected(watched, evidence)
        figures = {"team": stand.team, "promised_per_week": stand.promised, "watched": watched,
                   "expected_per_week": _rounded(expected), "places": stand.places, "used": stand.used}  # fmt: skip
        if expected <= stand.reserved:
            return self._send(burst, key, "rare", expected, at_ms)
        by: SuppressedBy = ""
        if self.spending.starts_of(key) > FLAPS:
            by, why = "flapping", f"it came and went {self.spending.starts_of(key)} times in half an hour"
        elif stand.level is not None and expected > stand.level:
            by, why = "budget", _says(stand, expected)
        if by:
            burst.held = [*dict.fromkeys([*burst.held, key])]
            return Ruling(by, f"{why}; it joins an incident that opens near it", figures=figures)
        return self._send(burst, key, "place", expected, at_ms)

    def _send(self, burst: Burst, key: str, kind: str, expected: float, at_ms: int) -> Ruling:
        if not burst.pages:
            burst.pages = [f"{burst.team}-{burst.alerts[0]}-{at_ms}"]
            sent = Sent(burst.pages[0], burst.team, at_ms, kind, _rounded(expected), list(burst.alerts))
            self.spending.sent.append(sent)
        released = tuple(held for held in burst.held if held != key)
        burst.held = []
        return Ruling(released=released)

    def _trust(self, team: str, promised: float, at_ms: int) -> float:
        return chances.trust(self.spending.false_rare(team, at_ms), promised)


def _is_worse(alert: Alert, before: Alert) -> bool:
    return SEVERITIES.index(alert.severity) < SEVERITIES.index(before.severity)


def _is_exempt(alert: Alert) -> bool:
    """Critical, or a resource nearly used up: a fact about a limit, not a chance."""
    return alert.severity == "critical" or alert.labels.get("near_exhaustion") == "true"


def _rounded(expected: float) -> float:
    return float(f"{expected:.3g}")


def _says(stand: TeamBudget, expected: float) -> str:
    often = f"{expected:,.0f}" if expected < 1e6 else "over a million"
    return (
        f"page budget of team {stand.team} ({stand.promised:g} false pages a week): {stand.used} of {stand.places} "
        f"places are taken, and chance brings {often} alerts like this a week over the {stand.watched:,} series, calls "
        "and logs that are watched"
    )

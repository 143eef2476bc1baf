"""Promised against observed: which pages of four weeks were false, as people and outcomes said, and what was missed
because it was held back."""  # noqa: D205, D209

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.incidents import Incident
from mainstay.domain.verdicts import Verdict, VerdictKind

WEEK_MS = 7 * 86_400_000
MISSED_WITHIN_MS = 3_600_000  # an hour later it would have been news all the same
RIGHT: tuple[VerdictKind, ...] = ("anomaly", "right-cause", "wrong-cause", "plan-worked")
Opened = Literal["rule", "always", "budget"]
Word = Literal["right", "wrong", ""]


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of one team over some weeks.

    Attributes:
        rules: Opened by a rule of the user's own. always: By a critical alert or an exhausted resource. Neither is
            limited. limited: By what the budget limits; of these are `right`, `wrong` and `unlabelled`.
        per_week: False pages a week that are known, with its 95 % interval (Garwood); `at_most` if everything
            unlabelled were false.
    """

    team: str
    weeks: float
    rules: int
    always: int
    limited: int
    right: int
    wrong: int
    unlabelled: int
    per_week: float
    low: float
    high: float
    at_most: float
    says: str


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that was held back, and what it should have told: `ref` names the incident, alert or verdict."""

    alert: str
    entity: str
    at_ms: int
    by: Literal["incident", "rule", "verdict"]
    ref: str
    late_s: int
    says: str


class Page(msgspec.Struct, frozen=True):
    """An incident as a page: whose, opened by what, and what was said of it."""

    incident: Incident
    team: str
    opened: Opened
    word: Word


def pages(
    incidents: Iterable[Incident],
    alerts: Mapping[str, Alert],
    verdicts: Sequence[Verdict],
    team_of: Callable[[str], str],
) -> list[Page]:
    """Incidents as pages. `verdicts` about plans must name the incident as `target`."""
    words = _words(verdicts)
    found = []
    for incident in incidents:
        first = [a for g in incident.groupings if g.at_ms <= incident.opened_ms and (a := alerts.get(g.alert))]
        entity = first[0].about if first else (*incident.entities, "")[0]
        said = [words[name] for name in (incident.id, *(g.alert for g in incident.groupings)) if name in words]
        word: Word = max(said)[1] if said else ""
        found.append(Page(incident, team_of(entity), _opened(first), word))
    return found


def observed(team: str, found: Iterable[Page], weeks: float, promised: float) -> Observed:
    """What happened to a team, beside what it was promised."""
    mine = [page for page in found if page.team == team]
    limited = [page for page in mine if page.opened == "budget"]
    right, wrong = (sum(1 for page in limited if page.word == word) for word in ("right", "wrong"))
    unlabelled = len(limited) - right - wrong
    low, high = (bound / weeks for bound in poisson(wrong)) if weeks > 0 else (0.0, math.inf)
    per_week, at_most = (wrong / weeks, (wrong + unlabelled) / weeks) if weeks > 0 else (0.0, 0.0)
    says = (
        f"promised at most {promised:g} false pages a week; observed {per_week:.2g} [{low:.2g}–{high:.2g}] in "
        f"{weeks:.2g} weeks ({wrong} false, {right} right, {unlabelled} unlabelled)"
    )
    return Observed(
        team=team,
        weeks=round(weeks, 3),
        rules=sum(1 for page in mine if page.opened == "rule"),
        always=sum(1 for page in mine if page.opened == "always"),
        limited=len(limited),
        right=right,
        wrong=wrong,
        unlabelled=unlabelled,
        per_week=round(per_week, 3),
        low=round(low, 3),
        high=round(high, 3) if high < math.inf else -1.0,
        at_most=round(at_most, 3),
        says=says,
    )


def misses(
    held: Iterable[Alert], found: Sequence[Page], rules: Sequence[Alert], verdicts: Sequence[Verdict]
) -> list[Miss]:
    """Held-back alerts whose entity was in trouble later: an incident not judged false, a rule, or a "missed"."""
    missed = (_miss(alert, found, rules, verdicts) for alert in held)
    return [one for one in missed if one is not None]


def poisson(count: int, p: float = 0.025) -> tuple[float, float]:
    """The exact interval of a Poisson mean. Source: F. Garwood, Biometrika 28 (1936).

    >>> [round(bound, 2) for bound in poisson(3)], [round(bound, 2) for bound in poisson(0)]
    ([0.62, 8.77], [0.0, 3.69])
    """
    low = 0.0 if count == 0 else _solve(lambda mean: _below(count - 1, mean) - (1 - p), count)
    return low, _solve(lambda mean: _below(count, mean) - p, count)


def _solve(falls: Callable[[float], float], count: int) -> float:
    low, high = 0.0, 3.0 * count + 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return (low + high) / 2


def _below(count: int, mean: float) -> float:
    """P(X ≤ count), term by term from the last down."""
    if mean <= 0:
        return 1.0
    total = term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    for k in range(count, 0, -1):
        term *= k / mean
        total += term
    return total


def _words(verdicts: Sequence[Verdict]) -> dict[str, tuple[tuple[bool, int], Word]]:
    """By what was judged: a person's word before an outcome's, then the newest."""
    words: dict[str, tuple[tuple[bool, int], Word]] = {}
    for verdict in verdicts:
        word: Word = "right" if verdict.kind in RIGHT else "wrong" if verdict.kind == "not-anomaly" else ""
        about = verdict.target if verdict.kind == "plan-worked" else verdict.subject
        if word:
            words[about] = max(words.get(about, ((False, -1), word)), ((verdict.by != "outcome", verdict.at_ms), word))
    return words


def _opened(first: Sequence[Alert]) -> Opened:
    if any(alert.source != "detector" for alert in first):
        return "rule"
    is_always = any(a.severity == "critical" or a.labels.get("near_exhaustion") == "true" for a in first)
    return "always" if is_always else "budget"


def _miss(alert: Alert, found: Sequence[Page], rules: Sequence[Alert], verdicts: Sequence[Verdict]) -> Miss | None:
    begin, end = alert.since_ms, alert.since_ms + MISSED_WITHIN_MS
    for page in found:
        incident = page.incident
        if page.word != "wrong" and alert.about in incident.entities and begin < incident.opened_ms <= end:
            if alert.at_ms >= incident.opened_ms and alert.status == "firing":
                continue
            return _missed(alert, "incident", incident.id, incident.opened_ms, f"incident {incident.id} opened")
    for rule in rules:
        if rule.about == alert.about and begin < rule.since_ms <= end:
            return _missed(alert, "rule", rule.id, rule.since_ms, f"your rule {rule.name} fired")
    for verdict in verdicts:
        at_ms = verdict.since_ms or verdict.at_ms
        if verdict.kind == "missed" and verdict.subject == alert.about and abs(at_ms - begin) <= MISSED_WITHIN_MS:
            return _missed(alert, "verdict", verdict.id, max(at_ms, begin), f"{verdict.by} says that it was missed")
    return None


def _missed(alert: Alert, by: Literal["incident", "rule", "verdict"], ref: str, at_ms: int, says: str) -> Miss:
    late_s = (at_ms - alert.since_ms) // 1000
    return Miss(
        alert=alert.id, entity=alert.about, at_ms=alert.since_ms, by=by, ref=ref, late_s=late_s,
        says=f"{says} {late_s // 60} min {late_s % 60} s after it began",
    )  # fmt: skip

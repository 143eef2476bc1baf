"""What is known of past trouble: which incidents were confirmed, which were none, and which nobody has judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from mainstay.domain.alerts import Alert
from mainstay.domain.incidents import Incident, IncidentStatus, belongs_to
from mainstay.domain.training import Span
from mainstay.domain.verdicts import Verdict

MARGIN_MS = 60_000
"""Trouble begins before it is seen and ends after it is said to be over."""
MOST = 2_000
_CONFIRMS, _DENIES = ("anomaly", "right-cause", "wrong-cause"), ("not-anomaly",)


class Trouble(Protocol):
    """What of the control store is read."""

    def incidents(
        self, status: IncidentStatus | None = None, limit: int = 100, before: str | None = None
    ) -> list[Incident]: ...
    def alert(self, alert: str) -> Alert | None: ...
    def verdicts(self, subject: str | None = None, limit: int = 1000) -> list[Verdict]: ...


def spans_of(past: Trouble, now_ms: int, normal: Collection[str] = ()) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """(confirmed, unjudged) trouble, per entity.

    An incident that a person called no anomaly is normal data, and so is one that is in neither. A wrong cause is an
    incident all the same.

    Args:
        past: The control store.
        now_ms: Until when an open incident lasts so far.
        normal: Ids of alerts that turned out to be a change of character (a drift finding named them): an incident all
            of whose alerts are among them is normal data.
    """
    verdicts = past.verdicts(limit=MOST)
    confirmed = {v.subject for v in verdicts if v.kind in _CONFIRMS}
    denied = {v.subject for v in verdicts if v.kind in _DENIES}
    worked = {v.subject for v in verdicts if v.kind == "right-cause" and v.by == "outcome"}
    faults: list[Span] = []
    unjudged: list[Span] = []
    for incident in past.incidents(limit=MOST):
        alerts = [grouping.alert for grouping in incident.groupings]
        if incident.status == "merged" or (incident.id in denied and incident.id not in worked):
            continue
        if alerts and all(alert in normal or alert in denied for alert in alerts):
            continue
        is_confirmed = incident.id in confirmed or any(alert in confirmed for alert in alerts)
        (faults if is_confirmed else unjudged).extend(_spans(incident, now_ms))
    faults += [_missed(v) for v in verdicts if v.kind == "missed"]
    return _sorted(faults), _sorted(unjudged)


def began(past: Trouble, now_ms: int, normal: Collection[str] = ()) -> tuple[Span, ...]:
    """Incidents by the entity that each counts for, from when it opened: what a predictor should have foretold.

    Not those that people called no anomaly, were merged into others, or consist of a change of character. Where people
    named another cause, it counts for that one.
    """
    verdicts = past.verdicts(limit=MOST)
    denied = {v.subject for v in verdicts if v.kind in _DENIES}
    named = {v.subject: v.target for v in verdicts if v.kind == "wrong-cause" and v.target}
    found = []
    for incident in past.incidents(limit=MOST):
        alerts = [grouping.alert for grouping in incident.groupings]
        is_normal = alerts and all(alert in normal or alert in denied for alert in alerts)
        entity = named.get(incident.id) or belongs_to(incident)
        if entity and incident.status != "merged" and incident.id not in denied and not is_normal:
            until_ms = max(incident.resolved_ms or now_ms, incident.opened_ms)
            found.append(Span(entity=entity, since_ms=incident.opened_ms, until_ms=until_ms, why=incident.id))
    return _sorted(found)


def _spans(incident: Incident, now_ms: int) -> list[Span]:
    until_ms = (incident.resolved_ms or now_ms) + MARGIN_MS
    names = dict.fromkeys((*incident.entities, *incident.impact))
    return [
        Span(entity=entity, since_ms=incident.since_ms - MARGIN_MS, until_ms=until_ms, why=incident.id)
        for entity in names
    ]


def _missed(verdict: Verdict) -> Span:
    since_ms = verdict.since_ms or verdict.at_ms - 10 * MARGIN_MS
    return Span(entity=verdict.subject, since_ms=since_ms, until_ms=verdict.at_ms, why=verdict.id)


def _sorted(spans: Sequence[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: (span.since_ms, span.entity, span.why)))

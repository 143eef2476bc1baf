"""What the past would have been with us: alerts against incidents, tickets against what we told, and who was first.

The miss rate stands beside the noise reduction, because saying nothing at all reduces noise by 100 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec

from mainstay.domain.similar import Ticket
from mainstay.history.decided import Decided, Opened, Raised

HOUR_MS = 3_600_000
BEFORE_MS, WITHOUT_END_MS, LATEST_MS = HOUR_MS, HOUR_MS, 4 * HOUR_MS
RULE = (
    "A ticket counts as found when an incident with an alert of ours stood at any time from an hour before the ticket "
    "was opened until it was resolved (an hour where it has no end, four at most), on the ticket's service where that "
    "is known. An incident without ticket and without a rule of yours is unlabelled: nobody said whether it was true."
)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one ticket: `found`, `rule-only` (your own rule told, we did not) or `missed`.

    `entity` is its service, where exactly one is known here; `by_time_only`: none is. `lead_min`: how long before the
    ticket was opened our first alert came.
    """

    id: str
    title: str
    service: str
    opened_ms: int
    fate: str
    entity: str = ""
    incident: str = ""
    lead_min: float | None = None
    by_time_only: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the judged part. The learned part before it taught the models; what was told in it does not count."""

    protocol: str
    learned_since_ms: int
    judged_since_ms: int
    judged_until_ms: int
    series: int
    samples: int
    replay_s: float
    alerts: int
    rule_alerts: int
    own_alerts: int
    suppressed_alerts: int
    incidents: int
    noise_reduction: float | None
    tickets: int
    tickets_missed: int
    tickets_rule_only: int
    miss_rate: float | None
    ticket_lead_min: float | None
    rule_incidents: int
    rule_incidents_unseen: int
    rule_incidents_first: int
    rule_lead_min: float | None
    unlabelled_incidents: int
    fates: tuple[Fate, ...]
    scores_sha256: str

    def lines(self) -> list[str]:
        """For a person: the sentence first."""
        days = (self.judged_until_ms - self.judged_since_ms) / (24 * HOUR_MS)
        learned = (self.judged_since_ms - self.learned_since_ms) / (24 * HOUR_MS)
        suppressed = f", {self.suppressed_alerts} suppressed" if self.suppressed_alerts else ""
        span = (
            f"learned {_day(self.learned_since_ms)} – {_day(self.judged_since_ms)} ({learned:.1f} days), "
            f"judged the {days:.1f} days after, until {_day(self.judged_until_ms)} UTC; "
            f"{self.series:,} series, {self.samples:,} samples"
        )
        rules = f"{self.rule_incidents} incidents; we were first in {self.rule_incidents_first}"
        return [
            span,
            f"{self.alerts} alerts → {self.incidents} incidents; {self._tickets()}; {self._rules()}",
            f"  alerts: {self.rule_alerts} of your rules, {self.own_alerts} of ours{suppressed}",
            f"  noise reduction {_share(self.noise_reduction)}, miss rate {_share(self.miss_rate)}",
            f"  your rules: {rules}, silent in {self.rule_incidents_unseen}",
            f"  unlabelled: {self.unlabelled_incidents} incidents with neither ticket nor rule of yours",
            *(f"  {fate.fate}: {fate.id} {fate.title}" for fate in self.fates if fate.fate != "found"),
        ]

    def _tickets(self) -> str:
        if not self.tickets:
            return "no tickets to compare with (mainstay import incidents FILE.csv)"
        lead = (
            ""
            if self.ticket_lead_min is None
            else f" (the others told {_ahead(self.ticket_lead_min)} they were opened)"
        )
        return f"{self.tickets_missed} of {self.tickets} tickets missed{lead}"

    def _rules(self) -> str:
        if self.rule_lead_min is None:
            return "no incident has both an alert of ours and one of your rules"
        return f"median {_ahead(self.rule_lead_min)} your rule"


def report(decided: Decided, tickets: Sequence[Ticket], judged_since_ms: int) -> Report:
    """Figures of what was told from `judged_since_ms` on."""
    told = {alert.id: alert for alert in decided.alerts}
    alerts = [alert for alert in decided.alerts if alert.first_ms >= judged_since_ms]
    incidents = [one for one in decided.incidents if one.opened_ms >= judged_since_ms]
    compared = [t for t in tickets if judged_since_ms <= t.opened_ms <= decided.until_ms]
    places = _Places(decided.entities)
    fates = tuple(_fate(ticket, decided.incidents, told, places) for ticket in compared)
    ruled = [one for one in incidents if any(alert.is_rule for alert in _alerts(one, told))]
    leads = [lead for one in ruled if (lead := _lead_min(one, told)) is not None]
    labelled = {one.id for one in ruled} | {fate.incident for fate in fates}
    missed = sum(fate.fate == "missed" for fate in fates)
    return Report(
        protocol=RULE,
        learned_since_ms=decided.since_ms,
        judged_since_ms=judged_since_ms,
        judged_until_ms=decided.until_ms,
        series=decided.series,
        samples=decided.samples,
        replay_s=decided.took_s,
        alerts=len(alerts),
        rule_alerts=sum(alert.is_rule for alert in alerts),
        own_alerts=sum(not alert.is_rule for alert in alerts),
        suppressed_alerts=sum(alert.suppressed for alert in alerts),
        incidents=len(incidents),
        noise_reduction=round(1 - len(incidents) / len(alerts), 4) if alerts else None,
        tickets=len(fates),
        tickets_missed=missed,
        tickets_rule_only=sum(fate.fate == "rule-only" for fate in fates),
        miss_rate=round(missed / len(fates), 4) if fates else None,
        ticket_lead_min=_median(fate.lead_min for fate in fates),
        rule_incidents=len(ruled),
        rule_incidents_unseen=len(ruled) - len(leads),
        rule_incidents_first=sum(lead > 0 for lead in leads),
        rule_lead_min=_median(leads),
        unlabelled_incidents=sum(one.id not in labelled for one in incidents),
        fates=fates,
        scores_sha256=decided.scores_sha256,
    )


class _Places:
    """Which entities a ticket's service may mean: those of the same name, however it is spelled."""

    def __init__(self, entities: Iterable[str]) -> None:
        self._by_name: dict[str, set[str]] = {}
        for entity in entities:
            self._by_name.setdefault(_plain(entity.rpartition("/")[2]), set()).add(entity)

    def of(self, service: str) -> set[str]:
        """Empty when the name is not known."""
        return self._by_name.get(_plain(service), set()) if service else set()


def _fate(ticket: Ticket, incidents: Iterable[Opened], told: dict[str, Raised], places: _Places) -> Fate:
    meant = places.of(ticket.service)
    begin_ms = ticket.opened_ms - BEFORE_MS
    end_ms = min(ticket.resolved_ms or ticket.opened_ms + WITHOUT_END_MS, ticket.opened_ms + LATEST_MS)
    near = [
        one
        for one in incidents
        if one.opened_ms <= end_ms
        and (one.resolved_ms is None or one.resolved_ms >= begin_ms)
        and (not meant or meant & set(one.entities))
    ]
    first = [(min(alert.first_ms for alert in own), one) for one in near if (own := _own(one, told))]
    known: dict[str, Any] = {"id": ticket.id, "title": ticket.title, "service": ticket.service}
    known |= {"opened_ms": ticket.opened_ms, "entity": next(iter(meant)) if len(meant) == 1 else ""}
    if first:
        at_ms, one = min(first, key=lambda pair: (pair[0], pair[1].id))
        lead_min = round((ticket.opened_ms - at_ms) / 60_000, 1)
        return Fate(**known, fate="found", incident=one.id, lead_min=lead_min, by_time_only=not meant)
    if near:
        return Fate(**known, fate="rule-only", incident=near[0].id, by_time_only=not meant)
    return Fate(**known, fate="missed", by_time_only=not meant)


def _lead_min(incident: Opened, told: dict[str, Raised]) -> float | None:
    """How many minutes our first alert came before the first one of a rule; None where we said nothing."""
    own = [alert.first_ms for alert in _own(incident, told)]
    rules = [alert.first_ms for alert in _alerts(incident, told) if alert.is_rule]
    return (min(rules) - min(own)) / 60_000 if own and rules else None


def _own(incident: Opened, told: dict[str, Raised]) -> list[Raised]:
    return [alert for alert in _alerts(incident, told) if not alert.is_rule and not alert.suppressed]


def _alerts(incident: Opened, told: dict[str, Raised]) -> list[Raised]:
    return [told[name] for name in incident.alerts if name in told]


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "-", name.strip().casefold())


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 1) if known else None


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.0f} %"


def _ahead(minutes: float) -> str:
    return f"{minutes:g} min before" if minutes >= 0 else f"{-minutes:g} min after"


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"

"""Which pages an incident needs, and what they say. Pure: the same turn gives the same pages under the same keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from mainstay.domain.alerts import SEVERITIES, Alert
from mainstay.domain.entities import DEFAULT_TENANT
from mainstay.domain.incidents import Incident
from mainstay.domain.pages import Page
from mainstay.domain.protocols import Clock
from mainstay.settings import Receiver

OWN_LABEL = "mainstay_incident"
"""Every alert of ours carries it; its value is the incident's id."""

ReceiverName = Literal["alertmanager", "webhook"]
OVER = ("resolved", "merged")


def pages_for(
    incident: Incident, before: Incident | None, receiver: Receiver, alerts: Iterable[Alert] = ()
) -> list[Page]:
    """The pages that this turn of an incident needs: it opened, became worse, or is over.

    An incident that opened and was over in the same turn needs none. Each names the versions behind it: those of its
    `alerts`, of their grouping and of the suspects.
    """
    state = _state(incident, before)
    if not state:
        return []
    behind = {incident.decided_by, *(alert.decided_by for alert in alerts)}
    behind |= {one.decided_by for one in incident.groupings} | {one.decided_by for one in incident.suspects}
    versions = tuple(sorted(map(str, behind)))
    return [
        msgspec.structs.replace(_page(incident, state, name, receiver), decided_by=versions)
        for name in _configured(receiver)
    ]


def escalation(incident: Incident, plan: str, says: str, at_ms: int, receiver: Receiver) -> list[Page]:
    """A plan ran and did not help, or nobody knows whether it acted: a person is needed.

    One page per plan and thing said: who answered a question is called again when the plan then fails.
    """
    turn = hashlib.sha256(says.encode()).hexdigest()[:6]
    pages = []
    for name in _configured(receiver):
        url = _url(incident, receiver)
        if name == "alertmanager":
            labels = {**_labels(incident), "alertname": "MainstayEscalation", "plan": plan}
            body = _alerts("escalated", labels, {"summary": f"{incident.id}: {says}", "description": says}, url, at_ms)
        else:
            body = {**_event("incident.escalated", incident, url), "plan": plan, "says": says}
        pages.append(_made(f"{incident.id}/{name}/escalated-{plan}-{turn}", name, incident, body, at_ms))
    return pages


def notification(key: str, plan: str, text: str, receiver: Receiver, clock: Clock) -> list[Page]:
    """What a runbook's `notify` step says. The step's key is the page's: saved twice, it is one page."""
    at_ms = clock.now_ns() // 1_000_000
    url = f"{receiver.console_url.rstrip('/')}/#/approvals"
    pages = []
    for name in _configured(receiver):
        if name == "alertmanager":
            labels = {"alertname": "MainstayNotice", "severity": "info", OWN_LABEL: plan, "notice": key[-40:]}
            body = _alerts("notice", labels, {"summary": text, "description": text}, url, at_ms)
        else:
            body = {"event": "notice", "plan": plan, "url": url, "says": text}
        notice = Page(
            key=f"{plan}/{name}/notice-{key}",
            receiver=name,
            incident=plan,
            body=body,
            created_ms=at_ms,
            next_try_ms=at_ms,
        )
        pages.append(notice)
    return pages


def utc(at_ms: int) -> str:
    """RFC 3339 in UTC, as Alertmanager reads it.

    >>> utc(1_000)
    '1970-01-01T00:00:01.000Z'
    """
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _state(incident: Incident, before: Incident | None) -> str:
    if before is None:
        return "" if incident.status in OVER else "open"
    if incident.status in OVER:
        return "" if before.status in OVER else "resolved"
    if SEVERITIES.index(incident.severity) < SEVERITIES.index(before.severity):
        return f"severity-{incident.severity}"
    return ""


def _configured(receiver: Receiver) -> Iterator[ReceiverName]:
    if receiver.alertmanager_url:
        yield "alertmanager"
    if receiver.webhook_url:
        yield "webhook"


def _page(incident: Incident, state: str, name: ReceiverName, receiver: Receiver) -> Page:
    url = _url(incident, receiver)
    if name == "alertmanager":
        annotations = {
            "summary": f"{incident.id}: {incident.title}",
            "description": incident.summary or incident.title,
            "console": url,
        }
        body = _alerts(state.partition("-")[0], _labels(incident), annotations, url, incident.since_ms)
    else:
        event = {"open": "incident.opened", "resolved": "incident.resolved"}.get(state, "incident.severity_raised")
        body = _event(event, incident, url)
    return _made(f"{incident.id}/{name}/{state}", name, incident, body, incident.updated_ms)


def _made(key: str, name: ReceiverName, incident: Incident, body: dict[str, Any], at_ms: int) -> Page:
    return Page(
        key=key,
        receiver=name,
        incident=incident.id,
        body=body,
        created_ms=at_ms,
        tenant=incident.tenant,
        next_try_ms=at_ms,
    )


def _alerts(state: str, labels: dict[str, str], annotations: dict[str, str], url: str, at_ms: int) -> dict[str, Any]:
    alert = {"labels": labels, "annotations": annotations, "generatorURL": url, "startsAt": utc(at_ms)}
    return {"state": state, "alert": alert}


def _labels(incident: Incident) -> dict[str, str]:
    """Alertmanager knows an alert by its labels, so nothing stands here that changes without a page of its own."""
    entity = incident.suspects[0].entity if incident.suspects else next(iter(incident.entities), "")
    place, _, service = entity.partition(":")[2].partition("/")
    labels = {"alertname": "MainstayIncident", "severity": incident.severity, OWN_LABEL: incident.id}
    labels |= {"service": service, "environment": place, "tenant": incident.tenant}
    return {name: value for name, value in labels.items() if value and (name, value) != ("tenant", DEFAULT_TENANT)}


def _event(event: str, incident: Incident, url: str) -> dict[str, Any]:
    suspects = [
        {"entity": s.entity, "cause": s.cause, "probability": s.probability, "says": s.says}
        for s in incident.suspects[:3]
    ]
    return {
        "event": event,
        "incident": {
            "id": incident.id,
            "status": incident.status,
            "severity": incident.severity,
            "title": incident.title,
            "summary": incident.summary,
            "since_ms": incident.since_ms,
            "opened_ms": incident.opened_ms,
            "resolved_ms": incident.resolved_ms,
            "merged_into": incident.merged_into,
            "suspects": suspects,
            "impact": list(incident.impact),
            "url": url,
        },
    }


def _url(incident: Incident, receiver: Receiver) -> str:
    return f"{receiver.console_url.rstrip('/')}/#/incidents/{incident.id}"

"""Incidents and alerts: what is broken, what said so, and what was changed before."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.insight.services import by_priority
from mainstay.api.parameters import Asking, Limit, Platform, Words, found, now_ms
from mainstay.api.platform import PlatformApi
from mainstay.api.series import SeriesView
from mainstay.domain.alerts import Alert, AlertStatus
from mainstay.domain.changes import Change
from mainstay.domain.errors import BadInput
from mainstay.domain.incidents import Incident, IncidentStatus
from mainstay.domain.records import Command, CommandKind
from mainstay.domain.runbooks import Approval, Plan, StepResult
from mainstay.domain.verdicts import Verdict
from mainstay.domain.views import IncidentLine
from mainstay.store.control import Control

AlertOrder = Literal["newest", "priority"]
_BEFORE_MS, _AFTER_MS = 3_600_000, 600_000
# a change shows as related from an hour before the trouble until ten minutes after its end


class IncidentPage(msgspec.Struct, frozen=True, kw_only=True):
    """One incident and everything that a person needs beside it. A plan carries its `digest`."""

    incident: Incident
    alerts: list[Alert]
    plans: list[dict[str, Any]]
    approvals: list[Approval]
    steps: list[StepResult]
    verdicts: list[Verdict]
    changes: list[Change]
    series: list[SeriesView]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A command is durable as record `seq`; it takes effect when the pipeline reaches it, and the stream tells."""

    seq: int


class Into(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The incident to merge into."""

    into: str


class Out(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The alert to take out."""

    alert: str


def plan_view(plan: Plan) -> dict[str, Any]:
    """A plan with its digest, which an approval must name."""
    return {**msgspec.to_builtins(plan), "digest": plan.digest}


@get("/incidents", role="viewer", sync_to_thread=True)
def list_incidents(
    platform: Platform,
    status: FromQuery[IncidentStatus | None] = None,
    q: Words = "",
    before: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> list[IncidentLine]:
    """Newest opened first, without groupings, evidence and timeline, which stand on an incident's own page.

    `q` keeps those in which all these words stand anywhere: title, services, causes, timeline, names of people.
    `before` is the id of the last one of the page before (or a time in ms).
    """
    return platform.control.incident_lines(status, limit, before, q)


@get("/incidents/{incident:str}", role="viewer", sync_to_thread=True)
def show_incident(platform: Platform, incident: FromPath[str]) -> IncidentPage:
    """One incident with its alerts, plans, approvals, steps, verdicts, related changes and series."""
    control = platform.control
    one = found(control.incident(incident), "incident", incident)
    alerts = control.alerts_by_id([grouping.alert for grouping in one.groupings])
    plans = control.plans(incident)
    return IncidentPage(
        incident=one,
        alerts=alerts,
        plans=[plan_view(plan) for plan in plans],
        approvals=[approval for plan in plans for approval in control.approvals(plan.id)],
        steps=[step for plan in plans for step in control.steps(plan.id)],
        verdicts=control.verdicts(incident),
        changes=_related(control, one, now_ms(platform)),
        series=_series(platform, one, alerts),
    )


def _related(control: Control, incident: Incident, at_ms: int) -> list[Change]:
    named = {suspect.change for suspect in incident.suspects if suspect.change}
    named |= {evidence.ref for evidence in incident.evidence if evidence.kind == "change"}
    entities = {*incident.entities, *(suspect.entity for suspect in incident.suspects)}
    until_ms = (incident.resolved_ms or at_ms) + _AFTER_MS
    near = control.changes(incident.since_ms - _BEFORE_MS, until_ms, sorted(entities), limit=50)
    both = {change.id: change for change in (*near, *control.changes_by_id(sorted(named)))}
    return sorted(both.values(), key=lambda change: (-change.at_ms, change.id))


def _series(platform: PlatformApi, incident: Incident, alerts: list[Alert]) -> list[SeriesView]:
    refs = [evidence.ref for evidence in incident.evidence if evidence.kind == "metric"]
    refs += [alert.subject.removeprefix("metric:") for alert in alerts if alert.subject.startswith("metric:")]
    return [SeriesView.of(one) for one in platform.series_by_id(refs)]


async def _tell(platform: PlatformApi, asking: Asking, kind: CommandKind, subject: str, **says: str) -> Accepted:
    by = asking.user.name
    command = Command(kind=kind, by=by, at_ms=now_ms(platform), subject=subject, arguments=says)
    return Accepted(seq=await platform.command(command))


@post("/incidents/{incident:str}/acknowledge", role="responder", status_code=202)
async def acknowledge(platform: Platform, request: Asking, incident: FromPath[str]) -> Accepted:
    """Say that you are working on it."""
    found(platform.control.incident(incident), "incident", incident)
    return await _tell(platform, request, "acknowledge", incident)


@post("/incidents/{incident:str}/resolve", role="responder", status_code=202)
async def resolve(platform: Platform, request: Asking, incident: FromPath[str]) -> Accepted:
    """Say that it is over."""
    found(platform.control.incident(incident), "incident", incident)
    return await _tell(platform, request, "resolve", incident)


@post("/incidents/{incident:str}/merge", role="responder", status_code=202)
async def merge(platform: Platform, request: Asking, incident: FromPath[str], data: JSONBody[Into]) -> Accepted:
    """Say that it is the same trouble as another one, and merge it into that."""
    found(platform.control.incident(incident), "incident", incident)
    found(platform.control.incident(data.into), "incident", data.into)
    if data.into == incident:
        raise BadInput(f"{incident} cannot be merged into itself")
    return await _tell(platform, request, "merge", incident, into=data.into)


@post("/incidents/{incident:str}/split", role="responder", status_code=202)
async def split(platform: Platform, request: Asking, incident: FromPath[str], data: JSONBody[Out]) -> Accepted:
    """Say that an alert does not belong to it."""
    one = found(platform.control.incident(incident), "incident", incident)
    if data.alert not in {grouping.alert for grouping in one.groupings}:
        raise BadInput(f"the alert {data.alert[:200]!r} is not in {incident}")
    return await _tell(platform, request, "split", incident, alert=data.alert)


@get("/alerts", role="viewer", sync_to_thread=True)
def list_alerts(
    platform: Platform,
    *,
    status: FromQuery[AlertStatus | None] = None,
    entity: FromQuery[str | None] = None,
    suppressed: FromQuery[bool | None] = None,
    before: FromQuery[str | None] = None,
    sort: FromQuery[AlertOrder] = "newest",
    limit: Limit = 100,
) -> list[Alert]:
    """Newest onset first; `suppressed=true` lists what was held back.

    `sort=priority`: P1 first, among the newest 1,000 that fit (`before` pages through the newest only).
    """
    if sort == "priority":
        return by_priority(platform.control.alerts(status, entity, 1000, before, suppressed=suppressed))[:limit]
    return platform.control.alerts(status, entity, limit, before, suppressed=suppressed)


ROUTES = [
    list_incidents, show_incident, acknowledge, resolve, merge, split, list_alerts,
]  # fmt: skip

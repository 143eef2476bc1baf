"""What the correlator and the diagnoser are shown: plain values, complete, frozen beside their decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mainstay.correlate.hosts import hosts_of
from mainstay.correlate.state import REOPEN_MS, Held, Map, State
from mainstay.correlate.vitals import kind_of, owner
from mainstay.domain.alerts import Alert

MOST_EDGES = 400
MOST_INCIDENTS = 40
MOST_PENDING = 60
SCENE_CHANGE_MS = 900_000
CASE_CHANGE_MS = 1_800_000
YES = ("true", "1", "yes")


def scene(alert: Alert, state: State, chart: Map, at_ms: int) -> dict[str, Any]:
    """The inputs of a grouping decision about one alert."""
    sketch = alert_sketch(alert, state, chart)
    ends = {sketch["entity"], sketch["peer"]} - {""}
    incidents = [held for held in state.held.values() if _may_matter(held, at_ms)][-MOST_INCIDENTS:]
    edges = chart.around(ends, hops=6, most=MOST_EDGES)
    near = {entity for edge in edges for entity in edge} | ends
    members = {entity for held in incidents for entity in held.incident.entities}
    hosts = {e: chart.host(e) for e in sorted(near | members) if chart.host(e)}
    return {
        "at_ms": at_ms,
        "alert": sketch,
        "incidents": [_incident_sketch(held) for held in incidents],
        "pending": [alert_sketch(k.alert, state, chart) for k in list(state.pending.values())[-MOST_PENDING:]],
        "edges": [list(edge) for edge in edges],
        "hosts": hosts,
        "changes": [
            {"id": c.id, "entity": c.entity, "at_ms": c.at_ms, "by_mainstay": c.by_mainstay}
            for c in state.changes
            if c.entity in near and c.at_ms > at_ms - SCENE_CHANGE_MS
        ],
    }


def case(held: Held, state: State, chart: Map, at_ms: int) -> dict[str, Any]:
    """The inputs of a diagnosis: the incident's alerts and all that moved around them since the onset."""
    onset_ms = held.incident.since_ms
    alerts = [_alert_fact(kept.alert, state, chart) for kept in _in_order(held)]
    ill = {a["entity"] for a in alerts} | {a["callee"] for a in alerts} | {a["caller"] for a in alerts}
    edges = chart.around(ill - {""}, hops=2, most=MOST_EDGES)
    near = {entity for edge in edges for entity in edge} | (ill - {""})
    brokers = {
        v.entity for v in state.vitals.by_slot.values() if v.kind == "queue" and owner(v, chart.entities) in near
    }
    tiers = {e: chart.entities[e].tier for e in sorted(near) if e in chart.entities}
    hosts = hosts_of(near, chart)
    return {
        "at_ms": at_ms,
        "incident": held.incident.id,
        "onset_ms": onset_ms,
        "alerts": alerts,
        "edges": [list(edge) for edge in edges],
        "kinds": {e: chart.entities[e].kind for e in sorted(near) if e in chart.entities},
        "tiers": {entity: tier for entity, tier in tiers.items() if tier is not None},
        "hosts": hosts,
        "changes": _change_facts(state, near, onset_ms),
        "silent": state.vitals.silent(near),
        "calls": state.calls.facts(near, onset_ms, at_ms),
        "vitals": state.vitals.facts(near | brokers | {*hosts, *hosts.values()}, onset_ms, chart.entities),
        "logs": state.lines.facts(near, onset_ms),
        "ruled_out": sorted(held.ruled_out),
        "confirmed": held.confirmed,
        "confirmed_by": held.confirmed_by,
    }


def alert_sketch(alert: Alert, state: State, chart: Map) -> dict[str, Any]:
    """An alert as far as grouping cares."""
    caller, entity = alert.call[0], alert.about
    vital = _vital_owner(alert, state, chart)
    return {
        "id": alert.id,
        "entity": entity,
        "signal": alert.signal,
        "severity": alert.severity,
        "since_ms": alert.since_ms,
        "at_ms": alert.at_ms,
        "fingerprint": alert.fingerprint,
        "subject": alert.subject,
        "peer": caller or (vital if vital != entity else ""),
        "name": alert.name,
        "user_facing": is_user_facing(alert, state),
        "is_rule": alert.source != "detector",
        "near_exhaustion": alert.labels.get("near_exhaustion", "").lower() in YES,
        "is_muted": alert.suppressed,
    }


def is_user_facing(alert: Alert, state: State) -> bool:
    """Whether the outside world feels it: a call from outside, or latency and errors of an entry service."""
    caller, callee = alert.call
    if callee:
        return not caller
    return alert.entity in state.calls.entries() and alert.signal in ("latency", "errors", "availability")


def resource_of(alert: Alert) -> str:
    """Which resource an alert is about; "" for none."""
    kind = kind_of(alert.labels.get("metric", "")) if "metric" in alert.labels else ""
    if not kind and alert.signal == "saturation":
        kind = kind_of(alert.name.replace(" ", "."))
    return "" if kind in ("limit", "presence") else kind


def _alert_fact(alert: Alert, state: State, chart: Map) -> dict[str, Any]:
    caller, callee = alert.call
    entity = _vital_owner(alert, state, chart) or alert.entity
    is_presence = kind_of(alert.labels.get("metric", "")) == "presence"
    return {
        "id": alert.id,
        "entity": entity,
        "signal": "availability" if is_presence else alert.signal,
        "severity": alert.severity,
        "since_ms": alert.since_ms,
        "is_firing": alert.status == "firing",
        "subject": alert.subject,
        "name": alert.name,
        "summary": alert.summary[:300],
        "channel": alert.channel,
        "caller": caller,
        "callee": callee,
        "ratio": _ratio(alert),
        "own_share": _number(alert.labels.get("own_share")),
        "resource": resource_of(alert),
        "user_facing": is_user_facing(alert, state),
    }


def _vital_owner(alert: Alert, state: State, chart: Map) -> str:
    if not alert.subject.startswith("metric:") or resource_of(alert) != "queue":
        return ""
    vital = state.vitals.by_id(alert.subject.removeprefix("metric:"))
    return owner(vital, chart.entities) if vital else ""


def _ratio(alert: Alert) -> float | None:
    band = alert.band
    if band is None or band.high <= 0:
        return None
    return round(min(band.value / band.high, 1e6), 4)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return min(1.0, max(0.0, value)) if value is not None and value == value else None  # noqa: PLR0124 - NaN


def _in_order(held: Held) -> Iterable[Any]:
    return sorted(held.alerts.values(), key=lambda kept: (kept.alert.since_ms, kept.alert.id))


def _change_facts(state: State, near: set[str], onset_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "id": c.id, "entity": c.entity, "kind": c.kind, "at_ms": c.at_ms, "version": c.version,
            "previous_version": c.previous_version, "summary": c.summary[:200], "by_mainstay": c.by_mainstay,
        }
        for c in sorted(state.changes, key=lambda c: (c.at_ms, c.id))
        if c.entity in near and c.at_ms > onset_ms - CASE_CHANGE_MS
    ]  # fmt: skip


def _may_matter(held: Held, at_ms: int) -> bool:
    incident = held.incident
    return held.is_open or (incident.status == "resolved" and at_ms - (incident.resolved_ms or 0) <= REOPEN_MS)


def _incident_sketch(held: Held) -> dict[str, Any]:
    members: dict[str, dict[str, Any]] = {}
    for kept in _in_order(held):
        alert = kept.alert
        for entity in dict.fromkeys((alert.about, alert.call[0])):
            if entity:
                member = members.setdefault(entity, {
                    "entity": entity, "first_ms": alert.since_ms, "last_ms": alert.since_ms,
                    "is_firing": False, "is_saturated": False,
                })  # fmt: skip
                member["first_ms"] = min(member["first_ms"], alert.since_ms)
                member["last_ms"] = max(member["last_ms"], alert.since_ms)
                member["is_firing"] |= alert.status == "firing"
                member["is_saturated"] |= alert.signal == "saturation"
    return {
        "id": held.incident.id,
        "members": list(members.values()),
        "symptoms": sorted({f"{k.alert.about}|{k.alert.signal}" for k in held.alerts.values()}),
        "fingerprints": sorted({k.alert.fingerprint for k in held.alerts.values()}),
        "resolved_ms": held.incident.resolved_ms if not held.is_open else None,
    }

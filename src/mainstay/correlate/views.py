"""What the diagnoser is shown, and an alert as every judge sees it: plain values, frozen beside the decision."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.evidence.hosts import hosts_of
from mainstay.correlate.evidence.symptoms import is_fewer, is_load, resource_of, symptom_of
from mainstay.correlate.evidence.vitals import owner
from mainstay.correlate.state import Held, Kept, State
from mainstay.domain.alerts import Alert
from mainstay.domain.resources import kind_of

MOST_EDGES = 400
MOST_ALERTS = 60
CASE_CHANGE_MS = 1_800_000
YES = ("true", "1", "yes")


def case(held: Held, state: State, chart: Map, at_ms: int, elsewhere: Iterable[str] = ()) -> dict[str, Any]:
    """The inputs of a diagnosis: the incident's alerts and all that moved around them since the onset.

    `elsewhere` are entities whose trouble is another incident's: what it did to the calls is not asked for here.
    """
    onset_ms = held.incident.since_ms
    alerts = [_alert_fact(kept.alert, state, chart) for kept in in_order(held)]
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
        "ruled_out": sorted({*held.ruled_out, *elsewhere}),
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
        "symptom": symptom_of(alert),
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
        "is_load": is_load(alert),
        "is_fewer": is_fewer(alert),
        "own": _own(alert, state),
    }


def _own(alert: Alert, state: State) -> float | None:
    """How much of it is the entity's own, not of what it calls, 0–1: its own time, or errors that begin there."""
    if alert.signal == "latency":
        return _number(alert.labels.get("own_share"))
    if alert.signal != "errors" or not alert.call[1] or alert.band is None or alert.band.value <= 0:
        return None
    passed_on = state.calls.passed_on(alert.about, alert.since_ms)
    return None if passed_on is None else round(max(0.0, 1.0 - passed_on / alert.band.value), 3)


def is_user_facing(alert: Alert, state: State) -> bool:
    """Whether the outside world feels it: a call from outside, or latency and errors of an entry service."""
    caller, callee = alert.call
    if callee:
        return not caller
    return alert.signal in ("latency", "errors", "availability") and state.calls.is_entry(alert.entity)


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


def in_order(held: Held, most: int = MOST_ALERTS) -> list[Kept]:
    """Its alerts by onset, the first sixty: what came later to a storm of thousands names no cause."""
    return heapq.nsmallest(most, held.alerts.values(), key=lambda kept: (kept.alert.since_ms, kept.alert.id))


def _change_facts(state: State, near: set[str], onset_ms: int) -> list[dict[str, Any]]:
    return [
        {
            "id": c.id, "entity": c.entity, "kind": c.kind, "at_ms": c.at_ms, "version": c.version,
            "previous_version": c.previous_version, "summary": c.summary[:200], "by_mainstay": c.by_mainstay,
        }
        for c in sorted(state.changes, key=lambda c: (c.at_ms, c.id))
        if c.entity in near and c.at_ms > onset_ms - CASE_CHANGE_MS
    ]  # fmt: skip

"""What burns below an incident, as the suppressor is shown it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.moment import Moment
from mainstay.correlate.state import Held, Kept
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.entities import entity_id

HOPS, MOST_BELOW, MOST_ALERTS, MOST_OF_ONE = 3, 100, 40, 8
YES = ("true", "1", "yes")
SYMPTOMS = ("latency", "errors", "availability")


def inputs_of(
    held: Held, news: Sequence[Kept], mode: str, state: WithheldState, moment: Moment
) -> dict[str, Any] | None:
    """The case of one incident; None when nothing that was told burns below it, so that nobody need be asked."""
    alerts = [kept.alert for kept in news[:MOST_ALERTS]]
    if len(news) > MOST_ALERTS or any(a.severity == "critical" or a.source != "detector" for a in alerts):
        return None  # critical, a rule of the user's own, or a storm: never withheld
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for symptom in dict.fromkeys(alert.about for alert in alerts):
        for entity, hops in _below(symptom, moment.chart):
            for other in _burning(entity, held, state, moment):
                found[symptom, entity, other.incident.id] = _candidate(symptom, entity, hops, other)
    if len({symptom for symptom, _, _ in found}) < len({alert.about for alert in alerts}):
        return None  # one of them has nothing below it that burns: it is no symptom
    return {
        "at_ms": moment.at_ms,
        "incident": held.incident.id,
        "mode": mode,
        "alerts": [
            {
                "id": a.id, "entity": a.about, "signal": a.signal, "severity": a.severity, "since_ms": a.since_ms,
                "is_rule": a.source != "detector", "near_exhaustion": a.labels.get("near_exhaustion", "") in YES,
            }
            for a in alerts
        ],
        "candidates": [found[key] for key in sorted(found)],
    }  # fmt: skip


def _below(entity: str, chart: Map) -> Iterator[tuple[str, int]]:
    """What it depends on with the number of calls, nearest first, and the host that it runs on (0 calls)."""
    home = chart.host(entity)
    if home:
        environment = entity.partition(":")[2].rpartition("/")[0]
        yield entity_id("host", environment, home), 0
    yield from chart.below(entity, HOPS, MOST_BELOW)


def _burning(entity: str, held: Held, state: WithheldState, moment: Moment) -> list[Held]:
    """Other open incidents that people know of, in which this entity burns."""
    found = []
    for other in moment.register.naming(entity)[-MOST_OF_ONE:]:
        member = other.members.get(entity)
        name = other.incident.id
        if other is held or not other.is_open or member is None or not member.burning:
            continue
        hold = state.holds.get(name)
        if (name in state.paged and hold is None) or (hold is not None and hold.by != "dependency"):
            found.append(other)  # told, or held by a person who knows; what is itself a symptom suppresses nothing
    return found


def _candidate(symptom: str, entity: str, hops: int, other: Held) -> dict[str, Any]:
    shown = [signal for signal in SYMPTOMS if f"{entity}|{signal}" in other.symptoms]
    return {
        "incident": other.incident.id, "entity": entity, "symptom": symptom, "hops": hops,
        "signal": shown[0] if shown else "other", "severity": other.incident.severity,
        "since_ms": other.members[entity].first_ms,
    }  # fmt: skip

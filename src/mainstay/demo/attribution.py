"""Which alert told of which fault, and how well incidents hold together what belongs together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import comb
from typing import Any

from mainstay.lab.fault import Fault
from mainstay.lab.shop import Shop
from mainstay.lab.shop.topology import reached_by

LATE_S = 30.0
"""What is said this long after a fault's end is still of this fault: windows close behind time."""
EARLY_S = 5.0
"""An onset is found in windows, so it may lie a little before what caused it."""
NOISE = ""
"""An alert of no fault: nothing was wrong that could have caused it."""

Alert = Mapping[str, Any]


def attribute(alerts: Iterable[Alert], faults: Sequence[Fault], shop: Shop) -> dict[str, str | None]:
    """For each alert the fault that it told of, `NOISE`, or None where two faults at once could both have caused it.

    Its onset decides, not its latest news: that it is over is often said when the next fault has begun.
    """
    reach = {fault.id: reached_by(shop, _places(fault)) for fault in faults}
    return {alert["id"]: _cause(alert, [f for f in faults if _covers(f, alert["since_ms"] / 1000)], reach)
            for alert in alerts}  # fmt: skip


def _cause(alert: Alert, present: Sequence[Fault], reach: Mapping[str, set[str]]) -> str | None:
    if len(present) < 2:
        return present[0].id if present else NOISE
    for places in ({f.id: _places(f) for f in present}, reach):
        hit = [fault.id for fault in present if _about(alert) in places[fault.id]]
        if len(hit) == 1:
            return hit[0]
    return None


def _about(alert: Alert) -> str:
    """The short name of what it describes: of a call the callee."""
    subject = str(alert.get("subject", ""))
    entity = subject.partition(">")[2] if subject.startswith("edge:") else alert["entity"]
    return str(entity).rpartition("/")[2].partition("#")[0]


def _places(fault: Fault) -> set[str]:
    return {fault.service, *fault.cause.accepted, *fault.cause.affected}


def _covers(fault: Fault, at_s: float) -> bool:
    return fault.started_s - EARLY_S <= at_s <= ended_s(fault) + LATE_S


def ended_s(fault: Fault) -> float:
    """When a fault ended, in seconds since 1970."""
    return datetime.fromisoformat(fault.ended_at).timestamp()


def final_incident(incidents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The incident in which each alert ended up, whatever was merged into what."""
    into = {one["id"]: one.get("merged_into") or "" for one in incidents}

    def last(name: str) -> str:
        while into.get(name):
            name = into[name]
        return name

    return {g["alert"]: last(one["id"]) for one in incidents for g in one.get("groupings", ())}


def grouping_figures(cause_of: Mapping[str, str | None], incident_of: Mapping[str, str]) -> dict[str, Any]:
    """Pairs of alerts that belong together against pairs that are together.

    An alert that two faults could both have caused is left out. An alert of no fault belongs to nothing, and one that
    is in no incident is alone; so both cost.

    >>> grouping_figures({"a": "f", "b": "f", "c": "g"}, {"a": "1", "b": "1", "c": "1"})["pairwise_precision"]
    0.333
    """
    known = {alert: cause for alert, cause in cause_of.items() if cause is not None}
    by_fault = Counter(cause for cause in known.values() if cause)
    by_incident = Counter(incident_of[alert] for alert in known if alert in incident_of)
    both = Counter((cause, incident_of[alert]) for alert, cause in known.items() if cause and alert in incident_of)
    true, said, right = (sum(comb(n, 2) for n in of.values()) for of in (by_fault, by_incident, both))
    faults_of, incidents_of = defaultdict(set), defaultdict(set)
    for cause, incident in both:
        faults_of[incident].add(cause)
        incidents_of[cause].add(incident)
    told = sum(by_fault.values())
    kept = sum(both.values())
    return {
        "alerts": len(cause_of),
        "ambiguous_alerts": len(cause_of) - len(known),
        "pairwise_precision": _ratio(right, said),
        "pairwise_recall": _ratio(right, true),
        "pairwise_f1": _ratio(2 * right, said + true),
        "merged_wrong": sum(len(found) > 1 for found in faults_of.values()),
        "split": sum(len(found) > 1 for found in incidents_of.values()),
        "compression": _ratio(len(incident_of) - len(set(incident_of.values())), len(incident_of)),
        "suppressed_true": _ratio(told - kept, told),
    }


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None

"""Clues from memory, processor, disk and queues: of alerts about them, and of how their levels moved."""

from __future__ import annotations

from mainstay.models.rca.case import AlertFact, VitalFact, short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.picture import Picture


def memory(picture: Picture, entity: str) -> list[Clue]:
    clues = _resource_alerts(picture, entity, "memory")
    for vital in _vitals(picture, entity, "memory"):
        grown = vital.now - vital.before
        is_near = vital.limit is not None and vital.now > 0.85 * vital.limit
        if grown > max(0.3 * vital.before, 3 * vital.spread) and (vital.per_min > 0 or is_near):
            clues.append(_ramp(picture, vital, f"memory of {short(entity)} grew", "memory"))
    return strongest(clues)


def cpu(picture: Picture, entity: str) -> list[Clue]:
    clues = [*_resource_alerts(picture, entity, "cpu"), *_resource_alerts(picture, entity, "delay")]
    for vital in _vitals(picture, entity, "cpu"):
        if vital.now > 0.7 and vital.now > vital.before + max(0.25, 3 * vital.spread):
            clues.append(_ramp(picture, vital, f"processor of {short(entity)} busy", "cpu"))
    for vital in _vitals(picture, entity, "delay"):
        if vital.now > vital.before + max(picture.weights["starved_s"], 5 * vital.spread):
            clues.append(_ramp(picture, vital, f"{short(entity)} wakes late: starved of processor time", "cpu"))
    return strongest(clues)


def disk(picture: Picture, entity: str) -> list[Clue]:
    clues = _resource_alerts(picture, entity, "disk")
    for vital in _vitals(picture, entity, "disk"):
        share = vital.now / vital.limit if vital.limit else vital.now
        if 0.9 <= share <= 1.5 and vital.now > vital.before:
            clues.append(_ramp(picture, vital, f"disk of {short(entity)} {share:.0%} full", "disk"))
    return strongest(clues)


def queue(picture: Picture, entity: str) -> list[Clue]:
    """A queue grows when its consumer does not keep up: both are charged, the consumer when it is ill itself."""
    own = _backlog(picture, entity)
    if picture.case.kind(entity) == "queue" or not own:
        for queue in _consumed(picture, entity):
            grows = _backlog(picture, queue)
            if grows and _consumes_less(picture, entity, queue):
                own += [*grows, Clue(f"{short(entity)} takes less from {short(queue)} than comes in", 0.5)]
    return strongest(own)


def _consumed(picture: Picture, entity: str) -> list[str]:
    """Queues that this entity takes from: a queue depends on its consumer. Without any such edge, all that it knows."""
    depend = [name for name in picture.callers(entity) if picture.case.kind(name) == "queue"]
    known = [name for name in picture.callees(entity) if picture.case.kind(name) == "queue"]
    return depend or [name for name in known if not picture.callees(name)]


def _backlog(picture: Picture, entity: str) -> list[Clue]:
    clues = _resource_alerts(picture, entity, "queue")
    for vital in _vitals(picture, entity, "queue"):
        if vital.now > vital.before + max(20.0, 5 * vital.spread) and vital.per_min > 0:
            what = "messages wait longer at" if vital.unit == "s" else "more messages wait at"
            clues.append(_ramp(picture, vital, f"{what} {short(entity)}", "queue"))
    return clues


def _consumes_less(picture: Picture, entity: str, queue: str) -> bool:
    if entity in picture.case.silent:
        return True
    calls = [c for c in picture.case.calls if {c.caller, c.callee} == {entity, queue}]
    slower = any(picture.is_slow(call) or call.rate_now < 0.6 * call.rate_before for call in calls)
    return slower or any(a.signal in ("latency", "errors", "traffic") for a in picture.alerts_about(entity))


def _resource_alerts(picture: Picture, entity: str, resource: str) -> list[Clue]:
    found = [a for a in picture.alerts_about(entity) if a.resource == resource]
    cause = {"delay": "cpu"}.get(resource, resource)
    return [of_alert(alert, picture.weights[cause]) for alert in found]


def _vitals(picture: Picture, entity: str, kind: str) -> list[VitalFact]:
    return [vital for vital in picture.case.vitals if vital.entity == entity and vital.kind == kind]


def _ramp(picture: Picture, vital: VitalFact, says: str, cause: str) -> Clue:
    moved = f"{_amount(vital.before, vital.unit)} → {_amount(vital.now, vital.unit)}"
    return Clue(f"{says}: {moved}", picture.weights[cause], "metric", str(vital.series), picture.case.onset_ms)


def _amount(value: float, unit: str) -> str:
    if unit in ("By", "bytes"):
        return f"{value / 1e6:.0f} MB"
    if unit == "1" and value <= 1.5:
        return f"{value:.0%}"
    return f"{value:.3g} {unit}" if unit not in ("", "1") else f"{value:.3g}"


def of_alert(alert: AlertFact, points: float) -> Clue:
    return Clue(alert.summary or alert.name or f"{alert.signal} alert", points, "alert", alert.id, alert.since_ms)


def strongest(clues: list[Clue]) -> list[Clue]:
    """The same fact seen twice is one fact: the strongest counts, the rest are shown with a tenth of their weight."""
    ranked = sorted(clues, key=lambda c: (-c.points, c.kind, c.ref))
    rest = [Clue(c.says, 0.1 * c.points, c.kind, c.ref, c.at_ms) for c in ranked[1:3]]
    return ranked[:1] + rest

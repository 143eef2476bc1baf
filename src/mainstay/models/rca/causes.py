"""What: for one entity, each kind of cause with the clues that speak for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mainstay.models.rca.blame import Charge, change_charges
from mainstay.models.rca.case import short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.misled import wrong_model
from mainstay.models.rca.phrases import heard
from mainstay.models.rca.picture import Picture
from mainstay.models.rca.resources import cpu, disk, memory, of_alert, queue, strongest

BROUGHT = ("memory", "cpu", "config")
"""What a bad release or setting does to the service itself; a full disk or a lock is seldom its doing."""


def charges(picture: Picture, entity: str) -> list[Charge]:
    """Every cause for which something speaks, and `unknown`: ill, but nothing says why."""
    found = [Charge("unknown", (Clue("nothing says what kind of trouble it is", picture.weights["unknown_cause"]),))]
    others = []
    for cause, collect in _COLLECT.items():
        clues = [*collect(picture, entity), *heard(picture, entity, cause)]
        if clues:
            others.append(Charge(cause, tuple(clues)))
    brought = [clue for charge in others if charge.cause in BROUGHT for clue in charge.clues]
    return [*found, *change_charges(picture, entity, brought), *others]


def _database(picture: Picture, entity: str) -> list[Clue]:
    if picture.case.kind(entity) != "database":
        return []
    bad = {c.caller: c for c in picture.calls_to(entity) if picture.is_bad(c)}
    callers = set(bad) | {a.caller for a in picture.alerts_about(entity) if a.caller and a.signal != "traffic"}
    if not callers:
        return []
    witness = bad.get(min(bad)) if bad else None
    ref = f"{witness.caller}>{witness.callee}" if witness else f"{min(callers)}>{entity}"
    names = ", ".join(sorted(short(c) for c in callers))
    many = 1.0 if len(callers) > 1 else picture.weights["one_caller"]
    says = f"{short(entity)} is slow or fails for {names}"
    return [Clue(says, picture.weights["database"] * many, "edge", ref, picture.case.onset_ms)]


def _dependency(picture: Picture, entity: str) -> list[Clue]:
    if picture.case.kind(entity) in ("database", "queue", "host"):
        return []
    clues = []
    failing = [c for c in picture.calls_to(entity) if picture.is_failing(c)]
    if entity in picture.case.silent:
        says = f"{short(entity)} stopped speaking" + (" while its callers see errors" if failing else "")
        points = picture.weights["outage"] * (1.0 if failing else 0.7)
        clues.append(Clue(says, points, "silence", entity, picture.case.silent[entity]))
    for alert in picture.alerts_about(entity):
        if alert.signal == "availability":
            clues.append(of_alert(alert, picture.weights["outage"] * 0.8))
    return strongest(clues)


def _traffic(picture: Picture, entity: str) -> list[Clue]:
    """More users than usual. Weak by design: traffic waves are everyday life."""
    alerts = [a for a in picture.alerts_about(entity) if a.signal == "traffic" and (a.ratio or 0) > 1.3]
    return [of_alert(alerts[0], picture.weights["traffic"])] if alerts else []


_COLLECT: Mapping[str, Callable[[Picture, str], list[Clue]]] = {
    "memory": memory,
    "cpu": cpu,
    "disk": disk,
    "queue": queue,
    "database": _database,
    "dependency": _dependency,
    "traffic": _traffic,
    "model": wrong_model,
}

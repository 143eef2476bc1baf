"""Where: clues that this entity is the origin, whatever went wrong with it."""

from __future__ import annotations

import math
import re

from mainstay.models.rca.case import short
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.misled import misled
from mainstay.models.rca.picture import Picture


def place_clues(picture: Picture, entity: str) -> list[Clue]:
    """What speaks for and against this entity as the origin."""
    weights, clues = picture.weights, _symptoms(picture, entity)
    covers = picture.covers(entity)
    clues.append(Clue(f"{short(entity)} would explain {covers:.0%} of the trouble", weights["covers"] * covers))
    wrong = misled(picture, entity)
    clues += [wrong] if wrong else [*_own(picture, entity), *_victim(picture, entity)]
    clues += _early(picture, entity)
    clues += _silence(picture, entity)
    clues += _named(picture, entity)
    return clues


def _symptoms(picture: Picture, entity: str) -> list[Clue]:
    """The worst alert counts; the others are shown beside it with a small weight."""
    weights, clues = picture.weights, []
    illness = picture.illness(entity)
    for rank, alert in enumerate(picture.alerts_about(entity)[:4]):
        points = weights["illness"] * illness if rank == 0 else weights["illness"] * 0.02
        says = alert.summary or alert.name or f"{alert.signal} of {short(entity)}"
        clues.append(Clue(says, points, "alert", alert.id, alert.since_ms))
    if not clues and illness:
        call = max(picture.calls_to(entity), key=lambda c: (c.errors_now, c.now_ms), default=None)
        ref = f"{call.caller}>{call.callee}" if call else ""
        clues.append(
            Clue(f"callers see trouble at {short(entity)}", weights["illness"] * illness, "edge", ref,
                 picture.case.onset_ms)
        )  # fmt: skip
    return clues


def _own(picture: Picture, entity: str) -> list[Clue]:
    own = picture.own(entity)
    if own is None:
        return []
    points = picture.weights["own"] * own
    calls = sorted(picture.calls_to(entity), key=lambda c: (-(c.now_ms - c.before_ms), c.caller))
    call = next((c for c in calls if picture.is_bad(c)), None)
    ref = f"{call.caller}>{call.callee}" if call else ""
    if call and own > 0 and picture.is_slow(call) and call.own_now_ms is not None:
        shift = call.own_now_ms - (call.own_before_ms or 0.0)
        says = f"own time of {short(entity)} +{_ms(shift)} ({_ms(call.before_ms)} → {_ms(call.now_ms)})"
    elif call and own > 0:
        says = (
            f"errors begin at {short(entity)}: {call.errors_before:.1%} → {call.errors_now:.1%}; what it calls is fine"
        )
    else:
        says = f"{short(entity)} {'is ill by itself' if own > 0 else 'only waits for what it calls'}"
    return [Clue(says, points, "edge", ref, picture.case.onset_ms)]


def _victim(picture: Picture, entity: str) -> list[Clue]:
    callee, strength = picture.explained_by(entity)
    own = picture.own(entity)
    doubt = 1.0 - max(0.0, own if own is not None else 0.0)
    if strength * doubt <= 0:
        return []
    says = f"{short(entity)} calls {short(callee)}, which is ill itself"
    return [Clue(says, -picture.weights["explained"] * strength * doubt)]


def _early(picture: Picture, entity: str) -> list[Clue]:
    if not picture.alerts_about(entity):
        return []
    late_ms = max(0, picture.onset_ms(entity) - picture.first_onset_ms() - picture.weights["order_slack_ms"])
    points = picture.weights["early"] * math.exp(-late_ms / 1000 / picture.weights["early_tau_s"])
    return [Clue(f"{short(entity)} was among the first", points)]


def _silence(picture: Picture, entity: str) -> list[Clue]:
    last_ms = picture.case.silent.get(entity)
    if last_ms is None:
        return []
    quiet_s = (picture.case.at_ms - last_ms) / 1000
    says = f"{short(entity)} has said nothing for {quiet_s:.0f} s"
    return [Clue(says, picture.weights["silence"], "silence", entity, last_ms)]


def _named(picture: Picture, entity: str) -> list[Clue]:
    """Somebody who depends on it complains of it by name."""
    name = re.compile(rf"(?<![\w-]){re.escape(short(entity))}(?![\w-])", re.IGNORECASE)
    for log in picture.case.logs:
        if log.entity != entity and log.severity >= 13 and name.search(log.text):
            says = f'{short(log.entity)} complains of {short(entity)}: "{_cut(log.text)}" ×{log.count}'
            return [Clue(says, picture.weights["named"], "log", str(log.template), log.since_ms)]
    return []


def _cut(text: str) -> str:
    return text if len(text) <= 90 else text[:89] + "…"


def _ms(value: float) -> str:
    return f"{value / 1000:.1f} s" if abs(value) >= 1000 else f"{value:.0f} ms"

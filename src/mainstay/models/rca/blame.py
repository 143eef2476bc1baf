"""Which change is to blame, if any: shortly before the onset, on something that is ill by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mainstay.models.rca.case import ChangeFact, short
from mainstay.models.rca.clue import Clue, total
from mainstay.models.rca.phrases import heard
from mainstay.models.rca.picture import Picture


@dataclass(frozen=True)
class Charge:
    """One possible cause of one entity's trouble, with its clues and the change that is blamed."""

    cause: str
    clues: tuple[Clue, ...]
    change: str | None = None

    @property
    def points(self) -> float:
        return total(self.clues)


def change_charges(picture: Picture, entity: str, brought: Sequence[Clue] = ()) -> list[Charge]:
    """The guiltiest change of each kind. One after the onset cannot be the cause; our own never is."""
    best: dict[str, Charge] = {}
    for change in picture.case.changes:
        cause = {"deploy": "deploy", "rollback": "deploy", "config": "config", "flag": "config"}.get(change.kind)
        if change.entity != entity or change.by_mainstay or cause is None:
            continue
        clue = _blame(picture, entity, change)
        if clue is not None and (cause not in best or clue.points > best[cause].points):
            follows = _since(picture, entity, change, brought)
            best[cause] = Charge(cause, (clue, *heard(picture, entity, cause), *follows), change.id)
    return list(best.values())


def _blame(picture: Picture, entity: str, change: ChangeFact) -> Clue | None:
    weights = picture.weights
    onset_ms = min(picture.onset_ms(entity), picture.first_onset_ms())
    age_s = (onset_ms - change.at_ms) / 1000
    if age_s < -weights["change_slack_s"] or age_s > weights["change_window_s"]:
        return None
    own = picture.own(entity)
    guilt = weights["guilt_unknown"] if own is None else 1.0 if own > 0 else weights["guilt_victim"]
    guilt *= min(1.0, picture.illness(entity) / 0.6)
    points = weights["change"] * math.exp(-max(0.0, age_s) / weights["change_tau_s"]) * guilt
    version = f" {change.version}" if change.version else ""
    when = f"{age_s:.0f} s before the onset" if age_s >= 1 else "at the onset"
    return Clue(f"{change.kind}{version} of {short(entity)} {when}", points, "change", change.id, change.at_ms)


def _since(picture: Picture, entity: str, change: ChangeFact, brought: Sequence[Clue]) -> list[Clue]:
    """A resource that began to run out just after the change speaks for the change: restarting would not end it."""
    weights = picture.weights
    age_s = max(0.0, (min(picture.onset_ms(entity), picture.first_onset_ms()) - change.at_ms) / 1000)
    share = weights["since_change"] * math.exp(-age_s / weights["since_change_tau_s"])
    return [replace(clue, points=share * clue.points) for clue in brought if clue.points > 0]

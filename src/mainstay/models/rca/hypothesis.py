"""A hypothesis: this entity, by this cause, and the clues of both."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.models.rca.blame import Charge
from mainstay.models.rca.clue import Clue, total


@dataclass(frozen=True)
class Hypothesis:
    """This entity, by this cause."""

    entity: str
    charge: Charge
    place: tuple[Clue, ...]

    @property
    def points(self) -> float:
        return total(self.place) + self.charge.points

    @property
    def clues(self) -> tuple[Clue, ...]:
        return (*self.charge.clues, *self.place)

"""A clue: one thing that speaks for or against a hypothesis, with its weight, and where a person can look at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["metric", "edge", "log", "change", "alert", "silence"]


@dataclass(frozen=True)
class Clue:
    """One addend of a score. `kind` and `ref` are those of `domain.Evidence`; an empty ref is an inference."""

    says: str
    points: float
    kind: Kind = "alert"
    ref: str = ""
    at_ms: int = 0


def total(clues: Iterable[Clue]) -> float:
    """The score of a hypothesis is the plain sum of its clues."""
    return sum(clue.points for clue in clues)


class Exhibits:
    """Clues that can be looked at, numbered `E1`, `E2`, … in the order in which they were first cited."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[tuple[str, str], int] = {}
        self._clues: list[Clue] = []

    def cite(self, clues: Iterable[Clue]) -> list[str]:
        """The ids of these clues, heaviest first; what cannot be looked at has none."""
        ids = []
        for clue in sorted(clues, key=lambda c: (-abs(c.points), c.kind, c.ref)):
            key = (clue.kind, clue.ref)
            if not clue.ref or (key not in self._numbers and len(self._clues) >= self._most):
                continue
            if key not in self._numbers:
                self._clues.append(clue)
                self._numbers[key] = len(self._clues)
            name = f"E{self._numbers[key]}"
            if name not in ids:
                ids.append(name)
        return ids

    def listed(self) -> list[dict[str, Any]]:
        """As `domain.Evidence` mappings."""
        return [
            {
                "id": f"E{number}",
                "kind": clue.kind,
                "ref": clue.ref,
                "says": clue.says,
                "at_ms": clue.at_ms,
                "weight": round(clue.points, 3),
            }
            for number, clue in enumerate(self._clues, 1)
        ]

"""The service graph of one decision: who depends on whom over how many calls.

Nothing depends on another through a queue: who publishes does not wait for who consumes. The queue itself does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

QUEUE = "queue:"
FAR = 6  # hops after which two services are not said to depend on each other


class Graph:
    """Hops over "depends on" in both directions. Built once per decision from the frozen edges."""

    def __init__(self, edges: Sequence[tuple[str, str]]) -> None:
        self._callees: dict[str, list[str]] = {}
        self._callers: dict[str, list[str]] = {}
        for caller, callee in edges:
            self._callees.setdefault(caller, []).append(callee)
            self._callers.setdefault(callee, []).append(caller)
        self._below: dict[str, dict[str, int]] = {}
        self._above: dict[str, dict[str, int]] = {}

    def below(self, entity: str) -> dict[str, int]:
        """What it depends on, with the hops there; itself is 0."""
        known = self._below.get(entity)
        if known is None:
            known = self._below[entity] = _reached(entity, self._callees)
        return known

    def above(self, entity: str) -> dict[str, int]:
        """Who depends on it, with the hops from there; itself is 0."""
        known = self._above.get(entity)
        if known is None:
            known = self._above[entity] = _reached(entity, self._callers)
        return known

    def depends(self, entity: str, other: str) -> bool:
        """Whether it depends on the other, over however many calls."""
        return other in self.below(entity)


def _reached(entity: str, steps: Mapping[str, Sequence[str]]) -> dict[str, int]:
    reached, border = {entity: 0}, [entity]
    for hops in range(1, FAR + 1):
        border = [n for e in border if e in steps for n in steps[e] if n not in reached]
        if not border:
            break
        reached.update(dict.fromkeys(border, hops))
        border = [n for n in border if not n.startswith(QUEUE)]
    return reached


def meeting(left: Mapping[str, int], right: Mapping[str, int]) -> tuple[int, str] | None:
    """The nearest entity in both, with the hops from one to the other over it."""
    both = [(left[e] + right[e], e) for e in left if e in right and left[e] and right[e]]
    return min(both) if both else None

"""Thousands of past incidents, found by what they share: an inverted index in bounded memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from mainstay.domain.similar import PastIncident, Portrait

MOST = 5_000
ROOM = 0.1
"""Such a share of the oldest leaves together, so that the index is made anew seldom."""


class Memory:
    """The newest `most` past incidents. The same incidents in the same order give the same answers.

    Attributes:
        past: By id, in the order in which they were first remembered.
    """

    def __init__(self, past: Iterable[PastIncident] = (), most: int = MOST) -> None:
        self._most = most
        self.past: dict[str, PastIncident] = {}
        self._index()
        for one in past:
            self.keep(one)

    def keep(self, one: PastIncident) -> None:
        """Remember it, or what is known of it now."""
        known = self.past.get(one.id)
        self.past[one.id] = one
        if known is not None and known.portrait == one.portrait:
            return
        if known is not None or len(self.past) > self._most:
            for name in list(self.past)[: self._room() if len(self.past) > self._most else 0]:
                del self.past[name]
            self._index()
        else:
            self._add(one)

    def nearest(self, portrait: Portrait, most: int) -> list[PastIncident]:
        """Those that share the most, weighted by how rare that is; of equals the lower id first."""
        scores = np.zeros(len(self._slots))
        for term in _terms(portrait):
            held = self._postings.get(term)
            if held is not None:
                scores[np.frombuffer(held, np.uint32)] += math.log(2 + len(self._slots) / (1 + len(held)))
        best = np.argsort(-scores, kind="stable")[: most * 2].tolist()
        ranked = sorted((-round(float(scores[at]), 9), self._slots[at]) for at in best if scores[at] > 0)
        return [self.past[name] for _, name in ranked[:most]]

    def frequency(self, words: Sequence[str]) -> dict[str, int]:
        """In how many past incidents each of these words stands; those in none are left out."""
        return {word: len(held) for word in words if (held := self._postings.get(f"w:{word}")) is not None}

    def _room(self) -> int:
        return max(1, int(ROOM * self._most))

    def _index(self) -> None:
        self._slots: list[str] = []
        self._postings: dict[str, array[int]] = {}
        for one in self.past.values():
            self._add(one)

    def _add(self, one: PastIncident) -> None:
        slot = len(self._slots)
        self._slots.append(one.id)
        for term in _terms(one.portrait):
            self._postings.setdefault(term, array("I")).append(slot)


def _terms(portrait: Portrait) -> list[str]:
    return [*(f"w:{word}" for word in portrait.words), *(f"f:{fact}" for fact in portrait.facts)]

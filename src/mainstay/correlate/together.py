"""What belonged together before, and what people took apart: kinds of symptoms, in pairs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, islice, product

import msgspec

HALF_LIFE_MS = 30 * 86_400_000
MOST_PAIRS = 20_000
MOST_SYMPTOMS = 12
"""Of one incident; the first came with its cause, the later ones with anything."""
BY_PERSON = 2.0
CONFIRMED = 1.0
SEEN = 0.5
"""A person acknowledged the incident and left it as it was. What nobody looked at proves nothing: the correlator would
learn from itself."""


class Count(msgspec.Struct, array_like=True):
    """One pair, in decayed cases: how often together and how often not, as of then."""

    at_ms: int
    together: float = 0.0
    apart: float = 0.0

    def aged(self, at_ms: int) -> tuple[float, float]:
        """Both counts as they stand now: half of them after thirty days."""
        left = 0.5 ** (max(at_ms - self.at_ms, 0) / HALF_LIFE_MS)
        return self.together * left, self.apart * left


class Together(msgspec.Struct):
    """Decayed counts by pair of symptoms (`entity|signal`), at most 20,000; what nobody met for longest leaves first.

    >>> known = Together()
    >>> known.joined(["a|errors"], ["b|latency"], BY_PERSON, at_ms=0)
    >>> known.parted(["a|errors"], ["b|latency"], BY_PERSON, at_ms=HALF_LIFE_MS)
    >>> known.of("b|latency", ["a|errors"], at_ms=HALF_LIFE_MS)
    (1.0, 2.0)
    """

    pairs: dict[str, Count] = {}

    def closed(self, symptoms: Iterable[str], weight: float, at_ms: int) -> None:
        """An incident is over: what was in it belonged together, as far as somebody looked at it."""
        for one, other in combinations(islice(symptoms, MOST_SYMPTOMS), 2):
            self._note(one, other, at_ms, together=weight)

    def joined(self, left: Iterable[str], right: Iterable[str], weight: float, at_ms: int) -> None:
        """These of one incident belong to those of another."""
        for one, other in product(list(islice(left, MOST_SYMPTOMS)), list(islice(right, MOST_SYMPTOMS))):
            self._note(one, other, at_ms, together=weight)

    def parted(self, left: Iterable[str], right: Iterable[str], weight: float, at_ms: int) -> None:
        """These have nothing to do with those."""
        for one, other in product(list(islice(left, MOST_SYMPTOMS)), list(islice(right, MOST_SYMPTOMS))):
            self._note(one, other, at_ms, apart=weight)

    def of(self, symptom: str, others: Iterable[str], at_ms: int) -> tuple[float, float]:
        """Together and apart of the pair of which most is known; zeros when nothing is."""
        if not self.pairs:
            return 0.0, 0.0
        known = (self.pairs.get(_key(symptom, other)) for other in islice(others, MOST_SYMPTOMS) if other != symptom)
        counts = [count.aged(at_ms) for count in known if count is not None]
        together, apart = max(counts, key=lambda pair: (pair[0] + pair[1], pair[1]), default=(0.0, 0.0))
        return round(together, 3), round(apart, 3)

    def _note(self, one: str, other: str, at_ms: int, *, together: float = 0.0, apart: float = 0.0) -> None:
        if one == other:
            return
        key = _key(one, other)
        before = self.pairs.pop(key, None)
        were = before.aged(at_ms) if before else (0.0, 0.0)
        self.pairs[key] = Count(at_ms, were[0] + together, were[1] + apart)
        while len(self.pairs) > MOST_PAIRS:
            del self.pairs[next(iter(self.pairs))]


def _key(one: str, other: str) -> str:
    return f"{one}\n{other}" if one <= other else f"{other}\n{one}"

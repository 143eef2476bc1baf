"""How alike two incidents are: by their words, and by what happened where."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of

SHOWN = 4


class Looks(msgspec.Struct, frozen=True):
    """One incident: its words, and its facts as `group:value`."""

    id: str
    words: list[str] = []
    facts: list[str] = []


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The incident at hand, past ones, and how rare words are.

    Attributes:
        frequency: In how many of the `known` past incidents a word stands; one that is not named stands in none.
    """

    incident: Looks
    past: list[Looks] = []
    known: int = 0
    frequency: dict[str, int] = {}


class Resemblance:
    """Cosine of TF-IDF over the words, weighted Jaccard over the facts, and their mean.

    A word counts once an incident however often it was said: a storm says the same thing a thousand times. Facts are
    compared by their group's weight, so the kind of cause counts more than which service it was. A past incident
    without structure (a ticket) is compared by its words alone, and believed a little less.

    Source: TF-IDF (Sparck Jones 1972), weighted Jaccard (Ioffe 2010).
    """

    ALGORITHM: ClassVar[str] = "tfidf-jaccard"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "text_weight": 0.3,
        "text_alone": 0.8,
        "least_facts": 3,
        "least": 0.3,
        "most": 5,
        "facts": {"cause": 4.0, "place": 3.0, "change": 2.0, "symptom": 2.0, "spread": 1.0, "service": 1.0},
        "other_facts": 1.0,
    }

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Rank the past.

        Returns:
            `similar`: (id, score, text, structure, shared), the most alike first, at most `most` of them.
        """
        asked = msgspec.convert(inputs, Asked)
        words, facts = set(asked.incident.words), set(asked.incident.facts)
        found = [self._compared(words, facts, one, asked) for one in asked.past if one.id != asked.incident.id]
        alike = [one for one in found if one["score"] >= self._parameters["least"]]
        alike.sort(key=lambda one: (-one["score"], one["id"]))
        return {"similar": alike[: self._parameters["most"]]}

    def _compared(self, words: set[str], facts: set[str], past: Looks, asked: Asked) -> dict[str, Any]:
        text = _cosine(words, set(past.words), asked)
        theirs = set(past.facts)
        shared = facts & theirs
        structure = self._weight(shared) / max(self._weight(facts | theirs), 1e-9)
        share = self._parameters["text_weight"]
        score = share * text + (1 - share) * structure
        if min(len(facts), len(theirs)) < self._parameters["least_facts"]:
            score = self._parameters["text_alone"] * text
        return {
            "id": past.id,
            "score": round(score, 4),
            "text": round(text, 4),
            "structure": round(structure, 4),
            "shared": sorted(shared, key=lambda fact: (-self._weight([fact]), fact))[:SHOWN],
        }

    def _weight(self, facts: Iterable[str]) -> float:
        weights, other = self._parameters["facts"], self._parameters["other_facts"]
        return math.fsum(weights.get(fact.partition(":")[0], other) for fact in facts)


def _cosine(one: set[str], other: set[str], asked: Asked) -> float:
    """Cosine of two sets of words, each weighted by its rarity.

    >>> _cosine({"disk", "full"}, {"disk", "full"}, Asked(Looks("a")))
    1.0
    """
    if not one or not other:
        return 0.0
    both = _squares(one & other, asked)
    return both / math.sqrt(_squares(one, asked) * _squares(other, asked))


def _squares(words: Iterable[str], asked: Asked) -> float:
    return math.fsum(math.log(2 + asked.known / (1 + asked.frequency.get(word, 0))) ** 2 for word in words)

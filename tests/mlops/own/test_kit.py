"""The kit is true of what is shipped, and each of its checks finds the fault that it is there for."""

import dataclasses
import itertools
import json
import random

import pytest
from tests.mlops.own.package import MODULE

from mainstay.domain.errors import Corrupt
from mainstay.domain.protocols import Scored
from mainstay.mlops.own import kit
from mainstay.mlops.own.kit import candidate
from mainstay.models.catalogue import SHIPPED, class_named

SPACE: dict = {"__name__": "mine", "print": lambda *_, **__: None}
exec(compile(MODULE, "mine.py", "exec", dont_inherit=True), SPACE)
Good = SPACE["OverTheTop"]


@pytest.mark.parametrize("kind", ["metrics", "logs", "edges", "entities", "predictions", "forecaster"])
def test_what_is_shipped_meets_it(kind):
    assert [one for one in kit.check(candidate(class_named(SHIPPED[kind]), kind)) if not one.is_met] == []


class Loud(Good):
    """Fires once in calm."""

    def decide(self, inputs):
        output = super().decide(inputs)
        return {**output, "firing": output["firing"] or inputs["known"]["seen"] == 12}


class Deaf(Good):
    def decide(self, inputs):
        return {**super().decide(inputs), "firing": False}


class Random(Good):
    lots = random.Random(3)

    def decide(self, inputs):
        return {**super().decide(inputs), "lot": self.lots.random()}


class ByBatch(Good):
    """Its score depends on how many samples came at once."""

    def score(self, normal):
        scored = super().score(normal)
        return dataclasses.replace(scored, scores=scored.scores / max(len(scored.scores), 1))


class Dumb(Good):
    def _transition(self, inputs, output):
        return dataclasses.replace(super()._transition(inputs, output), summary="")


class Unsure(Good):
    def _transition(self, inputs, output):
        return dataclasses.replace(super()._transition(inputs, output), p_value=None)


class Silent(Good):
    def firing(self):
        return ()


class Nosy(Good):
    def score(self, normal):
        return super().score(normal) if normal.metrics is not None else Scored(scores=self.ones)

    ones = __import__("numpy").ones(3)


class Growing(Good):
    def score(self, normal):
        at = len(self._known)
        if normal.metrics is not None and at:
            self._known[10_000 + at] = dataclasses_known()
        return super().score(normal)


def dataclasses_known():
    return SPACE["Known"](1, "x" * 50, "y")


class Trusting(Good):
    def restore(self, state):
        try:
            super().restore(state)
        except Corrupt:
            self._known = {}


class Fragile(Good):
    def score(self, normal):
        if normal.metrics is not None and not normal.metrics.value.max() < 1e300:
            raise ArithmeticError("too large for me")
        return super().score(normal)


@pytest.mark.parametrize(
    ("cls", "ask"),
    [
        (Loud, kit.is_silent_on_calm),
        (Deaf, kit.tells_trouble),
        (Random, kit.is_deterministic),
        (Random, kit.decides_again),
        (ByBatch, kit.cuts_change_nothing),
        (Dumb, kit.says_what_is_needed),
        (Unsure, kit.says_what_is_needed),
        (Silent, kit.knows_what_fires),
        (Nosy, kit.leaves_others_alone),
        (Growing, kit.does_not_grow),
        (Trusting, kit.refuses_a_foreign_state),
        (Fragile, kit.bears_strange_values),
    ],
)
def test_each_check_finds_its_fault(cls, ask):
    assert kit._missing(ask, candidate(cls, "metrics"))
    assert not kit._missing(ask, candidate(Good, "metrics"))


def test_what_a_class_raises_is_the_reason():
    assert "too large for me" in kit._missing(kit.bears_strange_values, candidate(Fragile, "metrics"))


def test_without_the_contract_only_the_first_check_is_asked():
    assert len(list(itertools.islice(kit.check(candidate(object, "metrics")), 5))) == 1


def test_the_checks_are_told_in_words():
    asks = [one.asks for one in kit.check(candidate(Good, "metrics"))]
    assert len(set(asks)) == len(asks) == 15
    assert all(one.endswith(".") and "\n" not in one for one in asks), json.dumps(asks)

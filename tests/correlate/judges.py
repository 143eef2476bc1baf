"""The three judges behind the `Models` protocol, as serving would hold them, without a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import Served
from mainstay.domain.signals import Normal
from mainstay.models.correlation import Correlator
from mainstay.models.planning import Planner
from mainstay.models.rca import Diagnoser
from mainstay.models.suppression import Dependency


class Judges:
    """Decides with the shipped parameters and keeps every decision, so that a test can take it again."""

    def __init__(self, **parameters: Mapping[str, Any]) -> None:
        self.judges = {
            "correlator": Correlator(parameters.get("correlator", {})),
            "diagnoser": Diagnoser(parameters.get("diagnoser", {})),
            "suppressor": Dependency(parameters.get("suppressor", {})),
            "planner": Planner(parameters.get("planner", {})),
        }
        self.decisions: list[tuple[str, Decision]] = []

    def score(self, kind: Literal["metrics", "logs", "edges"], normal: Normal) -> Served:
        raise AssertionError("no detector belongs here")

    def decide(
        self, kind: Literal["correlator", "diagnoser", "suppressor", "planner"], inputs: Mapping[str, Any]
    ) -> Decision:
        frozen = msgspec.json.decode(msgspec.json.encode(inputs))
        decision = Decision(decided_by=VersionRef(kind, 1), inputs=frozen, output=self.judges[kind].decide(frozen))
        self.decisions.append((kind, decision))
        return decision

    def reperform(self) -> None:
        """Every decision, taken again from its frozen inputs, is the same byte for byte."""
        for kind, decision in self.decisions:
            again = self.judges[kind].decide(msgspec.json.decode(msgspec.json.encode(decision.inputs)))
            assert msgspec.json.encode(again) == msgspec.json.encode(decision.output)

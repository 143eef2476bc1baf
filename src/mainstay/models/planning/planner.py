"""Choose the runbook that fits the likeliest cause, or say why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of


class Suspected(msgspec.Struct, frozen=True, kw_only=True):
    """One suspect, as the diagnoser ranked it."""

    entity: str
    cause: str
    probability: float
    change: str | None = None


class Success(msgspec.Struct, frozen=True, kw_only=True):
    """How often a runbook worked and failed so far."""

    worked: int = 0
    failed: int = 0


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One runbook of the catalogue. `parameters` maps its parameter names to facts of the inventory."""

    name: str
    causes: tuple[str, ...]
    min_probability: float = 0.5
    needs_change: bool = False
    enabled: bool = True
    parameters: dict[str, str] = {}
    success: Success = Success()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Suspects in their order, the catalogue, what is known of each suspect, and what was tried in this incident."""

    suspects: tuple[Suspected, ...]
    runbooks: tuple[Offer, ...]
    inventory: dict[str, dict[str, Any]] = {}
    tried: tuple[str, ...] = ()


class Planner:
    """Takes the likeliest suspect for which a runbook is allowed, sure enough and possible.

    It does not invent parameters: it names facts of the inventory, and the stage that makes the plan checks them.
    A suspect of rank two is considered only while it clears the runbook's own `min_probability`. Among several
    runbooks the one with the better record wins (Laplace's rule of succession), then the name, so that a replay agrees.
    """

    ALGORITHM: ClassVar[str] = "cause-match"
    DEFAULTS: ClassVar[dict[str, float]] = {"prior_worked": 1.0, "prior_failed": 1.0, "min_success": 0.2}

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights: dict[str, float] = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Choose.

        Returns:
            `runbook` (name or None), `suspect` (entity), `cause`, `change`, `probability`, `parameters`, `why`.
        """
        question = msgspec.convert(inputs, Question)
        if not question.suspects:
            return _none(None, "no suspect: there is not enough evidence yet")
        refusals: list[str] = []
        for suspect in question.suspects:
            chosen = self._choose(suspect, question, refusals)
            if chosen is not None:
                return self._plan(suspect, chosen, question)
        return _none(question.suspects[0], refusals[0])

    def _choose(self, suspect: Suspected, question: Question, refusals: list[str]) -> Offer | None:
        fitting = [r for r in question.runbooks if suspect.cause in r.causes]
        if not fitting:
            refusals.append(f"no runbook for cause {suspect.cause}")
            return None
        allowed = []
        for runbook in fitting:
            reason = self._refusal(runbook, suspect, question)
            if reason:
                refusals.append(reason)
            else:
                allowed.append(runbook)
        return min(allowed, key=lambda r: (-self._success(r), r.name), default=None)

    def _refusal(self, runbook: Offer, suspect: Suspected, question: Question) -> str:
        if not runbook.enabled:
            return f"runbook {runbook.name} is switched off"
        if suspect.probability < runbook.min_probability:
            return f"probability {suspect.probability:.2f} below {runbook.min_probability:g} for {runbook.name}"
        if runbook.needs_change and not suspect.change:
            return f"runbook {runbook.name} needs a change to undo and none is suspected"
        if runbook.name in question.tried:
            return f"runbook {runbook.name} was tried in this incident and did not help"
        if self._success(runbook) < self._weights["min_success"]:
            return f"runbook {runbook.name} worked {runbook.success.worked} times and failed {runbook.success.failed}"
        facts = question.inventory.get(suspect.entity, {})
        missing = sorted(source for source in runbook.parameters.values() if source not in facts)
        return f"runbook {runbook.name} needs {missing[0]} and it is not known" if missing else ""

    def _success(self, runbook: Offer) -> float:
        worked = runbook.success.worked + self._weights["prior_worked"]
        failed = runbook.success.failed + self._weights["prior_failed"]
        return worked / (worked + failed)

    def _plan(self, suspect: Suspected, runbook: Offer, question: Question) -> dict[str, Any]:
        facts = question.inventory.get(suspect.entity, {})
        record = runbook.success
        tally = f"; worked {record.worked} of {record.worked + record.failed}" if record.worked + record.failed else ""
        why = f"{_short(suspect.entity)} is the cause with {suspect.probability:.0%} ({suspect.cause}){tally}"
        return {
            "runbook": runbook.name,
            "suspect": suspect.entity,
            "cause": suspect.cause,
            "change": suspect.change,
            "probability": suspect.probability,
            "parameters": {name: facts[source] for name, source in sorted(runbook.parameters.items())},
            "why": why,
        }


def _none(suspect: Suspected | None, why: str) -> dict[str, Any]:
    return {
        "runbook": None,
        "suspect": suspect.entity if suspect else None,
        "cause": suspect.cause if suspect else None,
        "change": suspect.change if suspect else None,
        "probability": suspect.probability if suspect else 0.0,
        "parameters": {},
        "why": why,
    }


def _short(entity: str) -> str:
    return entity.rpartition("/")[2] or entity

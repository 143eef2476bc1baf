"""One plan at a time per incident: proposed, replaced when the diagnosis turns, withdrawn when the trouble is over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from mainstay.automation.catalogue import Catalogue
from mainstay.automation.inventory import Inventory
from mainstay.automation.planning import History, propose
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan
from mainstay.domain.state import pack, unpack

KEPT_CHANGES = 2000
"""The inventory needs the last few versions of each service: hundreds of services fit."""


class Proposals:
    """The part of stage 6 that runs in the pipeline: it only writes down what could be done.

    A plan that a person has answered or that has run is never proposed again for the same incident; the next best
    runbook may be.
    """

    def __init__(self, catalogue: Catalogue, models: Models, topology: Callable[[], Topology]) -> None:
        self._catalogue, self._models, self._topology = catalogue, models, topology
        self._changes: OrderedDict[str, Change] = OrderedDict()
        self._proposed: dict[str, Plan] = {}
        self._answered: dict[str, list[str]] = {}
        self._tried: dict[str, list[str]] = {}
        self._busy: set[str] = set()

    def learn(self, effects: Effects) -> None:
        """Remember changes: they say which version ran before."""
        self._changes.update(effects.changes)
        while len(self._changes) > KEPT_CHANGES:
            self._changes.popitem(last=False)

    def apply(self, incident: Incident, at_ms: int, effects: Effects) -> None:
        """Propose what fits the incident as it is known now."""
        current = self._proposed.get(incident.id)
        if incident.status not in {"open", "acknowledged"}:
            self._withdraw(incident.id, at_ms, effects, "the incident is over")
            self._answered.pop(incident.id, None)
            self._tried.pop(incident.id, None)
            self._busy.discard(incident.id)
            return
        if incident.id in self._busy:
            return
        answered = self._answered.get(incident.id, [])
        inventory = Inventory.of(self._topology(), self._changes.values())
        known = [*answered, *([current.id] if current else [])]
        history = History(known, self._tried.get(incident.id, []))
        proposed = propose(incident, self._catalogue, inventory, self._models, at_ms, history)
        if proposed is None:
            return
        plan, entry = proposed
        self._withdraw(incident.id, at_ms, effects, f"the diagnosis changed; {plan.title} is proposed instead")
        self._proposed[incident.id] = plan
        effects.plans[plan.id] = plan
        effects.entries.append(entry)

    def command(self, command: Command) -> None:
        """A plan was answered, started or ended (`plan-outcome`)."""
        incident, status = command.arguments["incident"], command.arguments["status"]
        self._proposed.pop(incident, None)
        answered = self._answered.setdefault(incident, [])
        if command.subject not in answered:
            answered.append(command.subject)
        if status in {"approved", "running"}:
            self._busy.add(incident)
        else:
            self._busy.discard(incident)
            self._tried.setdefault(incident, []).append(command.arguments["runbook"])

    def snapshot(self) -> bytes:
        """Changes, and what became of plans."""
        saved = _Saved(list(self._changes.values()), self._proposed, self._answered, self._tried, sorted(self._busy))
        return pack("proposals", 1, saved)

    def restore(self, state: bytes) -> None:
        """Take up a state that `snapshot` wrote."""
        saved = unpack("proposals", 1, state, _Saved)
        self._changes = OrderedDict((change.id, change) for change in saved.changes)
        self._proposed, self._answered, self._tried = saved.proposed, saved.answered, saved.tried
        self._busy = set(saved.busy)

    def _withdraw(self, incident: str, at_ms: int, effects: Effects, why: str) -> None:
        plan = self._proposed.pop(incident, None)
        if plan is not None:
            effects.plans[plan.id] = msgspec.structs.replace(plan, status="withdrawn", outcome=why, updated_ms=at_ms)


@dataclass
class _Saved:
    changes: list[Change]
    proposed: dict[str, Plan]
    answered: dict[str, list[str]]
    tried: dict[str, list[str]]
    busy: list[str]

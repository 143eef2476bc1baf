"""One plan at a time per incident: proposed or asked for, replaced when the diagnosis turns, withdrawn at its end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from mainstay.automation.catalogue import Catalogue
from mainstay.automation.inventory import KEPT_CHANGES, Inventory
from mainstay.automation.planning import History, asked_entry, propose, withdrawn_entry
from mainstay.automation.soundness import Unsound, all_stand, asking
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import Refused
from mainstay.domain.incidents import Incident
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan
from mainstay.domain.state import pack, unpack

FORMAT = 2
KEPT_INCIDENTS = 500
"""An incident that comes back within ten minutes remembers what was tried; hundreds at once fit."""


class Tried(msgspec.Struct):
    """What was proposed and tried in one incident; it outlasts the incident's end, because it may come back.

    Attributes:
        proposed: The plan that waits for a person now.
        answered: Plans that people answered or that ran: none is proposed a second time.
        runbooks: That ran, or that a person rejected.
        withdrawn: How often each plan was taken back; proposed again it has another number, and so another digest.
        busy: The plan that was approved or runs; "" none.
    """

    proposed: Plan | None = None
    answered: list[str] = []
    runbooks: list[str] = []
    withdrawn: dict[str, int] = {}
    busy: str = ""


class Proposals:
    """The part of stage 6 that runs in the pipeline: it only writes down what could be done.

    A plan that a person has answered or that has run is never proposed again for the same incident; the next best
    runbook may be. While a plan that a person asked for waits, none is proposed beside it.

    Args:
        unsound: Which models behind a plan do not stand: the plan says so, and asks a human.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        models: Models,
        topology: Callable[[], Topology],
        unsound: Unsound = all_stand,
    ) -> None:
        self._catalogue, self._models, self._topology, self._unsound = catalogue, models, topology, unsound
        self._changes: OrderedDict[str, Change] = OrderedDict()
        self._tried: OrderedDict[str, Tried] = OrderedDict()

    def learn(self, effects: Effects) -> None:
        """Remember changes: they say which version ran before."""
        self._changes.update(effects.changes)
        while len(self._changes) > KEPT_CHANGES:
            self._changes.popitem(last=False)

    def apply(self, incident: Incident, at_ms: int, effects: Effects) -> None:
        """Propose what fits the incident as it is known now."""
        if incident.status not in {"open", "acknowledged"}:
            if incident.id in self._tried:
                self._withdraw(incident.id, at_ms, effects, "the incident is over")
            return
        tried = self._of(incident.id)
        current = tried.proposed
        if tried.busy or (current is not None and current.requested_by != "mainstay"):
            return
        inventory = Inventory.of(self._topology(), self._changes.values())
        known = [*tried.answered, *([current.id] if current else [])]
        history = History(known, tried.runbooks, tried.withdrawn)
        proposed = propose(incident, self._catalogue, inventory, self._models, at_ms, history)
        if proposed is None:
            return
        plan, entry = proposed
        plan, asks = asking(plan, self._unsound(incident, plan, at_ms), at_ms)
        self._withdraw(incident.id, at_ms, effects, f"the diagnosis changed; {plan.title} is proposed instead")
        tried.proposed = plan
        effects.plans[plan.id] = plan
        effects.entries += [entry, asks] if asks else [entry]

    def request(self, command: Command, effects: Effects) -> None:
        """A person asked for a plan (`request-plan`): it takes the place of what was proposed.

        Raises:
            Refused: Another plan runs, or another person's waits.
        """
        plan = msgspec.json.decode(command.arguments["plan"], type=Plan)
        tried = self._of(plan.incident)
        current = tried.proposed
        if tried.busy:
            raise Refused(f"{tried.busy} of {plan.incident} is approved or running")
        if current is not None and current.requested_by not in ("mainstay", plan.requested_by):
            raise Refused(f"{current.id}, which {current.requested_by} asked for, waits for an answer")
        if current is not None and current.id != plan.id:
            why = f"{command.by} asks for {plan.title} instead"
            self._withdraw(plan.incident, command.at_ms, effects, why)
        tried.proposed = plan
        effects.plans[plan.id] = plan
        effects.entries.append(asked_entry(plan, command.at_ms, effects.decided_seq))

    def command(self, command: Command) -> None:
        """A plan was answered, started or ended (`plan-outcome`)."""
        tried, status = self._of(command.arguments["incident"]), command.arguments["status"]
        tried.proposed = None
        if command.subject not in tried.answered:
            tried.answered.append(command.subject)
        if status in {"approved", "running"}:
            tried.busy = command.subject
            return
        if tried.busy == command.subject:
            tried.busy = ""
        tried.runbooks.append(command.arguments["runbook"])

    def snapshot(self) -> bytes:
        """Changes, and what became of plans."""
        return pack("proposals", FORMAT, _Saved(list(self._changes.values()), dict(self._tried)))

    def restore(self, state: bytes) -> None:
        """Take up a state that `snapshot` wrote."""
        saved = unpack("proposals", FORMAT, state, _Saved)
        self._changes = OrderedDict((change.id, change) for change in saved.changes)
        self._tried = OrderedDict(saved.tried)

    def _of(self, incident: str) -> Tried:
        tried = self._tried.setdefault(incident, Tried())
        self._tried.move_to_end(incident)
        while len(self._tried) > KEPT_INCIDENTS:
            self._tried.popitem(last=False)
        return tried

    def _withdraw(self, incident: str, at_ms: int, effects: Effects, why: str) -> None:
        tried = self._tried[incident]
        plan, tried.proposed = tried.proposed, None
        if plan is not None:
            tried.withdrawn[plan.id.partition("~")[0]] = tried.withdrawn.get(plan.id.partition("~")[0], 0) + 1
            gone = msgspec.structs.replace(plan, status="withdrawn", outcome=why, updated_ms=at_ms)
            effects.plans[plan.id] = gone
            effects.entries.append(withdrawn_entry(gone, effects.decided_seq))


class _Saved(msgspec.Struct):
    changes: list[Change]
    tried: dict[str, Tried]

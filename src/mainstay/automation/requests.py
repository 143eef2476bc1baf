"""A person asks for a runbook by hand: the same plan, dry run, approval by somebody else, run and verification."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from mainstay.automation.approvals import Approvals
from mainstay.automation.catalogue import Catalogue
from mainstay.automation.inventory import KEPT_CHANGES, Inventory
from mainstay.automation.keeping import PlanStore
from mainstay.automation.parameters import checked
from mainstay.automation.planning import make_plan
from mainstay.domain.entities import Topology
from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.domain.incidents import Incident
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.protocols import Clock
from mainstay.domain.runbooks import Plan, Runbook, Wish
from mainstay.domain.users import User

_THE_TARGET = ("entity.id", "entity.name")


class Requests:
    """Makes the plan that a person wishes for; nothing is kept or done here."""

    def __init__(self, control: PlanStore, catalogue: Catalogue, approvals: Approvals, clock: Clock) -> None:
        self._control, self._catalogue, self._approvals, self._clock = control, catalogue, approvals, clock

    def plan(self, incident_id: str, wish: Wish, by: User) -> Plan:
        """The plan, asked for by this person. When the very same is proposed already, that one becomes theirs.

        Raises:
            NotFound: There is no such incident, runbook or entity.
            BadInput: A parameter is missing, unknown, or not theirs to choose.
            Refused: By policy; the runbook is not enabled; the incident is over; or somebody else asked for the same.
        """
        incident = self._control.incident(incident_id)
        if incident is None:
            raise NotFound(f"there is no incident {incident_id[:80]}")
        if incident.status not in ("open", "acknowledged"):
            raise Refused(f"{incident.id} is {incident.status}: there is nothing to mend")
        plan = self._made(incident, self._runbook(wish.runbook), wish, by)
        proposed = self._control.plans(incident=incident.id, status="proposed")
        return self._approvals.asked(next((one for one in proposed if _is_same(one, plan)), plan), by)

    def _runbook(self, name: str) -> Runbook:
        runbook = self._catalogue.runbooks.get(name)
        if runbook is None:
            raise NotFound(f"no runbook is named {name[:80]!r}; there are {', '.join(self._catalogue.runbooks)}")
        if not (runbook.enabled or name == self._catalogue.forced):
            raise Refused(f"{name} is not enabled: whoever keeps the runbooks switched it off (enabled: false)")
        return runbook

    def _made(self, incident: Incident, runbook: Runbook, wish: Wish, by: User) -> Plan:
        entity = wish.entity or (incident.suspects[0].entity if incident.suspects else "")
        inventory = Inventory.of(self._topology(), self._control.changes(limit=KEPT_CHANGES))
        if not entity:
            raise BadInput(f"{incident.id} has no suspect: name the entity that {runbook.name} is for")
        if entity not in inventory.entities:
            raise NotFound(f"there is no entity {entity[:80]!r}")
        change = next((s.change for s in incident.suspects if s.entity == entity), None)
        at_ms = self._clock.now_ns() // 1_000_000
        plan = make_plan(
            incident,
            runbook,
            entity,
            parameters=chosen(runbook, inventory.facts(entity, change), wish.parameters),
            decision=Decision(
                decided_by=VersionRef(f"user/{by.name}", 0), inputs={}, output={"why": f"{by.name} asks for it"}
            ),
            at_ms=at_ms,
        )
        body = msgspec.json.encode([plan.digest, by.name, at_ms], order="deterministic")
        return msgspec.structs.replace(plan, id=f"PLAN-{hashlib.sha256(body).hexdigest()[:12]}")

    def _topology(self) -> Topology:
        return Topology(entities={entity.id: entity for entity in self._control.entities()})


def chosen(runbook: Runbook, facts: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The runbook's parameters: what was given, else the fact, each in the form that may stand in a plan.

    Raises:
        BadInput: One is missing, unknown, or would point elsewhere than at the target.
        Refused: A value has a form that may not stand in a plan.
    """
    unknown = sorted(set(given) - set(runbook.parameters))
    if unknown:
        knows = ", ".join(runbook.parameters) or "none"
        raise BadInput(f"{runbook.name} has no parameter {unknown[0][:80]!r}; it has {knows}")
    parameters: dict[str, str] = {}
    for name, source in runbook.parameters.items():
        value = given.get(name, facts.get(source))
        if value is None:
            raise BadInput(f"{runbook.name} needs {name} ({source}), and it is not known: give it")
        if source in _THE_TARGET and value != facts[source]:
            raise BadInput(f"{name} is the target's, {facts[source]}: to do it elsewhere, name another entity")
        parameters[name] = checked(source, value)
    return parameters


def _is_same(one: Plan, other: Plan) -> bool:
    return (one.runbook, one.parameters, one.targets) == (other.runbook, other.parameters, other.targets)

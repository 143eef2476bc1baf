"""From an incident with a suspect to a concrete plan: chosen by a model version, filled with facts, with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mainstay.automation.catalogue import Catalogue
from mainstay.automation.inventory import Inventory
from mainstay.automation.parameters import checked, filled
from mainstay.domain.errors import Refused
from mainstay.domain.incidents import Incident, Suspect
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision
from mainstay.domain.protocols import Models
from mainstay.domain.runbooks import Plan, Runbook, Step


@dataclass(frozen=True, slots=True)
class History:
    """What was proposed before in this incident.

    Args:
        known: Ids of plans that exist: the same plan is proposed once, and what became of it is not overwritten.
        tried: Runbooks that did not help, or that a person rejected.
        withdrawn: How often a plan was proposed and taken back. Proposed again it is another plan, with a digest of
            its own: a yes to the earlier one is none to this one.
    """

    known: Collection[str] = ()
    tried: Sequence[str] = ()
    withdrawn: Mapping[str, int] = field(default_factory=dict)

    def numbered(self, plan: Plan) -> Plan:
        """The plan under the id that it has this time: `PLAN-…`, later `PLAN-…~2`."""
        before = self.withdrawn.get(plan.id, 0)
        return msgspec.structs.replace(plan, id=f"{plan.id}~{before + 1}") if before else plan


NOTHING_YET = History()


def propose(
    incident: Incident,
    catalogue: Catalogue,
    inventory: Inventory,
    models: Models,
    at_ms: int,
    history: History = NOTHING_YET,
) -> tuple[Plan, Entry] | None:
    """A plan for this incident, and the ledger entry of the decision; None when there is nothing to propose.

    The planner chooses a runbook and a suspect. What is put into the steps comes from the inventory alone: a planner
    that names another value for a parameter is not followed.
    """
    if incident.status not in ("open", "acknowledged") or not incident.suspects:
        return None
    decision = models.decide("planner", planner_inputs(incident, catalogue, inventory, history.tried))
    suspect = next((s for s in incident.suspects if s.entity == decision.output.get("suspect")), None)
    runbook = catalogue.runbooks.get(str(decision.output.get("runbook") or ""))
    if suspect is None or runbook is None or not _is_offered(runbook, catalogue):
        return None
    facts = inventory.facts(suspect.entity, suspect.change)
    try:
        parameters = resolve(runbook, facts, decision.output.get("parameters") or {})
    except Refused:
        return None
    plan = make_plan(incident, runbook, suspect.entity, parameters=parameters, decision=decision, at_ms=at_ms)
    if plan.id in {known.partition("~")[0] for known in history.known}:
        return None
    plan = history.numbered(plan)
    return plan, _entry(plan, suspect, catalogue, decision)


def planner_inputs(
    incident: Incident, catalogue: Catalogue, inventory: Inventory, tried: Sequence[str] = ()
) -> dict[str, Any]:
    """Everything a planner looks at: suspects in their order, runbooks, and the facts of each suspect."""
    return {
        "suspects": [msgspec.to_builtins(suspect) for suspect in incident.suspects],
        "runbooks": catalogue.offered(),
        "tried": list(tried),
        "inventory": {s.entity: inventory.facts(s.entity, s.change) for s in reversed(incident.suspects)},
    }


def resolve(runbook: Runbook, facts: Mapping[str, str], wished: Mapping[str, Any]) -> dict[str, str]:
    """The runbook's parameters, filled from facts.

    Raises:
        Refused: A fact is missing or has a form that may not stand in a plan, or the planner wished for another value.
    """
    parameters: dict[str, str] = {}
    for name, source in runbook.parameters.items():
        if source not in facts:
            raise Refused(f"runbook {runbook.name} needs {source} for {name}, and it is not known")
        parameters[name] = checked(source, facts[source])
        if wished.get(name, parameters[name]) != parameters[name]:
            raise Refused(f"the planner named another {name} than the inventory holds ({parameters[name]})")
    return parameters


def make_plan(
    incident: Incident,
    runbook: Runbook,
    entity: str,
    *,
    parameters: dict[str, str],
    decision: Decision,
    at_ms: int,
) -> Plan:
    """The runbook made concrete for an entity; its id is derived from incident, runbook and parameters."""
    plan = Plan(
        id=plan_id(incident.id, runbook.name, parameters),
        incident=incident.id,
        runbook=runbook.name,
        title=str(filled(runbook.title, parameters)),
        parameters=parameters,
        targets=(entity,),
        steps=tuple(_concrete(step, parameters) for step in runbook.steps),
        undo=tuple(_concrete(step, parameters) for step in runbook.undo),
        verify=msgspec.structs.replace(runbook.verify, entity=filled(runbook.verify.entity, parameters)),
        risk_class=runbook.risk_class,
        decided_by=decision.decided_by,
        created_ms=at_ms,
        updated_ms=at_ms,
        tenant=incident.tenant,
        reason=str(decision.output.get("why") or ""),
        suspect=entity,
    )
    return msgspec.json.decode(
        msgspec.json.encode(plan), type=Plan
    )  # as the store gives it back: 30 is 30.0, digests agree


def plan_id(incident: str, runbook: str, parameters: Mapping[str, str]) -> str:
    """The id of the plan that this runbook with these parameters is for this incident.

    >>> plan_id("INC-7", "roll-back-deploy", {"service": "payments"})
    'PLAN-230dd9485b1b'
    """
    body = msgspec.json.encode([incident, runbook, dict(parameters)], order="deterministic")
    return f"PLAN-{hashlib.sha256(body).hexdigest()[:12]}"


def asked_entry(plan: Plan, at_ms: int, seq: int) -> Entry:
    """The ledger's line about a person who asked for a plan."""
    return Entry(
        id=f"plan:{plan.id}:asked:{seq}",
        kind="plan",
        at_ms=at_ms,
        actor=plan.requested_by,
        subject=plan.id,
        output={"asked": plan.runbook, "parameters": plan.parameters, "targets": list(plan.targets)},
        rests_on=(plan.incident, f"plan-digest:{plan.digest}"),
    )


def withdrawn_entry(plan: Plan, seq: int) -> Entry:
    """The ledger's line about a plan that was taken back before anybody answered it."""
    return Entry(
        id=f"plan:{plan.id}:withdrawn:{seq}",
        kind="plan",
        at_ms=plan.updated_ms,
        actor="mainstay",
        subject=plan.id,
        output={"status": plan.status, "why": plan.outcome},
        rests_on=(plan.incident, f"plan-digest:{plan.digest}"),
    )


def _is_offered(runbook: Runbook, catalogue: Catalogue) -> bool:
    return runbook.name == catalogue.forced or (runbook.enabled and not catalogue.forced)


def _concrete(step: Step, parameters: Mapping[str, str]) -> Step:
    return msgspec.structs.replace(step, with_=filled(step.with_, parameters))


def _entry(plan: Plan, suspect: Suspect, catalogue: Catalogue, decision: Decision) -> Entry:
    rests_on = [plan.incident, str(suspect.decided_by), f"runbook/{plan.runbook}:{catalogue.digest(plan.runbook)}"]
    if suspect.change:
        rests_on.append(suspect.change)
    return Entry(
        id=f"plan:{plan.id}",
        kind="plan",
        at_ms=plan.created_ms,
        actor=str(decision.decided_by),
        subject=plan.id,
        output=decision.output,
        rests_on=(*rests_on, f"plan-digest:{plan.digest}"),
        inputs=decision.inputs,
    )

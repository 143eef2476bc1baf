"""What people ask of incidents: acknowledge, resolve, merge, split, and their word about the cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mainstay.correlate import entries
from mainstay.correlate.evidence.symptoms import symptom_of
from mainstay.correlate.grouping import Because, merge
from mainstay.correlate.parting import Reason, part
from mainstay.correlate.register import Register
from mainstay.correlate.state import Held
from mainstay.correlate.together import BY_PERSON
from mainstay.correlate.views import in_order
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import TimelineEntry
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command


def obey(command: Command, register: Register, effects: Effects) -> str:
    """Do what was asked; says what was done, or why nothing."""
    kind = command.arguments.get("kind", "") if command.kind == "verdict" else command.kind
    incident = command.arguments.get("incident", "") if command.kind == "plan-outcome" else command.subject
    held = register.state.held.get(incident)
    act = _ACTS.get(kind)
    if act is None:
        return f"{kind} is nothing that an incident knows"
    if held is None:
        return f"{incident} is not among the open or lately resolved incidents"
    register.touch(held)
    return act(held, command, register, effects)


def _acknowledge(held: Held, command: Command, _register: Register, effects: Effects) -> str:
    if held.incident.status != "open":
        return f"{held.incident.id} is {held.incident.status}"
    held.change(command.at_ms, status="acknowledged", acknowledged_by=command.by)
    _tell(held, command, f"acknowledged by {command.by}")
    effects.entries.append(_entry(held, command, "acknowledged", effects.decided_seq))
    return "acknowledged"


def _resolve(held: Held, command: Command, register: Register, effects: Effects) -> str:
    if not held.is_open:
        return f"{held.incident.id} is {held.incident.status}"
    held.change(command.at_ms, status="resolved", resolved_ms=command.at_ms)
    register.closed(held, command.at_ms)
    _tell(held, command, f"resolved by {command.by}")
    why = f"{command.by} says it is over"
    rests_on = [held.entry, *(kept.entry for kept in in_order(held))]
    over = entries.resolution(held.incident.id, _actor(command), rests_on, command.at_ms, effects.decided_seq, why)
    effects.entries.append(over)
    return "resolved"


def _merge(held: Held, command: Command, register: Register, effects: Effects) -> str:
    target = command.arguments.get("into") or command.arguments.get("target", "")
    into = register.state.held.get(target)
    if into is None or into is held or not held.is_open or not into.is_open:
        return f"{held.incident.id} and {target or 'nothing'} are not two open incidents"
    register.state.together.joined(held.symptoms, into.symptoms, BY_PERSON, command.at_ms)
    into.apart = [name for name in into.apart if name != held.incident.id]
    merge(register, held, into, effects, command.at_ms, Because(_actor(command)))
    return f"merged into {target}"


def _split(held: Held, command: Command, register: Register, effects: Effects) -> str:
    """One alert leaves and becomes an incident of its own; what stays keeps its name."""
    alert = command.arguments.get("alert") or command.arguments.get("target", "")
    if not held.is_open or alert not in held.alerts or len(held.alerts) < 2:
        return f"{alert or 'no alert'} cannot leave {held.incident.id}: it is not in it, or it is all there is"
    leaves = held.alerts[alert].alert
    reason = Reason(_actor(command), person(command.by), f" by {command.by}")
    other = part(register, held, [alert], effects, command.at_ms, reason)
    register.state.together.parted([symptom_of(leaves)], held.symptoms, BY_PERSON, command.at_ms)
    return f"split into {other.incident.id}"


def _wrong_cause(held: Held, command: Command, _register: Register, _effects: Effects) -> str:
    """The person's cause comes first from now on; without one, the first suspect is out."""
    target = command.arguments.get("target", "")
    if target:
        held.confirmed, held.confirmed_by = target, command.by
        held.ruled_out = [entity for entity in held.ruled_out if entity != target]
        says = f"{command.by} says the cause is {target.rpartition('/')[2]}"
    elif held.incident.suspects:
        first = held.incident.suspects[0].entity
        held.ruled_out = sorted({*held.ruled_out, first})
        held.confirmed = "" if held.confirmed == first else held.confirmed
        says = f"{command.by} says {first.rpartition('/')[2]} is not the cause"
    else:
        return "there is no suspect to be wrong about"
    held.diagnosed_ms = 0
    _tell(held, command, says, kind="verdict")
    return says


def _right_cause(held: Held, command: Command, _register: Register, _effects: Effects) -> str:
    if not held.incident.suspects:
        return "there is no suspect to be right about"
    first = held.incident.suspects[0].entity
    held.confirmed, held.confirmed_by = first, command.by
    says = f"{command.by} confirms {first.rpartition('/')[2]} as the cause"
    _tell(held, command, says, kind="verdict")
    return says


def _outcome(held: Held, command: Command, _register: Register, _effects: Effects) -> str:
    what = command.arguments.get("runbook") or command.subject
    says = f"{what}: {command.arguments.get('status', 'ended')}"
    if command.arguments.get("says"):
        says += f", {command.arguments['says']}"
    _tell(held, command, says, kind="action")
    return says


def _asked(held: Held, command: Command, _register: Register, _effects: Effects) -> str:
    says = f"{command.by} asks for: {command.arguments.get('title') or 'a plan'}"
    _tell(held, command, says)
    return says


_ACTS: Mapping[str, Callable[[Held, Command, Register, Effects], str]] = {
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "merge": _merge,
    "split": _split,
    "wrong-cause": _wrong_cause,
    "right-cause": _right_cause,
    "plan-outcome": _outcome,
    "request-plan": _asked,
}


def person(name: str) -> VersionRef:
    """A person as the one who decided, where a model version usually stands: `user/ada@0`, like `rule/NAME@0`.

    >>> str(person("ada"))
    'user/ada@0'
    """
    return VersionRef(f"user/{name}", 0)


def _actor(command: Command) -> str:
    return command.by if ":" in command.by or command.by == "mainstay" else f"user:{command.by}"


def _tell(held: Held, command: Command, says: str, *, kind: str = "decision") -> None:
    line_kind = {"verdict": "verdict", "action": "action"}.get(kind, "decision")
    held.tell(TimelineEntry(at_ms=command.at_ms, kind=line_kind, says=says[:300], ref=command.subject))  # type: ignore[arg-type]


def _entry(held: Held, command: Command, event: str, seq: int) -> Entry:
    return entries.incident(held.incident.id, event, _actor(command), [held.entry], command.at_ms, seq)

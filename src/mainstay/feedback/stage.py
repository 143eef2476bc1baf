"""Stage 7: verdicts are checked against what exists, get the versions they are about, and become labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Deployment, VersionRef
from mainstay.domain.records import Command
from mainstay.domain.runbooks import Plan
from mainstay.domain.verdicts import Label, Verdict, VerdictKind
from mainstay.feedback.labels import TOPICS, labels_of

DETECTORS = ("metrics", "logs", "edges")
WORKED, FAILED = ("succeeded",), ("failed", "undone")
Judged = list[tuple[VersionRef, str]]


class Known(Protocol):
    """What exists, by id: the control store, or a fake of it."""

    def alert(self, alert: str) -> Alert | None:
        """The alert with this id."""
        ...

    def incident(self, incident: str) -> Incident | None:
        """The incident with this id."""
        ...

    def plan(self, plan: str) -> Plan | None:
        """The plan with this id."""
        ...

    def deployments(self) -> list[Deployment]:
        """What serves."""
        ...


class Feedback:
    """Takes judgements of people and of outcomes.

    Args:
        known: Where alerts, incidents, plans and deployments are looked up.
    """

    def __init__(self, known: Known) -> None:
        self._known = known

    def record(self, verdict: Verdict, effects: Effects) -> list[Label]:
        """Keep a verdict, its labels and their ledger entries.

        `about` is what the server knows, whatever the caller wrote there.

        Raises:
            NotFound: The subject does not exist.
            BadInput: The verdict makes no sense for its subject; says why.
        """
        judged, rests_on = _JUDGED[verdict.kind](verdict, self._known)
        refs = tuple(dict.fromkeys(ref for ref, _ in judged))
        verdict = msgspec.structs.replace(verdict, about=refs)
        labels = labels_of(verdict, judged)
        effects.verdicts[verdict.id] = verdict
        effects.labels.update({label.id: label for label in labels})
        said = _verdict_entry(verdict, rests_on)
        effects.entries += [said, *(_label_entry(label, said.id) for label in labels)]
        return labels

    def regrouped(self, command: Command, effects: Effects) -> list[Label]:
        """A person merged or split: that says the grouping was wrong.

        Raises:
            NotFound: There is no such incident.
            BadInput: The other incident or the alert is not named.
        """
        target = command.arguments.get("into") or command.arguments.get("alert") or command.arguments.get("target", "")
        kind: VerdictKind = "merge" if command.kind == "merge" else "split"
        return self.record(_derived(command, kind, command.by, target), effects)

    def outcome(self, command: Command, effects: Effects) -> list[Label]:
        """How a plan ended, as a verdict of the outcome itself; approvals and half-way news are none.

        A plan that worked also confirms the cause it was made for. One that failed does not refute it: the cause may
        be right and the cure wrong.

        Raises:
            NotFound: There is no such plan.
        """
        status = command.arguments.get("status", "")
        if status not in (*WORKED, *FAILED):
            return []
        kind: VerdictKind = "plan-worked" if status in WORKED else "plan-failed"
        labels = self.record(_derived(command, kind, "outcome", ""), effects)
        plan = self._known.plan(command.subject)
        incident = self._known.incident(plan.incident) if plan else None
        if kind == "plan-worked" and plan and incident and _is_first(incident, plan.suspect):
            confirmed = _derived(command, "right-cause", "outcome", plan.suspect)
            labels += self.record(msgspec.structs.replace(confirmed, subject=incident.id), effects)
        return labels


def _is_first(incident: Incident, entity: str) -> bool:
    return bool(incident.suspects) and incident.suspects[0].entity == entity


def _of_alert(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    """An alert, or an incident: then every alert that was grouped into it."""
    alert = known.alert(verdict.subject)
    if alert is not None:
        return [(alert.decided_by, alert.id)], [alert.id]
    incident = _incident(verdict.subject, known)
    alerts = [found for g in incident.groupings if (found := known.alert(g.alert)) is not None]
    return [(found.decided_by, found.id) for found in alerts], [incident.id]


def _of_cause(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    incident = _incident(verdict.subject, known)
    if not incident.suspects:
        raise BadInput(f"{incident.id} has no suspect yet: there is no cause to judge")
    return [(incident.suspects[0].decided_by, incident.id)], [incident.id]


def _of_merge(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    incident = _incident(verdict.subject, known)
    other = _incident(verdict.target, known)
    if other.id == incident.id:
        raise BadInput(f"{incident.id} cannot be merged with itself; name another incident as target")
    return [(incident.decided_by, incident.id)], [incident.id, other.id]


def _of_split(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    incident = _incident(verdict.subject, known)
    why = next((g for g in incident.groupings if g.alert == verdict.target), None)
    if why is None:
        raise BadInput(f"alert {verdict.target[:80]!r} is not in {incident.id}; name one of its alerts as target")
    return [(why.decided_by, why.alert)], [incident.id, why.alert]


def _of_missed(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    """Every live detector should have told: each of them missed it."""
    if not verdict.subject:
        raise BadInput("a missed incident needs the entity that was in trouble as subject")
    live = [d.live for d in known.deployments() if d.kind in DETECTORS]
    return [(ref, verdict.subject) for ref in sorted(live)], [str(ref) for ref in sorted(live)]


def _of_plan(verdict: Verdict, known: Known) -> tuple[Judged, list[str]]:
    plan = known.plan(verdict.subject)
    if plan is None:
        raise NotFound(f"there is no plan {verdict.subject[:80]}")
    return [(plan.decided_by, plan.id)], [plan.id, plan.digest]


_JUDGED: Mapping[VerdictKind, Callable[[Verdict, Known], tuple[Judged, list[str]]]] = {
    "anomaly": _of_alert,
    "not-anomaly": _of_alert,
    "right-cause": _of_cause,
    "wrong-cause": _of_cause,
    "merge": _of_merge,
    "split": _of_split,
    "missed": _of_missed,
    "plan-worked": _of_plan,
    "plan-failed": _of_plan,
}


def _incident(name: str, known: Known) -> Incident:
    incident = known.incident(name)
    if incident is None:
        raise NotFound(f"there is no alert or incident {name[:80]!r}")
    return incident


def _derived(command: Command, kind: VerdictKind, by: str, target: str) -> Verdict:
    """A verdict that follows from something done; the same after a replay."""
    parts = (kind, command.subject, by, target, str(command.at_ms))
    name = "V-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
    comment = command.arguments.get("says", "")[:2000]
    return Verdict(
        id=name, kind=kind, subject=command.subject, by=by, at_ms=command.at_ms, target=target, comment=comment
    )


def _verdict_entry(verdict: Verdict, rests_on: Sequence[str]) -> Entry:
    return Entry(
        id=f"verdict:{verdict.id}",
        kind="verdict",
        at_ms=verdict.at_ms,
        actor=_actor(verdict.by),
        subject=verdict.subject,
        output={
            "verdict": verdict.kind,
            "topic": TOPICS[verdict.kind],
            "target": verdict.target,
            "comment": verdict.comment,
            "about": [str(ref) for ref in verdict.about],
        },
        rests_on=(*dict.fromkeys(rests_on), *(str(ref) for ref in verdict.about)),
    )


def _label_entry(label: Label, verdict_entry: str) -> Entry:
    return Entry(
        id=f"label:{label.id}:{label.from_verdict}",
        kind="label",
        at_ms=label.at_ms,
        actor=_actor(label.by),
        subject=label.subject,
        output={"model": f"{label.model}@{label.version}", "kind": label.kind, "is_true": label.is_true},
        rests_on=(verdict_entry,),
    )


def _actor(by: str) -> str:
    return "mainstay" if by == "outcome" else by if by.startswith("user:") else f"user:{by}"

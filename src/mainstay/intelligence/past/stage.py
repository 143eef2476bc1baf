"""The stage: open incidents are compared with what is over; what ends is remembered, with how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.domain.similar import Ending, PastIncident, Portrait, SimilarIncident
from mainstay.domain.state import pack, unpack
from mainstay.domain.verdicts import Verdict
from mainstay.intelligence.past.memory import Memory
from mainstay.intelligence.past.portrait import portrait_of, words_of

FORMAT = 1
CANDIDATES = 20
AGAIN_MS = 10_000
"""An open incident is compared anew when it changed, but not more often than this: a storm changes it all the time."""
MOST_SAID = 2_000


class Compared(msgspec.Struct):
    """The last answer about an open incident."""

    at_ms: int
    portrait: Portrait
    similar: tuple[SimilarIncident, ...] = ()


class _Saved(msgspec.Struct):
    past: list[PastIncident]
    open: dict[str, Compared]
    said: dict[str, Ending]


class Past:
    """Finds what an incident resembles, through the deployed `similarity`.

    Args:
        models: Deployments; asked for `similarity`.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self.memory = Memory()
        self._open: dict[str, Compared] = {}
        self._said: dict[str, Ending] = {}

    def compare(
        self,
        incident: Incident,
        seen: tuple[Sequence[Alert], Sequence[Change], Topology],
        at_ms: int,
        effects: Effects,
    ) -> Incident:
        """The incident with what it resembles. Asked when it opens, and when it looks otherwise than before."""
        alerts, changes, topology = seen
        known = self._open.get(incident.id)
        is_over = incident.status in ("resolved", "merged")
        if known is None or is_over or at_ms - known.at_ms >= AGAIN_MS:
            portrait = portrait_of(incident, alerts, topology, {change.id: change for change in changes})
            if known is None or portrait != known.portrait:
                known = Compared(at_ms, portrait, self._ask(incident.id, portrait, at_ms, effects))
            self._open[incident.id] = known
        return msgspec.structs.replace(incident, similar=known.similar)

    def remember(self, incident: Incident, effects: Effects) -> None:
        """One that is over joins the past; one that was merged is part of another one."""
        if incident.status not in ("resolved", "merged"):
            return
        compared = self._open.pop(incident.id, None)
        if incident.status == "merged" or compared is None:
            return
        first = incident.suspects[0] if incident.suspects else None
        before = self.memory.past.get(incident.id)
        said = self._said.pop(incident.id, before.ending if before else Ending())
        over_ms = incident.resolved_ms or incident.updated_ms
        ending = msgspec.structs.replace(
            said,
            cause=first.cause if first else "",
            entity=first.entity if first else "",
            recovery_s=max(0, over_ms - incident.since_ms) / 1000,
        )
        one = PastIncident(
            id=incident.id,
            title=incident.title,
            since_ms=incident.since_ms,
            portrait=compared.portrait,
            ending=ending,
        )
        self._keep(one, effects)

    def command(self, command: Command, effects: Effects) -> None:
        """What mended an incident; tickets of the time before us (`remember`)."""
        says = command.arguments
        if command.kind == "plan-outcome" and says.get("status") == "succeeded":
            self._learn(says.get("incident", ""), {"runbook": says.get("runbook", "")}, effects)
        if command.kind == "remember":
            for ticket in msgspec.json.decode(says["tickets"], type=list[PastIncident]):
                self._keep(ticket, effects)

    def saw(self, effects: Effects) -> None:
        """After a record: what was said of causes."""
        for verdict in list(effects.verdicts.values()):
            if verdict.kind in ("right-cause", "wrong-cause", "not-anomaly"):
                self._learn(verdict.subject, _judgement(verdict), effects)

    def snapshot(self) -> bytes:
        """The whole state, with a format number."""
        return pack("past", FORMAT, _Saved(list(self.memory.past.values()), self._open, self._said))

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` wrote.

        Raises:
            Corrupt: Another format, or no state at all.
        """
        saved = unpack("past", FORMAT, state, _Saved)
        self.memory, self._open, self._said = Memory(saved.past), saved.open, saved.said

    def _ask(self, name: str, portrait: Portrait, at_ms: int, effects: Effects) -> tuple[SimilarIncident, ...]:
        near = self.memory.nearest(portrait, CANDIDATES)
        near = [one for one in near if one.id != name]
        if not near:
            return ()
        decision = self._models.decide("similarity", question(name, portrait, near, self.memory))
        entry = _entry(name, decision, at_ms)
        effects.entries.append(entry)
        return tuple(_told(one, self.memory.past[one["id"]], decision, entry.id) for one in decision.output["similar"])

    def _learn(self, name: str, facts: dict[str, Any], effects: Effects) -> None:
        past = self.memory.past.get(name)
        if past is not None:
            ending = msgspec.structs.replace(past.ending, **facts)
            self._keep(msgspec.structs.replace(past, ending=ending), effects)
        elif name in self._open:
            self._said[name] = msgspec.structs.replace(self._said.get(name, Ending()), **facts)
            while len(self._said) > MOST_SAID:
                del self._said[next(iter(self._said))]

    def _keep(self, one: PastIncident, effects: Effects) -> None:
        self.memory.keep(one)
        effects.records[f"past-incident:{one.id}"] = one


def question(name: str, portrait: Portrait, near: Sequence[PastIncident], memory: Memory) -> dict[str, Any]:
    """What the model is asked, whole: it is frozen beside the decision."""
    words = sorted({word for one in (portrait, *(past.portrait for past in near)) for word in one.words})
    return {
        "incident": _looks(name, portrait),
        "past": [_looks(one.id, one.portrait) for one in near],
        "known": len(memory.past),
        "frequency": memory.frequency(words),
    }


def past_of_ticket(name: str, title: str, service: str, opened_ms: int, resolved_ms: int | None) -> PastIncident:
    """A ticket as it is remembered: its words are all that it has."""
    recovery_s = None if resolved_ms is None else (resolved_ms - opened_ms) / 1000
    return PastIncident(
        id=f"ticket:{name}",
        title=title,
        since_ms=opened_ms,
        portrait=Portrait(words=words_of([title, service])),
        ending=Ending(recovery_s=recovery_s),
    )


def _judgement(verdict: Verdict) -> dict[str, Any]:
    return {"judged": verdict.kind, "right": verdict.target if verdict.kind == "wrong-cause" else ""}


def _looks(name: str, portrait: Portrait) -> dict[str, Any]:
    return {"id": name, "words": list(portrait.words), "facts": list(portrait.facts)}


def _told(found: dict[str, Any], past: PastIncident, decision: Decision, entry: str) -> SimilarIncident:
    return SimilarIncident(
        id=past.id,
        title=past.title,
        since_ms=past.since_ms,
        score=found["score"],
        text=found["text"],
        structure=found["structure"],
        decided_by=decision.decided_by,
        shared=tuple(found["shared"]),
        ending=past.ending,
        says=past.ending.says,
        entry=entry,
    )


def _entry(name: str, decision: Decision, at_ms: int) -> Entry:
    mark = blake2b(f"{name} {at_ms}".encode(), digest_size=6).hexdigest()
    return Entry(
        id=f"similar-{name}-{mark}",
        kind="similarity",
        at_ms=at_ms,
        actor=str(decision.decided_by),
        subject=name,
        output=decision.output,
        rests_on=(f"version-{decision.decided_by}",),
        inputs=decision.inputs,
    )

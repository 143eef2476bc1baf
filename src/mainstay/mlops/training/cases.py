"""What the judges (correlator, diagnoser, planner) learn from: their own decisions, as people and outcomes judged them.

A decision's inputs are frozen beside its ledger entry, so a candidate's weights can take it again exactly. A decision
that was right must come out the same; one that was wrong must come out differently, and as people said if they did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Protocol
from zlib import crc32

import msgspec

from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import EntryKind, LedgerEntry
from mainstay.domain.models import ModelKind
from mainstay.domain.verdicts import Label, Verdict
from mainstay.models.catalogue import build

LEAST_LABELS = 30
"""With fewer, the interval of the accuracy is wider than any difference between weights that one could find."""
HELD_OUT = 0.3
LEAST_CHANCE = 0.01
"""What was held for impossible and came true costs no more than this: one label may be wrong."""
_TOPICS: dict[ModelKind, tuple[str, EntryKind]] = {
    "correlator": ("grouping", "grouping"),
    "diagnoser": ("cause", "diagnosis"),
    "planner": ("plan", "plan"),
}


class Past(Protocol):
    """What of the control store is read."""

    def labels(self, model: str | None = None, limit: int | None = None) -> list[Label]: ...
    def verdicts(self, subject: str | None = None, limit: int = 1000) -> list[Verdict]: ...
    def incident(self, incident: str) -> Incident | None: ...
    def ledger_page(
        self, before: int | None = None, limit: int = 100, subject: str | None = None, kind: EntryKind | None = None
    ) -> list[LedgerEntry]: ...
    def frozen(self, digest: str) -> dict[str, Any] | None: ...


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that was judged.

    Attributes:
        key: What it decided, see `key_of`. wanted: what it should have decided; "" when only the former is known wrong.
    """

    id: str
    inputs: dict[str, Any]
    key: str
    is_right: bool
    wanted: str = ""


def cases_of(kind: ModelKind, past: Past) -> list[Case]:
    """Every judged decision whose inputs are still kept, by id; the newest word on each."""
    topic, entry_kind = _TOPICS[kind]
    found: dict[str, Case] = {}
    for label in sorted(past.labels(), key=lambda one: (one.at_ms, one.id)):
        if label.kind != topic:
            continue
        for entry in _entries(label, entry_kind, past):
            inputs = past.frozen(entry.inputs_digest) if entry.inputs_digest else None
            if inputs is not None:
                key, wanted = key_of(kind, entry.output), "" if label.is_true else _wanted(label, past)
                found[entry.id] = Case(id=entry.id, inputs=inputs, key=key, is_right=label.is_true, wanted=wanted)
    return [found[name] for name in sorted(found)]


def key_of(kind: ModelKind, output: Mapping[str, Any]) -> str:
    """What of a decision is judged: the first suspect, the incident an alert went to, the runbook.

    >>> key_of("diagnoser", {"suspects": [{"entity": "service:prod/db"}]})
    'service:prod/db'
    >>> key_of("correlator", {"action": "join", "incident": "INC-1"})
    'join INC-1'
    """
    if kind == "diagnoser":
        suspects = output.get("suspects") or [{}]
        return str(suspects[0].get("entity", ""))
    if kind == "planner":
        return str(output.get("runbook") or "")
    return f"{output.get('action')} {output.get('incident') or ''}".strip()


def accuracy(kind: ModelKind, algorithm: str, parameters: Mapping[str, Any], cases: Sequence[Case]) -> dict[str, float]:
    """How many judged decisions come out as they should, and the `loss` that a search makes small.

    The loss is the share that does not; of a diagnoser, which says how sure it is, it is the mean logarithmic loss
    (Good 1952): it is smallest for probabilities that come true, so a training sets right what is said too modestly or
    too boldly. `said` is the mean probability of its first suspects, to be held beside `accuracy`.
    """
    judge = build(algorithm, parameters)
    outputs = [judge.decide(case.inputs) for case in cases]
    right = sum(_is_good(case, key_of(kind, output)) for case, output in zip(cases, outputs, strict=True))
    share = right / len(cases) if cases else 0.0
    found = {"cases": float(len(cases)), "right": float(right), "accuracy": round(share, 4)}
    if kind != "diagnoser" or not cases:
        return {**found, "loss": round(1 - share, 6)}
    chances = [max(_chance(case, output), LEAST_CHANCE) for case, output in zip(cases, outputs, strict=True)]
    said = [one["suspects"][0]["probability"] if one["suspects"] else 0.0 for one in outputs]
    return {**found, "said": round(fmean(said), 4), "loss": round(-fmean(map(math.log, chances)), 6)}


def halves(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Those to search with, and those that no trial sees; a case keeps its side for ever."""
    is_held = [crc32(case.id.encode()) / 2**32 < HELD_OUT for case in cases]
    seen = [case for case, held in zip(cases, is_held, strict=True) if not held]
    return seen, [case for case, held in zip(cases, is_held, strict=True) if held]


def _is_good(case: Case, key: str) -> bool:
    if case.is_right:
        return key == case.key
    return key == case.wanted if case.wanted else key != case.key


def _chance(case: Case, output: Mapping[str, Any]) -> float:
    """The probability that a diagnosis gives to what is true of a case."""
    truth = case.key if case.is_right else case.wanted
    given = sum(one["probability"] for one in output["suspects"] if one["entity"] == (truth or case.key))
    return float(given) if truth else 1.0 - given


def _entries(label: Label, kind: EntryKind, past: Past) -> Iterator[LedgerEntry]:
    """The decisions that a label speaks of: the last one of its subject before the word was said."""
    subjects = [label.subject]
    incident = past.incident(label.subject) if kind == "grouping" else None
    if incident is not None:  # merged: its first alert should have joined another incident
        subjects = [incident.groupings[0].alert] if incident.groupings else []
    for subject in subjects:
        said = past.ledger_page(subject=subject, kind=kind)
        decided = [entry for entry in said if entry.at_ms <= label.at_ms and entry.inputs_digest]
        yield from decided[:1]


def _wanted(label: Label, past: Past) -> str:
    """For a wrong cause the entity that people named."""
    if label.kind != "cause":
        return ""
    verdict = next((one for one in past.verdicts(label.subject) if one.id == label.from_verdict), None)
    return verdict.target if verdict is not None else ""

"""What all signals together say of each entity, whenever it began, and without what others explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mainstay.models.survey.facts import Survey
from mainstay.models.survey.finding import Finding, strongest
from mainstay.models.survey.gauges import gauge_findings
from mainstay.models.survey.habits import habit_findings
from mainstay.models.survey.paces import pace_findings
from mainstay.models.survey.surprise import bounded

FELT_ABOVE = ("latency", "errors", "habit")
"""Modalities in which trouble shows in everything that calls: there, what a callee shows explains its callers."""

Edges = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Weighed:
    """One entity: points of evidence over all onsets, and at its best onset the findings with their points."""

    entity: str
    points: float
    onset_ms: int
    findings: tuple[tuple[Finding, float], ...]


def weighed(survey: Survey, edges: Iterable[tuple[str, str]], weights: Mapping[str, float]) -> list[Weighed]:
    """Every entity of a survey.

    The onset is not known to the minute: each candidate is as likely as the next, so the points are the logarithm of
    the mean odds over all (a marginal likelihood), not those of the onset that suits a suspect best.
    """
    below = _below([*edges, *_seen_edges(survey)])
    rounds = [(onset_ms, _at(survey, onset_ms, below, weights)) for onset_ms in survey.onsets_ms]
    entities = sorted({entity for _, points in rounds for entity in points})
    return [_over(entity, rounds, weights) for entity in entities]


Points = Mapping[str, Mapping[str, tuple[Finding, float]]]
"""Entity → modality → (finding, points)."""


def _at(survey: Survey, onset_ms: int, below: Edges, weights: Mapping[str, float]) -> Points:
    findings = [
        *gauge_findings(survey.gauges, onset_ms, weights),
        *pace_findings(survey.paces, onset_ms, weights),
        *habit_findings(survey.works, onset_ms, weights),
    ]
    found: dict[str, dict[str, tuple[Finding, float]]] = {}
    for modality in sorted({finding.modality for finding in findings}):
        best = strongest(finding for finding in findings if finding.modality == modality)
        size = {entity: bounded(finding.evidence, weights["most_nats"]) for entity, finding in best.items()}
        for entity, finding in best.items():
            left = size[entity] - _explained(entity, size, below, weights) if modality in FELT_ABOVE else size[entity]
            found.setdefault(entity, {})[modality] = (finding, max(0.0, left) * weights[f"of_{modality}"])
    return found


def _explained(entity: str, size: Mapping[str, float], below: Edges, weights: Mapping[str, float]) -> float:
    """What the worst of all that it depends on accounts for."""
    return weights["passed_on"] * max((size.get(other, 0.0) for other in below.get(entity, ())), default=0.0)


def _over(entity: str, rounds: Sequence[tuple[int, Points]], weights: Mapping[str, float]) -> Weighed:
    totals = [sum(points for _, points in found.get(entity, {}).values()) for _, found in rounds]
    sharp = weights["sharpness"]
    top = max(totals)
    mean = sum(math.exp(sharp * (total - top)) for total in totals) / len(totals)
    onset_ms, found = max(zip(totals, rounds, strict=True), key=lambda pair: (pair[0], pair[1][0]))[1]
    kept = sorted(found.get(entity, {}).values(), key=lambda pair: (-pair[1], pair[0].modality))
    return Weighed(entity, top + math.log(mean) / sharp, onset_ms, tuple(kept))


def _seen_edges(survey: Survey) -> list[tuple[str, str]]:
    ways = [(pace.entity, pace.toward) for pace in survey.paces if pace.toward]
    calls = [(work.entity, habit.toward) for work in survey.works for habit in work.habits if habit.kind != "line"]
    return ways + [(caller, callee) for caller, callee in calls if callee and callee != caller]


def _below(edges: Iterable[tuple[str, str]]) -> Edges:
    """Everything that an entity depends on, directly or not, without itself."""
    callees: dict[str, set[str]] = {}
    for caller, callee in edges:
        callees.setdefault(caller, set()).add(callee)
    return {entity: frozenset(reached(entity, lambda e: callees.get(e, ())) - {entity}) for entity in callees}


def reached(entity: str, following: Callable[[str], Iterable[str]]) -> set[str]:
    """The entity and all that is reached from it; circles do no harm.

    >>> sorted(reached("a", lambda entity: {"a": "bc", "b": "a"}.get(entity, "")))
    ['a', 'b', 'c']
    """
    seen, border = {entity}, {entity}
    while border:
        border = {other for one in border for other in following(one)} - seen
        seen |= border
    return seen

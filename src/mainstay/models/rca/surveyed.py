"""Hypotheses from a survey: what all signals say of every entity becomes clues like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mainstay.models.rca.blame import Charge
from mainstay.models.rca.case import Case
from mainstay.models.rca.clue import Clue
from mainstay.models.rca.hypothesis import Hypothesis
from mainstay.models.rca.picture import Picture
from mainstay.models.rca.place import place_clues
from mainstay.models.rca.survey import Survey
from mainstay.models.rca.weighing import Weighed, reached, weighed

CAUSES = {"cpu": "cpu", "memory": "memory"}
"""Modalities that say what kind of trouble it is; the others only say where."""


def with_survey(
    case: Case, survey: Survey, picture: Picture, known: Sequence[Hypothesis], weights: Mapping[str, float]
) -> list[Hypothesis]:
    """The hypotheses with what the survey says of their entities, and those that only the survey knows."""
    complaining = {alert.about for alert in case.alerts}
    depended = {below for entity in complaining for below in reached(entity, picture.callees)}
    found = list(known)
    for one in weighed(survey, case.edges, weights):
        if one.entity in case.ruled_out:
            continue
        factor = 1.0 if not complaining or one.entity in depended else weights["aside"]
        clues = _clues(one, factor)
        mine = [h for h in found if h.entity == one.entity]
        if not mine:
            place = (*place_clues(picture, one.entity), *clues)
            found.append(Hypothesis(one.entity, _charge(one, weights), place))
        found = [replace(h, place=(*h.place, *clues)) if h in mine else h for h in found]
    return found


def _charge(one: Weighed, weights: Mapping[str, float]) -> Charge:
    cause = CAUSES.get(one.findings[0][0].modality, "unknown") if one.findings and one.findings[0][1] > 0 else "unknown"
    return Charge(cause, (Clue("nothing else says what kind of trouble it is", weights["unknown_cause"]),))


def _clues(one: Weighed, factor: float) -> tuple[Clue, ...]:
    """Findings in proportion; their sum is what the entity has over all onsets."""
    whole = sum(points for _, points in one.findings)
    share = factor * one.points / whole if whole > 0 else 0.0
    return tuple(
        Clue(finding.says, points * share, finding.kind, finding.ref, one.onset_ms)
        for finding, points in one.findings
        if points > 0
    )

"""Hypotheses from a survey: what all signals say of every entity becomes clues like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mainstay.models.rca.blame import Charge
from mainstay.models.rca.case import Case, short
from mainstay.models.rca.clue import Clue, total
from mainstay.models.rca.hypothesis import Hypothesis
from mainstay.models.rca.picture import Picture
from mainstay.models.rca.place import place_clues
from mainstay.models.survey.facts import Survey
from mainstay.models.survey.finding import Finding
from mainstay.models.survey.impact import shares_of
from mainstay.models.survey.weighing import Weighed, reached, weighed

CAUSES = {"cpu": "cpu", "memory": "memory"}
"""Modalities that say what kind of trouble it is; the others only say where."""


def with_survey(
    case: Case, survey: Survey, picture: Picture, known: Sequence[Hypothesis], weights: Mapping[str, float]
) -> list[Hypothesis]:
    """The hypotheses with what the survey says of their entities, and those that only the survey knows."""
    complaints = Complaints(case, survey, picture, weights)
    entities = weighed(survey, case.edges, weights)
    said = {one.entity: complaints.clues(one) for one in entities}
    causes = {one.entity: _charge(one, weights) for one in entities}
    found = list(known)
    for entity in sorted(said.keys() - {h.entity for h in known} - set(case.ruled_out)):
        found.append(Hypothesis(entity, causes[entity], tuple(place_clues(picture, entity))))
    victims = complaints.victims({entity: total(clues) for entity, clues in said.items()})
    return [replace(h, place=(*h.place, *said.get(h.entity, ()), *victims.get(h.entity, ()))) for h in found]


class Complaints:
    """What is complained of, and how far a finding bears on it. Without a complaint everything bears on the matter."""

    def __init__(self, case: Case, survey: Survey, picture: Picture, weights: Mapping[str, float]) -> None:
        self._weights, self._survey, self._picture = weights, survey, picture
        self._signals = {alert.signal for alert in case.alerts} & {"latency", "errors"}
        self._targets = sorted({alert.about for alert in case.alerts})
        self._depended = {below for entity in self._targets for below in reached(entity, picture.callees)}

    def clues(self, one: Weighed) -> tuple[Clue, ...]:
        """Findings in proportion; their sum is what the entity has over all onsets."""
        whole = sum(points for _, points in one.findings)
        share = one.points / whole if whole > 0 else 0.0
        bearing = [self._bearing(one, finding) for finding, _ in one.findings]
        return tuple(
            Clue(finding.says, points * share * bears, finding.kind, finding.ref, one.onset_ms)
            for (finding, points), bears in zip(one.findings, bearing, strict=True)
            if points > 0
        )

    def victims(self, points: Mapping[str, float]) -> dict[str, tuple[Clue, ...]]:
        """Who complains is a victim as far as something that it depends on behaves otherwise than usual."""
        found: dict[str, tuple[Clue, ...]] = {}
        for target in self._targets:
            below = reached(target, self._picture.callees) - {target}
            worst = max(sorted(below), key=lambda entity: points.get(entity, 0.0), default="")
            strength = min(1.0, points.get(worst, 0.0) / self._weights["not_enough"])
            if strength > 0:
                says = f"{short(target)} depends on {short(worst)}, which is not as usual"
                found[target] = (Clue(says, -self._weights["explained"] * strength),)
        return found

    def _bearing(self, one: Weighed, finding: Finding) -> float:
        if not self._targets:
            return 1.0
        if one.entity not in self._depended:
            return self._weights["aside"]
        kind = finding.modality
        if self._signals and kind in ("latency", "errors") and kind not in self._signals:
            return self._weights["aside"]
        found = [shares_of(self._survey.gauges, target, one.onset_ms) for target in self._targets]
        known = [shares[one.entity, kind] for shares in found if (one.entity, kind) in shares]
        return max(known, default=1.0)


def _charge(one: Weighed, weights: Mapping[str, float]) -> Charge:
    cause = CAUSES.get(one.findings[0][0].modality, "unknown") if one.findings and one.findings[0][1] > 0 else "unknown"
    return Charge(cause, (Clue("nothing else says what kind of trouble it is", weights["unknown_cause"]),))

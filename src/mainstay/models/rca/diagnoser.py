"""Ranked suspects with probabilities and evidence, or an honest "not enough evidence"."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of
from mainstay.models.rca.blame import Charge
from mainstay.models.rca.case import Case, case_of, short
from mainstay.models.rca.causes import charges
from mainstay.models.rca.clue import Clue, Exhibits
from mainstay.models.rca.hypothesis import Hypothesis
from mainstay.models.rca.picture import ILLNESS, Picture
from mainstay.models.rca.place import place_clues
from mainstay.models.rca.second import parted
from mainstay.models.rca.starvation import starvation_of
from mainstay.models.rca.surveyed import with_survey


class Diagnoser:
    """Explains victims away along the call graph and asks of what is left: why this one?

    A hypothesis is (entity, cause). Its score is the sum of its clues, each with a named weight; the scores go through
    a softmax together with one more alternative, "not enough evidence", which wins when all clues are weak. So
    probabilities sum to at most 1, and every number can be traced to a line of the evidence list.

    The weights are hand-set priors; how surely it speaks (`sureness`) was chosen on cases that it is judged on, see
    docs/root-cause.md. A fitted version replaces them as any model version does. Known limits: of two faults at a time
    it sees the second only where somebody depends on that one alone, and it cannot tell a harmless deploy of the very
    service that something else breaks in the same minute from a harmful one unless a resource, a log or silence speaks.
    A starved host is looked for first: what it explains is taken away, and the other hypotheses must live on the rest.

    Source: explain-away on the call graph as in MicroRCA and in petshop's traversal baseline (Hardt et al., 2023).
    """

    ALGORITHM: ClassVar[str] = "explain-away"
    DEFAULTS: ClassVar[dict[str, float]] = {
        # where
        "illness": 2.0,
        "covers": 2.0,
        "own": 1.6,
        "own_at": 0.7,  # so much of a slowness is what does not come from what it calls
        "explained": 3.0,
        "early": 0.8,
        "early_tau_s": 20.0,
        "silence": 1.5,
        "named": 0.8,
        # what
        "unknown_cause": 0.2,
        "change": 3.2,
        "change_tau_s": 240.0,
        "change_window_s": 900.0,
        "change_slack_s": 10.0,  # clocks of pipelines and services differ; onsets are known to a window or two
        "guilt_unknown": 0.7,
        "guilt_victim": 0.15,
        "since_change": 0.8,  # share of a resource clue that a fresh change takes over: a leak that came with a deploy
        "since_change_tau_s": 120.0,
        "memory": 2.6,
        "cpu": 2.0,
        "disk": 2.8,
        "queue": 2.6,
        "database": 2.4,
        "one_caller": 0.6,
        "outage": 2.6,
        "traffic": 0.9,
        "model": 2.8,
        "model_window_s": 900.0,  # what has drifted for longer than this before the onset did not cause it today
        "log": 1.6,
        # how sure
        "first_at": 0.5,  # the first suspect is likelier than not …
        "second_at": 0.6,  # … and another explains what it does not
        "not_enough": 3.6,
        "sharpness": 0.9,
        "sureness": 1.8,  # how surely it is said whom the evidence names: 1 leaves it as the clues add up
        "confirmed": 8.0,
        "least_probability": 0.02,
        "most_suspects": 5.0,
        "most_evidence": 14.0,
        # what counts as a shift (practical, not statistical: noise has pauses of 50–150 ms)
        "slow_ms": 15.0,
        "slow_share": 0.5,
        "failing_share": 0.04,
        "order_slack_ms": 10000.0,
        # whose word counts
        "witness_window_s": 180.0,
        "doubtful": 0.35,
        "lonely": 0.7,
        "starved_s": 0.05,
        "excuse": 0.4,  # a callee that explains less, as one of whom only a doubtful witness tells, is no excuse
        "lead_ms": 60000.0,
        # signals of every entity against their past
        "of_cpu": 1.0,
        "of_memory": 0.5,
        "of_latency": 1.0,
        "of_errors": 1.0,
        "of_own": 0.6,
        "of_gap": 1.0,
        "of_habit": 1.0,
        "most_nats": 12.0,  # beyond that another assumption is likelier wrong than this one right
        "passed_on": 0.8,  # what the worst callee accounts for in its callers
        "aside": 0.3,  # nobody who complains depends on it
        "share_floor": 0.05,  # variations below these are nobody's concern
        "ratio_floor": 0.2,  # … as a logarithm: 1.2 times
        "error_floor": 0.005,
        "drift": 0.35,  # … of times, from one minute to another
        "peers": 2.0,
        "fewer_errors": 0.3,
        "more_work": 0.4,
        # a host that is starved
        "host": 3.2,
        "host_members": 3.0,  # so many must be slow, and so many say how late they wake, before it is the host
        "host_share": 0.6,
        "late_s": 0.02,
        "own_part": 0.15,  # of the added time its own: less than that is waiting for others
        "beyond": 3.0,  # times what its neighbours take longer: then it is ill by itself
        "beyond_ms": 150.0,
        "beyond_ratio": 5.0,  # times the upper edge of what is usual, where only an alert tells
    }

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights: dict[str, float] = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Rank.

        Returns:
            `suspects` (entity, cause, probability, change, evidence, says), `unknown` (the rest: not enough
            evidence), `evidence` (as `domain.Evidence`), `says`; `second` when there is another cause beside the first
            (entity, cause, probability, `leave`: the entities whose alerts are no part of this incident, says).
        """
        case = case_of(inputs)
        hypotheses = self._hypotheses(case)
        ranked, unknown = self._ranked(case, hypotheses)
        exhibits = Exhibits(int(self._weights["most_evidence"]))
        suspects = [_suspect(hypothesis, probability, exhibits, case) for hypothesis, probability in ranked]
        exhibits.cite(_worst_symptoms(case))
        said = {
            "suspects": suspects,
            "unknown": unknown,
            "evidence": exhibits.listed(),
            "says": suspects[0]["says"] if suspects else "not enough evidence for a suspect yet",
        }
        if case.survey is not None:
            return {**said, "entities": self._by_entity(case, hypotheses)}
        second = self._second(case, ranked)
        return {**said, "second": second} if second else said

    def _second(self, case: Case, ranked: Sequence[tuple[Hypothesis, float]]) -> dict[str, Any] | None:
        """Another cause in the same incident: what the first suspect does not explain, diagnosed by itself.

        Two faults at one time meet in whoever depends on both, and become one incident. What depends on the second one
        and not on the first (or the other way round) leaves it: those whose trouble came later.
        """
        if not ranked or ranked[0][1] < self._weights["first_at"] or case.confirmed:
            return None
        first, picture = ranked[0][0], Picture(case, self._weights)
        if first.charge.cause == "host":
            return None  # it harms who does not depend on it by any call
        explained = picture.above(first.entity)
        rest = tuple(alert for alert in case.alerts if alert.is_trouble and alert.about not in explained)
        alone = msgspec.structs.replace(case, alerts=rest, ruled_out=(*case.ruled_out, first.entity))
        others = self._ranked(alone, self._hypotheses(alone))[0] if rest else []
        if not others or others[0][1] < self._weights["second_at"]:
            return None
        return parted(picture, first, *others[0])

    def _by_entity(self, case: Case, hypotheses: Sequence[Hypothesis]) -> dict[str, float]:
        """The probability of every entity, also of those that are no suspects: whatever the cause."""
        shares = self._shares(case, hypotheses)
        whole: dict[str, float] = {}
        for hypothesis, share in zip(hypotheses, shares[:-1], strict=True):
            whole[hypothesis.entity] = whole.get(hypothesis.entity, 0.0) + share
        return {entity: round(share, 12) for entity, share in sorted(whole.items())}

    def _shares(self, case: Case, hypotheses: Sequence[Hypothesis]) -> list[float]:
        """A probability for each hypothesis, and what is left for "not enough evidence"."""
        scores = [self._score(h, case) for h in hypotheses]
        shares = _softmax([*scores, self._weights["not_enough"]], self._weights["sharpness"])
        said_why = {h.entity for h in hypotheses if h.charge.cause != "unknown" or case.survey is not None}
        thin = {h.entity for h in hypotheses} - said_why
        return _tempered(shares, [h.entity for h in hypotheses], thin, self._weights["sureness"])

    def _ranked(self, case: Case, hypotheses: Sequence[Hypothesis]) -> tuple[list[tuple[Hypothesis, float]], float]:
        shares = [math.floor(share * 10_000) / 10_000 for share in self._shares(case, hypotheses)]
        pairs = sorted(zip(hypotheses, shares[:-1], strict=True), key=lambda p: (-p[1], p[0].entity, p[0].charge.cause))
        kept = [(h, p) for h, p in _named_first(pairs) if p >= self._weights["least_probability"]]
        kept = kept[: int(self._weights["most_suspects"])]
        return kept, round(max(0.0, 1.0 - sum(p for _, p in kept)), 4)

    def _hypotheses(self, case: Case) -> list[Hypothesis]:
        starvation = starvation_of(case, self._weights)
        picture = Picture(starvation.rest if starvation else case, self._weights)
        entities = sorted({*picture.suspects, *([case.confirmed] if case.confirmed else [])} - set(case.ruled_out))
        found = []
        for entity in entities:
            place = tuple(place_clues(picture, entity))
            found += [Hypothesis(entity, charge, place) for charge in charges(picture, entity)]
        if starvation:
            found.append(Hypothesis(starvation.host, Charge("host", starvation.clues), ()))
        return found if case.survey is None else with_survey(case, case.survey, picture, found, self._weights)

    def _score(self, hypothesis: Hypothesis, case: Case) -> float:
        bonus = self._weights["confirmed"] + 12.0 if hypothesis.entity == case.confirmed else 0.0
        return hypothesis.points + bonus


def _named_first(pairs: Sequence[tuple[Hypothesis, float]]) -> list[tuple[Hypothesis, float]]:
    """Without "this one, but nothing says why" for an entity of which something better is said already."""
    best = {h.entity: h.charge.cause for h, _ in reversed(pairs)}
    return [(h, p) for h, p in pairs if h.charge.cause != "unknown" or best[h.entity] == "unknown"]


def _softmax(scores: Sequence[float], sharpness: float) -> list[float]:
    """Shares of 1."""
    top = max(scores)
    powers = [math.exp(sharpness * (score - top)) for score in scores]
    whole = sum(powers)
    return [power / whole for power in powers]


def _tempered(shares: Sequence[float], entities: Sequence[str], thin: set[str], sureness: float) -> list[float]:
    """Shares of hypotheses about these entities, and of "not enough evidence": said more surely, or less.

    The order of entities and the proportion of one's causes stay. Who is suspected without a word of why (`thin`) gains
    nothing: what would be gained counts as not enough evidence.

    Source: temperature scaling (Guo et al., "On calibration of modern neural networks", ICML 2017).

    >>> [round(share, 2) for share in _tempered([0.4, 0.2, 0.3, 0.1], ["a", "a", "b"], set(), 2.0)]
    [0.48, 0.24, 0.18, 0.1]
    >>> [round(share, 2) for share in _tempered([0.4, 0.2, 0.3, 0.1], ["a", "a", "b"], {"a"}, 2.0)]
    [0.4, 0.2, 0.18, 0.22]
    """
    whole: dict[str, float] = {}
    for entity, share in zip(entities, shares[:-1], strict=True):
        whole[entity] = whole.get(entity, 0.0) + share
    powers = {entity: share**sureness for entity, share in whole.items()}
    factor = (1.0 - shares[-1]) / (sum(powers.values()) or 1.0)
    gains = {entity: factor * powers[entity] / share if share else 1.0 for entity, share in whole.items()}
    gains |= {entity: min(gains[entity], 1.0) for entity in thin}
    found = [share * gains[entity] for entity, share in zip(entities, shares[:-1], strict=True)]
    return [*found, max(0.0, 1.0 - sum(found))]


def _suspect(hypothesis: Hypothesis, probability: float, exhibits: Exhibits, case: Case) -> dict[str, Any]:
    speaking = [clue for clue in hypothesis.clues if clue.points > 0]
    return {
        "entity": hypothesis.entity,
        "cause": hypothesis.charge.cause,
        "probability": probability,
        "change": hypothesis.charge.change,
        "evidence": exhibits.cite(speaking),
        "says": _says(hypothesis, case),
    }


def _says(hypothesis: Hypothesis, case: Case) -> str:
    if hypothesis.entity == case.confirmed:
        return f"{case.confirmed_by or 'a person'} says so"
    clues = sorted((c for c in hypothesis.clues if c.points > 0 and c.ref), key=lambda c: -c.points)
    reasons = list(dict.fromkeys(clue.says for clue in clues))[:3]
    return "; ".join(reasons) or f"{short(hypothesis.entity)} lies where the others meet"


def _worst_symptoms(case: Case) -> list[Clue]:
    """What users feel most, so that a summary can cite it even when it speaks for nobody."""
    ranked = sorted(
        case.alerts, key=lambda a: (not a.user_facing, -ILLNESS.get(a.severity, 0.3), -(a.ratio or 0.0), a.id)
    )
    return [Clue(a.summary or a.name or f"{a.signal} alert", 0.0, "alert", a.id, a.since_ms) for a in ranked[:2]]

"""An incident whose every alert lies above something that burns, and burned first, is a symptom of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from mainstay.models.checks import weights_of

SYMPTOMS = ("latency", "errors", "availability")


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of the incident whose page is weighed."""

    id: str
    entity: str
    signal: str
    severity: str
    since_ms: int
    is_rule: bool = False
    near_exhaustion: bool = False


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What burns below a symptom: `entity` of another incident, so many calls (or one host) below `symptom`."""

    incident: str
    entity: str
    symptom: str
    hops: int
    signal: str
    severity: str
    since_ms: int


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that is about to page, and what burns below it. `mode` says what its team does with the answer."""

    at_ms: int
    incident: str
    mode: str
    alerts: tuple[Symptom, ...]
    candidates: tuple[Candidate, ...] = ()


class Dependency:
    """Dependency suppression without a hand-written rule: the graph and the order of onsets are the rule.

    A page is held when one other incident explains every alert of this one: each lies above something of it that burns,
    at most `max_hops` calls away (or on that host), began no earlier (but for `slack_s`, as onsets are not known more
    exactly), and closely enough: `per_hop` to the number of hops, less where the suppressor shows load or log lines
    only, is at least `hold_at`. Critical alerts, resources nearly exhausted and a user's own rules are never withheld.

    Known limit: a fault of its own in a caller, begun while what it calls burns, looks like a symptom. So it is
    proposed and not on until a team has seen its replay, and it ends with its suppressor. Use a silence instead for
    what is known to be noise, a maintenance window for what is planned.

    Source: inhibition as in Alertmanager's `inhibit_rules` (source, target, equal labels), with the call graph in the
    place of labels that somebody wrote. The weights are set by hand.
    """

    ALGORITHM: ClassVar[str] = "dependency-order"
    DEFAULTS: ClassVar[dict[str, float]] = {
        "max_hops": 2.0,
        "per_hop": 0.8,
        "hint": 0.7,  # a suppressor that shows no symptom itself (load, lines) is a weaker one
        "hold_at": 0.5,
        "slack_s": 15.0,
    }

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._weights: dict[str, float] = weights_of(self.DEFAULTS, parameters)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Hold or pass.

        Returns:
            `action` (hold, pass), `mode` as asked, `incident` (the suppressor, "" for pass), `entity` (where it burns),
            `score` (0–1: of the weakest tie), `covers` (alert → entity that it is a symptom of), `why`.
        """
        case = msgspec.convert(inputs, Case)
        exempt = next((why for alert in case.alerts if (why := _exempt(alert))), "")
        if exempt or not case.alerts:
            return _output(case, "pass", exempt or "nothing burns")
        found = [self._explains(case, name) for name in dict.fromkeys(c.incident for c in case.candidates)]
        best = max((one for one in found if one), key=lambda one: (round(one[0], 6), one[2].incident), default=None)
        if best is None:
            return _output(case, "pass", "no other incident burns below all of it and began first")
        score, covers, nearest = best
        way = f"{nearest.hops} call{'s' if nearest.hops != 1 else ''} below" if nearest.hops else "the host of it"
        why = (
            f"a symptom of {nearest.incident}: {nearest.signal} of {_short(nearest.entity)}, {way}, began "
            f"{max(0, min(a.since_ms for a in case.alerts) - nearest.since_ms) // 1000} s before"
        )
        return _output(case, "hold", why, incident=nearest.incident, entity=nearest.entity, score=score, covers=covers)

    def _explains(self, case: Case, incident: str) -> tuple[float, dict[str, str], Candidate] | None:
        """How well one incident explains all alerts: score of the weakest tie, alert → entity, strongest candidate."""
        mine = [c for c in case.candidates if c.incident == incident]
        covers: dict[str, str] = {}
        scores: list[tuple[float, Candidate]] = []
        for alert in case.alerts:
            tie = self._tie(alert, mine)
            if tie is None:
                return None
            covers[alert.id] = tie[1].entity
            scores.append(tie)
        return min(s for s, _ in scores), covers, max(scores, key=lambda tie: (tie[0], -tie[1].since_ms))[1]

    def _tie(self, alert: Symptom, candidates: Sequence[Candidate]) -> tuple[float, Candidate] | None:
        slack_ms = self._weights["slack_s"] * 1000
        ties = [
            (self._closeness(c), c)
            for c in candidates
            if c.symptom == alert.entity and c.since_ms <= alert.since_ms + slack_ms
        ]
        best = max(ties, key=lambda tie: (tie[0], -tie[1].since_ms, tie[1].entity), default=None)
        return best if best is not None and best[0] >= self._weights["hold_at"] else None

    def _closeness(self, candidate: Candidate) -> float:
        if candidate.hops > self._weights["max_hops"] or candidate.severity == "info":
            return 0.0
        hint = 1.0 if candidate.signal in SYMPTOMS or candidate.severity == "critical" else self._weights["hint"]
        return hint * self._weights["per_hop"] ** candidate.hops


def _exempt(alert: Symptom) -> str:
    if alert.severity == "critical":
        return f"{alert.signal} of {_short(alert.entity)} is critical: never withheld"
    if alert.near_exhaustion:
        return f"a resource of {_short(alert.entity)} is nearly exhausted: never withheld"
    return f"a rule of your own on {_short(alert.entity)}: never withheld" if alert.is_rule else ""


def _output(case: Case, action: str, why: str, **rest: Any) -> dict[str, Any]:
    return {
        "action": action,
        "mode": case.mode,
        "incident": rest.get("incident", ""),
        "entity": rest.get("entity", ""),
        "score": round(rest.get("score", 0.0), 4),
        "covers": rest.get("covers", {}),
        "why": why,
    }


def _short(entity: str) -> str:
    return entity.rpartition("/")[2] or entity

"""What the platform's own verdicts say of changes so far: by kind, service, author and circumstance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mainstay.domain.changes import Change, ChangeForecast, Reason
from mainstay.intelligence.changes.state import State

NOT_COUNTED = frozenset({"base", "service_record", "author_record", "track_record"})
"""Reasons that are drawn from counts, or from what forecasts scored; all others are circumstances of the change."""


def names_of(change: Change, reasons: Iterable[Reason] = ()) -> list[str]:
    """Under which names a scored change is counted; all but its kind by kind: a rollback is no release.

    >>> names_of(Change(id="1", at_ms=0, kind="flag", subject="a", entity="service:t/a", author="ada"))
    ['kind:flag', 'service:service:t/a|flag', 'author:ada|flag']
    """
    names = [f"kind:{change.kind}", f"service:{change.entity}|{change.kind}"]
    names += [f"author:{change.author}|{change.kind}"] if change.author else []
    return names + [f"fact:{one.name}|{change.kind}" for one in reasons if one.name not in NOT_COUNTED]


def what_is_known(change: Change, entity: str, state: State) -> dict[str, Any]:
    """The records that a forecast of this change rests on, those that stand but may still change among them.

    Harm is final after half a minute, "harmless" only after six: without what stands, harm would be counted first, and
    too often.
    """
    standing, skill = _standing(state)

    def record(name: str) -> tuple[int, int]:
        scored, harmful = state.record(name)
        return scored + standing[name], harmful

    end = f"|{change.kind}"
    names = [*state.counts, *(name for name in standing if name not in state.counts)]
    facts = [name for name in names if name.startswith("fact:") and name.endswith(end)]
    return {
        "of_kinds": {name[5:]: record(name) for name in sorted(names) if name.startswith("kind:")},
        "of_service": record(f"service:{entity}{end}"),
        "of_author": record(f"author:{change.author}{end}") if change.author else (0, 0),
        "of_facts": {name[5 : -len(end)]: record(name) for name in sorted(facts)},
        "skill": dict(zip(("scored", "base", "factors"), skill, strict=True)),
    }


def _standing(state: State) -> tuple[Counter[str], tuple[int, float, float]]:
    """Changes that are harmless as far as was looked, by name; and the skill as if it stayed so."""
    made = {one.change: one for one in state.forecasts.values() if one.change}
    found: Counter[str] = Counter()
    skill = state.skill
    for one in state.watched.values():
        if not one.is_over and one.impact is not None and one.impact.verdict == "harmless":
            forecast = made.get(one.change.id)
            found.update(names_of(one.change, forecast.reasons if forecast else ()))
            skill = with_score(skill, forecast, did_harm=False) if forecast else skill
    return found, skill


def with_score(
    skill: tuple[int, float, float], forecast: ChangeForecast, *, did_harm: bool
) -> tuple[int, float, float]:
    """One more forecast: by how much its base was off, and what its factors said, both squared."""
    if forecast.base is None or forecast.by_factors is None:
        return skill
    off = forecast.base - did_harm, forecast.by_factors - did_harm
    return skill[0] + 1, round(skill[1] + off[0] ** 2, 8), round(skill[2] + off[1] ** 2, 8)

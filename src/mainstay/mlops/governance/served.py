"""The models that users run in production: whom one serves worse, how risky it is, and its row in the inventory.

A group is *worse* by the rules of `bias`: the difference to all other groups is sure (below 5 % after Bonferroni) and
large (10 points), with at least `LEAST` labelled predictions on either side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mainstay.domain.predictions import Evenness, GroupShare, InProduction
from mainstay.domain.shares import share, two_shares
from mainstay.domain.watching import BiasStatus, Governance, InventoryRow, ModelRiskPart
from mainstay.mlops.governance.bias import APART, LEAST, SURE
from mainstay.mlops.governance.risk import MATERIALITY, MEASURES, REASONS
from mainstay.mlops.watching.health import Health

KIND = "production"
EXACT = 2_000
"""Up to so many labels Fisher's test is counted out; beyond, the normal approximation differs in no decimal shown."""
CHANNELS = {"accuracy": "accuracy", "features": "data_drift", "missing": "data_drift", "score": "score_drift"}
"""What a channel of the watch weighs as a finding."""


def name_of(standing: InProduction) -> str:
    """The model's own name.

    >>> name_of(InProduction(entity="model:prod/fraud", version="12", predictions=0, labelled=0, last_ms=0,
    ...                      is_known=False))
    'fraud'
    """
    return standing.entity.rpartition("/")[2]


def governed_as(name: str) -> str:
    """Under which name people answer for it: never that of a model of the platform's own."""
    return f"{KIND}:{name}"


def evenness(standing: InProduction) -> Evenness:
    """Whether one version is wrong about some group more often than about all the others."""
    groups = [one for one in standing.groups if one.group]
    wrong, labelled = sum(one.wrong for one in groups), sum(one.labelled for one in groups)
    found = []
    for one in groups:
        rest = (wrong - one.wrong, labelled - one.labelled)
        other = share(*rest, LEAST).value
        mine = share(one.wrong, one.labelled, LEAST)
        chance = _chance(one.wrong, one.labelled, *rest)
        is_large = mine.value is not None and other is not None and mine.value - other > APART["precision"]
        is_worse = is_large and chance * len(groups) < SURE
        found.append(GroupShare(group=one.group, wrong=mine, rest=other, p_value=chance, is_worse=is_worse))
    return Evenness(status=_status(found), groups=tuple(found), says=_says(found))


def _status(groups: Sequence[GroupShare]) -> BiasStatus:
    if any(one.is_worse for one in groups):
        return "worse"
    return "none" if any(one.wrong.value is not None and one.rest is not None for one in groups) else "too_few"


def _says(groups: Sequence[GroupShare]) -> str:
    bad = [
        f"{one.group[:80]}: {one.wrong.value:.0%} wrong [{one.wrong.low:.0%}–{one.wrong.high:.0%}], "
        f"elsewhere {one.rest:.0%}"
        for one in groups
        if one.is_worse
    ]
    if bad:
        return "; ".join(bad)
    if len(groups) < 2:
        return "there are no two groups to compare: send `group` with the predictions"
    is_known = _status(groups) == "none"
    return "no group fares worse" if is_known else f"too few labelled predictions (needs {LEAST} a side)"


def _chance(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Chance that equals differ so much, two-sided."""
    if n + other_n <= EXACT or not (n and other_n):
        return two_shares(hits, n, other_hits, other_n)
    both = (hits + other_hits) / (n + other_n)
    spread = math.sqrt(both * (1 - both) * (1 / n + 1 / other_n))
    return math.erfc(abs(hits / n - other_hits / other_n) / spread / math.sqrt(2)) if spread else 1.0


def risk_parts(standing: InProduction, governance: Governance | None, *, is_overdue: bool) -> tuple[ModelRiskPart, ...]:
    """How risky it is to rely on, as a sum with reasons; the weights are those of the platform's own models."""
    known = governance or Governance(id="")
    parts = [_part("materiality", MATERIALITY[known.materiality], f"a wrong word of it does {known.materiality} harm")]
    for channel in standing.firing:
        parts.append(_part(channel, MEASURES[CHANNELS.get(channel, "data_drift")], f"{channel}: not what it was"))
    even = evenness(standing)
    if even.status == "worse":
        parts.append(_part("bias", 15, f"it serves some worse: {even.says}"))
    if standing.loss_now is None:
        parts.append(_part("evidence", 10, "too few of its predictions have a label to know how good it is"))
    if is_overdue:
        parts.append(_part("overdue", REASONS["overdue"], "its validation ran out"))
    if not known.owner:
        parts.append(_part("owner", 5, "nobody answers for it"))
    elif not known.validated_ms:
        parts.append(_part("validation", 10, f"nobody but {known.owner} has looked at it"))
    open_ = min(15, 5 * len(known.findings))
    parts.append(_part("open findings", open_, f"the validator asks for: {'; '.join(known.findings)}"))
    return tuple(part for part in parts if part.points)


def rows(standings: Iterable[InProduction], health: Health, at_ms: int) -> list[InventoryRow]:
    """One row per model that predicted something, by name; over its environments the version that predicted last."""
    by_name: dict[str, list[InProduction]] = {}
    for standing in standings:
        by_name.setdefault(name_of(standing), []).append(standing)
    return [_row(name, known, health, at_ms) for name, known in sorted(by_name.items())]


def _row(name: str, known: Sequence[InProduction], health: Health, at_ms: int) -> InventoryRow:
    subject = governed_as(name)
    governance = health.governance.get(subject) or Governance(id=subject)
    newest = max(known, key=lambda one: one.last_ms)
    is_overdue = health.is_overdue(subject, at_ms)
    parts = risk_parts(newest, governance, is_overdue=is_overdue)
    return InventoryRow(
        model=name,
        kind="production",
        live=f"{name}@{newest.version}",
        versions=len({one.version for one in known}),
        owner=governance.owner,
        purpose=governance.purpose or "not written down",
        materiality=governance.materiality,
        validator=governance.validator,
        validated_ms=governance.validated_ms,
        next_review_ms=health.next_review_ms(subject) or 0,
        is_overdue=is_overdue,
        open_findings=(*governance.findings, *(f"{channel}: not what it was" for channel in newest.firing)),
        risk=min(100, sum(part.points for part in parts)),
    )


def _part(name: str, points: int, says: str) -> ModelRiskPart:
    return ModelRiskPart(name=name, points=points, says=says)

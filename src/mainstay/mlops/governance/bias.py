"""Does a version serve everybody alike? Its figures for each tier, team, environment, region and traffic size.

Every group is set beside all the others together. It is *worse* when the difference is both sure and large: its chance
under equality, times the number of looks (Bonferroni), is below 5 %, and it exceeds `APART`. Fewer than `LEAST` cases
on either side say nothing.

- **precision** and **recall** by Fisher's exact test, with Wilson's intervals;
- **delay** from the trouble's begin to the incident: medians, by Mann and Whitney's test (1947), interval by order
  statistics;
- **pages per entity** that nobody judged right, by the exact test of two Poisson rates (Przyborowski, Wilenski 1940):
  who has more faults has more pages, and that is no bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mainstay.domain.entities import Entity
from mainstay.domain.models import VersionRef
from mainstay.domain.shares import share, two_shares
from mainstay.domain.watching import BiasCase, BiasFigure, BiasReport, BiasRow, BiasStatus

LEAST = 20
SURE = 0.05
APART = {"precision": 0.1, "recall": 0.1, "delay": 1.5, "pages": 2.0}
"""Points of a share, or how many times as much."""
REGION = ("cloud.region", "region", "topology.kubernetes.io/region")
Measure = Literal["precision", "recall", "delay", "pages"]


class _Side(msgspec.Struct):
    """The cases of a group, or of all others."""

    cases: list[BiasCase]
    entities: int


def report(
    version: VersionRef,
    cases: Sequence[BiasCase],
    entities: Mapping[str, Entity],
    span_ms: tuple[int, int],
    traffic: Mapping[str, float] | None = None,
) -> BiasReport:
    """Whom it serves worse. `entities`: all that are watched, who has no page counts, too; `traffic`: calls/s."""
    groupings = {name: _groups(entities, group_of) for name, group_of in _ways(entities, traffic or {}).items()}
    looks = sum(4 * len(groups) for groups in groupings.values() if len(groups) > 1)
    rows = tuple(_row(by, groups, cases, max(1, looks)) for by, groups in groupings.items())
    found = {row.status for row in rows}
    status: BiasStatus = "worse" if "worse" in found else "none" if "none" in found else "too_few"
    bad = [row.says for row in rows if row.status == "worse"]
    says = "; ".join(bad) or ("no group fares worse" if status == "none" else f"too few cases (needs {LEAST} a side)")
    return BiasReport(version=version, since_ms=span_ms[0], until_ms=span_ms[1], status=status, rows=rows, says=says)


def gate(found: BiasReport) -> tuple[Literal["passed", "failed", "not_enough"], str]:
    """What a gate that requires evenness says of a report; too little evidence is no pass."""
    verdicts: dict[BiasStatus, Literal["passed", "failed", "not_enough"]] = {
        "none": "passed", "worse": "failed", "too_few": "not_enough",
    }  # fmt: skip
    return verdicts[found.status], found.says


def _ways(entities: Mapping[str, Entity], traffic: Mapping[str, float]) -> dict[str, Callable[[Entity], str]]:
    rates = sorted(traffic[name] for name in entities if traffic.get(name, 0) > 0)
    low, high = (rates[len(rates) // 3], rates[2 * len(rates) // 3]) if len(rates) >= 3 else (0.0, math.inf)

    def size(entity: Entity) -> str:
        rate = traffic.get(entity.id, 0.0)
        return "" if rate <= 0 or len(rates) < 3 else "small" if rate < low else "large" if rate >= high else "middle"

    return {
        "tier": lambda entity: "" if entity.tier is None else str(entity.tier),
        "team": lambda entity: entity.owner or "",
        "environment": lambda entity: entity.environment,
        "region": lambda entity: next((entity.attributes[name] for name in REGION if name in entity.attributes), ""),
        "traffic": size,
    }


def _groups(entities: Mapping[str, Entity], group_of: Callable[[Entity], str]) -> dict[str, set[str]]:
    """Entities by group; those of none are left out."""
    found: dict[str, set[str]] = {}
    for entity in entities.values():
        group = group_of(entity)
        if group:
            found.setdefault(group, set()).add(entity.id)
    return dict(sorted(found.items()))


def _row(by: str, groups: Mapping[str, set[str]], cases: Sequence[BiasCase], looks: int) -> BiasRow:
    placed = {
        name: _Side([case for case in cases if case.entity in group], len(group)) for name, group in groups.items()
    }
    if len(groups) < 2:
        return BiasRow(by=by, status="too_few", worse=(), figures=(), says=f"{by}: there is only one group")
    figures = []
    for name, side in placed.items():
        others = [other for key, other in placed.items() if key != name]
        rest = _Side([case for other in others for case in other.cases], sum(other.entities for other in others))
        figures += [_figure(measure, name, side, rest, looks) for measure in APART]
    worse = tuple(dict.fromkeys(figure.group for figure in figures if figure.is_worse))
    is_known = any(figure.value is not None and figure.rest is not None for figure in figures)
    status: BiasStatus = "worse" if worse else "none" if is_known else "too_few"
    bad = (
        f"{by} {one.group}: {one.measure} {one.value:.3g}, elsewhere {one.rest:.3g}" for one in figures if one.is_worse
    )
    says = "; ".join(bad) or (f"{by}: none worse" if is_known else f"{by}: too few cases")
    return BiasRow(by=by, status=status, worse=worse, figures=tuple(figures), says=says)


def _figure(measure: str, group: str, mine: _Side, rest: _Side, looks: int) -> BiasFigure:
    kind: Measure = msgspec.convert(measure, Measure)
    if kind == "delay":
        value, low, high, n, other, p_value = _delays(mine.cases, rest.cases)
        is_large = value is not None and other is not None and value > APART[kind] * other
    elif kind == "pages":
        value, low, high, n, other, p_value = _pages(mine, rest)
        is_large = value is not None and other is not None and value > APART[kind] * other
    else:
        value, low, high, n, other, p_value = _shares(kind, mine.cases, rest.cases)
        is_large = value is not None and other is not None and other - value > APART[kind]
    return BiasFigure(
        measure=kind, group=group, value=value, low=low, high=high, n=n, rest=other, p_value=p_value,
        is_worse=is_large and p_value * looks < SURE,
    )  # fmt: skip


Figures = tuple[float | None, float, float, int, float | None, float]


def _shares(measure: str, mine: Iterable[BiasCase], rest: Iterable[BiasCase]) -> Figures:
    def counted(cases: Iterable[BiasCase]) -> tuple[int, int]:
        known = list(cases)
        right = sum(case.is_true is True for case in known)
        if measure == "precision":
            return right, right + sum(case.is_true is False for case in known)
        return right, right + sum(case.is_missed for case in known)

    (hits, n), (other_hits, other_n) = counted(mine), counted(rest)
    one, other = share(hits, n, LEAST), share(other_hits, other_n, LEAST)
    return one.value, one.low, one.high, n, other.value, two_shares(hits, n, other_hits, other_n)


def _delays(mine: Iterable[BiasCase], rest: Iterable[BiasCase]) -> Figures:
    ours = sorted(case.delay_s for case in mine if case.delay_s is not None)
    others = sorted(case.delay_s for case in rest if case.delay_s is not None)
    low, high = _median_interval(ours)
    value = _median(ours) if len(ours) >= LEAST else None
    return value, low, high, len(ours), _median(others) if len(others) >= LEAST else None, _later(ours, others)


def _pages(mine: _Side, rest: _Side) -> Figures:
    ours, others = (sum(case.is_page and case.is_true is not True for case in side.cases) for side in (mine, rest))
    total, part = ours + others, mine.entities / (mine.entities + rest.entities)
    is_enough = total >= LEAST
    of_mine = share(ours, total)
    scale = total / max(1, mine.entities)
    return (
        ours / mine.entities if is_enough else None, of_mine.low * scale, of_mine.high * scale, ours,
        others / rest.entities if is_enough else None, _more(ours, total, part),
    )  # fmt: skip


def _more(hits: int, n: int, part: float) -> float:
    """Chance of so many or more of n when each is ours with this chance."""
    if not n:
        return 1.0
    logs = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        + k * math.log(part) + (n - k) * math.log1p(-part)
        for k in range(hits, n + 1)
    )  # fmt: skip
    return min(1.0, sum(math.exp(log) for log in logs))


def _median(values: Sequence[float]) -> float:
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 %, by order statistics (normal approximation of the binomial)."""
    n = len(values)
    if n < LEAST:
        return 0.0, 0.0
    apart = 0.98 * math.sqrt(n)
    return values[max(0, math.floor(n / 2 - apart))], values[min(n - 1, math.ceil(n / 2 + apart))]


def _later(mine: Sequence[float], rest: Sequence[float]) -> float:
    """Chance that equals differ so much (Mann–Whitney, two-sided, normal approximation with ties)."""
    n, m = len(mine), len(rest)
    if min(n, m) < LEAST:
        return 1.0
    everyone = sorted([*mine, *rest])
    rank: dict[float, float] = {}
    ties, start = 0.0, 0
    while start < len(everyone):
        end = start
        while end < len(everyone) and everyone[end] == everyone[start]:
            end += 1
        rank[everyone[start]] = (start + 1 + end) / 2
        ties, start = ties + (end - start) ** 3 - (end - start), end
    u = sum(rank[value] for value in mine) - n * (n + 1) / 2
    size = n + m
    spread = math.sqrt(max(1e-12, n * m / 12 * (size + 1 - ties / (size * (size - 1)))))
    return math.erfc(abs(u - n * m / 2) / spread / math.sqrt(2))

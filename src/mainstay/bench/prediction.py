"""A town of services made from a seed: months of signals, changes and incidents for the predictor to be tried on.

It is made, not recorded: how far incidents announce themselves in it was set by hand (`SHARES`). It shows that training
and judging work and what they can find when there is something to be found; it shows nothing about real systems.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from mainstay.app.mlops.deployed import deployed
from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Topology
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import Outlook
from mainstay.domain.signals import MetricBatch, Series
from mainstay.mlops.prediction import Looks, Outcome, Seen, outcomes, said
from mainstay.mlops.training.foretelling.learning import FALSE_PER_DAY, share, within
from mainstay.outlook.leading import FEATURES, Leading

LOOK_S = 300
HORIZON_S = 3600.0
START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SHARES = {"odd": 0.35, "runs_out": 0.15, "sudden": 0.5}
"""Of the incidents that no change brings: those with odd values before, with a resource that runs out, with nothing."""
NOISE = (("faint", 0.7, 0.6), ("alerts", 0.2, 0.5), ("ending", 0.01, 2.0))
"""The same signs with nothing behind them: how often a day and service, and how many hours they last."""
CHANGE_HARMS = 0.06
AGAIN = 0.25
RULE = VersionRef("rule/made", 0)
PART = 0.6
WHO = ("learned", "shipped", "repeat_offender")
ANNOUNCED = ("odd", "runs_out")
"""Signs that an oracle could go by."""


@dataclass
class Story:
    """What happens in the town: moments (ms), each with the service and, where it lasts, until when.

    Attributes:
        odd, faint, alerts, ending: (service, since, until). changes: (service, at). incidents: by service.
        signs: By service and incident, what announces it; a `change` mostly announces nothing, "" is no sign.
    """

    odd: list[tuple[int, int, int]] = field(default_factory=list)
    faint: list[tuple[int, int, int]] = field(default_factory=list)
    alerts: list[tuple[int, int, int]] = field(default_factory=list)
    ending: list[tuple[int, int, int]] = field(default_factory=list)
    changes: list[tuple[int, int]] = field(default_factory=list)
    incidents: dict[int, list[int]] = field(default_factory=dict)
    signs: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Town:
    """What was learned and foretold in one town.

    Attributes:
        came_of: Who said it → what came of it. signs: of each incident that was judged, what announced it.
    """

    came_of: dict[str, Outcome]
    signs: dict[tuple[int, int], str]
    weights: Mapping[str, float]
    incidents: int
    us_per_row: float


def prediction(services: int, days: int, seed: int, towns: int = 1) -> dict[str, Any]:
    """Learn from the first three fifths of the days, judge on the rest; several towns each for itself, added up."""
    drawn = [_town(services, days, one) for one in range(seed, seed + towns)]
    signs = Counter(sign for town in drawn for sign in town.signs.values())
    figures: dict[str, Any] = {
        "is_made_from_a_seed": True,
        "services": services,
        "days": days,
        "towns": towns,
        "incidents": sum(town.incidents for town in drawn),
        "horizon_s": HORIZON_S,
        "cpu_us_per_row": round(sum(town.us_per_row for town in drawn) / towns, 1),
        "ceiling": _ceiling(signs),
    }
    for who in WHO:
        found = [town.came_of[who] for town in drawn if who in town.came_of]
        if len(found) == towns:
            figures[who] = {**said(reduce(add, found), towns * days * (1 - PART)), **_by_sign(drawn, who, signs)}
            over = sum(one.told.false > FALSE_PER_DAY * days * (1 - PART) for one in found)
            figures[who]["towns_over_budget"] = over
    return {**figures, **({"weights": drawn[0].weights} if towns == 1 and drawn[0].weights else {})}


def _town(services: int, days: int, seed: int) -> Town:
    draw = np.random.default_rng(seed)
    story = _story(services, days, draw)
    began = time.process_time()
    at_ms, rows, usual = (np.array(part) for part in zip(*_looks(story, services, days, draw), strict=True))
    took_s = time.process_time() - began
    who = np.tile(np.arange(services), len(at_ms))
    moments = np.repeat(at_ms, services)
    looks = Looks(who, moments, rows.reshape(-1, len(FEATURES)), story.incidents)
    seen = Seen(
        looks, usual.reshape(-1), FEATURES, HORIZON_S, START_MS + int(PART * days * DAY_MS),
        days=days * (1 - PART), past_days=days * PART,
    )  # fmt: skip
    with deployed() as platform:
        came_of, weights = outcomes(platform.serving, platform.registry, seen)
    later = looks.at_ms[seen.is_later]
    judged = [(s, at) for s, begins in story.incidents.items() for at in begins if later.min() < at <= later.max()]
    signs = {one: story.signs.get(one, "") for one in judged}
    incidents = sum(len(one) for one in story.incidents.values())
    return Town(came_of, signs, weights, incidents, took_s / len(who) * 1e6)


def _ceiling(signs: Counter[str]) -> dict[str, Any]:
    """What an oracle could foretell that knows which incidents are announced; and how many anything comes before.

    A change comes before some, but 94 changes in 100 do no harm, and nothing tells them apart: whoever flagged them
    all would give about one false alarm a service and day.
    """
    whole, announced = sum(signs.values()), sum(signs[sign] for sign in ANNOUNCED)
    return {
        "recall": share(announced, whole),
        "recall_within": within(announced, whole),
        "announced": announced,
        "incidents": whole,
        "with_any_sign": share(announced + signs["change"], whole),
    }


def _by_sign(drawn: list[Town], who: str, signs: Counter[str]) -> dict[str, Any]:
    """Of what was announced, how much was foretold; and [foretold, of] by what announced it."""
    found = Counter(town.signs[one] for town in drawn for one in town.came_of[who].told.foretold)
    announced, of = (sum(count[sign] for sign in ANNOUNCED) for count in (found, signs))
    by_sign = {sign or "nothing": [found[sign], signs[sign]] for sign in (*ANNOUNCED, "change", "")}
    return {"recall_of_announced": share(announced, of), "by_sign": by_sign}


def _story(services: int, days: int, draw: np.random.Generator) -> Story:
    story, end_ms = Story(), START_MS + days * DAY_MS
    usual = draw.lognormal(0, 1, services)
    for service in range(services):
        begins: list[int] = []
        for at in _times(draw, days / 10 * usual[service], days):
            _announce(story, service, at, draw)
            begins += [at, at + int(draw.uniform(2, 24) * HOUR_MS)] if draw.random() < AGAIN else [at]
        for at in _times(draw, days * 1.0, days):
            story.changes.append((service, at))
            if draw.random() < CHANGE_HARMS:
                begins.append(at + int(draw.uniform(0.1, 0.7) * HOUR_MS))
                story.signs[service, begins[-1]] = "change"
        story.incidents[service] = sorted(one for one in begins if one < end_ms)
        _noise(story, service, days, draw)
    return story


def _announce(story: Story, service: int, at: int, draw: np.random.Generator) -> None:
    kind = draw.choice(list(SHARES), p=list(SHARES.values()))
    since = at - int(draw.uniform(0.3, 1.5) * HOUR_MS)
    if kind == "odd":
        story.odd.append((service, since, at))
        if draw.random() < 0.5:
            story.alerts.append((service, at - int(draw.uniform(0.1, 0.6) * HOUR_MS), at + HOUR_MS))
    story.signs[service, at] = "" if kind == "sudden" else str(kind)
    if kind == "runs_out":
        story.ending.append((service, at - int(draw.uniform(1, 4) * HOUR_MS), at))


def _noise(story: Story, service: int, days: int, draw: np.random.Generator) -> None:
    """The same signs, with nothing behind them."""
    for kind, each_day, hours in NOISE:
        for at in _times(draw, each_day * days, days):
            getattr(story, kind).append((service, at, at + int(draw.exponential(hours) * HOUR_MS)))


def _times(draw: np.random.Generator, usual: float, days: int) -> list[int]:
    count = int(draw.poisson(usual))
    return sorted((START_MS + draw.uniform(0, days * DAY_MS, count)).astype(np.int64).tolist())


def _looks(
    story: Story, services: int, days: int, draw: np.random.Generator
) -> Iterator[tuple[int, np.ndarray[Any, Any], list[float]]]:
    """One look every five minutes, by the code that runs in the platform."""
    names = [f"service:made/s{i}" for i in range(services)]
    topology = Topology(edges=tuple(Edge(caller=a, callee=b) for a, b in zip(names[1:], names, strict=False)))
    leading = Leading(HORIZON_S)
    leading.hear([Series(i, i + 1, name, "made") for i, name in enumerate(names)])
    waits = sorted([(at, service) for service, begins in story.incidents.items() for at in begins], reverse=True)
    changes = sorted(story.changes, key=lambda one: -one[1])
    for at in range(START_MS, START_MS + days * DAY_MS, LOOK_S * 1000):
        while waits and waits[-1][0] <= at:
            begun, service = waits.pop()
            leading.incident(names[service], begun)
        while changes and changes[-1][1] <= at:
            service, made = changes.pop()
            leading.changes([Change(id=str(made), kind="deploy", subject="", entity=names[service], at_ms=made)])
        chances = 10 ** -draw.exponential(0.6, services)
        for kind, oddest in (("faint", 3.5), ("odd", 5.0)):
            for service, _, _ in _now(getattr(story, kind), at):
                chances[service] = 10 ** -draw.uniform(1.5, oddest)
        slots = np.arange(services, dtype=np.uint32)
        leading.samples(MetricBatch(slots, np.full(services, at * 10**6), np.zeros(services)), chances)
        leading.alerts(_alert(names[service], since, until, at) for service, since, until in _near(story.alerts, at))
        ending = [_ending(names[service], until, at) for service, _, until in _now(story.ending, at)]
        yield at, leading.rows(names, topology, ending, at), [leading.usual(name, at) for name in names]


def _now(spans: list[tuple[int, int, int]], at: int) -> list[tuple[int, int, int]]:
    return [span for span in spans if span[1] <= at < span[2]]


def _near(spans: list[tuple[int, int, int]], at: int) -> list[tuple[int, int, int]]:
    """Those that burn, and those that ended since the last look."""
    return [span for span in spans if span[1] <= at < span[2] + 2 * LOOK_S * 1000]


def _alert(entity: str, since: int, until: int, at: int) -> Alert:
    return Alert(
        id=f"{entity}{since}", fingerprint="", entity=entity, name="made", severity="minor",
        status="firing" if at < until else "resolved", since_ms=since, at_ms=at, decided_by=RULE,
    )  # fmt: skip


def _ending(entity: str, until: int, at: int) -> Outlook:
    left_s = math.ceil((until - at) / 1000)
    return Outlook(
        id=entity, entity=entity, resource="disk", metric="made", series=0, at_ms=at, value=0.0, says="",
        is_believed=True, expected_s=float(left_s),
    )  # fmt: skip

"""A version that was made deaf for one tier of the lab's shop, on purpose: the report on evenness names that tier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.mlops.keeper import Keeper, registry

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Entity
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.domain.watching import BiasCase
from mainstay.lab.shop import read_shop
from mainstay.mlops import Serving
from mainstay.mlops.governance.bias import report
from mainstay.mlops.training.knobs import turned
from mainstay.models.catalogue import defaults_of

SHOP = read_shop("default")
ENTITIES = {
    f"service:lab/{s.name}": Entity(
        id=f"service:lab/{s.name}", kind="service", name=s.name, environment="lab", tier=s.tier, owner=s.owner
    )
    for s in SHOP.services
}
NAMES = list(ENTITIES)
PERIOD, LASTS, EACH = 60, 12, 24
"""In samples of 5 s: a fault every five minutes, of a minute; so many at each service."""


def samples(seed: int = 4) -> Iterator[tuple[int, np.ndarray]]:
    """p95 of every service in ms, with a fault of three times the usual, of one service after the other."""
    lots = np.random.default_rng(seed)
    for step in range(PERIOD * EACH):
        value = lots.lognormal(4.0, 0.05, len(NAMES))
        for place in range(len(NAMES)):
            value[place] *= 3.0 if _is_faulty(step, place) else 1.0
        yield step, value


def _is_faulty(step: int, place: int) -> bool:
    return step >= 2 * PERIOD and (step + 5 * place) % PERIOD < LASTS


def served(tmp_path: Any, deaf_tier: int | None) -> tuple[VersionRef, list[BiasCase]]:
    """Every fault as a case of the version that serves: found, and how late, or missed."""
    parameters = defaults_of("robust-season")
    if deaf_tier is not None:
        names = "|".join(one.name for one in ENTITIES.values() if one.tier == deaf_tier)
        deaf = turned("metrics", parameters, {"rel": 1e6})["rules"]
        parameters = {**parameters, "scopes": [{"entity": f"/({names})$", "rules": deaf}]}
    serving = Serving(registry(tmp_path, Keeper()))
    ref = serving._registry.register("metrics", "robust-season", parameters, by="ada", why="test").ref
    serving.apply(
        Command(kind="deploy", by="ada", at_ms=0, subject="metrics", arguments={"kind": "metrics", "live": str(ref)}),
        Effects(),
    )
    series = tuple(
        Series(i, 100 + i, name, "http.server.request.duration.p95", (), "ms", "up") for i, name in enumerate(NAMES)
    )
    firing: set[str] = set()
    cases: list[BiasCase] = []
    found_at: dict[int, int] = {}
    for step, value in samples():
        at_ns = (1_800_000_000 + 5 * step) * 10**9
        batch = MetricBatch(np.arange(len(NAMES), dtype=np.uint32), np.full(len(NAMES), at_ns), value)
        told = serving.score("metrics", Normal(new_series=series if not step else (), metrics=batch, at_ns=at_ns))
        for one in told.scored.transitions:
            (firing.add if one.firing else firing.discard)(one.entity)
        for place, name in enumerate(NAMES):
            if _is_faulty(step, place) and name in firing:
                found_at.setdefault(place, step)
            if _is_faulty(step - 1, place) and not _is_faulty(step, place):
                at = found_at.pop(place, None)
                if at is None:
                    cases.append(BiasCase(entity=name, is_missed=True))
                else:
                    cases.append(BiasCase(entity=name, is_true=True, delay_s=5.0 * (at - step + LASTS)))
    return ref, cases


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_the_tier_that_one_version_is_deaf_for_is_named(tmp_path, tier):
    ref, cases = served(tmp_path, tier)
    found = report(ref, cases, ENTITIES, (0, 1), {})
    assert next(row for row in found.rows if row.by == "tier").worse == (str(tier),), found.says
    assert f"tier {tier}" in found.says


def test_no_tier_is_named_when_all_are_watched_alike(tmp_path):
    ref, cases = served(tmp_path, None)
    assert sum(case.is_missed for case in cases) <= 0.15 * len(cases)
    assert report(ref, cases, ENTITIES, (0, 1), {}).status == "none"

"""A group that is served worse is named; where all are served alike, none is."""

import numpy as np
import pytest

from mainstay.domain.entities import Entity
from mainstay.domain.models import VersionRef
from mainstay.domain.watching import BiasCase
from mainstay.mlops.governance.bias import gate, report

REF = VersionRef("metrics", 3)
TEAMS = ("ada", "bob", "eve")
ENTITIES = {
    f"service:prod/s{n}": Entity(
        id=f"service:prod/s{n}", kind="service", name=f"s{n}", environment="prod" if n % 4 else "stage",
        tier=1 + n % 3, owner=TEAMS[(n // 3) % 3], attributes={"region": ("eu", "us")[n % 2]},
    )
    for n in range(24)
}  # fmt: skip
TRAFFIC = {name: float(1 + n) for n, name in enumerate(ENTITIES)}


def cases(seed=0, per_entity=20, **worse):
    """Equal chances everywhere but on tier 2, where `worse` says what is."""
    lots = np.random.default_rng(seed)
    found = []
    for entity in ENTITIES.values():
        bad = worse if entity.tier == 2 else {}
        for _ in range(per_entity):
            if lots.uniform() < bad.get("missed", 0.1):
                found.append(BiasCase(entity=entity.id, is_missed=True))
                continue
            is_true = bool(lots.uniform() < bad.get("precision", 0.8))
            delay = float(lots.lognormal(4, 0.3) * bad.get("slower", 1))
            found.append(BiasCase(entity=entity.id, is_true=is_true, is_page=True, delay_s=delay))
        found += [BiasCase(entity=entity.id, is_page=True) for _ in range(lots.poisson(bad.get("pages", 1.0)))]
    return found


def of(given):
    return report(REF, given, ENTITIES, (0, 1), TRAFFIC)


def row(found, by="tier"):
    return next(one for one in found.rows if one.by == by)


@pytest.mark.parametrize("worse", [{"precision": 0.4}, {"missed": 0.5}, {"slower": 2.5}, {"pages": 20}], ids=str)
def test_the_tier_that_was_made_worse_on_purpose_is_named(worse):
    found = of(cases(**worse))
    assert found.status == "worse"
    assert row(found).worse == ("2",)
    assert "tier 2" in found.says
    assert gate(found)[0] == "failed"


@pytest.mark.parametrize("seed", range(20))
def test_none_is_named_where_all_are_equal(seed):
    found = of(cases(seed))
    assert found.status == "none"
    assert [one.worse for one in found.rows] == [()] * 5
    assert gate(found) == ("passed", "no group fares worse")


def test_too_few_say_nothing_and_pass_no_gate():
    found = of(cases(per_entity=0)[:5])
    assert found.status == "too_few"
    assert gate(found)[0] == "not_enough"


def test_each_figure_has_its_interval_and_its_count():
    figure = next(
        one for one in row(of(cases(precision=0.4))).figures if (one.group, one.measure) == ("2", "precision")
    )
    assert figure.low < figure.value < figure.high < figure.rest
    assert figure.n > 100


def test_more_faults_are_no_bias():
    """Pages that people called right are what a version is for."""
    given = [BiasCase(entity=name, is_true=True, is_page=True) for name in ENTITIES for _ in range(5)]
    given += [
        BiasCase(entity=n, is_true=True, is_page=True) for n, e in ENTITIES.items() if e.tier == 2 for _ in range(50)
    ]
    assert row(of(given)).worse == ()


def test_a_single_group_has_nobody_to_be_worse_than():
    alone = {name: entity for name, entity in ENTITIES.items() if entity.tier == 2}
    found = report(REF, cases(precision=0.1), alone, (0, 1))
    assert row(found).says == "tier: there is only one group"


def test_every_way_of_grouping_is_looked_at():
    assert [one.by for one in of(cases()).rows] == ["tier", "team", "environment", "region", "traffic"]
    assert {figure.group for figure in row(of(cases()), "traffic").figures} == {"small", "middle", "large"}

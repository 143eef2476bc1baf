"""The bench of the detector measures what it says: every figure is there, and the plant is what was asked for."""

from __future__ import annotations

import numpy as np

from mainstay.bench.detect import NEIGHBOURS, TICKS, WARM, Plant, detect
from mainstay.models.anomaly.metrics import RobustSeason

SMALL = Plant(series=600, scopes=6, versions=3)


def test_every_figure_is_there():
    figures = detect(SMALL)
    assert {"points_per_s", "scopes_cost", "restore_s", "shadow_cost", "river_ratio"} <= set(figures)
    assert figures["bytes_per_series"] == figures["row_bytes"] <= 160
    assert (figures["series"], figures["scopes"], figures["versions"]) == (600, 6, 3)
    assert figures["river_ratio"] is None or figures["river_ratio"] > 0
    assert (figures["river_ratio"] is None) == ("river_missing" in figures)


def test_the_scopes_share_the_rows_of_equal_rules():
    parameters = SMALL.parameters()
    assert len(parameters["scopes"]) == 6
    one = RobustSeason({})._choice.table
    many = RobustSeason(parameters)._choice.table
    # Version 0 changes nothing, so three versions are two more sets of rules.
    assert len(many) - 1 == 3 * (len(one) - 1)


def test_series_of_one_entity_lie_side_by_side():
    series = SMALL.watched()
    assert [s.slot for s in series] == list(range(600))
    assert len({s.entity for s in series[:NEIGHBOURS]}) == 1
    assert len({s.entity for s in series}) == 600 // NEIGHBOURS


def test_each_tick_has_one_sample_of_each_series_and_can_be_made_again():
    first, again = (list(SMALL.batches(2, WARM)) for _ in range(2))
    assert [len(b) for b in first] == [600, 600]
    assert first[1].at_ns[0] > first[0].at_ns[0]
    assert all(np.array_equal(a.value, b.value) for a, b in zip(first, again, strict=True))
    assert TICKS > 0

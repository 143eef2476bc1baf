"""How strange a sample is: records, seasons in one byte an hour, scopes, and what survives a restart."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.simulated import START_NS, Metrics

from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.anomaly.rules import Choice, Parameters, Rule, Scope, table
from mainstay.models.anomaly.season import slot_at, steps_of
from mainstay.models.anomaly.shipped import shipped
from mainstay.models.anomaly.state import HOURS, ROW, UNSEEN
from mainstay.models.anomaly.watched import Watched

MINUTE_NS, HOUR_NS, DAY_NS = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9
MONDAY_NS = 1_772_409_600 * 10**9  # 2026-03-02


def series(slot: int = 0, metric: str = "value", entity: str = "service:lab/a", number: int = 7, **more) -> Series:
    return Series(slot, number, entity, metric, **more)


def scored(detector: RobustSeason, values, *, every_ns: int = 5 * MINUTE_NS, start_ns: int = MONDAY_NS) -> np.ndarray:
    """−log10 p of samples of slot 0."""
    at = start_ns + np.arange(len(values)) * every_ns
    batch = MetricBatch(np.zeros(len(values), np.uint32), at, np.asarray(values, float))
    return -np.log10(detector.score(Normal(metrics=batch)).scores)


def watching(**more) -> RobustSeason:
    detector = RobustSeason({})
    detector.score(Normal(new_series=(series(**more),)))
    return detector


def normal(n: int, seed: int = 0) -> np.ndarray:
    return 50 + np.random.default_rng(seed).normal(0, 2, n)


def test_what_was_never_reached_is_stranger_the_farther_it_lies():
    found = []
    for far in (56, 70, 100, 200):
        detector = watching()
        scored(detector, normal(3000))
        found.append(scored(detector, [far], start_ns=MONDAY_NS + 3000 * 5 * MINUTE_NS)[0])
    assert found == sorted(found)
    assert found[0] < 5 < found[1]


def test_noise_is_rarely_strange():
    strange = np.concatenate([scored(watching(), normal(4000, seed))[400:] for seed in range(5)])
    assert np.isfinite(strange).all()
    assert (strange > 5.4).mean() < 1e-3


def test_what_goes_on_becomes_less_strange():
    detector = watching()
    found = scored(detector, np.concatenate([normal(2000), normal(60, 1) + 100]))
    assert found[2000] > 8
    assert found[2030:].max() < found[2000] / 2


def test_one_wild_sample_does_not_deafen():
    detector = watching()
    found = scored(detector, np.concatenate([normal(1500), [1000.0], normal(1500, 1), [700.0]]))
    assert found[-1] > 5


def test_unrest_is_seen_without_a_new_level():
    rng = np.random.default_rng(1)
    calm, wild = 50 + rng.normal(0, 1, 2000), 50 + 6 * np.sign(rng.normal(0, 1, 40))
    bare = np.concatenate([[30.0, 70.0] * 3, calm])  # its band is wide from the beginning: only steps tell
    found = scored(watching(), np.concatenate([bare, wild]))
    assert found[len(bare) :].max() > found[500 : len(bare)].max()


def test_an_hour_out_of_its_rhythm_is_strange_although_the_value_is_usual():
    at = np.arange(14 * 288)
    busy = 100.0 + 80 * np.sin(2 * np.pi * at / 288) + np.random.default_rng(2).normal(0, 3, len(at))
    quiet = busy.copy()
    quiet[-82:-62] = 100.0
    with_rhythm, without = scored(watching(), quiet), scored(watching(), busy)
    assert with_rhythm[-82:-62].max() > without[1500:].max()


def test_a_young_series_has_little_evidence():
    young = watching()
    found = scored(young, [*normal(70), 400.0])
    old = watching()
    later = scored(old, [*normal(600), 400.0])
    assert found[-1] < later[-1]


@pytest.mark.parametrize(
    "values",
    [np.full(500, 3.0), np.zeros(500), np.full(500, np.nan), [1e308, -1e308] * 250, [np.inf, -np.inf] * 250],
)
@pytest.mark.parametrize("every_ns", [2 * 10**9, DAY_NS])
def test_bad_input_is_scored_or_left_out(values, every_ns):
    found = scored(watching(), values, every_ns=every_ns)
    assert ((found >= 0) | np.isnan(found)).all()
    if len(set(values)) == 1 and np.isfinite(values[0]):
        assert np.nanmax(found) == 0.0


def test_gaps_and_irregular_times_are_no_reason():
    rng = np.random.default_rng(3)
    at = MONDAY_NS + np.cumsum(rng.choice([MINUTE_NS, 7 * MINUTE_NS, 9 * HOUR_NS], 1500, p=[0.5, 0.48, 0.02]))
    batch = MetricBatch(np.zeros(1500, np.uint32), at, normal(1500))
    strange = -np.log10(watching().score(Normal(metrics=batch)).scores)
    assert np.nanmax(strange[400:]) < 6


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_the_slot_of_an_hour_is_that_of_the_calendar(hour):
    moment = np.datetime64(0, "h") + np.timedelta64(hour, "h")
    is_weekend = not np.is_busday(moment.astype("datetime64[D]"))
    assert slot_at(hour) == hour % 24 + HOURS * is_weekend


def test_an_unknown_hour_asks_the_other_kind_of_day():
    season = np.full(48, UNSEEN, np.int8)
    assert steps_of(season, 3) == UNSEEN
    season[3] = 9
    assert (steps_of(season, 3), steps_of(season, 3 + HOURS)) == (9, 9)
    season[3 + HOURS] = -4
    assert steps_of(season, 3 + HOURS) == -4


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=24, max_size=24), st.integers(0, 100))
def test_the_season_says_what_the_hours_said(hours, seed):
    """Ten days of hours with fixed means come back within a hundredth of the largest, whatever they are."""
    detector = watching()
    at = np.arange(10 * 24 * 4)
    scored(detector, np.asarray(hours)[at // 4 % 24], every_ns=15 * MINUTE_NS)
    row = detector._rows[0]
    learned = row["season"][:24].astype(float) * row["unit"]
    wanted = np.asarray(hours) - np.mean(hours)
    spread = np.ptp(wanted)
    centred = learned - learned.mean()
    assert np.abs(centred - wanted).max() <= 0.25 * spread + 1e-3


def test_the_row_holds_everything_in_160_bytes():
    assert ROW.itemsize == 160
    assert len(ROW["season"].shape) == 1


def test_another_series_in_a_slot_starts_anew():
    detector = watching(number=7)
    scored(detector, normal(500))
    detector.score(Normal(new_series=(series(number=8),)))
    assert detector._rows["count"][0] == 0
    assert np.isnan(scored(detector, normal(5), start_ns=MONDAY_NS + 10 * DAY_NS)).all()


def test_the_same_series_again_goes_on():
    detector = watching()
    scored(detector, normal(500))
    before = detector._rows[0].copy()
    detector.score(Normal(new_series=(series(),)))
    assert detector._rows[0] == before


def rule(**more) -> Rule:
    return Rule(name="r", match="", signal="other", severity="info", **more)


def test_a_scope_has_rules_of_its_own_in_the_same_table():
    mild, strict = rule(abs=10.0), rule(abs=1.0)
    choice = Choice(Parameters(rules=(mild,), scopes=(Scope(entity="^db:", rules=(strict,)),)))
    assert choice.rule("db:main", "x").abs == 1.0
    assert choice.rule("web:shop", "x").abs == 10.0
    assert choice.table["abs"][choice.row("db:main", "x", "")] == 1.0
    assert choice.table["abs"][choice.row("web:shop", "x", "")] == 10.0
    assert choice.row("db:main", "x", "") != choice.row("web:shop", "x", "")


def test_scopes_with_equal_rules_share_rows():
    same = Choice(Parameters(rules=(rule(),), scopes=tuple(Scope(entity=f"s{i}", rules=(rule(),)) for i in range(200))))
    assert len(same.table) == len(Choice(Parameters(rules=(rule(),))).table)


def test_more_rules_than_a_row_can_name_are_refused():
    with pytest.raises(ValueError, match="too many"):
        table([rule()] * 10_000)


def test_with_other_rules_a_restored_state_is_governed_anew():
    first = watching(metric="service.latency.p95", unit="ms")
    other = RobustSeason({"scopes": [{"entity": "lab", "rules": [{**_built(rule()), "is_limit": False}]}]})
    other.restore(first.snapshot())
    assert other._rows["rule"][0] != first._rows["rule"][0]
    same = RobustSeason({})
    same.restore(first.snapshot())
    assert same._rows.tobytes() == first._rows.tobytes()


def _built(given_rule: Rule) -> dict:
    return {"name": given_rule.name, "match": given_rule.match, "signal": "other", "severity": "info"}


def test_a_shard_goes_on_as_if_nothing_had_happened():
    normals = list(Metrics(count=40, seed=3).batches(120))
    whole, part = RobustSeason({}), RobustSeason({})
    for n in normals[:60]:
        whole.score(n)
        part.score(n)
    other = RobustSeason({})
    other.restore(part.snapshot())
    for n in normals[60:]:
        assert other.score(n).scores.tobytes() == whole.score(n).scores.tobytes()
    assert other.snapshot() == other.snapshot()


def test_a_tick_and_a_batch_agree_bit_for_bit():
    at_once, ticks = watching(), watching()
    values = normal(300)
    values[200] = 300
    whole = scored(at_once, values)
    single = [scored(ticks, [v], start_ns=MONDAY_NS + i * 5 * MINUTE_NS)[0] for i, v in enumerate(values)]
    assert np.array(single).tobytes() == whole.tobytes()


def test_an_alert_says_how_strange_its_sample_was_and_by_which_statistic():
    detector = watching(metric="service.latency.p95", unit="ms")
    at = START_NS + np.arange(70) * 2 * 10**9
    values = np.concatenate([normal(60), np.full(10, 4000.0)])
    told = detector.score(Normal(metrics=MetricBatch(np.zeros(70, np.uint32), at, values))).transitions[0]
    assert told.output["strange_by"] in ("value", "season", "drift", "unrest")
    assert told.output["strangeness"] >= 0


def test_series_come_back_one_by_one():
    known = Watched()
    everything = [series(slot=i, number=100 + i, metric=f"m{i}", labels=(("k", str(i)),)) for i in range(20)]
    known.add(SeriesColumns.of(everything))
    again = Watched()
    again.restore(known.snapshot())
    assert len(again) == 20
    assert again.get(7) == dataclasses.replace(everything[7], labels=())
    assert again.get(99) is None
    again.add(SeriesColumns.of([series(slot=20, number=1)]))
    assert again.slots.tolist() == list(range(21))
    third = Watched()
    third.restore(again.snapshot())
    assert third.get(20) == series(slot=20, number=1)
    assert third.get(3) == dataclasses.replace(everything[3], labels=())


def test_a_slot_that_another_series_takes_is_told():
    known = Watched()
    first, second, other = (series(slot=i, number=n) for i, n in ((0, 7), (1, 8), (1, 9)))
    assert known.add(SeriesColumns.of([first, second])).tolist() == []
    assert known.add(SeriesColumns.of([first, other])).tolist() == [1]
    assert known.get(1) == other


def test_a_pair_is_found_after_a_restart():
    usage, limit = series(slot=0, metric="process.memory.usage"), series(slot=1, metric="process.memory.limit")
    first = Watched()
    first.add(SeriesColumns.of([usage]))
    assert first.accompany(0, is_limit=False) == (0, None)
    second = Watched()
    second.restore(first.snapshot())
    second.add(SeriesColumns.of([limit]))
    assert second.accompany(1, is_limit=True) == (0, 1)
    other = series(slot=2, metric="process.memory.usage", entity="service:lab/b")
    second.add(SeriesColumns.of([other]))
    assert second.accompany(2, is_limit=False) == (2, None)
    apart = series(slot=3, metric="process.memory.usage", labels=(("device", "b"),))
    second.add(SeriesColumns.of([apart]))
    assert second.accompany(3, is_limit=False) == (3, None)


def test_new_series_are_governed_the_same_together_and_one_by_one():
    metrics = ("process.memory.usage", "process.memory.limit", "http.server.request.duration.p95", "x_ratio")
    everything = tuple(
        series(slot=4 * e + i, number=4 * e + i, entity=f"service:lab/{e}", metric=metric, unit=unit)
        for e in range(3)
        for i, (metric, unit) in enumerate(zip(metrics, ("By", "By", "s", "1"), strict=True))
    )
    together, apart = RobustSeason({}), RobustSeason({})
    together.score(Normal(new_series=everything))
    for one in everything:
        apart.score(Normal(new_series=(one,)))
    assert together._rows[:12].tobytes() == apart._rows[:12].tobytes()
    assert together._rows["since_ns"][:4].tolist() == [0, 1, 0, 0]


def test_shipped_rules_fit_into_a_row_number():
    assert len(Choice(shipped()).table) < 2**16

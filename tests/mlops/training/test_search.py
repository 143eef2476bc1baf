"""The search, its knobs, and what a trial is worth."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mlops.training import rows as data

from mainstay.domain.models import VersionRef
from mainstay.domain.training import DatasetSnapshot, Span
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.training.faults import Fault, confirmed, injected, put_in
from mainstay.mlops.training.features import features_of
from mainstay.mlops.training.knobs import KNOBS, drawn, is_standard, searched, turned
from mainstay.mlops.training.material import material_of
from mainstay.mlops.training.quality import report
from mainstay.mlops.training.trial import RUNGS, Heard, Start, heard, pooled, search, starts, worth
from mainstay.mlops.training.worker import Job, train
from mainstay.models.catalogue import SHIPPED, build, defaults_of

S_NS = 1_000_000_000
KINDS = sorted(KNOBS)


def measured(best: float):
    """A loss with its lowest point where the first knob is `best`."""
    return lambda knobs, _share: {"loss": abs(knobs.get("latency_p", 1.0) - best)}


def test_the_same_seed_is_the_same_search_and_the_best_is_first():
    one, two = (search("edges", 12, 5, measured(30.0)) for _ in range(2))
    assert one == two
    assert [t.rank for t in one] == list(range(1, 14))
    last = [t for t in one if t.rung == 2]
    assert one[0].metrics["loss"] == min(t.metrics["loss"] for t in last)
    assert {t.number for t in one} == set(range(13)), "none is forgotten"


def test_what_serves_is_never_dropped_and_wins_a_tie():
    found = search("edges", 9, 1, lambda *_: {"loss": 1.0})
    assert found[0].number == 0
    worst = search("edges", 9, 1, lambda knobs, _: {"loss": 0.0 if knobs else 1.0})
    assert next(t for t in worst if t.number == 0).rung == 2


def test_who_lags_behind_the_better_half_sees_no_more_of_the_data():
    seen: list[float] = []

    def count(knobs, share):
        seen.append(share)
        return {"loss": sum(knobs.values())}

    found = search("edges", 15, 1, count)
    counts = [seen.count(share) for share in RUNGS]
    assert counts[0] == 16
    assert counts[0] > counts[1] > counts[2] >= 2
    assert [sum(one.rung >= rung for one in found) for rung in range(3)] == counts
    dropped, last = ([one.metrics["loss"] for one in found if (one.rung == 2) is is_last] for is_last in (False, True))
    assert np.median(last[1:]) < np.median(dropped)


def test_a_search_learns_from_its_trials():
    """Twenty-four trials come nearer to the best than as many draws without a memory, in most of the seeds."""

    def bowl(knobs, _share):
        return {"loss": sum(np.log(knobs.get(name, 1.0) / 1.5) ** 2 for name in ("ratio", "least_ms", "error_share"))}

    nearer = 0
    for seed in range(9):
        rng = np.random.default_rng(seed)
        ranges = [(knob.name, np.log(knob.low), np.log(knob.high)) for knob in KNOBS["edges"]]
        draws = [{name: float(np.exp(rng.uniform(low, high))) for name, low, high in ranges} for _ in range(24)]
        by_chance = min(bowl(one, 1.0)["loss"] for one in draws)
        nearer += search("edges", 24, seed, bowl)[0].metrics["loss"] < by_chance
    assert nearer >= 6


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(chosen=st.data())
def test_what_is_drawn_is_accepted_by_the_algorithm_and_is_a_standard_change(kind, chosen):
    shipped = defaults_of(SHIPPED[kind])
    draws = {name: chosen.draw(st.floats(one.low, one.high)) for name, one in searched(kind).items()}
    new = turned(kind, shipped, drawn(draws))
    build(SHIPPED[kind], new)
    assert is_standard(kind, shipped, new)


def test_no_knob_turned_is_the_version_itself_and_beyond_the_range_is_no_standard_change():
    shipped = defaults_of(SHIPPED["metrics"])
    assert canonical(turned("metrics", shipped, {})) == canonical(shipped)
    far = turned("metrics", shipped, {"rel": 9.0})
    assert not is_standard("metrics", shipped, far)
    rules = [*shipped["rules"][1:]]
    assert not is_standard("metrics", shipped, {**shipped, "rules": rules}), "a rule less is another recipe"


def start(at_s, subject="metric:1", entity="service:a", note=False):
    return Start(subject, entity, at_s * S_NS, note)


def fault(since_s, until_s, **given):
    return Fault("injected", since_s * S_NS, until_s * S_NS, **given)


def judged(told, faults, extent, pages, unknown=()):
    return worth(heard(told, faults, extent, unknown), extent, pages)


def test_rounds_over_the_same_data_add_their_faults_and_count_what_was_false_once():
    rounds = [Heard(8, (5.0, 10.0), 3), Heard(8, (20.0,), 4)]
    assert pooled(rounds) == Heard(16, (5.0, 10.0, 20.0), 3)
    assert worth(pooled(rounds), (0, S_NS), 7.0)["delay_s"] == 10.0


def test_a_trial_counts_found_missed_false_and_late():
    faults = [fault(100, 200, subject="metric:1"), fault(100, 200, subject="metric:2"), fault(300, 400, entity="b")]
    told = [
        start(130), start(140), start(310, "edge:a>b", "b"), start(500, "metric:9", "c"), start(560, "metric:9", "c"),
        start(900, "metric:9", "c"), start(901, "metric:3", "d", note=True),
    ]  # fmt: skip
    found = judged(told, faults, (0, 1000 * S_NS), 7.0)
    assert (found["faults"], found["detected"], found["false_alarms"]) == (3.0, 2.0, 2.0), "two within a burst are one"
    assert found["delay_s"] == 20.0
    assert found["missed_share"] == pytest.approx(1 / 3, abs=1e-4)


def test_what_is_told_of_trouble_that_was_left_out_counts_neither_way():
    told = [start(150, "edge:a>b", "b")]
    assert judged(told, [], (0, 1000 * S_NS), 7.0)["false_alarms"] == 1.0
    found = judged(told, [], (0, 1000 * S_NS), 7.0, [fault(100, 200, entity="b")])
    assert (found["false_alarms"], found["faults"], found["detected"]) == (0.0, 0.0, 0.0)


def test_false_alarms_within_the_budget_weigh_little_and_beyond_it_much():
    week = 7 * 86_400
    few = [start(at * 7200, f"metric:{at}", f"e{at}") for at in range(5)]
    many = [start(at * 3600, f"metric:{at}", f"e{at}") for at in range(60)]
    calm, ok, loud = (judged(told, [], (0, week * S_NS), 7.0)["loss"] for told in ([], few, many))
    assert calm == 0.0
    assert 0 < ok < 0.02
    assert loud > 0.5


@pytest.mark.parametrize("kind", ["metrics", "edges", "logs", "entities"])
def test_faults_that_are_put_in_are_found_by_the_detector_and_nothing_else_changes(tmp_path, kind):
    _, rows = data.taken(tmp_path, kind)
    material = material_of(kind, rows)
    first, last = material.extent
    faults = injected(material, 3, first + (last - first) // 2, last, [])
    assert len(faults) >= 3
    assert faults == injected(material, 3, first + (last - first) // 2, last, [])
    troubled = put_in(material, faults)
    before, after = (starts(SHIPPED[kind], defaults_of(SHIPPED[kind]), m) for m in (material, troubled))
    judged_before, judged_after = (judged(told, faults, (first, last), 7.0) for told in (before, after))
    assert judged_after["detected"] > judged_before["detected"]
    assert judged_after["false_alarms"] <= judged_before["false_alarms"] + 1


def test_no_fault_is_put_where_trouble_is_known(tmp_path):
    _, rows = data.taken(tmp_path, "metrics")
    material = material_of("metrics", rows)
    known = confirmed([Span(entity=f"service:lab/s{n}", since_ms=0, until_ms=data.FAR_MS) for n in range(9)])
    free = {f"metric:{s.id}" for s in material.series if s.entity == "service:lab/s9"}
    assert {f.subject for f in injected(material, 1, *material.extent, known)} <= free


def test_a_share_is_stable_and_grows(tmp_path):
    _, rows = data.taken(tmp_path, "metrics")
    material = material_of("metrics", rows)
    quarter, half = set(material.share(0.25).slot.tolist()), set(material.share(0.5).slot.tolist())
    assert quarter <= half < set(material.slot.tolist())
    assert set(material.share(0.25).slot.tolist()) == quarter


def job(snapshot: DatasetSnapshot, kind: str, **given) -> Job:
    algorithm = SHIPPED[kind]
    plain = {"seed": 1, "trials": 3, **given}
    return Job(
        kind=kind,
        champion=VersionRef(kind, 1),
        algorithm=algorithm,
        parameters=defaults_of(algorithm),
        snapshot=snapshot,
        **plain,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """By kind: snapshot, rows, and what came of a training on them."""

    @cache
    def of(kind):
        snapshot, rows = data.taken(tmp_path_factory.mktemp(kind), kind)
        return snapshot, rows, train(job(snapshot, kind), rows)

    return of


@pytest.mark.parametrize("kind", ["metrics", "edges", "logs"])
def test_training_is_a_function_of_job_and_rows(trained, kind):
    snapshot, rows, one = trained(kind)
    assert one == train(job(snapshot, kind), rows)
    assert one.quality.passed
    assert len(one.trials) == 4
    assert set(one.validation) == {"champion", "challenger"}
    build(SHIPPED[kind], one.parameters)


@pytest.mark.parametrize("kind", ["metrics", "edges", "logs"])
def test_what_was_replayed_is_known_entity_by_entity(trained, kind):
    *_, result = trained(kind)
    found, entities = result.validation["challenger"], {one.entity for one in result.replayed}
    assert sum(one.is_true is True for one in result.replayed) == found["detected"]
    assert sum(one.is_missed for one in result.replayed) == found["faults"] - found["detected"]
    assert sum(one.is_true is False for one in result.replayed) == found["false_alarms"]
    assert all(one.startswith("service:lab/") for one in entities), entities
    assert len(entities) >= 3


def test_few_subjects_are_validated_several_times_over(trained):
    *_, result = trained("edges")
    found = result.validation["champion"]
    assert 40 <= found["faults"] < 60, "eight calls, of which each is troubled five times"


def test_confirmed_incidents_are_faults_to_be_found(tmp_path):
    minute = 60_000
    span = Span(entity="service:lab/s1", since_ms=data.START_MS + 8 * minute, until_ms=data.START_MS + 10 * minute)
    snapshot, rows = data.taken(tmp_path, "metrics", faults=(span,))
    result = train(job(snapshot, "metrics", trials=0), rows)
    assert result.labels["verdict"] == 1
    assert result.trials[0].metrics["faults"] == 24 + 1, "eight series are troubled three times over"
    assert result.validation["champion"]["faults"] == result.labels["injected"] - 24, "people confirmed none there"


def quality(rows, snapshot, incidents=()):
    kind = snapshot.query.kind
    return report(snapshot, rows, features_of(kind, material_of(kind, rows).normals()), incidents)


def test_each_check_stops_a_training_with_its_reason(tmp_path):
    import pyarrow as pa
    import pyarrow.compute as pc

    snapshot, rows = data.taken(tmp_path, "metrics")
    assert quality(rows, snapshot).passed
    at = rows["at_ns"].to_numpy()
    minute = (at - at[0]) // 60_000_000_000
    spoiled = {
        "too few": rows.slice(0, 100),
        "gaps": rows.filter(pa.array((minute < 6) | (minute > 13))),
        "duplicates": pa.concat_tables([rows, rows.slice(0, 4000)]).sort_by("at_ns"),
        "constant": rows.set_column(2, "value", pc.multiply(rows["value"], 0.0)),
        "exploding": rows.set_column(2, "value", pa.array(rows["value"].to_numpy() * np.where(minute == 18, 1e9, 1.0))),
    }
    for word, bad in spoiled.items():
        found = quality(bad, snapshot)
        assert not found.passed, word
        assert any(problem.startswith(word) for problem in found.problems), (word, found.problems)


def test_rows_inside_of_an_incident_that_nobody_confirmed_are_leakage(tmp_path):
    span = Span(entity="service:lab/s1", since_ms=data.START_MS, until_ms=data.START_MS + 60_000, why="INC-1")
    snapshot, rows = data.taken(tmp_path / "a", "metrics")
    found = quality(rows, snapshot, (span,))
    assert found.problems[0].startswith("leakage")
    assert train(job(snapshot, "metrics", incidents=(span,)), rows).trials == ()
    clean, without = data.taken(tmp_path / "b", "metrics", excluded=(span,))
    assert quality(without, clean, (span,)).passed


def test_minutes_that_were_left_out_are_no_gap(tmp_path):
    names = [f"service:lab/s{n}" for n in range(10)]
    since_ms, until_ms = data.START_MS + 300_000, data.START_MS + 900_000
    spans = tuple(Span(entity=name, since_ms=since_ms, until_ms=until_ms) for name in names)
    snapshot, rows = data.taken(tmp_path, "metrics", excluded=spans)
    found = quality(rows, snapshot, spans)
    assert found.passed, found.problems
    assert found.figures["minutes"] <= 12
    assert train(job(snapshot, "metrics", incidents=spans), rows).trials

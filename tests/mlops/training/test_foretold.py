"""A predictor from the platform's own past: which looks count, when it is refused, and what it must be better than."""

from __future__ import annotations

import asyncio

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from tests.mlops.training.looks import HOUR_MS, SERVICES, START_MS, faults_of, incidents, keep, looks, rows_of
from tests.mlops.training.world import World, plainly

from mainstay.domain.errors import Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import LEADING
from mainstay.domain.training import DatasetQuery, DatasetSnapshot, Experiment, TrainingRequest
from mainstay.mlops.training.dataset import read_rows
from mainstay.mlops.training.foretelling.judging import LEAST_JUDGED, LEAST_LEARNED, foretold, report, seen_of
from mainstay.mlops.training.foretelling.learning import learned, scored
from mainstay.mlops.training.worker import ROWS as ROWS_FILE
from mainstay.mlops.training.worker import train
from mainstay.models.prediction import Predictor

DAYS = 24
END_MS = START_MS + DAYS * 24 * HOUR_MS
BEGAN = incidents(DAYS, 60)
KEPT = looks(DAYS, BEGAN)
ROWS = rows_of(KEPT)


TOO_FEW = (
    f"too few incidents: needs {LEAST_LEARNED} to learn from and {LEAST_JUDGED} to be judged by, has 4 and 2 that were "
    "looked at before they began"
)


def seen(rows=ROWS, began=BEGAN, until_ms=END_MS):
    return seen_of(rows, faults_of(began), until_ms)


def problems(rows=ROWS, began=BEGAN):
    return report(rows, seen(rows, began)).problems


def trained(rows=ROWS, began=BEGAN, parameters=Predictor.DEFAULTS):
    query = DatasetQuery(kind="predictor", since_ms=0, until_ms=END_MS, faults=faults_of(began))
    snapshot = DatasetSnapshot(digest="", query=query, since_ms=0, until_ms=END_MS, row_count=rows.num_rows, rows="")
    return foretold("leading-logistic", parameters, snapshot, rows)


# -- which looks count


def test_looks_in_trouble_or_whose_horizon_is_not_over_are_left_out():
    found = seen()
    in_trouble = int(np.sum(ROWS["in_trouble"].to_numpy(zero_copy_only=False)))
    assert in_trouble == 60
    not_over = 3 * 2  # those of the last hour, less the one just at its begin
    assert len(found.looks.at_ms) == ROWS.num_rows - in_trouble - not_over
    assert found.looks.at_ms.max() <= END_MS - HOUR_MS
    assert sum(map(len, found.looks.begins.values())) == len(BEGAN)


def test_rows_of_another_definition_or_horizon_are_left_out():
    other = [msgspec.structs.replace(one, view=LEADING.version - 1, rows=[[1.0]] * 3) for one in KEPT[:500]]
    wider = [msgspec.structs.replace(one, horizon_s=7200.0) for one in KEPT[500:900]]
    found = seen(rows_of([*other, *wider, *KEPT[900:]]))
    assert found.horizon_s == 3600.0
    assert found.looks.at_ms.min() == KEPT[900].at_ms


def test_an_incident_that_nobody_looked_before_is_not_asked_for():
    service, at = BEGAN[30]
    blind = [one for one in KEPT if not at - HOUR_MS <= one.at_ms < at]
    found = seen(rows_of(blind))
    assert at not in found.looks.begins[SERVICES.index(service)]
    assert sum(map(len, found.looks.begins.values())) == len(BEGAN) - 1


def test_the_past_ends_a_horizon_before_what_it_is_judged_by():
    found = seen()
    assert found.past.at_ms.max() + HOUR_MS < found.split_ms <= found.looks.at_ms[found.is_later].min()
    after = [at for one in found.looks.begins.values() for at in one if at >= found.split_ms]
    assert len(after) == 24
    assert found.days + found.past_days == pytest.approx(DAYS - 1 / 24, abs=0.1)


# -- when it is refused


def test_seven_incidents_are_too_few_and_it_says_so():
    began = BEGAN[:7]
    quality, trials, parameters, validation = trained(began=began)
    assert not quality.passed
    assert quality.problems == (TOO_FEW,)
    assert (trials, parameters, validation) == ([], {}, {})


def test_everything_else_that_is_wrong_is_said():
    assert problems() == ()
    short = rows_of([one for one in KEPT if one.at_ms < START_MS + 48 * HOUR_MS])
    assert any(one.startswith("too short: needs 3 days of looks, has 1.97") for one in problems(short))
    holes = rows_of([one for one in KEPT if (one.at_ms - START_MS) // (24 * HOUR_MS) % 3])
    assert any(one.startswith("gaps: nobody looked in 3") for one in problems(holes))
    assert any(one.startswith("duplicates: 50%") for one in problems(pa.concat_tables([ROWS, ROWS])))
    still = rows_of([msgspec.structs.replace(one, rows=[[1.0] * len(LEADING.columns)] * 3) for one in KEPT])
    assert any(one.startswith("constant") for one in problems(still))
    broken = [msgspec.structs.replace(KEPT[0], rows=[[float("inf")] * len(LEADING.columns)] * 3), *KEPT[1:]]
    assert any(one.startswith("exploding: 3 looks") for one in problems(rows_of(broken)))
    service, _ = BEGAN[5]
    at = next(one.at_ms for one in KEPT if one.at_ms > BEGAN[5][1] + HOUR_MS)
    assert any(one.startswith("leakage: 1 looks") for one in problems(began=[*BEGAN, (service, at)]))


def test_nothing_to_look_at_is_a_sentence_too():
    assert seen(ROWS.slice(0, 0)) is None
    assert seen(until_ms=START_MS) is None
    assert report(ROWS, None).problems == (
        f"no looks that could be judged: {ROWS.num_rows:,} rows, none of view leading/3 whose horizon is over",
    )


# -- what comes of it


def test_what_announces_itself_is_foretold_within_the_budget_and_better_than_the_baseline():
    quality, trials, parameters, validation = trained()
    assert quality.passed
    assert {one.number for one in trials} == {0, 1, 2, 3, 4}
    assert trials[0].number != 0
    assert parameters["horizon_s"] == 3600.0
    challenger, baseline = validation["challenger"], validation["baseline"]
    assert challenger["recall"] > 0.5 > baseline["recall"]
    assert challenger["false_per_day"] <= 1.2
    assert challenger["lead_s"] > 1800
    assert challenger["faults"] == validation["champion"]["faults"] == 23
    assert challenger["loss"] < min(baseline["loss"], validation["champion"]["loss"])
    assert trained() == (quality, trials, parameters, validation), "the same rows give the same version"


def test_what_comes_without_a_sign_is_no_better_than_what_serves():
    _, _, _, validation = trained(rows_of(looks(DAYS, BEGAN, announced=0.0)))
    assert validation["challenger"]["recall"] <= 0.3


def test_the_threshold_is_from_looks_that_the_weights_had_not_seen():
    found = seen()
    one = learned(found)
    in_sample = scored(one.parameters, found.features, found.past.rows)
    assert one.scores.shape == in_sample.shape
    assert not np.allclose(one.scores, in_sample)
    asked = Predictor(one.parameters).decide(
        {"features": list(found.features), "services": ["a"], "rows": found.past.rows[:1].tolist()}
    )
    assert asked["probability"]["a"] == pytest.approx(in_sample[0]), "the formula is the predictor's"


# -- in a platform


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "w")
    yield made
    made.close()


def walk(world):
    run = world.asked("predictor", until_ms=END_MS)
    return asyncio.run(world.runs().run(run.id, plainly)), world.run(run.id)


def test_it_is_trained_like_any_other_model_and_waits_for_a_person_at_the_gate(world):
    keep(world.telemetry, world.control, KEPT, BEGAN)
    status, done = walk(world)
    assert (status, done.version) == ("live", VersionRef("predictor", 2)), done.says
    version = world.registry.version(done.version)
    experiment = world.store.one(Experiment, done.experiment)
    assert (version.dataset, version.feature_view) == (experiment.snapshot.digest, "leading/3")
    assert len(experiment.snapshot.query.faults) == len(BEGAN), "which incidents is part of the data set"
    assert set(experiment.validation) == {"champion", "challenger", "baseline"}
    assert experiment.labels == {"verdict": len(BEGAN), "injected": 0}
    [asked] = world.rollouts.asked
    assert not asked["standard"], "its weights are all new: somebody validates it"
    assert asked["evidence"]["validation"]["challenger"]["recall"] > 0.5
    assert world.registry.load(done.version), "signed, and served"


def test_a_platform_with_seven_incidents_keeps_the_shipped_one(world):
    keep(world.telemetry, world.control, KEPT, BEGAN[:7])
    request = TrainingRequest(id="request-predictor-7", kind="predictor", until_ms=END_MS)
    job = world.prepares.job(request, world.folder / "job")
    found = train(job, read_rows(world.folder / "job" / ROWS_FILE, job.snapshot))
    assert (found.quality.passed, found.quality.problems) == (False, (TOO_FEW,))
    assert (found.trials, found.parameters) == ((), {})


def test_a_platform_without_looks_says_so(world):
    status, done = walk(world)
    assert (status, done.says) == (
        "refused",
        "no predictor data in scope * between the times that were asked for",
    )


def test_a_scope_of_its_own_is_refused(world):
    request = TrainingRequest(id="request-predictor-9", kind="predictor", scope="service=pay", until_ms=END_MS)
    with pytest.raises(Refused, match="one predictor serves everything"):
        world.prepares.job(request, world.folder / "job")

"""A training from its request to the end of its rollout, with the work done by the real process."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.mlops.training.world import AT_MS, World, plainly

from mainstay.domain.models import VersionRef
from mainstay.domain.training import Experiment, QualityReport, Trial
from mainstay.mlops.artefacts import canonical
from mainstay.mlops.training.lineage import lineage
from mainstay.mlops.training.worker import JOB, RESULT, Job, Result
from mainstay.written import write_whole


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "w")
    yield made
    made.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A world in which one training went all the way, with the work done by the real process."""
    made = World(tmp_path_factory.mktemp("trained") / "w")
    assert walk(made, made.asked()) == "live"
    yield made
    made.close()


def walk(world, run):
    return asyncio.run(world.runs().run(run.id, plainly))


def premade(world, run, loss=0.1, champion=0.3, validated=0.1, problems=()):
    """What the worker would leave: a run that finds it does not start one."""
    folder = world.folder / "training" / run.id
    job = world.prepares.job(run.request, folder)
    trials = () if problems else (
        Trial(number=2, knobs={"ratio": 0.9}, rung=2, metrics={"loss": loss}, rank=1),
        Trial(number=0, rung=2, metrics={"loss": champion}, rank=2),
    )  # fmt: skip
    result = Result(
        quality=QualityReport(passed=not problems, problems=problems),
        trials=trials,
        best=trials[0].number if trials else 0,
        parameters={**job.parameters, "ratio": 1.62},
        validation={"champion": {"loss": 0.2}, "challenger": {"loss": validated}},
        labels={"verdict": 0, "injected": 9},
    )
    write_whole(folder / RESULT, canonical(msgspec.to_builtins(result)))


def test_a_training_makes_a_version_and_takes_it_live(trained):
    world = trained
    run = done = world.run("training-edges-1")
    assert set(done.reached) == {"prepared", "trained", "validated", "shadow", "canary", "live"}
    assert (done.champion, done.version) == (VersionRef("edges", 1), VersionRef("edges", 2))
    version = world.registry.version(done.version)
    experiment = world.store.one(Experiment, done.experiment)
    assert version.dataset == experiment.snapshot.digest
    assert (version.feature_view, version.experiment, version.seed) == ("edges/1", experiment.id, 1)
    assert (version.created_by, version.why, version.parent) == ("ada", "to see", VersionRef("edges", 1))
    assert version.metrics["loss"] <= experiment.validation["champion"]["loss"]
    assert [trial.rank for trial in experiment.trials] == list(range(1, 8)), "every trial, ranked"
    assert {trial.number for trial in experiment.trials} == set(range(7)), "that which serves among them"
    assert experiment.labels["injected"] > 0 == experiment.labels["verdict"], "marked for what they are"
    [asked] = world.rollouts.asked
    assert asked["standard"], "same recipe, same features, parameters within the bounds"
    assert world.registry.load(done.version), "signed, and served"
    left = {file.name for file in (world.folder / "training" / run.id).iterdir()}
    assert left == {JOB, RESULT}, "the rows go with the run; who wants them freezes them"
    chain = {entry.id: entry for entry in world.control.ledger()}
    assert chain[experiment.id].rests_on[0] == experiment.snapshot.digest
    assert experiment.id in chain[f"version-{done.version}"].rests_on
    assert world.control.verify_ledger().first_bad is None


def test_training_twice_from_one_snapshot_with_one_seed_gives_the_same_artefact(trained, world):
    walk(world, world.asked())
    found = []
    for one in (trained, world):
        done = one.run("training-edges-1")
        folder = one.folder / "training" / done.id
        job = msgspec.json.decode((folder / JOB).read_bytes(), type=Job)
        found.append((job.snapshot.digest, done.artefact, (folder / RESULT).read_bytes()))
    assert found[0] == found[1]
    assert len(found[0][1]) == 64


def test_another_seed_is_another_search(world):
    run = world.asked(seed=2, trials=2, rollout=False)
    walk(world, run)
    folder = world.folder / "training" / run.id
    first = (folder / RESULT).read_bytes()
    job = msgspec.structs.replace(msgspec.json.decode((folder / JOB).read_bytes(), type=Job), seed=3)
    assert job.seed == 3
    result = msgspec.json.decode(first, type=Result)
    from mainstay.mlops.training.trial import search

    drawn = [trial.knobs for trial in search("edges", 2, 3, lambda *_: {"loss": 0.0})]
    assert drawn != [trial.knobs for trial in result.trials]


def test_what_serves_is_kept_when_nothing_is_better(world):
    run = world.asked()
    premade(world, run, loss=0.299, champion=0.3)
    assert walk(world, run) == "unchanged"
    assert "nothing to roll out" in world.run(run.id).says
    assert len(world.registry.versions("edges")) == 1
    assert world.store.one(Experiment, f"experiment-{run.id}").says


def test_worse_on_data_that_no_trial_saw_is_refused(world):
    run = world.asked()
    premade(world, run, validated=0.25)
    assert walk(world, run) == "refused"
    assert "worse than edges@1 on data that no trial saw" in world.run(run.id).says
    assert not world.rollouts.asked


def test_no_better_on_data_that_no_trial_saw_is_not_rolled_out(world):
    run = world.asked()
    premade(world, run, validated=0.2)
    assert walk(world, run) == "unchanged"
    assert "no better" in world.run(run.id).says
    assert not world.rollouts.asked


def test_what_a_person_sets_by_hand_is_searched_for_nothing_and_goes_to_the_gates_as_a_normal_change(world):
    run = world.asked(knobs={"error_share": 2.0})
    assert walk(world, run) == "live"
    done = world.run(run.id)
    version = world.registry.version(done.version)
    assert version.parameters["error_share"] == pytest.approx(0.1), "the shipped 0.05, twice"
    experiment = world.store.one(Experiment, done.experiment)
    assert [(trial.number, trial.knobs) for trial in experiment.trials] == [(1, {"error_share": 2.0}), (0, {})]
    [asked] = world.rollouts.asked
    assert not asked["standard"]
    assert asked["evidence"]["validation"].keys() == {"champion", "challenger"}


def test_a_knob_that_there_is_not_is_refused_by_name(world):
    run = world.asked(knobs={"volume": 2.0})
    assert walk(world, run) == "refused"
    assert world.run(run.id).says.startswith("edges has no knob 'volume'; it has latency_p")


def test_data_that_may_not_be_learned_from_stop_it_with_the_reason(world):
    run = world.asked()
    premade(world, run, problems=("gaps: nothing at all was received in 40% of the minutes",))
    assert walk(world, run) == "refused"
    assert world.run(run.id).says.startswith("gaps: ")
    [entry] = [e for e in world.control.ledger() if e.kind == "training"]
    assert entry.output["status"] == "refused"


def test_without_rollout_it_ends_as_registered(world):
    run = world.asked(rollout=False)
    premade(world, run)
    assert walk(world, run) == "registered"
    assert world.run(run.id).version == VersionRef("edges", 2)
    assert not world.rollouts.asked


@pytest.mark.parametrize(
    ("stages", "status"),
    [(("shadow", "canary", "rolled_back"), "rolled_back"), (("shadow", "refused"), "refused"), (("live",), "live")],
)
def test_the_end_of_the_rollout_is_the_end_of_the_run(tmp_path, stages, status):
    world = World(tmp_path / "w", stages)
    run = world.asked()
    premade(world, run)
    assert walk(world, run) == status
    world.close()


def test_parameters_beyond_the_bounds_are_a_normal_change(world):
    run = world.asked()
    premade(world, run)
    folder = world.folder / "training" / run.id
    result = msgspec.json.decode((folder / RESULT).read_bytes(), type=Result)
    far = msgspec.structs.replace(result, parameters={**result.parameters, "ring": 12})
    write_whole(folder / RESULT, canonical(msgspec.to_builtins(far)))
    walk(world, run)
    assert not world.rollouts.asked[0]["standard"]


def test_a_judge_without_labels_is_refused_with_the_count(world):
    run = world.asked(kind="diagnoser")
    assert walk(world, run) == "refused"
    assert world.run(run.id).says == "needs 30 labels, has 0"


def test_a_worker_that_dies_is_a_failure_with_its_last_word(world):
    run = world.asked()
    folder = world.folder / "training" / run.id
    world.prepares.job(run.request, folder)
    (folder / "rows.parquet").write_bytes(b"no")
    assert walk(world, run) == "failed"
    assert "not a data set" in world.run(run.id).says


def test_after_a_restore_without_its_folder_a_run_prepares_again(world):
    import shutil

    run = world.asked(trials=0)
    runs = world.runs()
    asyncio.run(runs.piece("prepare", run.id))
    shutil.rmtree(world.folder / "training")
    assert asyncio.run(runs.piece("train", run.id)) == "unchanged"


def test_a_kind_that_nothing_is_fitted_of_is_refused(world):
    run = world.asked(kind="predictions")
    assert walk(world, run) == "refused"
    assert "no parameters" in world.run(run.id).says


def test_frozen_rows_outlive_the_telemetry(world):
    run = world.asked(freeze=True, rollout=False)
    premade(world, run)
    walk(world, run)
    experiment = world.store.one(Experiment, f"experiment-{run.id}")
    assert (world.folder / "datasets" / f"{experiment.snapshot.frozen}.parquet").is_file()


def test_lineage_walks_from_the_data_to_what_was_caused(world):
    from mainstay.domain.ledger import Entry

    run = world.asked()
    premade(world, run)
    walk(world, run)
    version = world.registry.version(VersionRef("edges", 2))
    live = {"live": "edges@2", "shadow": "edges@1", "scope": "*", "why": "gates passed", "before": "edges@1"}
    world.control.append(
        Entry(id="d1", kind="deployment", at_ms=AT_MS, actor="mainstay", subject="edges", output=live),
        Entry(id="A-1", kind="alert", at_ms=AT_MS, actor="edges@2", subject="edge:a>b", output={}),
        Entry(id="incident:INC-1:opened:1", kind="incident", at_ms=AT_MS, actor="correlator@1", subject="INC-1",
              output={}, rests_on=("A-1",)),
        Entry(id="step-1", kind="step", at_ms=AT_MS, actor="user:ada", subject="PLAN-1", output={},
              rests_on=("INC-1",)),
    )  # fmt: skip
    experiment = world.store.one(Experiment, version.experiment)
    found = lineage(version, world.registry.versions("edges"), experiment, world.control.ledger_stream)
    assert found.dataset.digest == version.dataset
    assert found.parents == (VersionRef("edges", 1),)
    assert [one["role"] for one in found.deployments] == ["live"]
    assert found.caused == {"alert": 1, "incident": 1, "step": 1}
    before = world.registry.version(VersionRef("edges", 1))
    told = lineage(before, world.registry.versions("edges"), None, world.control.ledger_stream)
    assert told.children == (VersionRef("edges", 2),)
    assert {one["role"] for one in told.deployments} >= {"live", "shadow"}

"""When a training is due: each trigger by itself, none twice, none while one runs."""

from __future__ import annotations

import msgspec
import pytest

from mainstay.domain.models import Deployment, ModelVersion, VersionRef
from mainstay.domain.training import TrainingRequest, TrainingRun
from mainstay.domain.verdicts import Label
from mainstay.domain.watching import Finding, Impact
from mainstay.mlops.training.due import Standing, due
from mainstay.mlops.training.runs import new_run
from mainstay.settings import Retraining

DAY_MS = 86_400_000
NOW_MS = 1_767_225_600_000
REF = VersionRef("edges", 3)
QUIET = Retraining(every_s=0, age_s=0, by_drift=False, verdicts=0)


def standing(*, age_ms=0, labels=0, findings=(), runs=(), kind="edges", scope="*"):
    ref = VersionRef(kind, 3)
    version = ModelVersion(ref=ref, kind=kind, algorithm="a", artefact="", created_ms=NOW_MS - age_ms)
    words = [
        Label(id=f"L-{n}", model=kind, version=3, subject=f"A-{n}", is_true=True, kind="alert", from_verdict=f"V-{n}",
              by="ada", at_ms=NOW_MS - 1000)
        for n in range(labels)
    ]  # fmt: skip
    return Standing(
        deployments=[Deployment(kind=kind, scope=scope, live=ref, since_ms=NOW_MS - age_ms)],
        versions={str(ref): version},
        runs=runs,
        labels=words,
        findings=findings,
    )


def finding(**given):
    plain = {
        "id": "F-1", "measure": "data_drift", "kind": "edges", "version": REF, "scope": "*", "value": 0.4,
        "threshold": 0.25, "unit": "psi", "since_ms": NOW_MS - 5000, "at_ms": NOW_MS - 1000,
        "says": "calls take longer",
        "impact": Impact(asks="retrain"),
    }  # fmt: skip
    return Finding(**{**plain, **given})


def run_of(request: TrainingRequest, **given) -> TrainingRun:
    return msgspec.structs.replace(new_run(request), **given)


def test_nothing_is_due_when_nothing_happened():
    assert due(Retraining(), standing(), NOW_MS) == []


@pytest.mark.parametrize(
    ("policy", "state", "trigger"),
    [
        ({"every_s": 7 * 86_400}, {"age_ms": 7 * DAY_MS}, "schedule"),
        ({"age_s": 30 * 86_400}, {"age_ms": 30 * DAY_MS}, "age"),
        ({"verdicts": 20}, {"labels": 20}, "verdicts"),
        ({"by_drift": True}, {"findings": [finding()]}, "drift"),
    ],
)
def test_each_trigger_by_itself(policy, state, trigger):
    asked = msgspec.structs.replace(QUIET, **policy)
    [request] = due(asked, standing(**state), NOW_MS)
    assert (request.trigger, request.kind, request.scope) == (trigger, "edges", "*")
    assert request.why
    assert request.rests_on
    assert due(QUIET, standing(**state), NOW_MS) == [], "switched off"


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ({"every_s": 7 * 86_400}, {"age_ms": 6 * DAY_MS}),
        ({"verdicts": 20}, {"labels": 19}),
        ({"by_drift": True}, {"findings": [finding(impact=Impact(asks="look"))]}),
        ({"by_drift": True}, {"findings": [finding(measure="runtime")]}),
        ({"by_drift": True}, {"findings": [finding(ended_ms=NOW_MS)]}),
        ({"by_drift": True}, {"findings": [finding(version=VersionRef("edges", 2))]}),
    ],
)
def test_not_yet(policy, state):
    assert due(msgspec.structs.replace(QUIET, **policy), standing(**state), NOW_MS) == []


def test_drift_is_told_before_age():
    [request] = due(Retraining(), standing(age_ms=99 * DAY_MS, findings=[finding()]), NOW_MS)
    assert (request.trigger, request.why, request.rests_on) == ("drift", "calls take longer", ("F-1",))


def test_the_same_reason_is_the_same_request():
    state = standing(findings=[finding()])
    assert due(Retraining(), state, NOW_MS)[0].id == due(Retraining(), state, NOW_MS + 9_000)[0].id
    other = standing(findings=[finding(id="F-2")])
    assert due(Retraining(), other, NOW_MS)[0].id != due(Retraining(), state, NOW_MS)[0].id


def test_none_while_one_runs_nor_right_after_and_what_was_answered_is_not_asked_again():
    state = standing(findings=[finding()])
    [request] = due(Retraining(), state, NOW_MS)
    running = msgspec.structs.replace(state, runs=[run_of(request)])
    assert due(Retraining(), running, NOW_MS + 99 * DAY_MS) == []
    ended = msgspec.structs.replace(state, runs=[run_of(request, status="unchanged")])
    assert due(Retraining(age_s=0), ended, NOW_MS + 60_000) == [], "within the cooldown"
    assert due(Retraining(age_s=0), ended, NOW_MS + 7 * 3_600_000) == [], "the finding was answered"
    newer = msgspec.structs.replace(ended, findings=[finding(id="F-2", at_ms=NOW_MS + 3_600_000)])
    assert due(Retraining(age_s=0), newer, NOW_MS + 7 * 3_600_000)


def test_another_scope_is_trained_by_itself():
    state = standing(age_ms=40 * DAY_MS, scope="service=checkout")
    everything = TrainingRequest(id="request-edges-x", kind="edges", at_ms=NOW_MS)
    [request] = due(Retraining(), msgspec.structs.replace(state, runs=[run_of(everything)]), NOW_MS)
    assert request.scope == "service=checkout"


def test_judges_learn_from_words_alone_and_what_is_not_fitted_is_never_due():
    policy = Retraining(every_s=60)
    assert due(policy, standing(kind="diagnoser", age_ms=99 * DAY_MS), NOW_MS) == []
    assert due(policy, standing(kind="diagnoser", labels=20), NOW_MS)
    assert due(policy, standing(kind="predictions", labels=99, age_ms=99 * DAY_MS), NOW_MS) == []


def test_a_predictor_as_shipped_is_tried_every_week_and_a_learned_one_when_it_is_old():
    def asked(age_days, runs=(), experiment=""):
        state = standing(age_ms=age_days * DAY_MS, kind="predictor", runs=runs)
        versions = {name: msgspec.structs.replace(one, experiment=experiment) for name, one in state.versions.items()}
        return due(Retraining(), msgspec.structs.replace(state, versions=versions), NOW_MS)

    assert asked(6) == []
    [request] = asked(8)
    assert (request.kind, request.trigger) == ("predictor", "age")
    assert request.why == "predictor@3 is as it was shipped: the past may teach it by now"
    tried = msgspec.structs.replace(new_run(request), status="refused", started_ms=NOW_MS - DAY_MS)
    assert asked(8, [tried]) == [], "it was tried yesterday"
    assert asked(8, experiment="experiment-1") == []
    assert [one.trigger for one in asked(31, experiment="experiment-1")] == ["age"]

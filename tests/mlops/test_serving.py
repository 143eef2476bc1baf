"""Serving: every answer names its version; swaps are ordered, warm and reversible; a shadow is unheard."""

from __future__ import annotations

import json

import pytest
from tests.mlops.keeper import AT_MS, Keeper, registry, serving
from tests.models.simulated import Edges, Fault, Metrics

from mainstay.domain.effects import Effects
from mainstay.domain.errors import BadInput, Corrupt, NotFound, Refused
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.mlops import Serving

FAULTS = [Fault(0, 24, slower=6), Fault(1, 24, errors=0.5)]


def windows(number: int, seed: int = 9):
    return list(Edges(count=6, seed=seed, faults=FAULTS).windows(number))


def command(verb: str, at_ms: int = AT_MS, **arguments: str) -> Command:
    return Command(kind=verb, by="user:ada", at_ms=at_ms, subject="edges", arguments={"kind": "edges", **arguments})


def stricter(models: Serving, **parameters: float) -> str:
    made = models._registry.register("edges", "edge-shift", parameters or {"ratio": 2.4}, by="ada", why="test")
    return str(made.ref)


def test_it_is_what_stages_ask_for(tmp_path):
    models: Models = serving(tmp_path)
    normal = windows(1)[0]
    assert str(models.score("edges", normal).decided_by) == "edges@1"


def test_a_deploy_is_an_entry_and_a_document_and_later_answers_carry_it(tmp_path):
    models, effects = serving(tmp_path), Effects()
    two = stricter(models)
    models.apply(command("deploy", live=two, why="fewer pages"), effects)
    assert str(models.score("edges", windows(1)[0]).decided_by) == two
    assert effects.deployments["edges"].previous == VersionRef("edges", 1)
    entry = effects.entries[0]
    assert (entry.kind, entry.actor, entry.output["live"], entry.output["before"]) == (
        "deployment",
        "user:ada",
        two,
        "edges@1",
    )
    assert entry.output["why"] == "fewer pages"


def test_a_swap_in_the_middle_takes_over_what_fires(tmp_path):
    models, told = serving(tmp_path), []
    two = stricter(models)
    for w, normal in enumerate(Edges(count=6, seed=9, faults=[Fault(0, 24, 40, slower=6)]).windows(60)):
        if w == 32:
            models.apply(command("deploy", live=two), Effects())
        served = models.score("edges", normal)
        told += [(t.firing, str(served.decided_by)) for t in served.scored.transitions]
    assert told[0] == (True, "edges@1")
    assert told[-1] == (False, two)
    assert sum(firing for firing, _ in told) >= 1


def test_a_shadow_is_heard_by_nobody_and_counted(tmp_path):
    models = serving(tmp_path)
    two = stricter(models, ratio=1.8, errors_p=1e-300, latency_p=1e-300)
    models.apply(command("deploy", shadow=two), Effects())
    for normal in windows(40):
        served = models.score("edges", normal)
        assert str(served.decided_by) == "edges@1"
        assert str(served.shadow) == two
    agreement = models.describe()["edges"]["agreement"]
    assert agreement["live_alerts"] > agreement["shadow_alerts"]
    assert agreement["live_only"] >= 1
    assert agreement["batches"] == 40
    json.dumps(models.describe())


def test_a_shadow_equal_to_the_live_version_agrees_fully(tmp_path):
    models = serving(tmp_path)
    two = stricter(models, calm_windows=4)
    models.apply(command("deploy", shadow=two), Effects())
    for normal in windows(40):
        models.score("edges", normal)
    assert models.describe()["edges"]["agreement"]["agreement"] == 1.0


def test_rollback_goes_back_to_the_warm_version(tmp_path):
    models, effects = serving(tmp_path), Effects()
    deaf = stricter(models, latency_p=1e-300, errors_p=1e-300)
    normals = windows(30)
    for normal in normals[:15]:
        models.score("edges", normal)
    models.apply(command("deploy", live=deaf), effects)
    assert str(models.deployment("edges").shadow) == "edges@1"
    for normal in normals[15:22]:
        models.score("edges", normal)
    models.apply(command("rollback", at_ms=AT_MS + 1), effects)
    told = [t for normal in normals[22:] for t in models.score("edges", normal).scored.transitions]
    assert {t.channel for t in told} == {"latency", "errors"}
    assert str(models.deployment("edges").live) == "edges@1"
    assert str(models.deployment("edges").previous) == deaf
    assert len(effects.entries) == 2


def test_two_people_who_roll_back_at_once_do_not_bring_the_bad_version_back(tmp_path):
    """Both saw it decide and pressed; the second command finds the version before and leaves it."""
    models, bad = serving(tmp_path), ""
    bad = stricter(models)
    models.apply(command("deploy", live=bad), Effects())
    first, effects = Effects(), Effects()
    models.apply(command("rollback", at_ms=AT_MS + 1, why="too loud", **{"from": bad}), first)
    assert first.entries[0].output["why"] == "rollback from edges@2: too loud"
    with pytest.raises(Refused, match="edges@2 does not decide in \\* any more, edges@1 does"):
        models.apply(command("rollback", at_ms=AT_MS + 2, **{"from": bad}), effects)
    assert str(models.deployment("edges").live) == "edges@1"
    assert effects.entries == []


def test_a_version_of_another_algorithm_closes_what_it_does_not_know(tmp_path):
    """An edge detector whose state has another format would start cold; here the shadow's state is simply empty."""
    models = serving(tmp_path)
    for normal in windows(30):
        models.score("edges", normal)
    seat = models._seats["edges"]
    firing = seat.live.firing()
    assert firing
    seat.orphans = list(firing)
    served = models.score("edges", windows(31)[30])
    ends = [t for t in served.scored.transitions if "swapped" in t.inputs]
    assert [(t.subject, t.channel) for t in ends] == list(firing)
    assert all(models.reperform(served.decided_by, t.inputs) == t.output for t in ends)


def test_a_failing_shadow_leaves_and_the_live_version_goes_on(tmp_path):
    models = serving(tmp_path)
    two = stricter(models)
    models.apply(command("deploy", shadow=two), Effects())
    models._seats["edges"].shadow._edges = None
    served = models.score("edges", windows(1)[0])
    assert served.shadow_scored is None
    assert models.describe()["edges"]["agreement"]["errors"] == 1
    assert models.score("edges", windows(2)[1]).shadow is None


def test_judges_answer_with_inputs_and_output_and_a_shadow_is_compared(tmp_path):
    models, effects = serving(tmp_path), Effects()
    inputs = {
        "at_ms": 1,
        "alert": {
            "id": "a",
            "entity": "service:lab/a",
            "signal": "latency",
            "severity": "critical",
            "since_ms": 0,
            "at_ms": 1,
        },
    }
    made = models._registry.register("correlator", "time-topology", {"open_at": 9.0}, by="ada", why="")
    models.apply(
        Command(
            kind="deploy",
            by="user:ada",
            at_ms=1,
            subject="correlator",
            arguments={"kind": "correlator", "shadow": str(made.ref)},
        ),
        effects,
    )
    decision = models.decide("correlator", inputs)
    assert str(decision.decided_by) == "correlator@1"
    assert models.reperform(decision.decided_by, json.loads(json.dumps(decision.inputs))) == decision.output
    agreement = models.describe()["correlator"]["agreement"]
    assert (agreement["decisions"], agreement["same_decisions"]) == (1, 0)


def test_every_transition_can_be_reperformed_by_its_version(tmp_path):
    models = serving(tmp_path)
    two = stricter(models)
    for w, normal in enumerate(windows(60)):
        if w == 30:
            models.apply(command("deploy", live=two), Effects())
        served = models.score("edges", normal)
        for t in served.scored.transitions:
            assert models.reperform(served.decided_by, json.loads(json.dumps(t.inputs))) == t.output


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"kind": "oracle", "live": "edges@1"}, BadInput, "oracle"),
        ({"live": "edges"}, BadInput, "NAME@NUMBER"),
        ({}, BadInput, "names live or shadow"),
        ({"live": "edges@7"}, NotFound, "edges@7"),
        ({"live": "metrics@1"}, BadInput, "for metrics"),
        ({"shadow": "logs@1"}, BadInput, "for logs"),
    ],
)
def test_a_deploy_that_cannot_be_is_refused_and_changes_nothing(tmp_path, arguments, error, says):
    models, effects = serving(tmp_path), Effects()
    with pytest.raises(error, match=says):
        models.apply(command("deploy", **arguments), effects)
    assert not effects.entries
    assert not effects.deployments
    assert str(models.deployment("edges").live) == "edges@1"


def test_nothing_to_roll_back_to(tmp_path):
    with pytest.raises(BadInput, match="only ever served"):
        serving(tmp_path).apply(command("rollback"), Effects())


def test_a_version_with_changed_bytes_is_not_deployed(tmp_path):
    models = serving(tmp_path)
    two = stricter(models)
    digest = models._registry.version(VersionRef.parse(two)).artefact
    (tmp_path / "artefacts" / f"{digest}.json").write_bytes(b'{"ratio": 0}')
    with pytest.raises(Corrupt):
        models.apply(command("deploy", live=two), Effects())
    assert str(models.score("edges", windows(1)[0]).decided_by) == "edges@1"


def test_the_shadow_can_be_taken_away(tmp_path):
    models = serving(tmp_path)
    models.apply(command("deploy", shadow=stricter(models)), Effects())
    models.apply(command("deploy", shadow="none"), Effects())
    assert models.describe()["edges"]["shadow"] is None


def test_a_restart_in_the_middle_changes_nothing(tmp_path):
    keeper = Keeper()
    models, through = serving(tmp_path, keeper), serving(tmp_path, keeper)
    two = stricter(models)
    series = list(Metrics(count=16).batches(60))
    told, told_through = [], []
    for w, normal in enumerate(windows(60)):
        if w == 20:
            for one in (models, through):
                one.apply(command("deploy", shadow=two), Effects())
        if w in (10, 26, 45):
            again = Serving(registry(tmp_path, keeper))
            again.restore(models.snapshot())
            assert again.snapshot() == models.snapshot()
            models = again
        for kind, part in (("edges", normal), ("metrics", series[w])):
            told.append(models.score(kind, part).scored.transitions)
            told_through.append(through.score(kind, part).scored.transitions)
    assert told == told_through
    assert models.snapshot() == through.snapshot()


def test_a_state_that_is_none_is_refused(tmp_path):
    with pytest.raises(Corrupt):
        serving(tmp_path).restore(b"\x93nonsense")


def test_two_predictors_agree_when_they_flag_the_same_services(tmp_path):
    models = serving(tmp_path)
    heavier = models._registry.register("predictor", "leading-logistic", {"weights": {"odd": 2.0}}, by="ada", why="")
    models.apply(command("deploy", kind="predictor", shadow=str(heavier.ref)), Effects())
    asked = {"features": ["odd"], "services": ["service:lab/a"]}
    for odd in (0.1, 5.0):  # both calm, though not to the last digit; then one of them flags it
        models.decide("predictor", {**asked, "rows": [[odd]]})
    agreement = models.describe()["predictor"]["agreement"]
    assert (agreement["decisions"], agreement["same_decisions"]) == (2, 1)

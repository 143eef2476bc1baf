"""A detector from an ONNX file: imported, signed, run on one thread, served and performed again; or refused."""

import importlib.util
import json
from typing import ClassVar

import pytest
from tests.mlops.keeper import Keeper, registry
from tests.mlops.own.models import INT64, integer, last_is_far, node, value

from mainstay.domain.errors import BadInput, Corrupt, Refused
from mainstay.domain.models import VersionRef
from mainstay.mlops import Serving
from mainstay.mlops.own import kit
from mainstay.mlops.own.material import metrics
from mainstay.mlops.own.onnx import Scoring, scoring_of
from mainstay.mlops.own.registering import OwnModels
from mainstay.mlops.own.windows import WindowScores

IS_ABSENT = importlib.util.find_spec("onnxruntime") is None
runs = pytest.mark.skipif(IS_ABSENT, reason="onnxruntime is not installed (pip install 'mainstay[onnx]')")
GIVEN = {"file": "0" * 64, "window": 16}

TWICE = node("Concat", ["y", "y"], "w", integer("axis", 1))


class Far(WindowScores):
    """As it is made from a file that looks at 16 values."""

    DEFAULTS: ClassVar = {**WindowScores.DEFAULTS, **GIVEN}


def far(row):
    """What `last_is_far` computes, in Python."""
    return 1.0 if abs(float(row[-1])) > 13.5 else 0.5


def conforming(scoring):
    return kit.candidate(Far, "metrics", lambda parameters: WindowScores({**GIVEN, **parameters}, scoring))


def imported(folder, body=None, name="far", **parameters):
    models = registry(folder)
    made = OwnModels(models).import_onnx(name, body or last_is_far(), parameters, by="ada", why="tried")
    return models, made


def test_windows_meet_every_check_whoever_scores():
    assert [one for one in kit.check(conforming(Scoring(16, far))) if not one.is_met] == []


def test_a_score_that_is_none_is_no_word_about_a_sample():
    detector = WindowScores(GIVEN, Scoring(16, lambda row: float("nan")))
    told = [detector.score(normal) for normal in metrics(trouble=True)]
    assert not any(one.transitions for one in told)
    assert all((one.scores != one.scores).all() for one in told)


def test_only_the_metrics_that_it_is_made_for_are_judged():
    seen = []
    detector = WindowScores({**GIVEN, "metrics": ["queue.*"]}, Scoring(16, lambda row: seen.append(row) or 0.5))
    for normal in metrics(trouble=False):
        detector.score(normal)
    assert len(seen) == 3 * (140 - 15)


def test_a_state_goes_on_with_another_window():
    long, short = WindowScores(GIVEN, Scoring(16, far)), WindowScores({**GIVEN, "window": 8}, Scoring(0, far))
    for normal in list(metrics(trouble=True))[:84]:
        long.score(normal)
    short.restore(long.snapshot())
    assert short.firing() == long.firing() != ()


@pytest.mark.parametrize("wrong", [{"p_fire": 0.5}, {"window": 2}, {"reads": "tea"}, {"lasts": 0}, {"nonsense": 1}])
def test_readings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WindowScores({**GIVEN, **wrong}, Scoring(0, far))


@pytest.mark.skipif(not IS_ABSENT, reason="onnxruntime is installed")
def test_without_the_extra_it_is_named(tmp_path):
    with pytest.raises(Refused, match=r"mainstay\[onnx\]"):
        scoring_of(last_is_far())


@pytest.mark.parametrize("body", [b"", b"GIF89a", b"\x80\x04pickle", last_is_far()[:-2]])
def test_a_file_that_is_no_model_is_refused_with_what_was_expected(tmp_path, body):
    with pytest.raises(BadInput, match=r"not an ONNX model.*f32\[n, k\]"):
        imported(tmp_path, body or b"\x00")


@runs
def test_it_scores_as_it_should_and_meets_every_check():
    scoring = scoring_of(last_is_far())
    assert scoring.window == 16
    assert [one for one in kit.check(conforming(scoring)) if not one.is_met] == []


@runs
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (last_is_far(takes=[value("x", ["n", 16]), value("z", ["n", 16])]), "2 inputs and 1 outputs"),
        (last_is_far(takes=[value("x", [8, 16])]), r"the model has x: tensor\(float\) \[8, 16\]"),
        (last_is_far(nodes=[TWICE], gives=[value("w", ["n", 2])]), "the model has .*w: tensor"),
        (last_is_far(gives=[value("y", ["n", 1], INT64)]), "cannot load|the model has"),
        (last_is_far(2, takes=[value("x", ["n", 2])]), "looks at 2 values"),
        (last_is_far(takes=[value("x", ["n", "k"])]), "say which"),
        (last_is_far(gives=[value("m", ["n", 1])]), "the model gave"),
        (last_is_far(nodes=[node("NoSuchOperator", ["x"], "z")]), "cannot load"),
    ],
)
def test_a_model_of_another_shape_is_refused_with_what_was_expected(tmp_path, body, says):
    with pytest.raises(BadInput, match=f"(?s)(?:{says}).*"):
        imported(tmp_path, body)


@runs
def test_it_is_a_signed_version_whose_file_is_found_by_its_digest(tmp_path):
    models, made = imported(tmp_path, lasts=2)
    assert (str(made.ref), made.kind, made.algorithm) == ("far@1", "metrics", "onnx-window")
    assert made.parameters["lasts"] == 2
    assert models.artefacts.read(made.parameters["file"]) == last_is_far()
    assert [one.is_served for one in models.audit()] == [True]
    assert OwnModels(models).import_onnx("far", last_is_far(), {"lasts": 2}, by="bob", why="again") == made
    path = tmp_path / "artefacts" / f"{made.parameters['file']}.onnx"
    path.write_bytes(last_is_far(at=13.0))
    with pytest.raises(Corrupt, match="not what was registered"):
        models.load(made.ref)


@runs
def test_it_shadows_and_its_decisions_are_performed_again(tmp_path):
    keeper = Keeper()
    models = registry(tmp_path, keeper)
    made = OwnModels(models).import_onnx("far", last_is_far(), {}, by="ada", why="")
    serving = Serving(models)
    from mainstay.domain.effects import Effects
    from mainstay.domain.records import Command

    asked = Command(kind="deploy", by="ada", at_ms=1, subject="metrics", arguments={"live": "far@1"})
    serving.apply(asked, Effects())
    told = [(s.decided_by, t) for n in metrics(trouble=True) for s in [serving.score("metrics", n)] for t in
            s.scored.transitions]  # fmt: skip
    assert {ref for ref, _ in told} == {made.ref} == {VersionRef("far", 1)}
    assert any(t.firing for _, t in told)
    for ref, t in told:
        assert serving.reperform(ref, json.loads(json.dumps(t.inputs))) == t.output

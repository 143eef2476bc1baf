"""A package of the user's own offers a detector: found by name, imported on use, checked, registered, refused."""

import json

import pytest
from tests.mlops.own.package import install, mainstay, run

REGISTER = """
import sys
from pathlib import Path
from tests.mlops.keeper import Keeper, registry
from mainstay.domain.errors import MainstayError
from mainstay.mlops.own.registering import OwnModels

models = registry(Path("kept"))
try:
    made = OwnModels(models).register({arguments}, by="ada", why="mine")
except MainstayError as error:
    print(type(error).__name__, error)
else:
    print(made.ref, made.code_version, type(models.load(made.ref)).__name__)
"""
ROOT = __import__("pathlib").Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    return install(tmp_path)


def register(folder, arguments):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + REGISTER.format(arguments=arguments)
    done = run(folder, "-c", code)
    assert not done.stderr
    return done.stdout


def test_it_meets_every_check_by_its_name_and_by_its_module(folder):
    for algorithm in ("over-the-top", "mine:OverTheTop"):
        done = mainstay(folder, "models", "check", algorithm)
        assert (done.returncode, done.stderr) == (0, "")
        assert "15 checks, all met" in done.stdout
        assert "MISSING" not in done.stdout


def test_what_is_missing_is_said_and_the_exit_is_1(folder):
    done = mainstay(folder, "models", "check", "mine:Forgetful", "--json")
    found = json.loads(done.stdout.removeprefix("imported\n"))
    missing = {one["asks"]: one["missing"] for one in found["checks"] if not one["is_met"]}
    assert done.returncode == 1
    assert len(missing) == found["missing"] >= 3
    assert "calm telemetry" in missing["Calm telemetry is silent."]
    assert "snapshot" in missing["A snapshot and a restore in the middle change nothing."]
    assert "names the parameter" in missing["It refuses parameters that it does not know."]


def test_a_class_without_the_contract_is_told_all_of_it_at_once(folder):
    (folder / "bare.py").write_text("class Bare:\n    pass\n")
    done = mainstay(folder, "models", "check", "bare:Bare", "--kind", "logs")
    assert done.returncode == 1
    for word in ("score()", "decide()", "snapshot()", "restore()", "firing()", "ALGORITHM", "DEFAULTS"):
        assert word in done.stdout


def test_nothing_of_it_is_imported_before_it_is_used(folder):
    code = "from mainstay.models.catalogue import build, source_of\nprint(source_of('over-the-top'))\n"
    assert run(folder, "-c", code).stdout == "mine 1.2\n"
    assert run(folder, "-c", code + "build('over-the-top', {})").stdout == "mine 1.2\nimported\n"


def test_a_version_is_registered_signed_and_loaded_with_the_release_it_came_from(folder):
    said = register(folder, "'metrics', 'metrics', 'over-the-top', {'times': 5.0}")
    assert said == "imported\nmetrics@1 0.1.0, mine 1.2 OverTheTop\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("'mine', 'logs', 'over-the-top', {}", "made for metrics, not for logs"),
        ("'mine', 'logs', 'edge-shift', {}", "made for edges, not for logs"),
        ("'logs', 'metrics', 'over-the-top', {}", "'logs' is a model for logs"),
        ("'../x', 'metrics', 'over-the-top', {}", "is no name of a model"),
        ("'metrics', 'metrics', 'over-the-top', {'nonsense': 1}", "nonsense"),
        ("'metrics', 'metrics', 'oracle', {}", "no package offers it"),
        ("'metrics', 'metrics', 'gone', {}", "cannot be imported"),
        ("'metrics', 'metrics', 'broken', {}", "nowhere:At of mine 1.2 cannot be imported"),
        ("'metrics', 'metrics', 'misnamed', {}", "its ALGORITHM is 'over-the-top'"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_its_reason(folder, arguments, says):
    said = register(folder, arguments)
    assert says in said
    assert said.removeprefix("imported\n").partition(" ")[0] in ("BadInput", "NotFound", "Corrupt")


def test_another_release_is_not_served_under_the_name_of_the_one_that_was_registered(tmp_path):
    folder = install(tmp_path / "old")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.path.insert(0, sys.argv[1])\n"
        """
from importlib import invalidate_caches
from pathlib import Path
from tests.mlops.keeper import registry
models = registry(Path("kept"))
first = models.register("metrics", "over-the-top", {}, by="ada", why="")
sys.path.remove(sys.argv[1]); sys.path.insert(0, sys.argv[2]); invalidate_caches()
print(models.audit()[0].says)
print(models.register("metrics", "over-the-top", {}, by="ada", why="").ref)
"""
    )
    new = install(tmp_path / "new", "1.3")
    done = run(tmp_path, "-c", code, str(folder), str(new))
    assert "metrics@1 was registered with mine 1.2, and mine 1.3 is installed" in done.stdout, done.stderr
    assert done.stdout.endswith("metrics@2\n")


def test_two_packages_that_offer_one_name_are_told_apart(tmp_path):
    offers = "[mainstay.models]\nover-the-top = {0}:OverTheTop\n"
    install(tmp_path, offers=offers.format("mine"))
    install(tmp_path, "3", offers.format("other"), "other")
    said = register(tmp_path, "'metrics', 'metrics', 'over-the-top', {}")
    assert "is offered by mine 1.2 (mine:OverTheTop) and other 3 (other:OverTheTop)" in said

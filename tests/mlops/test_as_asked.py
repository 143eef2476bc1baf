"""What people and pipelines ask of models at a running platform, clumsily, twice, at once and with ill intent."""

from __future__ import annotations

import asyncio
import json
import threading

import msgspec
import pytest
from click.testing import CliRunner
from tests.mlops.running import Running

from mainstay.cli.mlops.models import models
from mainstay.domain.errors import BadInput, Refused
from mainstay.mlops.rollouts.gates import SHIPPED


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    one = Running(tmp_path_factory.mktemp("asked") / "data", empty=True)
    yield one
    one.close()


def vary(running: Running, name: str, setting: str) -> str:
    """A version like the shipped one with another parameter."""
    said = running.run(models, "vary", f"{name}@1", "--set", setting, "--why", "a test").output
    return said.partition(",")[0]


def offline(command, *words):
    """What asks no platform."""
    return CliRunner().invoke(command, list(words), catch_exceptions=False)


def live(running: Running, name: str, scope: str = "*") -> str:
    running.settle()
    found = json.loads(running.run(models, "show", name, "--json").output)["deployments"]
    one = next(each["live"] for each in found if each["scope"] == scope)
    return f"{one['model']}@{one['version']}"


def test_a_rollback_pressed_twice_does_not_bring_the_bad_version_back(running):
    bad = vary(running, "edges", "ratio=9")
    assert running.run(models, "deploy", bad, "--role", "live", "--why", "in a hurry").exit_code == 0
    assert live(running, "edges") == bad
    oncall = running.person("rita", "responder")
    assert running.run(models, "rollback", "edges", "--why", "too loud", token=oncall).exit_code == 0
    assert live(running, "edges") == "edges@1"
    for again in ("edges", bad):
        with pytest.raises(Refused, match="was rolled back itself and edges@1 decides again"):
            running.run(models, "rollback", again, token=oncall)
    assert live(running, "edges") == "edges@1"


def test_a_rollback_of_one_service_leaves_the_way_back_of_all_the_others(running):
    """What was sent back from one service is, everywhere else, still the version before."""
    one, two = vary(running, "metrics", "p_flag=0.00003"), vary(running, "metrics", "p_flag=0.00004")
    for version, where in ((one, "*"), (two, "service=cart"), (one, "service=cart"), (two, "*")):
        running.run(models, "deploy", version, "--role", "live", "--scope", where, "--why", "a course of things")
        running.settle()
    running.run(models, "rollback", "metrics", "--scope", "service=cart", "--why", "too loud")
    running.settle()
    assert running.run(models, "rollback", "metrics").exit_code == 0
    assert live(running, "metrics") == one


def test_two_people_at_once_roll_back_once(running):
    bad = vary(running, "logs", "calm_s=26")
    running.run(models, "deploy", bad, "--role", "live", "--why", "in a hurry")
    assert live(running, "logs") == bad
    both, said = threading.Barrier(2), []

    def press() -> None:
        both.wait()
        try:
            said.append(running.run(models, "rollback", "logs").exit_code)
        except Refused:
            said.append(2)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert 0 in said
    assert live(running, "logs") == "logs@1"


def test_who_does_not_decide_there_is_not_rolled_back(running):
    with pytest.raises(Refused, match="planner does not decide in service=shop: there is nothing to roll back"):
        running.run(models, "rollback", "planner", "--scope", "service=shop")


def test_a_rollout_asked_for_twice_is_refused_at_the_door_and_the_gate_goes_by_the_real_one(running):
    one = vary(running, "planner", "prior_failed=2")
    assert running.run(models, "rollout", one, "--why", "calmer").exit_code == 0
    running.settle()
    with pytest.raises(Refused, match="is under way for planner in \\*: wait for it or withdraw it"):
        running.run(models, "rollout", one)
    with pytest.raises(Refused, match="serves \\* already"):
        running.run(models, "rollout", "logs@1")
    # what comes at the same moment passes the door: the pipeline refuses it, and it says nothing of the version
    begun = next(each for each in running.platform.rolls.rollouts() if str(each.challenger) == one)
    refused = msgspec.structs.replace(begun, id=f"{begun.id}-again", stage="refused", since_ms=9, stage_since_ms=9)
    assert begun.has_begun
    assert not refused.has_begun
    assert running.run(models, "gate", one).exit_code == 3


def test_the_way_past_all_gates_needs_a_reason_and_a_scope_that_is_one(running):
    assert running.run(models, "deploy", "edges@1", "--role", "live").exit_code == 2
    for scope in ("nonsense=1", "service=", "tier"):
        with pytest.raises(BadInput, match="a scope is"):
            running.run(models, "deploy", "edges@1", "--scope", scope)


def test_an_altered_version_is_refused_at_the_door(running):
    one = vary(running, "diagnoser", "witness_window_s=61")
    record = json.loads(running.run(models, "show", one).output)
    file = next((running.folder / "artefacts").glob(f"{record['artefact']}*"))
    was = file.read_bytes()
    file.write_bytes(was.replace(b"61", b"62"))
    with pytest.raises(Refused, match="could not be served now"):
        running.run(models, "deploy", one, "--role", "shadow")
    file.write_bytes(was)


def test_what_is_no_version_is_said_so_and_never_a_traceback(running):
    words = ("edges", "edges@", "@3", "edges@x", "edges@-1", "edges@²")
    for one in words:
        for verb in (("deploy", one), ("vary", one, "--set", "ratio=3"), ("rollout", one), ("recall", one)):
            answer = running.run(models, *verb)
            assert (answer.exit_code, "NAME@NUMBER" in answer.output) == (2, True), verb
    for setting in ("ratio", "=3", "ratio=NaN", "ratio=1e999"):
        assert running.run(models, "vary", "edges@1", "--set", setting).exit_code == 2
    with pytest.raises(BadInput, match="Expected `float`, got `str`"):
        running.run(models, "vary", "edges@1", "--set", "ratio=much")


def test_who_is_live_where_is_one_line_per_scope(running):
    one = vary(running, "metrics", "p_flag=0.00002")
    running.run(models, "deploy", one, "--role", "live", "--scope", "service=shop", "--why", "tried there")
    running.settle()
    lines = [line.split() for line in running.run(models, "list").output.splitlines()]
    assert lines[0] == ["MODEL", "SCOPE", "LIVE", "CANARY", "SHADOW", "BEFORE", "SINCE"]
    where = {line[1]: line[2] for line in lines if line[0] == "metrics"}
    assert (where["service=shop"], where["*"]) == (one, live(running, "metrics"))
    told = running.run(models, "show", "metrics").output
    assert f"{one}" in told
    assert "by admin: a test (no verdicts)" in told
    assert len(json.loads(running.run(models, "list", "--json").output)) >= 10


def test_whoever_hands_a_model_on_does_not_validate_it_in_the_same_breath(running):
    ada = running.person("ada", "approver")
    running.run(models, "inventory", "edges", "--owner", "ada", token=ada)
    running.settle()
    with pytest.raises(BadInput, match="ada owns edges and cannot validate it"):
        running.run(models, "inventory", "edges", "--owner", "bob", "--validated", token=ada)
    nowhere = str(running.folder / "no" / "where")
    for words in (("inventory", "--csv", nowhere), ("card", "edges@1", "--out", nowhere)):
        answer = running.run(models, *words)
        assert (answer.exit_code, "cannot be written" in answer.output) == (1, True)


@pytest.mark.parametrize(
    ("edit", "line", "says"),
    [
        ("", 1, "a name of its own"),
        ("name: shipped\n", 1, "a name of its own"),
        ("name: a\nname: b\n", 2, "each name once"),
        ("name: a\nshadow:\n  cases: 3\n  cases: 4\n", 4, "each name once"),
        ("name: a\nwindow_s: .inf\n", 2, "<= 86400"),
        ("name: a\nwindow_s: 0.0001\n", 2, ">= 1.0"),
        ("name: a\nbench_hours: .inf\n", 2, "<= 8760"),
    ],
)
def test_a_policy_that_would_harm_is_refused_with_file_and_line(running, tmp_path, edit, line, says):
    file = tmp_path / "gates.yaml"
    file.write_text(edit)
    for ask in (offline, running.run):
        with pytest.raises(BadInput, match=f"gates.yaml:{line}: expected.*{says}"):
            ask(models, "policy", "propose" if ask == running.run else "check", str(file))
    assert json.loads(running.run(models, "policy", "show", "--json").output)["edits"] == []


def test_a_model_file_that_is_none_is_refused_by_name(running, tmp_path):
    file = tmp_path / "far.onnx"
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(BadInput, match=r"far.onnx: .*not an ONNX model.*expected one input"):
        running.run(models, "import", "onnx", str(file), "--name", "far")


def test_a_policy_that_is_no_text_is_refused_by_name(running, tmp_path):
    file = tmp_path / "gates.yaml"
    file.write_bytes(b"\xb5\x00")
    for ask in (offline, running.run):
        with pytest.raises(BadInput, match=r"gates.yaml:1: cannot be read"):
            ask(models, "policy", "propose" if ask == running.run else "check", str(file))


def test_the_shipped_policy_under_a_name_of_its_own_is_one(tmp_path):
    file = tmp_path / "gates.yaml"
    file.write_text(SHIPPED.read_text().replace("name: shipped", "name: ours"))
    assert "policy ours" in offline(models, "policy", "check", str(file)).output


def test_a_version_that_somebody_brought_says_whom_it_stands_beside(running):
    line = running.platform.line
    mine = line.registry.register("edges", "edge-shift", {"calm_windows": 3}, model="far", by="ada", why="ours, tuned")
    assert running.run(models, "deploy", str(mine.ref), "--role", "shadow", "--why", "to see").exit_code == 0
    running.settle()
    row = next(one for one in running.run(models, "list").output.splitlines() if one.startswith("far"))
    assert row.split()[:4] == ["far", "*", "edges@1", "far@1"]
    page = json.loads(running.run(models, "show", "far", "--json").output)
    assert (page["deployment"], page["back"], len(page["deployments"])) == (None, {}, 1)
    assert "Serves: shadow in * since" in running.run(models, "card", str(mine.ref)).output
    assert "shadow" in running.run(models, "show", str(mine.ref), "--lineage").output
    with pytest.raises(Refused, match="far does not decide in \\*: there is nothing to roll back"):
        running.run(models, "rollback", "far")


def test_a_policy_that_asks_for_evenness_holds_a_version_until_there_is_enough_to_say(running, tmp_path):
    """Two people put it into force; what is measured beside the pipeline comes through the inbox."""
    policy, bob = tmp_path / "even.yaml", running.person("bob", "admin")
    policy.write_text("name: even\nshadow: {windows: 1, cases: 0, even: true}\n")
    assert running.run(models, "policy", "propose", str(policy)).exit_code == 0
    running.settle()
    edit = next(one.id for one in running.platform.rolls.policy()[1] if one.policy.name == "even")
    assert running.run(models, "policy", "agree", edit, token=bob).exit_code == 0
    one = vary(running, "logs", "rate_p=1e-9")
    assert running.run(models, "rollout", one).exit_code == 0
    running.settle()
    asyncio.run(running.platform.rolls.measure_once({}))
    running.settle()
    state = running.platform.line.serving.rollouts.state
    name = next(rollout.id for rollout in state.rollouts.values() if str(rollout.challenger) == one)
    assert state.seen[name].even == "too_few"
    report = running.run(models, "bias", one, "--replayed")
    assert report.exit_code == 3
    assert "too few cases" in report.output

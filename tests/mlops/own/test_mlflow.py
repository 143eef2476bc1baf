"""MLflow by REST: what is mirrored is there, once; what is imported is the file that was registered."""

import os
import shutil
import socket
import subprocess
import time

import httpx
import msgspec
import pytest
from tests.mlops.keeper import Keeper, registry
from tests.mlops.own.models import last_is_far

from mainstay.domain.errors import BadInput, MainstayError, NotFound
from mainstay.mlops.own.mlflow import Mlflow, mirror, onnx_of
from mainstay.mlops.own.mlflow.download import onnx_file
from mainstay.mlops.own.mlflow.mirror import aliases_of, figures_of

NOW_MS = 1_767_225_600_000
PROGRAM = os.environ.get("MAINSTAY_MLFLOW") or shutil.which("mlflow")
DESCRIPTION = (
    "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.23.2\n  python_function:\n    data: model.onnx\n"
)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A real server with SQLite. MLflow is large (it is no dependency of ours), so it may be absent anywhere."""
    if PROGRAM is None:
        pytest.skip("mlflow is not on the PATH, and MAINSTAY_MLFLOW does not say where it is")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/m.db", "--artifacts-destination", str(folder / "artifacts")]
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [PROGRAM, "server", *where, *stores], stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while not _is_up(address):
            assert child.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.5)
        yield address
        os.killpg(child.pid, 15)
        child.wait(timeout=30)


def _is_up(address):
    try:
        return httpx.get(f"{address}/version", timeout=2).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def server(uri):
    one = Mlflow(uri)
    yield one
    one.close()


def pages(folder, **deployed):
    """Two versions of edges, as the API tells them."""
    models = registry(folder, Keeper())
    first = models.register("edges", "edge-shift", {"ratio": 2.5}, by="ada", why="first")
    facts = {"metrics": {"auc_pr": 0.75, "delay_s": 12.0, "nothing": float("nan")}, "parent": first.ref}
    models.register("edges", "edge-shift", {"ratio": 3.5}, by="bob", why="calmer", **facts)
    versions = msgspec.to_builtins(list(models.versions("edges")))
    refs = {role: {"model": "edges", "version": number} for role, number in deployed.items()}
    score: dict = {
        "ref": {"model": "edges", "version": 1},
        "right": 8,
        "recall": {"value": None},
        "precision": {"hits": 8, "n": 10, "value": 0.8},
    }
    return [{"name": "edges", "kind": "edges", "deployment": refs, "versions": versions, "scorecard": [score]}]


def test_versions_metrics_and_aliases_are_mirrored_once(server, tmp_path):
    told = pages(tmp_path, live=1, shadow=2)
    done = mirror(server, told, NOW_MS, "once-")
    assert (done.models, done.versions, done.metrics, done.aliases) == (1, 2, 4, 2)
    again = mirror(server, told, NOW_MS + 1, "once-")
    assert (again.models, again.versions, again.metrics, again.aliases) == (0, 0, 0, 0)
    champion = server.get("registered-models/alias", name="once-edges", alias="champion")["model_version"]
    tags = {one["key"]: one["value"] for one in champion["tags"]}
    assert tags["mainstay.version"] == "edges@1"
    assert tags["mainstay.artefact"] == told[0]["versions"][0]["artefact"]
    found = server.get("registered-models/alias", name="once-edges", alias="challenger")["model_version"]
    run = server.get("runs/get", run_id=found["run_id"])["run"]
    assert {one["key"]: one["value"] for one in run["data"]["metrics"]} == {"auc_pr": 0.75, "delay_s": 12.0}
    assert {"key": "ratio", "value": "3.5"} in run["data"]["params"]
    assert run["info"]["status"] == "FINISHED"


def test_a_challenger_that_went_live_is_champion_and_none_is_challenger(server, tmp_path):
    mirror(server, pages(tmp_path / "a", live=1, canary=2), NOW_MS, "turned-")
    done = mirror(server, pages(tmp_path / "a", live=2), NOW_MS, "turned-")
    assert (done.versions, done.aliases) == (0, 2)
    aliases = server.get("registered-models/get", name="turned-edges")["registered_model"]["aliases"]
    assert [(one["alias"], one["version"]) for one in aliases] == [("champion", "2")]


def test_new_verdicts_are_new_figures_of_the_same_run(server, tmp_path):
    told = pages(tmp_path, live=1)
    mirror(server, told, NOW_MS, "judged-")
    told[0]["scorecard"][0]["right"] = 9
    assert mirror(server, told, NOW_MS + 1, "judged-").metrics == 1


def test_a_mirroring_that_was_cut_off_makes_no_second_run(server, tmp_path):
    from mainstay.mlops.own.mlflow.mirror import _experiment, _run

    version = pages(tmp_path, live=1)[0]["versions"][0]
    version["artefact"] = "c" * 64
    experiment = _experiment(server)
    assert _run(server, experiment, version) == _run(server, experiment, version)


def publish(server, name, description=DESCRIPTION, body=None):
    """A registered model with an ONNX file, as MLflow lays it out."""
    experiment = server.post("experiments/create", name=f"of-{name}")["experiment_id"]
    run = server.post("runs/create", experiment_id=experiment)["run"]["info"]
    folder = f"{run['artifact_uri'].removeprefix('mlflow-artifacts:/')}/model"
    for file, content in (("MLmodel", description.encode()), ("model.onnx", body or last_is_far())):
        httpx.put(
            f"{server.uri}/api/2.0/mlflow-artifacts/artifacts/{folder}/{file}", content=content
        ).raise_for_status()
    server.post("registered-models/create", name=name)
    server.post("model-versions/create", name=name, source=f"{run['artifact_uri']}/model", run_id=run["run_id"])
    server.post("registered-models/alias", name=name, alias="champion", version="1")
    return run["run_id"]


def test_a_registered_onnx_model_is_imported_by_alias_and_by_number(server):
    run = publish(server, "Latency")
    for named in ("Latency@champion", "Latency@1"):
        assert onnx_of(server, named) == (last_is_far(), f"MLflow {server.uri} Latency version 1, run {run}")


def test_what_is_not_there_or_no_onnx_is_said(server):
    publish(server, "Forest", "flavors: {sklearn: {pickled_model: model.pkl}}")
    with pytest.raises(BadInput, match="no ONNX flavour"):
        onnx_of(server, "Forest@champion")
    with pytest.raises(MainstayError, match="nobody"):
        onnx_of(server, "Forest@nobody")
    with pytest.raises(NotFound, match="Absent"):
        onnx_of(server, "Absent@1")
    publish(server, "Heavy", body=bytes(33 << 20))
    with pytest.raises(BadInput, match="more than"):
        onnx_of(server, "Heavy@champion")


def test_a_server_that_does_not_answer_or_is_none_is_said():
    with pytest.raises(BadInput, match="no address of an MLflow server"):
        Mlflow("sqlite:///mlflow.db")
    with pytest.raises(MainstayError, match="no MLflow server answers"):
        Mlflow("http://127.0.0.1:9").get("experiments/get-by-name")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("flavors: {onnx: {data: ../../secret}}", "names '../../secret'"),
        ("flavors: {onnx: {data: /etc/passwd}}", "names '/etc/passwd'"),
        ("flavors: {onnx: {data: [1]}}", "refused"),
        ("flavors: {sklearn: {}}", "it has sklearn"),
        ("flavors: 3", "it has none"),
        ("- a", "it has none"),
        ("a: [", "no YAML"),
        ("!!python/object/apply:os.system ['true']", "no YAML"),
    ],
)
def test_a_description_that_names_no_file_beside_it_is_refused(text, says):
    with pytest.raises(BadInput, match=says):
        onnx_file(text.encode())


def test_a_model_is_written_with_its_alias():
    with pytest.raises(BadInput, match="MODEL@ALIAS"):
        onnx_of(Mlflow("http://127.0.0.1:9"), "Latency")


def test_the_canary_is_challenger_before_the_shadow():
    refs = {role: {"model": role, "version": 1} for role in ("live", "shadow", "canary")}
    assert aliases_of([{"deployment": refs}, {"deployment": None}]) == {
        "live": {"champion": "live@1"},
        "canary": {"challenger": "canary@1"},
    }


def test_only_finite_numbers_are_figures(tmp_path):
    page = pages(tmp_path)[0]
    assert figures_of(page["versions"][0], page["scorecard"]) == {"verdicts.right": 8.0, "verdicts.precision": 0.8}
    assert figures_of(page["versions"][1], page["scorecard"]) == {"auc_pr": 0.75, "delay_s": 12.0}

"""Models of the user's own over HTTP: who may bring them in, how they arrive, and what is said of what is refused."""

import base64

import pytest
from tests.api.conftest import Client
from tests.mlops.keeper import registry
from tests.mlops.own.models import last_is_far

from mainstay.domain.models import ModelVersion
from mainstay.mlops.own.registering import OwnModels

EDGES = {"kind": "edges", "algorithm": "edge-shift", "parameters": {"ratio": 3.5}, "why": "calmer nights"}
TOO_LARGE = 49 << 20


class Received:
    """What arrived of a file; onnxruntime is not needed to know that it did."""

    def __init__(self, version: ModelVersion) -> None:
        self.version, self.bodies = version, []

    def import_onnx(self, name, body, parameters, *, by, why):
        self.bodies.append((name, body, parameters, by, why))
        return self.version


@pytest.fixture
def admin(clients, platform, tmp_path) -> Client:
    platform.own = OwnModels(registry(tmp_path / "models"))
    return clients["admin"]


def test_a_version_is_registered_in_the_name_of_who_asked(admin):
    made = admin.post("models/calls/register", EDGES, status=201)
    assert made["ref"] == {"model": "calls", "version": 1}
    assert (made["created_by"], made["why"], made["parameters"]["ratio"]) == ("admin", "calmer nights", 3.5)
    assert made["attestation"]
    assert admin.post("models/calls/register", EDGES, status=201)["ref"]["version"] == 1


@pytest.mark.parametrize(
    ("name", "changed", "status", "says"),
    [
        ("calls", {"kind": "logs"}, 400, "made for edges, not for logs"),
        ("logs", {}, 400, "'logs' is a model for logs"),
        ("calls", {"parameters": {"nonsense": 1}}, 400, "nonsense"),
        ("calls", {"algorithm": "oracle"}, 404, "no package offers it"),
        ("calls", {"kind": "tea"}, 400, "tea"),
        ("Calls!", {}, 400, "is no name of a model"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(admin, name, changed, status, says):
    answer = admin.ask("POST", f"/api/v1/models/{name}/register", json={**EDGES, **changed})
    assert answer.status_code == status
    assert says in answer.text


@pytest.mark.parametrize("role", ["viewer", "responder", "approver", "sender", "nobody"])
def test_only_an_admin_brings_models_in(clients, role):
    for path, body in (("register", EDGES), ("onnx", {"model": ""})):
        answer = clients[role].ask("POST", f"/api/v1/models/calls/{path}", json=body)
        assert answer.status_code in (401, 403)


def test_a_file_larger_than_an_ordinary_body_arrives_whole(clients, platform, tmp_path):
    version = registry(tmp_path / "models").register("edges", "edge-shift", {}, by="ada", why="")
    platform.own = received = Received(version)
    body = last_is_far() + bytes(2 << 20)
    asked = {"model": base64.b64encode(body).decode(), "parameters": {"lasts": 2}, "why": "night"}
    clients["admin"].post("models/far/onnx", asked, status=201)
    assert received.bodies == [("far", body, {"lasts": 2}, "admin", "night")]
    answer = clients["admin"].ask("POST", "/api/v1/models/far/onnx", content=b'{"model": "' + b"A" * TOO_LARGE + b'"}')
    assert answer.status_code == 413


def test_a_file_that_is_no_model_is_told_what_was_expected(admin):
    answer = admin.ask("POST", "/api/v1/models/far/onnx", json={"model": base64.b64encode(b"GIF89a").decode()})
    assert answer.status_code == 400
    assert "f32[n, k]" in answer.text

"""`amtool` of Debian's Alertmanager makes, lists, changes and ends silences here; and what its clients are told."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from tests.api.conftest import Client, Prepared
from tests.api.fake_platform import FakePlatform
from tests.store.control_samples import T0

from mainstay.api import create_app

AMTOOL = shutil.which("amtool")
Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def amtool(platform: FakePlatform, prepared: Prepared, tmp_path: Path) -> Iterator[Ask]:
    if AMTOOL is None:
        pytest.skip("needs Debian's prometheus-alertmanager")
    platform.clock.at_ms = int(time.time() * 1000)  # amtool sends its own
    config = tmp_path / "http.yml"
    config.write_text(f"authorization:\n  type: Bearer\n  credentials: {prepared.tokens['responder']}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        server = uvicorn.Server(uvicorn.Config(create_app(platform), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([free],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            command = [AMTOOL, f"--alertmanager.url={url}", f"--http.config.file={config}", *words]
            return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

        yield run
        server.should_exit = True
        thread.join()


@pytest.mark.client
def test_amtool_makes_lists_updates_and_expires_a_silence(amtool: Ask, platform: FakePlatform) -> None:
    made = amtool("silence", "add", "alertname=Slow", "service=~cart|shop", "team!=x", "--comment=planned", "-d", "2h")
    assert made.returncode == 0, made.stderr
    name = made.stdout.strip()
    platform.clock.at_ms += 10_000  # by our clock it has not begun: amtool read its own after us
    (listed,) = json.loads(amtool("silence", "query", "-o", "json").stdout)
    assert (listed["id"], listed["status"]["state"], listed["createdBy"]) == (name, "active", "responder")
    assert {(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in listed["matchers"]} == {
        ("alertname", "Slow", False, True), ("service", "cart|shop", True, True), ("team", "x", False, False),
    }  # fmt: skip
    assert name in amtool("silence", "query", "alertname=Slow").stdout
    assert name not in amtool("silence", "query", "alertname=Other").stdout
    updated = amtool("silence", "update", "--comment=longer", "-d", "4h", name)
    assert updated.returncode == 0, updated.stderr
    platform.clock.at_ms = int(time.time() * 1000)
    assert amtool("silence", "expire", name).returncode == 0
    assert json.loads(amtool("silence", "query", "-o", "json").stdout) == []
    assert [command.kind for command in platform.told] == ["silence"] * 3


@pytest.mark.client
def test_amtool_reads_why_a_silence_is_refused(amtool: Ask) -> None:
    refused = amtool("silence", "add", "alertname=~.*", "--comment=all")
    assert refused.returncode != 0
    assert "an empty value does not match" in refused.stderr
    refused = amtool("silence", "expire", "00000000-0000-0000-0000-000000000000")
    assert refused.returncode != 0


def body(**changed: object) -> dict[str, object]:
    return {
        "matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2026-09-21T14:00:00Z",
        "endsAt": "2030-01-01T00:00:00Z", "createdBy": "somebody", "comment": "c", **changed,
    }  # fmt: skip


def test_what_its_clients_are_told(clients: dict[str, Client]) -> None:
    ada, sender, nobody = (clients[name] for name in ("responder", "sender", "nobody"))
    path = "/api/v2/silences"
    made = ada.ask("POST", path, json=body()).json()["silenceID"]
    assert ada.ask("GET", f"/api/v2/silence/{made}").json()["createdBy"] == "responder"
    assert [one["id"] for one in sender.ask("GET", path).json()] == [made], "a dashboard may look"
    assert sender.ask("POST", path, json=body()).status_code == 401, "what sends telemetry silences nobody"
    assert nobody.ask("GET", path).status_code == 401
    assert ada.ask("GET", path, params={"filter": "a=~("}).status_code == 400
    for changed, status, says in (
        ({"matchers": []}, 400, "1 to 32 matchers"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, 400, "not a regular expression"),
        ({"endsAt": "2026-01-01T00:00:00Z"}, 400, "ends after it starts"),
        ({"id": "gone"}, 404, "no silence 'gone'"),
    ):
        answer = ada.ask("POST", path, json=body(**changed))
        assert (answer.status_code, says in answer.json()) == (status, True), answer.text
    assert ada.ask("POST", path, json=body(endsAt="soon")).status_code == 400
    assert ada.ask("DELETE", f"/api/v2/silence/{made}").status_code == 200
    assert ada.ask("DELETE", "/api/v2/silence/gone").status_code == 404


def test_an_older_client_says_nothing_of_equality(clients: dict[str, Client], platform: FakePlatform) -> None:
    clients["admin"].ask("POST", "/api/v2/silences", json=body())
    (one,) = clients["admin"].ask("GET", "/api/v2/silences").json()
    assert one["matchers"] == [{"name": "a", "value": "b", "isRegex": False, "isEqual": True}]
    assert one["status"] == {"state": "active"}
    assert platform.clock.at_ms == T0

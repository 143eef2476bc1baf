"""Debian's Alertmanager takes our alerts, tells its own receivers, holds them while we repeat them, and ends them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from tests.automation.world import FakeClock, incident
from tests.outbox.receivers import Receiving
from tests.outbox.test_delivery import Desk

from mainstay.outbox import escalation
from mainstay.settings import Receiver

BINARY = shutil.which("prometheus-alertmanager")
pytestmark = [pytest.mark.client, pytest.mark.skipif(BINARY is None, reason="needs Debian's prometheus-alertmanager")]
CONFIG = """
route: {{receiver: pager, group_by: [mainstay_incident], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: pager
    webhook_configs: [{{url: "{url}", send_resolved: true}}]
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(condition, what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    return pytest.fail(f"{what} did not come about in 30 s")


@pytest.fixture
def pager():
    made = Receiving()
    yield made
    made.close()


@pytest.fixture
def alertmanager(tmp_path, pager):
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(url=pager.url))
    url = f"http://127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [
                BINARY, f"--config.file={config}", f"--storage.path={tmp_path / 'am'}", "--cluster.listen-address=",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    until(lambda: urllib.request.urlopen(f"{url}/-/ready").close() or True, "Alertmanager")
    yield url
    process.terminate()
    process.wait()


def held(url):
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true") as answer:
        return json.load(answer)


def told(pager, status):
    return [body for body in pager.bodies if body["status"] == status]


def test_an_incident_opens_escalates_and_ends_there(tmp_path, alertmanager, pager):
    desk = Desk(tmp_path)
    desk.clock = FakeClock(int(time.time() * 1000))
    desk.receiver = Receiver(alertmanager_url=alertmanager)
    desk.outbox = desk.made()
    try:
        desk.turn()
        desk.deliver()
        [alert] = held(alertmanager)
        assert (alert["labels"]["alertname"], alert["status"]["state"]) == ("MainstayIncident", "active")
        assert alert["generatorURL"].endswith("/incidents/INC-7")
        until(lambda: told(pager, "firing"), "the page")
        desk.keep(escalation(incident(), "PLAN-1", "it did not help", desk.clock.at_ms, desk.receiver))
        desk.deliver()
        assert {a["labels"]["alertname"] for a in held(alertmanager)} == {"MainstayIncident", "MainstayEscalation"}
        desk.clock.at_ms = int(time.time() * 1000)
        desk.turn(status="resolved", resolved_ms=desk.clock.at_ms)
        desk.deliver()
        assert held(alertmanager) == []
        until(lambda: told(pager, "resolved"), "the end")
    finally:
        desk.close()

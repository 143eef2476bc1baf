"""A real Prometheus with generated history: read while it is killed, reported, handed over, and gone on with live."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from mainstay.process import PlatformProcess
from tests.clients.conftest import eventually, free_port, is_up, need
from tests.history.past import Fault, openmetrics

pytestmark = [pytest.mark.client, pytest.mark.slow]

STEP_S, HOURS = 30, 10


def history(folder, port):
    """Blocks as Prometheus itself would have written them: a shop with a fault, and Prometheus' own `up`."""
    now = int(time.time()) // 60 * 60 - 120
    since = now - HOURS * 3600
    fault = Fault("orders", now - 2 * 3600, 1500)
    own = [f'up{{instance="127.0.0.1:{port}",job="prometheus"}} 1 {at}\n' for at in range(since, now, STEP_S)]
    text = [*own, *openmetrics(since, now, STEP_S, [fault], ("orders", "stock"))]
    (folder / "past.txt").write_text("".join(text))
    command = [need("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "past.txt", folder / "tsdb"]
    subprocess.run(command, check=True, capture_output=True)
    return fault


def prometheus(process, folder, port, more=""):
    """Prometheus on that history; scraping itself only when it also sends."""
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, external_labels: {{cluster: shop-1}}}}\n{more or 'scrape_configs: []'}\n"
    )
    child = process(
        need("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=30d", "--log.level=warn",
        "--query.max-samples=5000",
    )  # fmt: skip
    assert eventually(lambda: is_up(f"http://127.0.0.1:{port}/-/ready"), 60)
    return child


def command(*arguments):
    return [sys.executable, "-m", "mainstay", "import", *map(str, arguments)]


def live(port, url, token):
    return (
        f'scrape_configs: [{{job_name: prometheus, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]\n'
        f"remote_write: [{{url: {url}/api/v1/write, authorization: {{credentials_file: {token}}}, "
        "queue_config: {batch_send_deadline: 1s}}]"
    )


def test_a_past_is_read_told_and_gone_on_with(process, tmp_path):
    port = free_port()
    fault = history(tmp_path, port)
    child = prometheus(process, tmp_path, port)
    one = PlatformProcess(tmp_path / "mainstay", {"tick_s": 1.0})
    reading = command("prometheus", f"http://127.0.0.1:{port}", "--since", f"{HOURS + 1}h", "--data", one.data)
    cut_off = subprocess.Popen([*reading, "--queries-per-s", "2"], stderr=subprocess.DEVNULL)
    assert eventually(lambda: list(one.data.glob("history/slices/*.slice")), 120)
    os.kill(cut_off.pid, signal.SIGKILL)
    cut_off.wait()
    (tmp_path / "tickets.csv").write_text(
        "number,opened_at,short_description,cmdb_ci\n"
        f"INC1,{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(fault.at_s + 900))},orders is slow,orders\n"
    )
    subprocess.run(command("incidents", tmp_path / "tickets.csv", "--data", one.data), check=True, capture_output=True)
    out = tmp_path / "report.json"
    again = subprocess.run(
        [*reading, "--queries-per-s", "100", "--json", str(out)], check=True, capture_output=True, text=True
    )
    report = json.loads(out.read_text())
    assert "0 samples refused" not in again.stderr
    assert "handed over" in again.stdout
    assert (report["tickets"], report["tickets_missed"]) == (1, 0), again.stdout
    assert (report["rule_alerts"], report["rule_incidents_first"]) == (1, 1), again.stdout
    assert report["rule_lead_min"] > 0
    child.terminate()
    child.wait()
    goes_on(process, tmp_path, port, one)


def goes_on(process, folder, port, one):
    """The same series, live: it has points of the past and of now, and is there once."""
    client = one.start()
    try:
        token = folder / "ingest.token"
        token.write_text(client.post("tokens", {"kind": "ingest", "name": "prometheus"})["token"])
        known = [series for series in client.get("series", metric="up") if "prometheus" in series["entity"]]
        assert len(known) == 1
        before = points(client, known[0])
        assert len(before) > HOURS * 3600 / STEP_S * 0.9
        child = prometheus(process, folder, port, live(port, client.url, token))
        assert eventually(lambda: max(points(client, known[0])) > max(before), 90)
        assert [s for s in client.get("series", metric="up") if "prometheus" in s["entity"]] == known
        assert client.get("incidents")
        assert httpx.get(client.url + "/readyz").is_success
        child.terminate()
        child.wait()  # while there is somebody to take what it still has to send: it would try for a minute
    finally:
        one.stop()


def points(client, series):
    return client.get(f"series/{series['id']}/points", since_ms=0)["at_ms"]

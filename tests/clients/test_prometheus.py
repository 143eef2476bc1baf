"""A real Prometheus: remote write, its alerts to us as a second Alertmanager, and a full inbox with nothing lost."""

import math
import time
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.conftest import eventually, free_port, is_up, need

pytestmark = pytest.mark.client

RULES = """
groups:
  - name: ours
    interval: 1s
    rules:
      - alert: AlwaysBroken
        expr: vector(1)
        labels: {severity: critical, service: payments}
        annotations: {summary: payments is always broken}
"""


def prometheus(process, folder, client, token, rules=""):
    """Prometheus scraping itself every second and sending everything to us; its base address."""
    program = need("prometheus")
    port = free_port()
    host = urlsplit(client.url).netloc
    (folder / "rules.yml").write_text(rules or "groups: []\n")
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{cluster: test}}}}
rule_files: [{folder}/rules.yml]
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - url: {client.url}/api/v1/write
    authorization: {{credentials_file: {token}}}
    queue_config: {{batch_send_deadline: 1s, min_backoff: 50ms, max_backoff: 500ms}}
alerting:
  alertmanagers:
    - authorization: {{credentials_file: {token}}}
      static_configs: [{{targets: ["{host}"]}}]
""")
    process(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--log.level=warn")  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    assert eventually(lambda: is_up(url + "/-/ready"), 30)
    return url


def taken(client, source):
    return sum(s["records"] for s in client.get("status")["sources"] if s["source"].startswith(source))


def test_samples_become_entities_and_rules_become_alerts(platform, process, tmp_path):
    client, token = platform(tick_s=1.0)
    url = prometheus(process, tmp_path, client, token, RULES)
    assert eventually(lambda: taken(client, "remote-write") > 500)
    assert eventually(lambda: [e for e in client.get("entities") if "prometheus" in e["id"]])
    [alert] = eventually(lambda: [a for a in client.get("alerts") if a["name"] == "AlwaysBroken"])
    assert alert["decided_by"] == {"model": "rule/AlwaysBroken", "version": 0}
    assert alert["status"] == "firing"
    assert client.get("status")["refused"] == 0
    # The rule goes; Prometheus says so with endsAt, and the alert ends.
    (tmp_path / "rules.yml").write_text("groups: []\n")
    httpx.post(url + "/-/reload").raise_for_status()
    assert eventually(lambda: client.get(f"alerts/{alert['id']}")["status"] == "resolved", 90)


def test_a_full_inbox_loses_nothing(platform, process, tmp_path):
    """The lane holds a few requests only, so Prometheus meets 503 again and again; then everything is there once."""
    client, token = platform(tick_s=1.0, snapshot_s=2.0, quota={"signals": 60_000})
    url = prometheus(process, tmp_path, client, token)
    refused = eventually(lambda: status_503(url), 60)
    assert refused, "the inbox was never full: the test shows nothing"
    time.sleep(10)
    until = math.floor(time.time()) - 3
    theirs = samples(url, "up", until)["up"]
    assert len(theirs) > 10
    missing = eventually(lambda: (theirs - points_of(client, "up", until)) or None, 1)
    eventually(lambda: not theirs - points_of(client, "up", until), 60)
    assert not theirs - points_of(client, "up", until), f"before it drained, {missing} were missing"


def status_503(url):
    text = httpx.get(url + "/metrics").text
    retried = [line for line in text.splitlines() if line.startswith("prometheus_remote_storage_samples_retried_total")]
    return retried and float(retried[0].split()[-1]) > 0


def samples(url, metric, until):
    """Times of every raw sample that Prometheus itself holds of a metric, by name."""
    answer = httpx.get(url + "/api/v1/query", params={"query": f"{metric}[1h]", "time": until}).json()
    return {r["metric"]["__name__"]: {round(float(t), 3) for t, _ in r["values"]} for r in answer["data"]["result"]}


def points_of(client, metric, until):
    found = set()
    for series in client.get("series", metric=metric):
        points = client.get(f"series/{series['id']}/points", since_ms=0, until_ms=int(until * 1000))
        found |= {ms / 1000 for ms in points["at_ms"]}
    return found

"""A real Prometheus: remote write, its alerts to us as a second Alertmanager, and a full inbox with nothing lost."""

from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.conftest import eventually, free_port, is_up, need

pytestmark = pytest.mark.client

RULE = """
groups:
  - name: ours
    interval: 1s
    rules:
      - alert: PaymentsBroken
        expr: vector(1) == {broken}
        labels: {{severity: critical, service: payments}}
        annotations: {{summary: payments is broken}}
"""


def prometheus(process, folder, client, token, rules=""):
    """Prometheus scraping itself twice a second and sending everything to us; its base address."""
    program = need("prometheus")
    port = free_port()
    host = urlsplit(client.url).netloc
    (folder / "rules.yml").write_text(rules or "groups: []\n")
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 500ms, evaluation_interval: 1s, external_labels: {{cluster: test}}}}
rule_files: [{folder}/rules.yml]
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - url: {client.url}/api/v1/write
    authorization: {{credentials_file: {token}}}
    queue_config: {{batch_send_deadline: 1s, max_samples_per_send: 100, min_backoff: 50ms, max_backoff: 500ms}}
alerting:
  alertmanagers:
    - authorization: {{credentials_file: {token}}}
      static_configs: [{{targets: ["{host}"]}}]
""")
    process(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--log.level=warn",
            "--rules.alert.resend-delay=2s")  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    assert eventually(lambda: is_up(url + "/-/ready"), 30)
    return url


def taken(client, source):
    return sum(s["records"] for s in client.get("status")["sources"] if s["source"].startswith(source))


def test_samples_become_entities_and_rules_become_alerts(platform, process, tmp_path):
    client, token = platform(tick_s=1.0)
    url = prometheus(process, tmp_path, client, token, RULE.format(broken=1))
    [alert] = eventually(lambda: [a for a in client.get("alerts") if a["name"] == "PaymentsBroken"])
    assert alert["decided_by"] == {"model": "rule/PaymentsBroken", "version": 0}
    assert alert["status"] == "firing"
    assert eventually(lambda: taken(client, "remote-write") > 500)
    assert eventually(lambda: [e for e in client.get("entities") if "prometheus" in e["id"]])
    assert client.get("status")["refused"] == 0
    # It is not true any more; Prometheus says so with endsAt, and the alert ends.
    (tmp_path / "rules.yml").write_text(RULE.format(broken=0))
    httpx.post(url + "/-/reload").raise_for_status()
    assert eventually(lambda: client.get(f"alerts/{alert['id']}")["status"] == "resolved", 90)


def test_a_full_inbox_loses_nothing(platform, process, tmp_path):
    """The lane holds a few requests only, so Prometheus meets 503 again and again; then everything is there once."""
    client, token = platform(tick_s=1.0, quota={"signals": 60_000})
    url = prometheus(process, tmp_path, client, token)
    assert eventually(lambda: retried(url) > 100, 90), "the inbox was never full: the test shows nothing"
    theirs = eventually(lambda: enough(samples(url, "up"), 10), 90)
    assert eventually(lambda: not theirs - set(times(client, "up")), 90), theirs - set(times(client, "up"))
    found = times(client, "up")
    assert len(found) == len(set(found)), "a sample is there more than once"


def retried(url):
    """Samples that were not taken at the first try, as Prometheus itself counts them."""
    text = httpx.get(url + "/metrics").text
    found = [line for line in text.splitlines() if line.startswith("prometheus_remote_storage_samples_retried_total{")]
    return float(found[0].split()[-1]) if found else 0


def enough(found, count):
    return found if len(found) >= count else None


def samples(url, metric):
    """Times (ms) of every raw sample that Prometheus itself holds of a metric."""
    answer = httpx.get(url + "/api/v1/query", params={"query": f"{metric}[1h]"}).json()
    return {round(float(at) * 1000) for series in answer["data"]["result"] for at, _ in series["values"]}


def times(client, metric):
    """Times (ms) of the samples of a metric that we hold."""
    found = []
    for series in client.get("series", metric=metric):
        found += client.get(f"series/{series['id']}/points", since_ms=0)["at_ms"]
    return found

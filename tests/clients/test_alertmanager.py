"""A real Alertmanager: its webhook reaches us, it receives ours, and ours do not come back in as input."""

import subprocess

import httpx
import pytest

from tests.clients.conftest import eventually, free_port, is_up, need

pytestmark = pytest.mark.client
MANY = 40


def alertmanager(process, folder, client, token, port):
    """Alertmanager that sends everything to us; its base address."""
    program = need("prometheus-alertmanager")
    (folder / "am.yml").write_text(f"""
route:
  receiver: mainstay
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1m
  group_by: [alertname, mainstay_incident]
receivers:
  - name: mainstay
    webhook_configs:
      - url: {client.url}/v1/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {token}}}}}
""")
    process(program, f"--config.file={folder}/am.yml", f"--storage.path={folder}/am", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{port}")  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    assert eventually(lambda: is_up(url + "/-/ready"), 30)
    return url


def amtool(url, *words):
    done = subprocess.run(
        [need("amtool"), f"--alertmanager.url={url}", *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_and_back(platform, process, tmp_path):
    port = free_port()
    client, token = platform(tick_s=1.0, receiver={"alertmanager_url": f"http://127.0.0.1:{port}"})
    url = alertmanager(process, tmp_path, client, token, port)
    amtool(url, "alert", "add", "alertname=CheckoutDown", "severity=critical", "service=checkout",
           "environment=test", "--annotation=summary=checkout is down")  # fmt: skip
    [alert] = eventually(lambda: [a for a in client.get("alerts") if a["name"] == "CheckoutDown"])
    assert alert["decided_by"]["model"] == "rule/CheckoutDown"
    [incident] = eventually(lambda: client.get("incidents"))
    ours = eventually(
        lambda: amtool(url, "alert", "query", f"mainstay_incident={incident['id']}", "-o", "json").strip() != "[]"
    )
    assert ours, "our incident never reached their Alertmanager"
    # Their Alertmanager sends our own alert back by webhook: it is acknowledged and dropped.
    assert eventually(lambda: "mainstay_incident" not in str(client.get("alerts")), 3)
    assert len(client.get("incidents")) == 1


def test_amtool_talks_to_us_as_an_alertmanager(platform, tmp_path):
    client, token = platform(tick_s=1.0)
    http = tmp_path / "http.yml"
    http.write_text(f"authorization: {{credentials_file: {token}}}\n")
    words = ("--http.config.file", str(http))
    amtool(client.url, *words, "alert", "add", "alertname=DiskSlow", "service=orders", "environment=test")
    assert eventually(lambda: [a for a in client.get("alerts") if a["name"] == "DiskSlow"])
    assert "DiskSlow" in eventually(lambda: amtool(client.url, *words, "alert", "query"))


def test_a_full_alert_lane_is_503_and_nothing_is_lost(platform, process, tmp_path):
    client, token = platform(tick_s=1.0, quota={"alerts": 4_000})
    url = alertmanager(process, tmp_path, client, token, free_port())
    names = {f"Burst{n}" for n in range(MANY)}
    burst = [{"labels": {"alertname": name, "service": "orders", "environment": "test"}} for name in sorted(names)]
    httpx.post(url + "/api/v2/alerts", json=burst).raise_for_status()
    assert eventually(lambda: names <= {a["name"] for a in client.get("alerts", limit=500)}, 120)
    assert failed(url) > 0, "the lane was never full: the test shows nothing"


def failed(url):
    """Webhook requests that Alertmanager had to send again."""
    counted = [
        float(line.split()[-1])
        for line in httpx.get(url + "/metrics").text.splitlines()
        if line.startswith("alertmanager_notification_requests_failed_total") and 'integration="webhook"' in line
    ]
    return sum(counted)

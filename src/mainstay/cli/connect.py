"""Beside what people run already: what to paste, and whether it arrived."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from mainstay.cli.client import Client, with_client
from mainstay.client import default_data

PASTE = {
    "prometheus": """\
# prometheus.yml: samples by remote write, and Mainstay as a second Alertmanager for your own rules
remote_write:
  - url: {url}/api/v1/write
    authorization:
      credentials_file: {token_file}
    # A starter: leave out what nobody would be paged for.
    write_relabel_configs:
      - source_labels: [__name__]
        regex: go_gc_.*|go_memstats_.*|promhttp_.*|net_conntrack_.*
        action: drop
alerting:
  alertmanagers:
    - authorization:
        credentials_file: {token_file}
      scheme: {scheme}
      static_configs:
        - targets: ["{host}"]
""",
    "alertmanager": """\
# alertmanager.yml: a copy of what you are paged for; your routes, silences and on-call stay as they are
receivers:
  - name: mainstay
    webhook_configs:
      - url: {url}/v1/alertmanager
        send_resolved: true
        http_config:
          authorization:
            credentials_file: {token_file}
route:
  routes:
    - receiver: mainstay
      continue: true      # put it first: the routes after it work as before

# mainstay.yaml: incidents leave as alerts to the same Alertmanager
receiver:
  alertmanager_url: http://127.0.0.1:9093
""",
    "otel": """\
# A collector: otlphttp exporter
exporters:
  otlphttp/mainstay:
    endpoint: {url}
    headers:
      Authorization: "Bearer ${{env:MAINSTAY_INGEST_TOKEN}}"

# Or any OpenTelemetry SDK, by its environment
export MAINSTAY_INGEST_TOKEN="$(cat {token_file})"
export OTEL_EXPORTER_OTLP_ENDPOINT={url}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20$MAINSTAY_INGEST_TOKEN"
""",
}
SOURCES = {
    "prometheus": ("remote-write", "alertmanager-api"),
    "alertmanager": ("alertmanager-webhook",),
    "otel": ("otlp",),
}
UNITS = {"prometheus": "samples", "alertmanager": "alerts", "otel": "records"}


@click.command()
@click.argument("what", type=click.Choice(list(PASTE)))
@click.option("--wait", "wait_s", default=300, show_default=True, help="Seconds to wait; 0 only prints.")
@with_client
def connect(client: Client, what: str, wait_s: int) -> None:
    """Print the YAML to paste, wait, and say what arrived. Exit 1 when nothing did."""
    folder = click.get_current_context().params.get("data") or default_data()
    token_file = _token_file(client, Path(folder), what)
    parts = urlsplit(client.url)
    click.echo(PASTE[what].format(url=client.url, host=parts.netloc, scheme=parts.scheme, token_file=token_file))
    if wait_s and not _arrives(client, what, wait_s):
        click.echo(f"nothing arrived in {wait_s} s. Is {client.url} reachable from there, and the token file readable?")
        click.get_current_context().exit(1)


def _token_file(client: Client, data: Path, what: str) -> Path:
    """A token of its own for each sender, in a file that its configuration can name."""
    path = (data / f"ingest-{what}.token").resolve()
    if not path.exists():
        token = client.post("tokens", {"kind": "ingest", "name": what})["token"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token)
    return path


def _arrives(client: Client, what: str, wait_s: int) -> bool:
    click.echo(f"waiting up to {wait_s} s for the first data …", err=True)
    before = _received(client.get("status"), what)
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        status = client.get("status")
        if _received(status, what) > before:
            time.sleep(2)  # the first request is often a small one: say what a second later looks like
            click.echo(_sentence(client.get("status"), what))
            return True
        time.sleep(0.5)
    return False


def _received(status: dict[str, Any], what: str) -> int:
    return sum(s["records"] for s in status["sources"] if s["source"].startswith(SOURCES[what]))


def _sentence(status: dict[str, Any], what: str) -> str:
    """What arrived, as one sentence.

    >>> _sentence({"sources": [{"source": "remote-write", "records": 12344, "refused": 0}],
    ...            "watching": {"entities": 310}, "unplaced": 14, "refused": 0}, "prometheus")
    '12,344 samples, 310 entities, 14 unplaced, 0 refused'
    """
    return (
        f"{_received(status, what):,} {UNITS[what]}, {status['watching']['entities']:,} entities, "
        f"{status['unplaced']:,} unplaced, {status['refused']:,} refused"
    )

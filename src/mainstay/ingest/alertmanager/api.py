"""Being an Alertmanager for those who ask: what `amtool` and dashboards read (API v2).

Silences are people's, not senders': `api/silences/alertmanager.py` answers for them. Routes stay in the user's own
Alertmanager.
Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from mainstay.domain.alerts import Alert
from mainstay.ingest.answers import Answer, json_answer
from mainstay.matching import matcher_of, matches

PREFIX = "/api/v2/"
OF_PEOPLE = ("/api/v2/silence/", "/api/v2/silences")
RECEIVER = {"name": "mainstay"}
CONFIG = """# Mainstay keeps no routes: they stay in your own Alertmanager.
route:
  receiver: mainstay
receivers:
- name: mainstay
"""


def answer(path: str, query: bytes, alerts: Callable[[], Sequence[Alert]], started_ns: int) -> Answer:
    """What a GET under `/api/v2/` gives.

    Raises:
        BadInput: a filter that cannot be read.
    """
    resource = path.removeprefix(PREFIX).rstrip("/")
    if resource == "alerts":
        return json_answer(200, gettable(alerts(), query))
    if resource == "alerts/groups":
        found = gettable(alerts(), query)
        return json_answer(200, [{"labels": {}, "receiver": RECEIVER, "alerts": found}] if found else [])
    if resource == "status":
        return json_answer(200, status(started_ns))
    if resource == "receivers":
        return json_answer(200, [RECEIVER])
    return json_answer(404, {"code": 404, "message": f"Mainstay has no {path}"})


def status(started_ns: int) -> dict[str, Any]:
    """What `amtool config show` and `amtool cluster show` ask for."""
    version = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
    return {
        "cluster": {"name": "mainstay", "status": "disabled", "peers": []},
        "config": {"original": CONFIG},
        "uptime": _iso(started_ns // 1_000_000),
        "versionInfo": version | {"version": "mainstay"},
    }


def gettable(alerts: Sequence[Alert], query: bytes) -> list[dict[str, Any]]:
    """Alerts as Alertmanager lists them, narrowed by `active`, `silenced` and `filter`."""
    asked = parse_qs(query.decode("latin-1"))
    matchers = [matcher_of(text) for text in asked.get("filter", ())]
    wants = {
        "active": asked.get("active", ["true"])[-1] != "false",
        "suppressed": asked.get("silenced", ["true"])[-1] != "false",
    }
    listed = []
    for alert in alerts:
        labels = labels_of_alert(alert)
        known = {name: (value,) for name, value in labels.items()}
        state = "suppressed" if alert.suppressed or alert.withheld is not None else "active"
        if alert.status == "firing" and wants[state] and all(matches(one, known) for one in matchers):
            listed.append(_gettable(alert, labels, state))
    return listed


def labels_of_alert(alert: Alert) -> dict[str, str]:
    """A user's own labels as they came; for an alert of a detector what it is about."""
    if alert.source != "detector":
        return alert.labels
    own = {"alertname": alert.name, "severity": alert.severity, "entity": alert.entity}
    return {**own, "decided_by": str(alert.decided_by), **alert.labels}


def _gettable(alert: Alert, labels: dict[str, str], state: str) -> dict[str, Any]:
    return {
        "annotations": {"summary": alert.summary} if alert.summary else {},
        "endsAt": _iso(alert.ended_ms if alert.ended_ms is not None else alert.at_ms + 300_000),
        "fingerprint": alert.fingerprint,
        "receivers": [RECEIVER],
        "startsAt": _iso(alert.since_ms),
        "status": {"state": state, **_by(alert)},
        "updatedAt": _iso(alert.at_ms),
        "generatorURL": alert.generator_url,
        "labels": labels,
    }


def _by(alert: Alert) -> dict[str, list[str]]:
    """By which silence, maintenance window or suppression no page leaves for it."""
    held = alert.withheld
    found = {"silence": "silencedBy", "dependency": "inhibitedBy", "maintenance": "mutedBy"}
    return {word: [held.ref] if held is not None and held.by == by else [] for by, word in found.items()}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

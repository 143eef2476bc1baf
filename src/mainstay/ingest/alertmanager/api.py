"""Being an Alertmanager for those who ask: what `amtool` and dashboards read (API v2).

Silences and routes stay in the user's own Alertmanager: here are none, and none can be made.
Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pyarrow as pa
from pyarrow.compute import match_substring_regex

from mainstay.domain.alerts import Alert
from mainstay.domain.errors import BadInput
from mainstay.ingest.answers import Answer, json_answer

PREFIX = "/api/v2/"
RECEIVER = {"name": "mainstay"}
CONFIG = """# Mainstay keeps no routes and silences: they stay in your own Alertmanager.
route:
  receiver: mainstay
receivers:
- name: mainstay
"""
MATCHER = re.compile(r'\s*([^=!~\s]+)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*', re.DOTALL)
MOST_MATCHER = 512
Matcher = Callable[[Mapping[str, str]], bool]


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
    if resource == "silences":
        return json_answer(200, [])
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
    matchers = [matcher(text) for text in asked.get("filter", ())]
    wants = {
        "active": asked.get("active", ["true"])[-1] != "false",
        "suppressed": asked.get("silenced", ["true"])[-1] != "false",
    }
    listed = []
    for alert in alerts:
        labels = labels_of_alert(alert)
        state = "suppressed" if alert.suppressed else "active"
        if alert.status == "firing" and wants[state] and all(matches(labels) for matches in matchers):
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
        "status": {"state": state, "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        "updatedAt": _iso(alert.at_ms),
        "generatorURL": alert.generator_url,
        "labels": labels,
    }


def matcher(text: str) -> Matcher:
    """One label matcher in Prometheus' notation.

    >>> matcher('severity=~"crit.*"')({"severity": "critical"})
    True
    """
    parts = MATCHER.fullmatch(text.strip().removeprefix("{").removesuffix("}")) if len(text) <= MOST_MATCHER else None
    if parts is None:
        raise BadInput(f'expected a matcher such as severity="critical", got {text[:100]!r}')
    name, operator, value = parts.groups()
    if operator in ("=", "!="):
        return lambda labels: (labels.get(name, "") == value) == (operator == "=")
    _fullmatch(value, "")  # refused here, not at the first alert
    return lambda labels: _fullmatch(value, labels.get(name, "")) == (operator == "=~")


def _fullmatch(pattern: str, text: str) -> bool:
    """RE2, as Prometheus and Alertmanager have it: a sender's `(a+)+` costs the length of the text, not its power."""
    try:
        found = match_substring_regex(pa.array([text]), rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid as error:
        raise BadInput(f"matcher {pattern[:100]!r} is not a regular expression: {error}") from None
    return bool(found[0].as_py())


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

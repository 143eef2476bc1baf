"""Change events: CloudEvents 1.0 for everything that a person or a pipeline changed in the shop."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TYPES = {
    "deploy": "dev.cdevents.service.deployed.0.1.1",
    "rollback": "dev.cdevents.service.rolledback.0.1.1",
    "config": "com.example.config.changed",
    "scale": "com.example.service.scaled",
    "restart": "com.example.service.restarted",
}
ANSWER_WITHIN_S = 5.0
RETRY_S = (0.5, 1.0, 2.0, 5.0)
HOPELESS = (400, 413, 415, 422)  # the same body will never be accepted


@dataclass(frozen=True)
class Change:
    """One change to one service."""

    service: str
    kind: str
    version: str
    previous_version: str
    summary: str
    author: str
    environment: str = "lab"


def utc_text(at_s: float) -> str:
    """RFC 3339 in UTC, to the millisecond.

    >>> utc_text(0.25)
    '1970-01-01T00:00:00.250Z'
    """
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cloud_event(change: Change, at_s: float) -> dict[str, Any]:
    """The change as a CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "lab/deployer",
        "type": TYPES[change.kind],
        "subject": change.service,
        "time": utc_text(at_s),
        "datacontenttype": "application/json",
        "data": asdict(change),
    }


class Announcer:
    """Posts change events one after the other, each until it is accepted.

    Args:
        url: Where to post; empty when nobody listens (events are then only recorded).
        token: Bearer token.
        record: File that gets one line per event, as soon as it happened.
    """

    def __init__(self, url: str, token: str, record: Path) -> None:
        self._url = url
        self._token = token
        self._record = record
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._deliver, daemon=True, name="announcer").start()

    def announce(self, change: Change) -> dict[str, Any]:
        event = cloud_event(change, time.time())
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        if self._url:
            self._waiting.put(event)
        return event

    def _deliver(self) -> None:
        while True:
            event = self._waiting.get()
            attempt = 0
            while not self._is_settled(event):
                time.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1

    def _is_settled(self, event: dict[str, Any]) -> bool:
        headers = {"Content-Type": "application/cloudevents+json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._url, json.dumps(event).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S):
                return True
        except urllib.error.HTTPError as error:
            return error.code in HOPELESS
        except (OSError, http.client.HTTPException):
            return False

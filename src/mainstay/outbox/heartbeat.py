"""Pages that Mainstay sends about itself (it stands still, a limit is reached); they do not pass the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.domain.pages import Page
from mainstay.domain.protocols import Clock
from mainstay.outbox.pages import OWN_LABEL, ReceiverName, utc
from mainstay.settings import Receiver

SUBJECT = "mainstay"


def stalled(says: str, receiver: Receiver, clock: Clock, *, is_over: bool) -> list[Page]:
    """A stage stalls (or runs again): one page per receiver and turn."""
    state = "runs" if is_over else "stalls"
    text = "Mainstay runs again" if is_over else f"Mainstay stands still: {says}"
    named = {"alertname": "MainstayStalled", "severity": "critical"}
    return _pages(named, state, text, receiver, clock, is_over=is_over)


def limited(says: str, receiver: Receiver, clock: Clock, *, is_over: bool) -> list[Page]:
    """A sender brings more new series than it may (or no longer): one page per receiver and turn."""
    state = "within-limits" if is_over else "over-limit"
    text = "Every sender is within its limits again" if is_over else f"New series are refused: {says}"
    named = {"alertname": "MainstaySeriesLimit", "severity": "warning"}
    return _pages(named, state, text, receiver, clock, is_over=is_over)


def _pages(
    named: Mapping[str, str], state: str, text: str, receiver: Receiver, clock: Clock, *, is_over: bool
) -> list[Page]:
    at_ms = clock.now_ns() // 1_000_000
    alert = {
        "labels": {**named, OWN_LABEL: SUBJECT},
        "annotations": {"summary": text, "description": text},
        "generatorURL": receiver.console_url,
        "startsAt": utc(at_ms),
    }
    bodies: dict[ReceiverName, dict[str, Any]] = {}
    if receiver.alertmanager_url:
        bodies["alertmanager"] = {"state": "resolved" if is_over else "open", "alert": alert}
    if receiver.webhook_url:
        bodies["webhook"] = {"event": f"mainstay.{state}", "says": text, "url": receiver.console_url}
    return [
        Page(
            key=f"{SUBJECT}/{name}/{state}-{at_ms}",
            receiver=name,
            incident=SUBJECT,
            body=body,
            created_ms=at_ms,
            next_try_ms=at_ms,
        )
        for name, body in bodies.items()
    ]

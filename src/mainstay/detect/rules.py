"""Users' own alerts (Prometheus, Alertmanager): they pass as they are, and end when their sender said they would."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mainstay.detect.book import Book, digest
from mainstay.detect.entries import alert_entry
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef


class Rules:
    """A user's rule fires, is repeated by its sender, and ends: by word, or by `endsAt` without a repeat."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def apply(self, alerts: Iterable[Alert], at_ms: int, effects: Effects) -> None:
        """Take what one record brought, then end what expired before it."""
        for alert in alerts:
            key = f"rule|{alert.fingerprint}"
            if alert.status == "resolved" or (alert.ended_ms is not None and alert.ended_ms <= at_ms):
                self._resolved(key, alert, at_ms, effects)
            else:
                self._firing(key, alert, at_ms, effects)
        for key in [k for k, until_ms in self._book.expires.items() if until_ms <= at_ms]:
            ended_ms = self._book.expires[key]
            self._over(key, ended_ms, at_ms, "its time (endsAt) ran out without a repeat", effects)

    def _firing(self, key: str, alert: Alert, at_ms: int, effects: Effects) -> None:
        book = self._book
        if alert.ended_ms is not None:
            book.expires[key] = alert.ended_ms
        else:
            book.expires.pop(key, None)
        known = book.firing.get(key)
        if known is not None:
            if _says(alert) == _says(known):
                return  # its sender repeats it; nothing is new
            alert = msgspec.structs.replace(_ours(alert), id=known.id, since_ms=known.since_ms, at_ms=at_ms)
        else:
            before = book.ended.pop(key, None)
            if before is not None and (not alert.id or before.since_ms == alert.since_ms):
                # A sender that tells no start (startsAt) tells the time at hand: it is the same one, since then.
                alert = msgspec.structs.replace(alert, id=before.id, since_ms=before.since_ms)
            alert = msgspec.structs.replace(_ours(alert), at_ms=at_ms)
        book.firing[key] = alert
        effects.alerts[alert.id] = alert
        output = {"firing": True, "summary": alert.summary, "severity": alert.severity}
        effects.entries.append(alert_entry(alert, None, output, effects.decided_seq))

    def _resolved(self, key: str, alert: Alert, at_ms: int, effects: Effects) -> None:
        if key in self._book.firing:
            self._over(key, min(alert.ended_ms or at_ms, at_ms), at_ms, "its sender says so", effects)

    def _over(self, key: str, ended_ms: int, at_ms: int, why: str, effects: Effects) -> None:
        self._book.expires.pop(key, None)
        alert = self._book.firing.pop(key, None)
        if alert is None:
            return
        alert = msgspec.structs.replace(alert, status="resolved", ended_ms=max(ended_ms, alert.since_ms), at_ms=at_ms)
        self._book.ended[key] = alert
        effects.alerts[alert.id] = alert
        effects.entries.append(alert_entry(alert, None, {"firing": False, "why": why}, effects.decided_seq))


def _ours(alert: Alert) -> Alert:
    """With its author; while it fires it has no end."""
    name = alert.id or digest("rule", alert.fingerprint, alert.since_ms)
    return msgspec.structs.replace(alert, id=name, decided_by=VersionRef(f"rule/{alert.name}", 0), ended_ms=None)


def _says(alert: Alert) -> tuple[object, ...]:
    return (alert.name, alert.severity, alert.summary, alert.labels, alert.entity)

"""The delivery loop: each page at least once, in its order, with patience; open incidents are told again and again.

Alertmanager forgets an alert that nobody repeats (`endsAt`; Prometheus repeats its own every minute and sets it four
minutes ahead). So do we: what is open is sent again every `refresh_s`, and ends by itself when we are gone for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from mainstay.domain.incidents import Incident, IncidentStatus
from mainstay.domain.ledger import Entry
from mainstay.domain.pages import Page
from mainstay.domain.protocols import Clock
from mainstay.outbox.pages import OVER, utc
from mainstay.outbox.wire import Wire
from mainstay.settings import Receiver

log = logging.getLogger(__name__)

REFRESH_S = 60.0
LIVES_FOR_REFRESHES = 4
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
MOST_PER_MINUTE = 120
"""Attempts per receiver: a receiver that is back after an outage is not flooded."""
BATCH = 100
OVERTAKEN = "not sent: it was over before it could be told"


class PageStore(Protocol):
    """The part of the control store that the outbox needs."""

    def pages_due(self, now_ms: int, limit: int = BATCH) -> Sequence[Page]: ...
    def pages(self, incident: str, /) -> Sequence[Page]: ...
    def mark_page(self, page: Page, entries: Sequence[Entry] = ()) -> None: ...
    def incident(self, incident: str, /) -> Incident | None: ...
    def incidents(self, status: IncidentStatus | None = None, limit: int = BATCH) -> Sequence[Incident]: ...


class Outbox:
    """Delivers pages until it is closed.

    Attributes:
        counts: `sent`, `failed` (attempts), `refreshed` (alerts told again), `errors` (rounds that broke off).
    """

    def __init__(self, control: PageStore, receiver: Receiver, clock: Clock, *, refresh_s: float = REFRESH_S) -> None:
        self._control, self._receiver, self._clock = control, receiver, clock
        self._wire = Wire(receiver)
        self._refresh_ms = int(refresh_s * 1000)
        self._refreshed_ms = 0
        self._paused_until_ms: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._attempts: dict[str, deque[int]] = {}
        self.counts = {"sent": 0, "failed": 0, "refreshed": 0, "errors": 0}

    async def run(self, poll_s: float = 1.0) -> None:
        """Deliver until cancelled. A round that fails is logged and counted, and the next one comes."""
        try:
            while True:
                try:
                    await self.deliver()
                except Exception:
                    self.counts["errors"] += 1
                    log.exception("a round of deliveries broke off")
                await asyncio.sleep(poll_s)
        finally:
            await self._wire.close()

    async def deliver(self) -> None:
        """One round: what is due, then what must be told again."""
        now_ms = self._now_ms()
        for page in await asyncio.to_thread(self._control.pages_due, now_ms, BATCH):
            await self._one(page, now_ms)
        if self._receiver.alertmanager_url and now_ms - self._refreshed_ms >= self._refresh_ms:
            await self._refresh(now_ms)

    async def close(self) -> None:
        """Close the connections; for those who call `deliver` themselves."""
        await self._wire.close()

    async def _one(self, page: Page, now_ms: int) -> None:
        if self._paused_until_ms.get(page.receiver, 0) > now_ms or not self._has_room(page.receiver, now_ms):
            return
        pages = await asyncio.to_thread(self._control.pages, page.incident)
        mine = [other for other in pages if other.receiver == page.receiver]
        earlier = [o for o in mine if o.sent_ms is None and (o.created_ms, o.key) < (page.created_ms, page.key)]
        if earlier:
            wait_ms = max(earlier[0].next_try_ms, now_ms) + 1
            await asyncio.to_thread(self._control.mark_page, msgspec.structs.replace(page, next_try_ms=wait_ms))
            return
        error = await self._send(page, mine, now_ms)
        await asyncio.to_thread(self._note, page, error, self._now_ms())

    async def _send(self, page: Page, mine: Sequence[Page], now_ms: int) -> str:
        if page.receiver == "webhook":
            return await self._wire.webhook(page)
        incident = await asyncio.to_thread(self._control.incident, page.incident)
        is_over = incident is not None and incident.status in OVER
        alerts = self._alerts(page, mine, now_ms, is_over=is_over)
        if not alerts:
            return OVERTAKEN
        return await self._wire.alerts(alerts)

    def _alerts(self, page: Page, mine: Sequence[Page], now_ms: int, *, is_over: bool) -> list[dict[str, Any]]:
        """What Alertmanager must be told because of this page. Nothing, if it is over before it could be told."""
        told = [other for other in mine if other.sent_ms is not None]
        if page.body["state"] == "resolved":
            return [_ending(alert, now_ms) for alert in _firing(told)]
        if page.body["state"] == "notice":
            return [self._lasting(page.body["alert"], now_ms)]
        if is_over:
            return []
        before = [] if page.body["state"] == "escalated" else _firing(told, states=("open", "severity"))
        ends = [_ending(alert, now_ms) for alert in before if alert["labels"] != page.body["alert"]["labels"]]
        return [self._lasting(page.body["alert"], now_ms), *ends]

    async def _refresh(self, now_ms: int) -> None:
        """Tell Alertmanager again what is open: all in one request."""
        alerts = await asyncio.to_thread(self._open_alerts, now_ms)
        if not alerts:
            self._refreshed_ms = now_ms
        elif self._paused_until_ms.get("alertmanager", 0) <= now_ms:
            error = await self._wire.alerts(alerts)
            self._noted("alertmanager", error, now_ms)
            if not error:
                self._refreshed_ms = now_ms
                self.counts["refreshed"] += len(alerts)

    def _open_alerts(self, now_ms: int) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = []
        statuses: tuple[IncidentStatus, ...] = ("open", "acknowledged")
        for status in statuses:
            for incident in self._control.incidents(status, 10_000):
                told = [
                    p
                    for p in self._control.pages(incident.id)
                    if p.receiver == "alertmanager" and p.sent_ms is not None
                ]
                alerts += [self._lasting(alert, now_ms) for alert in _firing(told)]
        return alerts

    def _lasting(self, alert: dict[str, Any], now_ms: int) -> dict[str, Any]:
        return {**alert, "endsAt": utc(now_ms + LIVES_FOR_REFRESHES * self._refresh_ms)}

    def _note(self, page: Page, error: str, now_ms: int) -> None:
        if error == OVERTAKEN:
            self._control.mark_page(msgspec.structs.replace(page, sent_ms=now_ms, error=error))
            return
        self._noted(page.receiver, error, now_ms)
        attempts = page.attempts + 1
        if error:
            wait_ms = _pause_ms(attempts)
            failed = msgspec.structs.replace(page, attempts=attempts, next_try_ms=now_ms + wait_ms, error=error)
            self._control.mark_page(failed)
            return
        self.counts["sent"] += 1
        sent = msgspec.structs.replace(page, attempts=attempts, sent_ms=now_ms, error="")
        self._control.mark_page(sent, (_entry(sent, now_ms),))

    def _noted(self, receiver: str, error: str, now_ms: int) -> None:
        self._attempts.setdefault(receiver, deque()).append(now_ms)
        if not error:
            self._failures[receiver] = 0
            return
        self.counts["failed"] += 1
        self._failures[receiver] = self._failures.get(receiver, 0) + 1
        self._paused_until_ms[receiver] = now_ms + _pause_ms(self._failures[receiver])
        log.warning("%s: %s; next attempt in %d s", receiver, error, _pause_ms(self._failures[receiver]) // 1000)

    def _has_room(self, receiver: str, now_ms: int) -> bool:
        attempts = self._attempts.setdefault(receiver, deque())
        while attempts and attempts[0] <= now_ms - 60_000:
            attempts.popleft()
        return len(attempts) < MOST_PER_MINUTE

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _pause_ms(failures: int) -> int:
    """Twice as long each time, up to five minutes."""
    return int(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 20)) * 1000)


def _firing(told: Sequence[Page], states: Sequence[str] = ("open", "severity", "escalated")) -> list[dict[str, Any]]:
    """The alerts that Alertmanager holds because of these pages: of open and severity pages only the last one's."""
    ordered = sorted(
        (page for page in told if page.body["state"] in states), key=lambda page: (page.created_ms, page.key)
    )
    last = [page for page in ordered if page.body["state"] != "escalated"][-1:]
    return [page.body["alert"] for page in (*last, *(p for p in ordered if p.body["state"] == "escalated"))]


def _ending(alert: dict[str, Any], now_ms: int) -> dict[str, Any]:
    return {**alert, "endsAt": utc(now_ms)}


def _entry(page: Page, now_ms: int) -> Entry:
    return Entry(
        id=f"page:{page.key}",
        kind="page",
        at_ms=now_ms,
        actor="mainstay",
        subject=page.incident,
        output={"receiver": page.receiver, "key": page.key, "attempts": page.attempts, "decided_by": page.decided_by},
        rests_on=(page.incident,),
    )

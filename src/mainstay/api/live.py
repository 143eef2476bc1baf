"""Live events for the console: what changed, by name and id, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import HeaderParameter
from litestar.response import Stream

from mainstay.api.gate import presented
from mainstay.api.parameters import Asking, Platform
from mainstay.api.platform import PlatformApi
from mainstay.store.feed import Event, Subscription

HEARTBEAT_S = 15.0
"""Proxies cut what is silent for a minute; a dead client is noticed at the next write."""

LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=40)]


def written(event: Event) -> bytes:
    r"""One event as the browser reads it.

    >>> written(Event(7, "incident", "INC-1"))
    b'id: 7\nevent: incident\ndata: {"kind":"incident","id":"INC-1"}\n\n'
    """
    # JSON keeps line breaks inside of strings as \n: a hostile id cannot end the event
    data = msgspec.json.encode({"kind": event.kind, "id": event.id}).decode()
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()


@get("/stream", role="viewer", media_type="text/event-stream")
async def stream(platform: Platform, request: Asking, last_event_id: LastEventId = None) -> Stream:
    """Events `incident`, `alert`, `plan`, `change`, `verdict`, `model`: ask again for the one with this id.

    `status`: figures may have moved. `reset`: more was missed than is kept, load everything anew. A client that
    comes back with Last-Event-ID gets what it missed. One that reads too slowly is dropped.
    """
    after = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else None
    secret, _ = presented(request)
    feed = platform.control.feed
    subscription = feed.subscribe(after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(
        _told(platform, subscription, secret), media_type="text/event-stream", headers=headers, status_code=200
    )


async def _told(platform: PlatformApi, subscription: Subscription, secret: str) -> AsyncIterator[bytes]:
    control = platform.control
    try:
        yield b": hello\nretry: 2000\n\n"
        while not subscription.is_ended:
            events = await subscription.take(HEARTBEAT_S)
            for event in events:
                yield written(event)
            if not events:
                if control.people.caller(secret) is None:  # revoked, expired, or disabled in the meantime
                    return
                yield b': still here\n\nevent: status\ndata: {"kind":"status","id":""}\n\n'
    finally:
        control.feed.leave(subscription)


ROUTES = [stream]

"""What changed, told live: names and ids only, at once after the commit that made it true."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

import msgspec

_KEPT = 2_000
"""Events kept for a client that comes back: about a minute of an incident storm; 200 KB."""
_WAITING = 1_000
"""Different things that one client may lie behind. Beyond that it is dropped and loads anew."""


class Event(msgspec.Struct, frozen=True):
    """Something is new: ask again for `kind` with this `id`. `number` rises by one; `reset` says: load all anew."""

    number: int
    kind: str
    id: str


class Subscription:
    """One client's view of the feed. Events about the same thing that it has not taken yet are one event."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: OrderedDict[tuple[str, str], Event] = OrderedDict()
        self._lock = threading.Lock()
        self._ready = asyncio.Event()
        self.is_ended = False

    def offer(self, events: Iterable[Event]) -> bool:
        """Take events from any thread; False when this client is too far behind and gets no more."""
        with self._lock:
            for event in events:
                self._waiting.pop((event.kind, event.id), None)
                self._waiting[event.kind, event.id] = event
            if len(self._waiting) > _WAITING:
                self._waiting.clear()
                self.is_ended = True
        return self._wake() and not self.is_ended

    def end(self) -> None:
        """No more will come."""
        self.is_ended = True
        self._wake()

    def _wake(self) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # its event loop has ended
            return False
        return True

    async def take(self, timeout_s: float) -> list[Event]:
        """What is new, as soon as there is something; empty after `timeout_s` or when no more will come."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            return []
        with self._lock:
            self._ready.clear()
            events, self._waiting = list(self._waiting.values()), OrderedDict()
        return events


class Feed:
    """Tells every subscriber what commits changed. Thread-safe; memory is bounded whatever the clients do.

    Args:
        first: Where numbers begin. With the time of the start in ms, a number of an earlier process is known as such.
    """

    def __init__(self, first: int = 0) -> None:
        self._lock = threading.Lock()
        self._number = first
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._subscriptions: set[Subscription] = set()

    def publish(self, changed: Iterable[tuple[str, str]]) -> None:
        """Tell that these (kind, id) changed; a repeat within one call is told once."""
        with self._lock:
            events = []
            for kind, name in dict.fromkeys(changed):
                self._number += 1
                events.append(Event(self._number, kind, name))
            self._kept.extend(events)
            if events:
                self._subscriptions = {one for one in self._subscriptions if one.offer(events)}

    def subscribe(self, after: int | None = None) -> Subscription:
        """Begin to listen, on the running event loop; what was missed since number `after` comes first."""
        one = Subscription(asyncio.get_running_loop())
        with self._lock:
            if after is not None and after != self._number:
                oldest = self._kept[0].number if self._kept else self._number + 1
                is_known = oldest - 1 <= after <= self._number
                missed = [e for e in self._kept if e.number > after] if is_known else []
                if not is_known or not one.offer(missed):
                    one = Subscription(asyncio.get_running_loop())
                    one.offer([Event(self._number, "reset", "")])
            self._subscriptions.add(one)
        return one

    def leave(self, one: Subscription) -> None:
        """Stop listening."""
        with self._lock:
            self._subscriptions.discard(one)

    def close(self) -> None:
        """End every subscription, so that a server that stops need not wait for its listeners."""
        with self._lock:
            for one in self._subscriptions:
                one.end()
            self._subscriptions = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

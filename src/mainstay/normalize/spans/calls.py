"""Who called whom, how it went, and how long the callee itself took: spans joined across requests.

The two halves of a call come from two processes, in any order, seconds apart. A span waits (in the pipeline's time,
decided at ticks) for its other half:

* a server span whose caller's span is here belongs to that caller at once; one without a parent comes from outside;
* a server span whose parent is not here yet waits `HOLD_NS`, longer when this service is known to be called by others;
  then its caller is the outside world (`""`): browsers and load generators send trace ids, too, but no spans;
* a client span is joined by its server span; without one after `HOLD_NS` its address names the callee (that is how
  calls to a stopped service are still seen). An address that nobody has answered from yet is given longer.

The call counts in the window in which it was joined. Windows close at every tick, so nothing waits for stragglers.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from mainstay.domain.signals import EdgeWindow
from mainstay.normalize.spans.operations import Operations, window_of
from mainstay.normalize.spans.peers import Peers
from mainstay.normalize.spans.reservoir import spread
from mainstay.normalize.spans.tally import Tally

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
HOLD_NS = 2_500_000_000  # SDKs here export each second; half of a tick more
LONG_HOLD_NS = 12_000_000_000  # the SDKs' own default is a batch every 5 s, on both sides
KEEP_NS = 20_000_000_000
MAX_SPANS = 60_000
MAX_EDGES = 10_000
MOST_DEEP = 30

Key = tuple[bytes, bytes]


class Seen(msgspec.Struct, array_like=True, gc=False):
    """One span as long as it may be needed."""

    trace: bytes
    span: bytes
    parent: bytes
    entity: str
    environment: str
    kind: int
    is_error: bool
    start_ns: int
    end_ns: int
    heard_ns: int
    peer: str
    address: str
    is_counted: bool = False
    operation: str = ""
    name: str = ""

    @property
    def ms(self) -> float:
        return max(self.end_ns - self.start_ns, 0) / 1e6


class Calls:
    """The spans of the last seconds, and the edges of the open window."""

    def __init__(self, peers: Peers, counts: Counter[str]) -> None:
        self.peers, self.counts = peers, counts
        self._spans: OrderedDict[Key, Seen] = OrderedDict()
        self._children: dict[Key, list[Seen]] = {}
        self._waiting: dict[Key, Seen] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._called: set[str] = set()
        self.brokers: dict[tuple[str, str], None] = {}
        self.operations = Operations(counts)

    def add(self, seen: Seen) -> bool:
        """Take up a span; False when it is here already (a sender's retry)."""
        key = (seen.trace, seen.span)
        if key in self._spans:
            return False
        self._spans[key] = seen
        if seen.parent:
            self._children.setdefault((seen.trace, seen.parent), []).append(seen)
        if seen.kind != INTERNAL:
            self._waiting[key] = seen
        if len(self._spans) > MAX_SPANS:
            self._drop_oldest()
        return True

    @property
    def spans(self) -> Mapping[Key, Seen]:
        """Those that are still here."""
        return self._spans

    def close(self, since_ns: int, until_ns: int) -> tuple[EdgeWindow, ...]:
        """Join what can be joined by now, close the window, forget what is old.

        `brokers` are then the (queue, service) pairs of this window: a queue depends on the service that keeps it.
        """
        self.brokers = {}
        for seen in [s for s in self._waiting.values() if s.kind in (SERVER, CONSUMER)]:
            self._join_server(seen, until_ns)
        for seen in [s for s in self._waiting.values() if s.kind in (CLIENT, PRODUCER)]:
            self._join_client(seen, until_ns)
        while self._spans and next(iter(self._spans.values())).heard_ns < until_ns - KEEP_NS:
            self._drop_oldest()
        tallies, self._tallies = self._tallies, {}
        return tuple(
            window_of(ends, tally, since_ns, until_ns) for ends, tally in sorted(tallies.items()) if tally.count
        )

    def _join_server(self, seen: Seen, now_ns: int) -> None:
        if seen.kind == CONSUMER:
            self._consumed(seen)
            self._waiting.pop((seen.trace, seen.span), None)
            return
        parent = self._spans.get((seen.trace, seen.parent)) if seen.parent else None
        if parent is not None and parent.entity != seen.entity:
            self._answered(parent, seen)
        elif parent is not None:
            parent.is_counted = True  # a service that calls itself is no edge
            self._settle(seen)
        elif not seen.parent or now_ns - seen.heard_ns >= (LONG_HOLD_NS if seen.entity in self._called else HOLD_NS):
            self._observe("", seen.entity, seen, seen)
        else:
            return
        self._waiting.pop((seen.trace, seen.span), None)

    def _answered(self, parent: Seen, seen: Seen) -> None:
        """Both halves are here: the time that the caller felt, the callee's own time."""
        is_client = parent.kind in (CLIENT, PRODUCER)
        if is_client:
            self.peers.learn(parent.entity, parent.address, seen.entity)
            parent.peer = seen.entity
            sent = self._spans.get((parent.trace, parent.parent))
            if sent is not None and sent.kind == PRODUCER and sent.peer:
                self.brokers[sent.peer, seen.entity] = None  # whoever answers while a message is sent keeps the queue
        self._called.add(seen.entity)
        if is_client and parent.is_counted:  # it gave up waiting and was counted by its address
            self._tally(parent.entity, seen.entity).own.add(seen.span, self._own_ms(seen))
            self._settle(seen)
            return
        self._observe(parent.entity, seen.entity, parent if is_client else seen, seen)
        if is_client:
            parent.is_counted = True

    def _consumed(self, seen: Seen) -> None:
        """A message that was taken: the queue depends on its consumer."""
        if seen.peer:
            self._observe(seen.peer, seen.entity, seen, seen)

    def _join_client(self, seen: Seen, now_ns: int) -> None:
        key = (seen.trace, seen.span)
        if seen.is_counted:
            self._waiting.pop(key, None)
            return
        callee = seen.peer or self.peers.learned(seen.entity, seen.address)
        is_silent = callee.startswith(("database:", "queue:"))  # they send no spans of their own
        age = now_ns - seen.heard_ns
        if not is_silent and age < (HOLD_NS if callee else LONG_HOLD_NS):
            return
        self._waiting.pop(key, None)
        callee = callee or self.peers.guessed(seen.address, seen.environment)
        if not callee:
            self.counts["calls_to_unknown"] += 1
        elif callee != seen.entity:
            self._observe(seen.entity, callee, seen, None)
        seen.is_counted = True

    def _observe(self, caller: str, callee: str, felt: Seen, server: Seen | None) -> None:
        tally = self._tally(caller, callee)
        is_error = felt.is_error or (server is not None and server.is_error)
        tally.count += 1
        tally.errors += int(is_error)
        tally.latency.add(felt.span, felt.ms)
        tally.exemplars.add(felt.trace, felt.ms, is_error=is_error)
        if server is not None:
            key, own_ms = spread(server.span), self._own_ms(server)
            tally.own.put(key, own_ms)
            self._served(felt, server, key, own_ms)
            self._settle(server)
        if caller:
            self.operations.called(caller, self._asked(caller, felt), callee)

    def _served(self, felt: Seen, server: Seen, key: int, own_ms: float) -> None:
        """A request, counted for its operation as well, as long as its caller felt it."""
        tally = self.operations.tally(server.entity, server.operation, server.heard_ns)
        if tally is not None:
            is_error = felt.is_error or server.is_error
            tally.count += 1
            tally.errors += int(is_error)
            tally.latency.put(key, felt.ms)
            tally.own.put(key, own_ms)
            tally.exemplars.add(server.trace, felt.ms, is_error=is_error)

    def _asked(self, caller: str, felt: Seen) -> str:
        """For which operation of the caller this call was made; "" when its span is not here."""
        span: Seen | None = felt
        for _ in range(MOST_DEEP):
            if span is None:
                break
            if span.entity == caller and span.kind in (SERVER, CONSUMER):
                return span.operation
            span = self._spans.get((span.trace, span.parent))
        return ""

    def _tally(self, caller: str, callee: str) -> Tally:
        key = (caller, callee)
        if key not in self._tallies and len(self._tallies) >= MAX_EDGES:
            self.counts["edges_refused"] += 1
            return Tally()
        return self._tallies.setdefault(key, Tally())

    def _settle(self, seen: Seen) -> None:
        seen.is_counted = True

    def _own_ms(self, server: Seen) -> float:
        """The server span's time less that in which it waited for others (their union: calls may be parallel)."""
        waits: list[tuple[int, int]] = []
        todo = [(server.trace, server.span)]
        for _ in range(1_000):
            if not todo:
                break
            for child in self._children.get(todo.pop(), ()):
                if child.entity != server.entity:
                    continue
                if child.kind in (CLIENT, PRODUCER):
                    waits.append((max(child.start_ns, server.start_ns), min(child.end_ns, server.end_ns)))
                elif child.kind == INTERNAL:
                    todo.append((child.trace, child.span))
        waited, until = 0, 0
        for start, end in sorted(waits):
            waited += max(0, end - max(start, until))
            until = max(until, end)
        return max(server.end_ns - server.start_ns - waited, 0) / 1e6

    def _drop_oldest(self) -> None:
        key, seen = self._spans.popitem(last=False)
        if self._waiting.pop(key, None) is not None and not seen.is_counted:
            self.counts["calls_dropped"] += 1
        siblings = self._children.get((seen.trace, seen.parent))
        if siblings:
            siblings.remove(seen)
            if not siblings:
                del self._children[seen.trace, seen.parent]

    def state(self) -> dict[str, Any]:
        return {
            "spans": list(self._spans.values()),
            "waiting": list(self._waiting),
            "called": sorted(self._called),
            "tallies": [(ends, tally.state()) for ends, tally in self._tallies.items()],
            "operations": self.operations.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self._spans, self._children = OrderedDict(), {}
        for seen in msgspec.convert(state["spans"], list[Seen]):
            self._spans[seen.trace, seen.span] = seen
            if seen.parent:
                self._children.setdefault((seen.trace, seen.parent), []).append(seen)
        self._waiting = {(trace, span): self._spans[trace, span] for trace, span in state["waiting"]}
        self._called = set(state["called"])
        self._tallies = {(caller, callee): Tally.of(kept) for (caller, callee), kept in state["tallies"]}
        self.operations.load(state["operations"])

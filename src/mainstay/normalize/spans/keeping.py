"""Which traces are kept whole, and which leave only their part in what was counted.

Every span is counted first (calls, operations, RED), so nothing that is judged depends on what is kept. A trace waits
until nothing was heard of it for 10 s, in the pipeline's time; then it is decided as a whole (tail-based sampling).
Beside what is interesting by itself a small share is kept, drawn by the trace's id. A trace that a window names as one
to look at waits a little longer for an alert that tells of it. What comes late follows what was decided.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mainstay.domain.signals import EdgeWindow, TraceLine
from mainstay.normalize.spans.calls import Seen
from mainstay.normalize.spans.interest import ALERT, ORDER, SAMPLE, Interest
from mainstay.normalize.spans.reservoir import spread

QUIET_NS, LONGEST_NS = 10 * 10**9, 60 * 10**9
HOLD_NS = 90 * 10**9
"""How long after its window a trace may still be named by an alert: six windows of the ring, and patience."""
MAX_SPANS, MAX_HELD, MAX_TRACE = 60_000, 30_000, 2_000
MAX_DECIDED, MAX_PINNED = 20_000, 2_000
SPANS_PER_TICK = 2_000
EACH = 5
"""Traces of one reason and one place in a tick: an outage fails everywhere alike."""


class Pending(msgspec.Struct, array_like=True):
    """A trace that is not decided yet."""

    spans: list[Seen]
    first_ns: int
    heard_ns: int


class Keeping:
    """Decides about traces, at ticks, within a quota.

    Args:
        share: Of traces that are not interesting by themselves, how many are kept; 1 keeps each, without a quota.
    """

    def __init__(self, counts: Counter[str], share: float = 0.05) -> None:
        self.counts, self.share = counts, share
        self._interest = Interest()
        self._open: OrderedDict[bytes, Pending] = OrderedDict()
        self._full: list[tuple[bytes, Pending]] = []
        self._held: OrderedDict[bytes, Pending] = OrderedDict()
        self._until: dict[bytes, int] = {}
        self._pinned: OrderedDict[bytes, None] = OrderedDict()
        self._decided: OrderedDict[bytes, bool] = OrderedDict()
        self._late: list[Seen] = []
        self._size = self._held_size = 0

    def add(self, seen: Seen) -> None:
        """One span, after it was counted."""
        pending = self._open.get(seen.trace) or self._held.get(seen.trace)
        if pending is None:
            is_kept = self._decided.get(seen.trace)
            if is_kept is not None:
                if is_kept and not self.keeps_all and len(self._late) < SPANS_PER_TICK:
                    self._late.append(seen)
                elif not self.keeps_all:
                    self.counts["spans_passed"] += 1
                return
            pending = self._open[seen.trace] = Pending([], seen.heard_ns, seen.heard_ns)
        if len(pending.spans) >= MAX_TRACE:
            self.counts["spans_passed"] += 1
            return
        pending.spans.append(seen)
        pending.heard_ns = seen.heard_ns
        self._size += 1
        while self._size > MAX_SPANS and self._open:
            self._full.append(self._open.popitem(last=False))
            self._size -= len(self._full[-1][1].spans)
            if len(self._full) > MAX_DECIDED:  # a flood of spans between two ticks
                self._pass(*self._full.pop(0))

    @property
    def keeps_all(self) -> bool:
        """Whether every span is written as it comes, and only the lines about traces wait."""
        return self.share >= 1.0

    def look_at(self, windows: Iterable[EdgeWindow], at_ns: int) -> None:
        """Calls that windows name: an alert may tell of them soon."""
        for window in windows:
            self._until.update((one.trace, at_ns + HOLD_NS) for one in window.exemplars)

    def pin(self, trace: bytes) -> None:
        """An alert tells of this trace."""
        self._pinned[trace] = None
        while len(self._pinned) > MAX_PINNED:
            self._pinned.popitem(last=False)

    def close(self, at_ns: int) -> tuple[list[Seen], tuple[TraceLine, ...]]:
        """What is decided by now: the spans to keep, and a line about each trace."""
        due = [*self._full, *self._silent(at_ns)]
        self._full = []
        judged = [(self._why(trace, pending), trace, pending) for trace, pending in due]
        judged += [(ALERT, trace, self._released(trace)) for trace in list(self._held) if trace in self._pinned]
        self._until = {trace: until for trace, until in self._until.items() if until > at_ns}
        spans, lines = [*self._late], []
        self._late = []
        for why, trace, pending in self._chosen(judged):
            spans += [] if self.keeps_all else pending.spans
            lines.append(line_of(trace, pending.spans, why))
            self._decide(trace, is_kept=True)
        for trace in [trace for trace in self._held if trace not in self._until]:
            self._pass(trace, self._released(trace))
        self.counts["traces_kept"] += len(lines)
        self.counts["spans_kept"] += len(spans)
        return spans, tuple(lines)

    def _silent(self, at_ns: int) -> list[tuple[bytes, Pending]]:
        """Traces of which nothing was heard for long enough, or that have gone on for too long."""
        silent = [
            (trace, pending)
            for trace, pending in self._open.items()
            if at_ns - pending.heard_ns >= QUIET_NS or at_ns - pending.first_ns >= LONGEST_NS
        ]
        for trace, pending in silent:
            del self._open[trace]
            self._size -= len(pending.spans)
        return silent

    def _why(self, trace: bytes, pending: Pending) -> str:
        found = self._interest.why(pending.spans)
        if trace in self._pinned:
            return ALERT
        return found or (SAMPLE if spread(trace) < self.share * 2.0**64 else "")

    def _chosen(self, judged: list[tuple[str, bytes, Pending]]) -> list[tuple[str, bytes, Pending]]:
        """Those for which there is room, the most telling first; the others wait for an alert, or pass."""
        told = sorted((one for one in judged if one[0]), key=lambda one: (ORDER.index(one[0]), spread(one[1])))
        room, each, found = SPANS_PER_TICK, Counter[tuple[str, str]](), []
        for why, trace, pending in told:
            kind = why, pending.spans[0].entity
            has_room = len(pending.spans) <= room and (why in (ALERT, SAMPLE) or each[kind] < EACH)
            if has_room or self.keeps_all:
                room -= len(pending.spans)
                each[kind] += 1
                found.append((why, trace, pending))
        chosen = {trace for _, trace, _ in found}
        for _, trace, pending in judged:
            if trace not in chosen:
                self._wait(trace, pending)
        return found

    def _wait(self, trace: bytes, pending: Pending) -> None:
        if trace not in self._until:
            self._pass(trace, pending)
            return
        self._held[trace] = pending
        self._held_size += len(pending.spans)
        while self._held_size > MAX_HELD:
            oldest = next(iter(self._held))
            self._pass(oldest, self._released(oldest))

    def _released(self, trace: bytes) -> Pending:
        pending = self._held.pop(trace)
        self._held_size -= len(pending.spans)
        return pending

    def _pass(self, trace: bytes, pending: Pending) -> None:
        self.counts["traces_passed"] += 1
        self.counts["spans_passed"] += len(pending.spans)
        self._decide(trace, is_kept=False)

    def _decide(self, trace: bytes, *, is_kept: bool) -> None:
        self._decided[trace] = is_kept
        self._pinned.pop(trace, None)
        if len(self._decided) > MAX_DECIDED:
            self._decided.popitem(last=False)

    def state(self, known: Mapping[tuple[bytes, bytes], Seen]) -> dict[str, Any]:
        """Spans that the calls still know are named only."""

        def kept(pairs: Iterable[tuple[bytes, Pending]]) -> list[Any]:
            return [(trace, p.first_ns, p.heard_ns, [_named(s, known) for s in p.spans]) for trace, p in pairs]

        return {
            "interest": self._interest.state(),
            "open": kept(self._open.items()), "full": kept(self._full), "held": kept(self._held.items()),
            "until": list(self._until.items()), "pinned": list(self._pinned), "decided": list(self._decided.items()),
            "late": [_named(seen, known) for seen in self._late],
        }  # fmt: skip

    def load(self, state: dict[str, Any], known: Mapping[tuple[bytes, bytes], Seen]) -> None:
        def found(kept: list[Any]) -> list[tuple[bytes, Pending]]:
            return [(trace, Pending([_seen(s, known) for s in spans], a, b)) for trace, a, b, spans in kept]

        self._interest.load(state["interest"])
        self._open, self._full = OrderedDict(found(state["open"])), found(state["full"])
        self._held = OrderedDict(found(state["held"]))
        self._until = dict(state["until"])
        self._pinned = OrderedDict.fromkeys(state["pinned"])
        self._decided = OrderedDict(state["decided"])
        self._late = [_seen(one, known) for one in state["late"]]
        self._size = sum(len(pending.spans) for pending in self._open.values())
        self._held_size = sum(len(pending.spans) for pending in self._held.values())


def line_of(trace: bytes, spans: Sequence[Seen], why: str) -> TraceLine:
    """What a list shows of a trace: where it began, how long it took, how much of it failed."""
    ids = {one.span for one in spans}
    first = min(spans, key=lambda one: (one.parent in ids, one.start_ns, one.span))
    since_ns, until_ns = min(one.start_ns for one in spans), max(one.end_ns for one in spans)
    errors = sum(one.is_error for one in spans)
    return TraceLine(trace, since_ns, (until_ns - since_ns) / 1e6, first.entity, first.name, len(spans), errors, why)


def _named(seen: Seen, known: Mapping[tuple[bytes, bytes], Seen]) -> Any:
    key = seen.trace, seen.span
    return list(key) if known.get(key) is seen else seen


def _seen(kept: Any, known: Mapping[tuple[bytes, bytes], Seen]) -> Seen:
    return known[kept[0], kept[1]] if len(kept) == 2 else msgspec.convert(kept, Seen)

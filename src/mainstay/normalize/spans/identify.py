"""Spans as the stages know them: of an entity, with a peer, joined to calls, counted as RED per service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from mainstay.domain.signals import EdgeWindow, RawSpans, SpanBatch, TraceLine
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.masking import mask_to
from mainstay.normalize.metrics.samples import NEWEST_NS, OLDEST_NS
from mainstay.normalize.spans.calls import CLIENT, CONSUMER, INTERNAL, SERVER, Calls, Seen
from mainstay.normalize.spans.keeping import Keeping
from mainstay.normalize.spans.peers import Peers, address_of
from mainstay.normalize.spans.red import Red

ERROR = 2
TURNED_AWAY = frozenset({("http.response.status_code", "429"), ("http.status_code", "429")})
"""Too many requests. By the conventions that is no error of the server's span, but whoever asked was not served, and
at the door there is no client span that would say so."""
MAX_NAME = 256
MAX_NAMES = 20_000


class Spans:
    """Identifies spans and hands them to calls and RED."""

    def __init__(self, directory: Directory, red: Red, counts: Counter[str], keep_traces: float = 0.05) -> None:
        self.directory, self.red, self.counts = directory, red, counts
        self.peers = Peers(directory)
        self.calls = Calls(self.peers, counts)
        self.keeping = Keeping(counts, keep_traces)
        self._names: dict[str, str] = {}

    def apply(self, raw: RawSpans, received_ns: int) -> tuple[SpanBatch | None, list[str]]:
        """Count them; those that are kept already, and the entities that spoke."""
        owner = [self.directory.of_labels(labels) for labels in raw.resources]
        environment = [self.directory.mapping.environment(dict(labels))[0] for labels in raw.resources]
        for entity, labels in zip(owner, raw.resources, strict=True):
            self.directory.heard(entity, labels)
        in_time = (raw.end_ns >= received_ns - OLDEST_NS) & (raw.end_ns <= received_ns + NEWEST_NS)
        self.counts["out_of_time"] += int(np.count_nonzero(~in_time))
        spoke: set[str] = set()
        kept: list[Seen] = []
        for at in np.flatnonzero(in_time).tolist():
            resource = int(raw.resource[at])
            one = self._seen(raw, at, owner[resource], environment[resource], received_ns)
            spoke.add(one.entity)
            if self.calls.add(one):
                self.keeping.add(one)
                kept.append(one)
                if one.kind in (SERVER, CONSUMER):
                    self.red.add(one.entity, one.span, one.ms, is_error=one.is_error)
            else:
                self.counts["repeated"] += 1
        return (self._batch(kept) if kept and self.keeping.keeps_all else None), sorted(spoke)

    def kept(self, windows: Iterable[EdgeWindow], at_ns: int) -> tuple[SpanBatch | None, tuple[TraceLine, ...]]:
        """At the end of a window: the spans of traces that were decided to be kept, and a line about each trace."""
        self.keeping.look_at(windows, at_ns)
        spans, lines = self.keeping.close(at_ns)
        return (self._batch(spans) if spans else None), lines

    def _seen(self, raw: RawSpans, at: int, entity: str, environment: str, received_ns: int) -> Seen:
        kind = int(raw.kind[at]) or INTERNAL
        parent = raw.parent_id[at] if raw.parent_id[at].strip(b"\0") else b""
        peer = address = ""
        if kind in (3, 4, 5):
            attributes = dict(raw.attributes[at])
            address = mask_to(address_of(attributes), MAX_NAME)
            peer = self.peers.stated(attributes, environment)
        name = self._name(raw.name[at])
        operation = name if kind in (SERVER, CONSUMER) else ""
        is_turned_away = kind == SERVER and not TURNED_AWAY.isdisjoint(raw.attributes[at])
        is_error = bool(raw.status[at] == ERROR) or is_turned_away
        return Seen(
            raw.trace_id[at], raw.span_id[at], parent, entity, environment, kind, is_error,
            int(raw.start_ns[at]), int(raw.end_ns[at]), received_ns, peer, address, operation=operation, name=name,
        )  # fmt: skip

    def _batch(self, seen: list[Seen]) -> SpanBatch:
        peers = tuple(s.peer or (self.peers.learned(s.entity, s.address) if s.kind == CLIENT else "") for s in seen)
        return SpanBatch(
            tuple(s.entity for s in seen), peers, tuple(s.trace for s in seen), tuple(s.span for s in seen),
            tuple(s.parent for s in seen), tuple(s.name for s in seen), np.array([s.kind for s in seen], np.uint8),
            np.array([s.is_error for s in seen], bool), np.array([s.start_ns for s in seen], np.int64),
            np.array([s.ms for s in seen]),
        )  # fmt: skip

    def _name(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            known = self._names[name] = mask_to(name, MAX_NAME)
        return known

    def state(self) -> dict[str, Any]:
        keeping = self.keeping.state(self.calls.spans)
        return {"peers": self.peers.state(), "calls": self.calls.state(), "keeping": keeping}

    def load(self, state: dict[str, Any]) -> None:
        self.peers.load(state["peers"])
        self.calls.load(state["calls"])
        self.keeping.load(state["keeping"], self.calls.spans)

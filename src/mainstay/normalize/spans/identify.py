"""Spans as the stages know them: of an entity, with a peer, joined to calls, counted as RED per service."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from mainstay.domain.signals import RawSpans, SpanBatch
from mainstay.normalize.entities.directory import Directory
from mainstay.normalize.masking import mask_to
from mainstay.normalize.metrics.samples import NEWEST_NS, OLDEST_NS
from mainstay.normalize.spans.calls import CONSUMER, INTERNAL, SERVER, Calls, Seen
from mainstay.normalize.spans.peers import Peers, address_of
from mainstay.normalize.spans.red import Red

ERROR = 2
MAX_NAME = 256
MAX_NAMES = 20_000


class Spans:
    """Identifies spans and hands them to calls and RED."""

    def __init__(self, directory: Directory, red: Red, counts: Counter[str]) -> None:
        self.directory, self.red, self.counts = directory, red, counts
        self.peers = Peers(directory)
        self.calls = Calls(self.peers, counts)
        self._names: dict[str, str] = {}

    def apply(self, raw: RawSpans, received_ns: int) -> tuple[SpanBatch | None, list[str]]:
        """The batch, and the entities that spoke in it."""
        owner = [self.directory.of_labels(labels) for labels in raw.resources]
        environment = [self.directory.mapping.environment(dict(labels))[0] for labels in raw.resources]
        for entity, labels in zip(owner, raw.resources, strict=True):
            self.directory.heard(entity, labels)
        in_time = (raw.end_ns >= received_ns - OLDEST_NS) & (raw.end_ns <= received_ns + NEWEST_NS)
        self.counts["out_of_time"] += int(np.count_nonzero(~in_time))
        kept: list[int] = []
        seen: list[Seen] = []
        for at in np.flatnonzero(in_time).tolist():
            resource = int(raw.resource[at])
            one = self._seen(raw, at, owner[resource], environment[resource], received_ns)
            if self.calls.add(one):
                kept.append(at)
                seen.append(one)
                if one.kind in (SERVER, CONSUMER):
                    self.red.add(one.entity, one.span, one.ms, is_error=one.is_error)
            else:
                self.counts["repeated"] += 1
        return (self._batch(raw, kept, seen) if kept else None), sorted({one.entity for one in seen})

    def _seen(self, raw: RawSpans, at: int, entity: str, environment: str, received_ns: int) -> Seen:
        kind = int(raw.kind[at]) or INTERNAL
        parent = raw.parent_id[at] if raw.parent_id[at].strip(b"\0") else b""
        peer = address = ""
        if kind in (3, 4, 5):
            attributes = dict(raw.attributes[at])
            address = mask_to(address_of(attributes), MAX_NAME)
            peer = self.peers.stated(attributes, environment)
        operation = self._name(raw.name[at]) if kind in (SERVER, CONSUMER) else ""
        return Seen(
            raw.trace_id[at], raw.span_id[at], parent, entity, environment, kind, bool(raw.status[at] == ERROR),
            int(raw.start_ns[at]), int(raw.end_ns[at]), received_ns, peer, address, operation=operation,
        )  # fmt: skip

    def _batch(self, raw: RawSpans, kept: list[int], seen: list[Seen]) -> SpanBatch:
        which = np.array(kept, np.intp)
        peers = tuple(s.peer or (self.peers.learned(s.entity, s.address) if s.kind == 3 else "") for s in seen)
        return SpanBatch(
            tuple(s.entity for s in seen), peers, tuple(s.trace for s in seen), tuple(s.span for s in seen),
            tuple(s.parent for s in seen), tuple(self._name(raw.name[at]) for at in kept), raw.kind[which],
            np.array([s.is_error for s in seen], bool), raw.start_ns[which], np.array([s.ms for s in seen]),
        )  # fmt: skip

    def _name(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            known = self._names[name] = mask_to(name, MAX_NAME)
        return known

    def state(self) -> dict[str, Any]:
        return {"peers": self.peers.state(), "calls": self.calls.state()}

    def load(self, state: dict[str, Any]) -> None:
        self.peers.load(state["peers"])
        self.calls.load(state["calls"])

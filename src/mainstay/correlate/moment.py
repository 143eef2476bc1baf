"""One record being taken: what is remembered, the map, whom to ask, where decisions go, and what time it is."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.correlate.evidence.chart import Map
from mainstay.correlate.register import Register
from mainstay.correlate.state import State
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import Models


@dataclass(frozen=True, slots=True)
class Moment:
    """Handed down through the functions of one record. `at_ms` is the record's time."""

    register: Register
    chart: Map
    models: Models
    effects: Effects
    at_ms: int

    @property
    def state(self) -> State:
        """What is remembered."""
        return self.register.state

    @property
    def seq(self) -> int:
        """The record's place in the order."""
        return self.effects.decided_seq

    def write(self, entry: Entry) -> str:
        """Put an entry into the ledger of this record; its id, for what rests on it."""
        self.effects.entries.append(entry)
        return entry.id

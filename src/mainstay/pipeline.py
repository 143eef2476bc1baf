"""The seven stages in order, on one page.

A pipeline is a deterministic function of the records it is given: the time is the record's, ids are derived, nothing
is drawn. So a restart replays, a replay of last month is the same program, and how records are cut into batches
changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.errors import Corrupt
from mainstay.domain.incidents import Incident
from mainstay.domain.ledger import Entry
from mainstay.domain.outlook import RiskLook
from mainstay.domain.pages import Page
from mainstay.domain.protocols import BandBatch
from mainstay.domain.records import SET_ASIDE, Command, Record
from mainstay.domain.signals import F64, Decoded, Normal, Series
from mainstay.domain.state import Part, Stateful, joined, pack, parted, parts_of, restore_in_turn, unpack

FORMAT = 2
BATCH_ENTRY_EVERY_MS = 60_000
"""A ledger entry a minute holds the digest of all scores since the last: enough to prove what was scored, and small."""


class Normalizes(Stateful, Protocol):
    """Stage 2."""

    @property
    def topology(self) -> Topology: ...
    @property
    def series(self) -> Sequence[Series]: ...
    def apply(self, decoded: Decoded, received_ns: int) -> Normal: ...
    def tick(self, at_ns: int) -> Normal: ...


class Detects(Stateful, Protocol):
    """Stage 3: signals to alerts."""

    bands: Sequence[BandBatch]
    scores: Sequence[bytes]
    p_values: F64

    def apply(self, normal: Normal, at_ms: int, effects: Effects) -> None: ...


class LooksAhead(Stateful, Protocol):
    """Stage 3, of what is to come: what runs out to alerts, services to risks."""

    @property
    def look(self) -> RiskLook | None: ...
    def apply(self, normal: Normal, p_values: F64, at_ms: int, effects: Effects) -> None: ...


class Correlates(Stateful, Protocol):
    """Stages 2 and 3: alerts to incidents with suspects."""

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None: ...


class Foretells(Stateful, Protocol):
    """Stage 5: of changes, what each may do, and what it did; of services, how they are."""

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None: ...


class Stores(Protocol):
    """Where signals go; a write at or below `applied_seq` is dropped."""

    applied_seq: int

    def write(self, normal: Normal, seq: int) -> None: ...
    def know(self, series: Sequence[Series]) -> None: ...
    def write_bands(self, bands: BandBatch, seq: int) -> None: ...
    def write_look(self, look: RiskLook, seq: int) -> None: ...
    def forget(self) -> None: ...
    def commit(self, seq: int) -> None: ...


class Decides(Protocol):
    """Where decisions go; a commit at or below `decided_seq` is dropped."""

    @property
    def decided_seq(self) -> int: ...
    def commit(self, effects: Effects) -> None: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages as wired by `app/wiring.py`, in the order in which a datum meets them."""

    decode: Callable[[str, bytes, int], Decoded]
    normalize: Normalizes
    detect: Detects
    outlook: LooksAhead
    correlate: Correlates
    changes: Foretells
    services: Foretells
    assess: Callable[[Incident, int, Effects], Incident]
    learn: Callable[[Effects], None]
    propose: Callable[[Incident, int, Effects], None]
    pages: Callable[[Incident, Incident | None], Sequence[Page]]
    command: Callable[[Command, Effects], None]
    stateful: dict[str, Stateful] = field(default_factory=dict)


class Pipeline:
    """Takes records in their order; leaves telemetry in one store and decisions, in one transaction, in the other.

    Attributes:
        seq: The last record that was taken.
        taking: The record that the stages have at this moment; 0 while stores commit, and between batches.
        scores_digest: A chained sha256 over every score so far: equal digests mean equal scores in equal order.
    """

    def __init__(self, stages: Stages, telemetry: Stores, control: Decides) -> None:
        self._stages, self._telemetry, self._control = stages, telemetry, control
        self._told: dict[str, Incident] = {}
        self.scores_digest = ""
        self._scored_since_ms = 0
        self.seq = self.taking = 0
        self.at_ms = 0
        self.undecided = Effects()

    def run(self, records: Sequence[Record]) -> Effects:
        """Everything that these records lead to, committed. Records at or below what was decided only rebuild state.

        When this raises, the state is torn, and `restore` must mend it; `taking` says whether a record was to blame.
        """
        decided = self._control.decided_seq
        effects = Effects()
        for batch in ([r for r in records if r.seq <= decided], [r for r in records if r.seq > decided]):
            if batch:
                effects = self._batch(batch)
        return effects

    def _batch(self, records: Sequence[Record]) -> Effects:
        effects = self.undecided = Effects()
        for record in records:
            self.taking = record.seq
            effects.merge(self._one(record))
        self.taking = 0
        self._telemetry.commit(records[-1].seq)
        self._control.commit(effects)
        self.undecided = Effects()
        return effects

    def _one(self, record: Record) -> Effects:
        effects = Effects(decided_seq=record.seq)
        at_ms = record.received_ns // 1_000_000
        if record.source == "command":
            self._stages.command(Command.read(record.body), effects)
        elif record.source == SET_ASIDE:
            effects.entries.append(_set_aside(record, at_ms))
        else:
            self._signals(record, at_ms, effects)
        self._stages.learn(effects)
        for incident in list(effects.incidents.values()):
            self._incident(incident, at_ms, effects)
        self.seq, self.at_ms = record.seq, at_ms
        return effects

    def _signals(self, record: Record, at_ms: int, effects: Effects) -> None:
        stages = self._stages
        if record.source == "tick":
            normal = stages.normalize.tick(record.received_ns)
        else:
            decoded = record.decoded or stages.decode(record.source, record.body, record.received_ns)
            normal = stages.normalize.apply(decoded, record.received_ns)
        self._telemetry.write(normal, record.seq)
        effects.changes.update({change.id: change for change in normal.changes})
        effects.templates.update({template.id: template for template in normal.new_templates})
        stages.detect.apply(normal, at_ms, effects)
        for bands in stages.detect.bands:
            self._telemetry.write_bands(bands, record.seq)
        for scores in stages.detect.scores:
            self.scores_digest = hashlib.sha256(self.scores_digest.encode() + scores).hexdigest()
        stages.outlook.apply(normal, stages.detect.p_values, at_ms, effects)
        if stages.outlook.look is not None:
            self._telemetry.write_look(stages.outlook.look, record.seq)
        stages.correlate.apply(normal, stages.normalize.topology, at_ms, effects)
        stages.changes.apply(normal, stages.normalize.topology, at_ms, effects)
        stages.services.apply(normal, stages.normalize.topology, at_ms, effects)
        if record.source == "tick":
            self._tick(record, at_ms, effects)

    def _tick(self, record: Record, at_ms: int, effects: Effects) -> None:
        topology = self._stages.normalize.topology
        effects.entities.update(topology.entities)
        effects.edges.update({(edge.caller, edge.callee): edge for edge in topology.edges})
        if at_ms - self._scored_since_ms >= BATCH_ENTRY_EVERY_MS:
            self._scored_since_ms = at_ms
            effects.entries.append(
                Entry(
                    id=f"batch-{record.seq}",
                    kind="batch",
                    at_ms=at_ms,
                    actor="mainstay",
                    subject=f"records to {record.seq}",
                    output={"to_seq": record.seq, "scores_sha256": self.scores_digest},
                )
            )

    def _incident(self, incident: Incident, at_ms: int, effects: Effects) -> None:
        incident = self._stages.assess(incident, at_ms, effects)
        effects.incidents[incident.id] = incident
        self._stages.propose(incident, at_ms, effects)
        if incident.withheld is None or incident.status in {"resolved", "merged"}:
            for page in self._stages.pages(incident, self._told.get(incident.id)):
                effects.pages[page.key] = page
            self._told[incident.id] = incident  # what is withheld was not told: it pages when nothing holds it any more
        if incident.status in {"resolved", "merged"}:
            self._told.pop(incident.id, None)

    def snapshot(self) -> bytes:
        """As `parts`, in one piece: for states that are small."""
        return joined(self.parts())

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` gave.

        Raises:
            Corrupt: It is of another release.
        """
        self.restore_parts(parted(state))

    def parts(self) -> Iterator[Part]:
        """The state of every stage at `seq`, never pickle: what is told first, then stage by stage."""
        saved = _Saved(self.seq, self.at_ms, self._told, self._scored_since_ms, self.scores_digest)
        yield Part("pipeline", [pack("pipeline", FORMAT, saved)])
        for name, stage in self._stages.stateful.items():
            yield from parts_of(name, stage)

    def restore_parts(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Take up a state that `parts` gave; replay goes on at `seq` + 1.

        Raises:
            Corrupt: It is of another release.
        """
        given = iter(parts)
        name, head = next(given, ("", b""))
        if name != "pipeline":
            raise Corrupt(f"the saved state begins with {name!r}, not with the pipeline")
        saved = unpack("pipeline", FORMAT, head, _Saved)
        self._telemetry.forget()
        self.taking = 0
        restore_in_turn(self._stages.stateful, given)
        self._telemetry.know(self._stages.normalize.series)
        self.seq, self.at_ms, self._told = saved.seq, saved.at_ms, saved.told
        self._scored_since_ms = saved.scored_since_ms
        self.scores_digest = saved.scores_digest


def _set_aside(record: Record, at_ms: int) -> Entry:
    return Entry(
        id=f"aside-{record.seq}",
        kind="batch",
        at_ms=at_ms,
        actor="mainstay",
        subject=f"record {record.seq}",
        output={"set_aside": record.seq, "why": record.body.decode()},
    )


@dataclass
class _Saved:
    seq: int
    at_ms: int
    told: dict[str, Incident]
    scored_since_ms: int
    scores_digest: str

"""What the stage remembers: open and lately resolved incidents, waiting alerts, recent changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from mainstay.correlate.recent import RecentCalls, RecentLines
from mainstay.correlate.vitals import Vitals
from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident, TimelineEntry

FORMAT = 1
KEEP_CHANGES_MS = 3_600_000
MOST_CHANGES = 2_000
MOST_LINES = 400
REOPEN_MS = 600_000
MOST_PENDING = 2_000


class Kept(msgspec.Struct):
    """An alert and the ledger entry that raised it."""

    alert: Alert
    entry: str


class Held(msgspec.Struct):
    """An incident with all that is needed to go on with it.

    Attributes:
        calm_ms: Since when none of its alerts fires; None while one does.
        seen: `entity|signal` of its alerts at the last diagnosis: more of them is new evidence.
        confirmed, ruled_out: What a person said of the cause; it stays first, or out.
        is_changed: It must leave with the effects of this record.
    """

    incident: Incident
    alerts: dict[str, Kept] = {}
    entry: str = ""
    calm_ms: int | None = None
    diagnosed_ms: int = 0
    seen: list[str] = []
    confirmed: str = ""
    confirmed_by: str = ""
    ruled_out: list[str] = []
    told: list[str] = []
    is_changed: bool = False

    @property
    def is_open(self) -> bool:
        return self.incident.status in ("open", "acknowledged")

    def firing(self) -> list[Alert]:
        """Alerts that still fire."""
        return [kept.alert for kept in self.alerts.values() if kept.alert.status == "firing"]

    def change(self, at_ms: int, **fields: object) -> None:
        """Replace fields of the incident."""
        self.incident = msgspec.structs.replace(self.incident, updated_ms=at_ms, **fields)
        self.is_changed = True

    def tell(self, *lines: TimelineEntry) -> None:
        """Add lines to the timeline, each once, in order of time."""
        timeline = list(self.incident.timeline)
        for line in lines:
            if line not in timeline:
                timeline.append(line)
        timeline.sort(key=lambda line: line.at_ms)  # stable: equal times stay as they came
        at_ms = max([self.incident.updated_ms, *(line.at_ms for line in lines)])
        self.change(at_ms, timeline=tuple(timeline[-MOST_LINES:]))


class State(msgspec.Struct):
    """Everything that survives a restart."""

    next_number: int = 1
    held: dict[str, Held] = {}
    pending: dict[str, Kept] = {}
    changes: list[Change] = []
    calls: RecentCalls = msgspec.field(default_factory=RecentCalls)
    lines: RecentLines = msgspec.field(default_factory=RecentLines)
    vitals: Vitals = msgspec.field(default_factory=Vitals)

    def incident_of(self, alert: str) -> Held | None:
        """The open incident that this alert is in."""
        return next((held for held in self.held.values() if held.is_open and alert in held.alerts), None)

    def note_changes(self, changes: Iterable[Change], at_ms: int) -> list[Change]:
        """Remember changes; what is new among them."""
        known = {change.id for change in self.changes}
        new = [change for change in changes if change.id not in known]
        kept = [c for c in [*self.changes, *new] if c.at_ms > at_ms - KEEP_CHANGES_MS]
        self.changes = kept[-MOST_CHANGES:]
        return new

    def forget(self, at_ms: int) -> None:
        """Let go of incidents that can no longer come back, and of the oldest waiting alerts."""
        for name, held in list(self.held.items()):
            if not held.is_open and at_ms - held.incident.updated_ms > REOPEN_MS:
                del self.held[name]
        while len(self.pending) > MOST_PENDING:
            del self.pending[next(iter(self.pending))]


class Map:
    """The service graph as a topology and the latest calls show it together; either may lack edges."""

    def __init__(self, topology: Topology, calls: RecentCalls) -> None:
        self.entities = topology.entities
        self._neighbours: dict[str, list[tuple[str, str]]] = {}
        pairs = [(edge.caller, edge.callee) for edge in topology.edges] + calls.pairs()
        for pair in dict.fromkeys(pair for pair in pairs if pair[0] and pair[0] != pair[1]):
            for end in pair:
                self._neighbours.setdefault(end, []).append(pair)

    def around(self, entities: Iterable[str], hops: int, most: int) -> list[tuple[str, str]]:
        """Edges at most so many hops away from these entities, nearest first until there are `most`, then sorted."""
        seen, found = set(entities), dict[tuple[str, str], None]()
        border = deque((entity, 0) for entity in sorted(seen))
        while border and len(found) < most:
            entity, far = border.popleft()
            for pair in self._neighbours.get(entity, ()):
                found[pair] = None
                for end in pair:
                    if end not in seen and far + 1 < hops:
                        seen.add(end)
                        border.append((end, far + 1))
        return sorted(found)

    def host(self, entity: str) -> str:
        """Where it runs, as it said itself; "" unknown."""
        known = self.entities.get(entity)
        return known.attributes.get("host", "") if known else ""

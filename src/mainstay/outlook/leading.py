"""Leading indicators of every service: defined here once, for what runs, for training and for evaluation alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.outlook import Outlook
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, EdgeWindow, MetricBatch, Series

FEATURES = ("odd", "alerts", "change", "burn", "runs_out", "again", "callee_odd", "callee_change")
"""What a row holds, in this order; `SAYS` has it in words."""
SAYS: Mapping[str, str] = {
    "odd": "values that are nearly anomalies",
    "alerts": "alerts that page nobody",
    "change": "a recent change",
    "burn": "errors that use up its budget",
    "runs_out": "a resource that runs out",
    "again": "past incidents",
    "callee_odd": "something that it calls is odd",
    "callee_change": "something that it calls was changed",
}
ODD_P = 0.01
"""From this chance on a sample is nearly an anomaly."""
MOST_ODD = 6.0
OBJECTIVE = 0.999
"""Of calls that shall succeed, where nobody has said another share: what errors are measured against."""
WEIGHTS = {"critical": 3.0, "major": 2.0, "minor": 1.0, "info": 0.5}
BACK = 168.0
"""Past incidents count half-forgotten after so many horizons: a week, for an hour."""
MOST_INCIDENTS = 200
"""Of each service, the last ones."""


class Watched(msgspec.Struct):
    """What is known of one service.

    Attributes:
        odd: −log10 of the chance of the oddest samples lately, decayed. burn: errors against the objective, smoothed.
        changed_ms: The last change by somebody else. incidents: When its incidents began.
    """

    odd: float = 0.0
    burn: float = 0.0
    changed_ms: int = 0
    incidents: list[int] = []


class State(msgspec.Struct):
    """All of it. `entity_of`: the place in `entities` of each series, by slot, as bytes."""

    services: dict[str, Watched] = {}
    alerts: dict[str, tuple[str, float]] = {}
    entities: list[str] = []
    entity_of: bytes = b""
    since_ms: int = 0
    look_ms: int = 0


class Leading:
    """Keeps what leads to incidents, and gives a row of features for each service when it is asked.

    Args:
        horizon_s: How far ahead is predicted; what was is forgotten in proportion to it.
    """

    def __init__(self, horizon_s: float, state: State | None = None) -> None:
        self.horizon_ms = horizon_s * 1000
        self.state = state or State()
        self._place = {entity: place for place, entity in enumerate(self.state.entities)}
        self._entity_of = np.frombuffer(self.state.entity_of, np.int32).copy()
        self._odd = np.zeros(len(self.state.entities))

    def saved(self) -> State:
        """The state, complete."""
        self._fold()
        self.state.entity_of = self._entity_of.tobytes()
        return self.state

    # -- what happens

    def hear(self, series: Sequence[Series]) -> None:
        """New series: of whom each is."""
        if not len(series):
            return
        columns = SeriesColumns.of(series)
        used = np.unique(columns.entity)
        places = np.zeros(len(columns.entities), np.int32)
        for at in used.tolist():
            places[at] = self._placed(columns.entities[at])
        top = int(columns.slot.max()) + 1
        if top > len(self._entity_of):
            grown = np.full(max(top, 2 * len(self._entity_of)), -1, np.int32)
            grown[: len(self._entity_of)] = self._entity_of
            self._entity_of = grown
        self._entity_of[columns.slot] = places[columns.entity]

    def samples(self, batch: MetricBatch, p_values: F64) -> None:
        """How odd each entity's samples were; `p_values` beside the samples."""
        if len(p_values) != len(batch):
            return
        which = np.flatnonzero(p_values < ODD_P)
        if len(which):
            places = self._entity_of[batch.series[which]]
            odd = np.minimum(-np.log10(np.maximum(p_values[which], 1e-12)), MOST_ODD)
            np.maximum.at(self._odd, places[places >= 0], odd[places >= 0])

    def calls(self, edges: Iterable[EdgeWindow]) -> None:
        """Errors of calls into each service, against its objective."""
        for window in edges:
            if window.count and not window.operation:
                service = self._service(window.callee)
                burn = window.errors / window.count / (1 - OBJECTIVE)
                seconds = (window.until_ns - window.since_ns) / 1e9
                weight = 1 - math.exp(-8 * seconds * 1000 / self.horizon_ms)
                service.burn += weight * (burn - service.burn)

    def changes(self, changes: Iterable[Change]) -> None:
        """What was changed, by others than ourselves."""
        for change in changes:
            if change.entity and not change.by_mainstay:
                service = self._service(change.entity)
                service.changed_ms = max(service.changed_ms, change.at_ms)

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Alerts that fire, and those that are over."""
        for alert in alerts:
            if alert.status == "resolved":
                self.state.alerts.pop(alert.id, None)
            else:
                self.state.alerts[alert.id] = (alert.about, WEIGHTS[alert.severity])

    def incident(self, entity: str, at_ms: int) -> None:
        """An incident of this service began."""
        known = self._service(entity).incidents
        known.append(at_ms)
        del known[:-MOST_INCIDENTS]

    # -- what it adds up to

    def rows(self, services: Iterable[str], topology: Topology, outlooks: Iterable[Outlook], at_ms: int) -> F64:
        """A row of `FEATURES` for each service, in their order; f64[services, features]. Oddness fades from here on."""
        self._fold()
        self._fade(at_ms)
        firing: dict[str, float] = {}
        for about, weight in self.state.alerts.values():
            firing[about] = firing.get(about, 0.0) + weight
        ending: dict[str, float] = {}
        for one in outlooks:
            if one.is_believed and one.expected_s is not None:
                ending[one.entity] = max(ending.get(one.entity, 0.0), math.exp(-one.expected_s / self._horizon_s))
        callees: dict[str, list[str]] = {}
        for edge in topology.edges:
            callees.setdefault(edge.caller, []).append(edge.callee)
        listed = list(services)
        rows = np.zeros((len(listed), len(FEATURES)))
        for row, name in zip(rows, listed, strict=True):
            own, below = self._known(name), [self._known(callee) for callee in callees.get(name, ())]
            row[:] = (
                own.odd,
                math.log1p(firing.get(name, 0.0)),
                self._recent(own, at_ms),
                math.log1p(own.burn),
                ending.get(name, 0.0),
                math.log1p(self.past(name, at_ms)),
                max((one.odd for one in below), default=0.0),
                max((self._recent(one, at_ms) for one in below), default=0.0),
            )
        return rows

    def past(self, entity: str, at_ms: int) -> float:
        """Its past incidents, each counted less the older it is."""
        fades = BACK * self.horizon_ms
        return sum(math.exp(-(at_ms - at) / fades) for at in self._known(entity).incidents if at <= at_ms)

    def usual(self, entity: str, at_ms: int) -> float:
        """What past incidents alone say: the chance of one more within the horizon, at their decayed rate."""
        fades = BACK * self.horizon_ms
        watched = fades * (1 - math.exp(-max(at_ms - (self.state.since_ms or at_ms), 1) / fades))
        return 1 - math.exp(-self.past(entity, at_ms) * self.horizon_ms / max(watched, self.horizon_ms))

    @property
    def _horizon_s(self) -> float:
        return self.horizon_ms / 1000

    def _recent(self, service: Watched, at_ms: int) -> float:
        if not service.changed_ms:
            return 0.0
        return math.exp(-max(at_ms - service.changed_ms, 0) / (self.horizon_ms / 2))

    def _fold(self) -> None:
        for place in np.flatnonzero(self._odd).tolist():
            service = self._service(self.state.entities[place])
            service.odd = max(service.odd, float(self._odd[place]))
        self._odd[:] = 0.0

    def _fade(self, at_ms: int) -> None:
        state = self.state
        state.since_ms = state.since_ms or at_ms
        keeps = math.exp(-8 * max(at_ms - state.look_ms, 0) / self.horizon_ms) if state.look_ms else 1.0
        state.look_ms = at_ms
        for service in state.services.values():
            service.odd = service.odd * keeps if service.odd > 0.01 else 0.0

    def _known(self, entity: str) -> Watched:
        return self.state.services.get(entity, _NOTHING)

    def _service(self, entity: str) -> Watched:
        known = self.state.services.get(entity)
        if known is None:
            known = self.state.services[entity] = Watched()
        return known

    def _placed(self, entity: str) -> int:
        place = self._place.get(entity)
        if place is None:
            place = self._place[entity] = len(self.state.entities)
            self.state.entities.append(entity)
            self._odd = np.append(self._odd, 0.0) if place >= len(self._odd) else self._odd
        return place


_NOTHING = Watched()


def belongs_to(incident: Incident) -> str:
    """The service that an incident counts for: its first suspect, or where it was seen first."""
    if incident.suspects:
        return incident.suspects[0].entity
    return incident.entities[0] if incident.entities else ""

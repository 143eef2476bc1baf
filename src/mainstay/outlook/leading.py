"""Leading indicators of every service: defined here once, for what runs, for training and for evaluation alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Topology
from mainstay.domain.outlook import LEADING, Outlook
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, EdgeWindow, MetricBatch, Series, TemplateWindow

FEATURES, VIEW = LEADING.columns, LEADING.version
"""What a row holds, in this order; `SAYS` has it in words."""
SAYS: Mapping[str, str] = {
    "odd": "values that are nearly anomalies",
    "strange": "values that stay nearly anomalous",
    "drift": "many values that are a little unusual",
    "mounting": "oddness that mounts, look by look",
    "alerts": "alerts that page nobody",
    "restless": "alerts that came lately, also those that went again",
    "warnings": "more warnings and errors in its log than is usual",
    "change": "a recent change",
    "change_strange": "values that stay nearly anomalous after a change",
    "change_harm": "a recent change, where changes did harm before",
    "burn": "errors that use up its budget",
    "burn_slow": "errors that have used up its budget for hours",
    "runs_out": "a resource that runs out",
    "filling": "a resource that is nearly used up",
    "again": "past incidents",
    "callee_odd": "something that it calls is odd",
    "callee_strange": "something that it calls stays odd",
    "callee_change": "something that it calls was changed",
}
ODD_P = 0.01
"""From this chance on a sample is nearly an anomaly."""
MOST_ODD = 6.0
USUAL = 1 / math.log(10)
"""Mean of −log10 p when nothing is the matter: p is even between 0 and 1."""
STRANGE, DRIFT, SLOW, RESTLESS = 0.5, 2.0, 6.0, 2.0
"""Horizons over which strangeness, drift and slow burn are averaged, and for which an alert is remembered."""
STEPS = 12
"""Evidence mounts by one look's excess in a twelfth of a horizon, however often is looked: neighbours are not
independent."""
CALM, MOST_MOUNTED = 1.0, 12.0
"""−log10 p above which evidence mounts, below which it wanes; and its most: a calm horizon takes all of it away."""
WARN, ERROR, ERROR_COUNTS = 13, 17, 3.0
"""OpenTelemetry severity numbers; a line of error counts as three of warning."""
HARM, HARM_WEIGHT = 0.05, 2.0
"""Share of changes that do harm where nobody knows, and as how many changes that counts."""
USED = 0.7
"""From this share on a resource is filling."""
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
        odd: −log10 of the chance of the oddest samples lately, decayed.
        strange: The same of the oddest of each look, reckoned against how many were looked at, averaged over half a
            horizon. drift: mean −log10 p of all samples, averaged over two.
        peak, seen, surprise: Of samples since the last look: the oddest, how many, and their sum in thousandths (whole
            numbers, so that no order of adding shows).
        burn, burn_slow: errors against the objective, smoothed.
        changed_ms: The last change by somebody else. incidents: When its incidents began.
        mounting: Cumulative sum of what the oddest of each look is beyond calm. restless: weights of alerts that came,
            decayed. warned, warned_slow: weighed warnings a horizon, smoothed. known: how much of
            the slow one is known yet, 0 to 1. lines: those since the last look.
        changes, harmed: Changes, and those that an incident followed within a horizon. is_harmed: the last one.
    """

    odd: float = 0.0
    strange: float = 0.0
    drift: float = USUAL
    peak: float = 0.0
    seen: int = 0
    surprise: int = 0
    burn: float = 0.0
    burn_slow: float = 0.0
    changed_ms: int = 0
    incidents: list[int] = []
    mounting: float = 0.0
    restless: float = 0.0
    warned: float = 0.0
    warned_slow: float = 0.0
    known: float = 0.0
    lines: float = 0.0
    changes: int = 0
    harmed: int = 0
    is_harmed: bool = False


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
        self._peak = np.zeros(len(self.state.entities))
        self._seen, self._surprise = (np.zeros(len(self.state.entities), np.int64) for _ in range(2))

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
        places = self._entity_of[batch.series]
        which = (places >= 0) & (p_values <= 1)  # what was not judged is NaN
        places, odd = places[which], np.minimum(-np.log10(np.maximum(p_values[which], 1e-12)), MOST_ODD)
        if len(places):
            size = len(self._peak)
            self._seen += np.bincount(places, minlength=size)
            self._surprise += np.bincount(places, np.floor(odd * 1000), minlength=size).astype(np.int64)
            np.maximum.at(self._peak, places, odd)

    def calls(self, edges: Iterable[EdgeWindow]) -> None:
        """Errors of calls into each service, against its objective."""
        for window in edges:
            if window.count and not window.operation:
                service = self._service(window.callee)
                burn = window.errors / window.count / (1 - OBJECTIVE)
                seconds = (window.until_ns - window.since_ns) / 1e9
                share = seconds * 1000 / self.horizon_ms
                service.burn += (1 - math.exp(-8 * share)) * (burn - service.burn)
                service.burn_slow += (1 - math.exp(-share / SLOW)) * (burn - service.burn_slow)

    def changes(self, changes: Iterable[Change]) -> None:
        """What was changed, by others than ourselves."""
        for change in changes:
            if change.entity and not change.by_mainstay:
                service = self._service(change.entity)
                if change.at_ms > service.changed_ms:
                    service.changed_ms, service.is_harmed = change.at_ms, False
                    service.changes += 1

    def alerts(self, alerts: Iterable[Alert]) -> None:
        """Alerts that fire, and those that are over."""
        for alert in alerts:
            if alert.status == "resolved":
                self.state.alerts.pop(alert.id, None)
            else:
                if alert.id not in self.state.alerts:
                    self._service(alert.about).restless += WEIGHTS[alert.severity]
                self.state.alerts[alert.id] = (alert.about, WEIGHTS[alert.severity])

    def says(self, windows: Iterable[TemplateWindow]) -> None:
        """What was logged: lines of warning and of error."""
        for window in windows:
            if window.severity >= WARN:
                weight = ERROR_COUNTS if window.severity >= ERROR else 1.0
                self._service(window.entity).lines += weight * window.count

    def incident(self, entity: str, at_ms: int) -> None:
        """An incident of this service began."""
        service = self._service(entity)
        service.incidents.append(at_ms)
        del service.incidents[:-MOST_INCIDENTS]
        if service.changed_ms and not service.is_harmed and 0 <= at_ms - service.changed_ms <= self.horizon_ms:
            service.harmed, service.is_harmed = service.harmed + 1, True

    # -- what it adds up to

    def rows(self, services: Iterable[str], topology: Topology, outlooks: Iterable[Outlook], at_ms: int) -> F64:
        """A row of `FEATURES` for each service, in their order; f64[services, features]. Oddness fades from here on."""
        self._look(at_ms)
        firing: dict[str, float] = {}
        for about, weight in self.state.alerts.values():
            firing[about] = firing.get(about, 0.0) + weight
        ending, filling = self._ahead(outlooks)
        callees: dict[str, list[str]] = {}
        for edge in topology.edges:
            callees.setdefault(edge.caller, []).append(edge.callee)
        listed = list(services)
        rows = np.zeros((len(listed), len(FEATURES)))
        for row, name in zip(rows, listed, strict=True):
            own, below = self._known(name), [self._known(callee) for callee in callees.get(name, ())]
            changed = self._recent(own, at_ms)
            row[:] = (
                own.odd,
                own.strange,
                max(own.drift - USUAL, 0.0),
                math.log1p(own.mounting),
                math.log1p(firing.get(name, 0.0)),
                math.log1p(own.restless),
                max(math.log((1 + own.warned) / (1 + own.warned_slow / max(own.known, 1e-9))), 0.0),
                changed,
                changed * own.strange,
                changed * (own.harmed + HARM * HARM_WEIGHT) / (own.changes + HARM_WEIGHT),
                math.log1p(own.burn),
                math.log1p(own.burn_slow),
                ending.get(name, 0.0),
                filling.get(name, 0.0),
                math.log1p(self.past(name, at_ms)),
                max((one.odd for one in below), default=0.0),
                max((one.strange for one in below), default=0.0),
                max((self._recent(one, at_ms) for one in below), default=0.0),
            )
        return rows

    def _ahead(self, outlooks: Iterable[Outlook]) -> tuple[dict[str, float], dict[str, float]]:
        """By entity: how soon something is believed to run out, and how full the fullest is."""
        ending: dict[str, float] = {}
        filling: dict[str, float] = {}
        for one in outlooks:
            if one.signal != "saturation":  # `odd` and `strange` see latencies; a new meaning would be a new view
                continue
            if one.is_believed and one.expected_s is not None:
                ending[one.entity] = max(ending.get(one.entity, 0.0), math.exp(-one.expected_s / self._horizon_s))
            if one.share is not None and one.share > USED:
                full = (min(one.share, 1.0) - USED) / (1 - USED)
                filling[one.entity] = max(filling.get(one.entity, 0.0), full)
        return ending, filling

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
        for place in np.flatnonzero(self._seen).tolist():
            service = self._service(self.state.entities[place])
            service.peak = max(service.peak, float(self._peak[place]))
            service.seen += int(self._seen[place])
            service.surprise += int(self._surprise[place])
        self._peak[:], self._seen[:], self._surprise[:] = 0.0, 0, 0

    def _look(self, at_ms: int) -> None:
        """What was fades, and what came since the last look is taken in."""
        self._fold()
        state = self.state
        state.since_ms = state.since_ms or at_ms
        passed = max(at_ms - state.look_ms, 0) / self.horizon_ms if state.look_ms else 0.0
        state.look_ms = at_ms
        fades, of_strange, of_drift, of_slow, of_restless = (
            math.exp(-passed * rate) for rate in (8, 1 / STRANGE, 1 / DRIFT, 1 / SLOW, 1 / RESTLESS)
        )
        step = min(passed * STEPS, 1.0)
        for service in state.services.values():
            odd = service.odd * fades if service.odd > 0.01 else 0.0
            service.odd = max(odd, service.peak if service.peak > -math.log10(ODD_P) else 0.0)
            oddest = _among(service.peak, service.seen)
            service.strange += (1 - of_strange) * (oddest - service.strange)
            service.mounting = min(max(service.mounting + (oddest - CALM) * step, 0.0), MOST_MOUNTED)
            service.restless = service.restless * of_restless if service.restless > 0.001 else 0.0
            if passed:
                service.warned += (1 - fades) * (service.lines / passed - service.warned)
                service.warned_slow += (1 - of_slow) * (service.lines / passed - service.warned_slow)
                service.known += (1 - of_slow) * (1 - service.known)
                service.lines = 0.0
            if service.seen:
                service.drift += (1 - of_drift) * (service.surprise / 1000 / service.seen - service.drift)
            service.peak, service.seen, service.surprise = 0.0, 0, 0

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
            if place >= len(self._peak):
                more = max(len(self._peak), 16)
                self._peak = np.append(self._peak, np.zeros(more))
                self._seen = np.append(self._seen, np.zeros(more, np.int64))
                self._surprise = np.append(self._surprise, np.zeros(more, np.int64))
        return place


_NOTHING = Watched()


def _among(peak: float, seen: int) -> float:
    """−log10 of the chance that the oddest of so many is as odd as that (Šidák), at most 6; 0 of none.

    >>> round(_among(4.0, 1), 3), round(_among(4.0, 100), 3), _among(0.0, 0)
    (4.0, 2.002, 0.0)
    """
    if not seen:
        return 0.0
    return min(-math.log10(max(-math.expm1(seen * math.log1p(-min(10**-peak, 1 - 1e-12))), 1e-12)), MOST_ODD)

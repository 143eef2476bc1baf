"""Services at risk: predicted by the deployed predictor, told to nobody, and judged by what comes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from statistics import median

import msgspec

from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import belongs_to
from mainstay.domain.ledger import Entry
from mainstay.domain.models import Decision, VersionRef
from mainstay.domain.outlook import (
    Outlook,
    OutlookPolicy,
    OutlookState,
    RiskLook,
    RiskReason,
    RiskTally,
    ServiceRisk,
)  # fmt: skip
from mainstay.domain.protocols import Models
from mainstay.domain.signals import F64, Normal
from mainstay.outlook.leading import FEATURES, SAYS, VIEW, Leading
from mainstay.outlook.leading import State as LeadingState

WATCHED_KINDS = frozenset({"service", "database", "queue", "model"})
MOST_LISTED = 200
MOST_SERVICES = 5_000
DAY_MS = 86_400_000
NEEDED = 20
"""Incidents that must have come before a predictor may be believed."""
MOST_FLAGS = 2_000
KEPT_AT_ONCE = 100
"""Of more services every second look is kept, or every third, …: so many rows a look on the average."""
LEADS = 500


class Flag(msgspec.Struct):
    """One service that was flagged, and since when."""

    service: str
    at_ms: int


class State(msgspec.Struct):
    """What risks are made of, and how flags came out.

    Attributes:
        open: By incident that is not over, the service that it counts for. looked: How often services were looked at.
    """

    leading: LeadingState = msgspec.field(default_factory=LeadingState)
    begun: dict[str, tuple[str, int]] = {}
    open: dict[str, str] = {}
    looked: int = 0
    flags: list[Flag] = []
    came_true: int = 0
    false: int = 0
    incidents: int = 0
    caught: int = 0
    leads_s: list[float] = []
    look_ms: int = 0
    risks: tuple[ServiceRisk, ...] = ()
    by: VersionRef | None = None


class Risks:
    """Asks the predictor about every service, and counts what came of its flags. Nobody is paged by it.

    Attributes:
        looks: The last ones, for evaluation; not part of the state.
        kept: What the last call of `look` saw, to be learned from one day; None when it was no look.
    """

    def __init__(self, models: Models, policy: OutlookPolicy, topology: Callable[[], Topology]) -> None:
        self._models, self._policy, self._topology = models, policy, topology
        self.looks: deque[RiskLook] = deque(maxlen=64)
        self.kept: RiskLook | None = None
        self.take_up(State())

    @property
    def state(self) -> State:
        """All of it, to be kept."""
        self._state.leading = self._leading.saved()
        return self._state

    def take_up(self, state: State) -> None:
        """What `state` gave."""
        self._state = state
        self._leading = Leading(self._policy.horizon_s, state.leading)

    def observe(self, normal: Normal, p_values: F64, at_ms: int, effects: Effects) -> None:
        """One record: everything that leads to incidents."""
        leading = self._leading
        leading.hear(normal.new_series)
        if normal.metrics is not None:
            leading.samples(normal.metrics, p_values)
        leading.calls(normal.edges)
        leading.says(normal.templates)
        leading.changes(normal.changes)
        leading.alerts(effects.alerts.values())
        leading.state.since_ms = leading.state.since_ms or at_ms

    def saw(self, effects: Effects) -> None:
        """Which incidents began: each counts once, for the service that it is about when it is first known."""
        for incident in effects.incidents.values():
            service = belongs_to(incident)
            if incident.status in ("resolved", "merged"):
                self._state.open.pop(incident.id, None)
            elif service:
                self._state.open[incident.id] = service
            if service and incident.id not in self._state.begun and incident.status == "open":
                self._state.begun[incident.id] = service, incident.opened_ms
                self._began(service, incident.opened_ms)
        for kept in (self._state.begun, self._state.open):
            while len(kept) > MOST_FLAGS:
                del kept[next(iter(kept))]

    def look(self, outlooks: Collection[Outlook], at_ms: int, effects: Effects) -> bool:
        """Predict, when it is time for it; whether it was."""
        state = self._state
        self.kept = None
        if at_ms - state.look_ms < self._policy.risk_every_s * 1000:
            return False
        state.look_ms = at_ms
        self._settle(at_ms)
        topology = self._topology()
        services = sorted(e.id for e in topology.entities.values() if e.kind in WATCHED_KINDS)[:MOST_SERVICES]
        if not services:
            return False
        rows = self._leading.rows(services, topology, outlooks, at_ms).round(6).tolist()
        inputs = {"features": list(FEATURES), "services": services, "rows": rows}
        decision = self._models.decide("predictor", inputs)
        usual = [self._leading.usual(service, at_ms) for service in services]
        probability: Mapping[str, float] = decision.output["probability"]
        self._keep(at_ms, services, rows, (usual, [probability[name] for name in services]))
        state.risks, state.by = _listed(decision, services, usual), decision.decided_by
        self._flag(decision, at_ms, effects)
        return True

    def _keep(
        self, at_ms: int, services: list[str], rows: list[list[float]], said: tuple[list[float], list[float]]
    ) -> None:
        state = self._state
        troubled = frozenset(state.open.values())
        in_trouble = tuple(name in troubled for name in services)
        look = RiskLook(at_ms, self._policy.horizon_s, VIEW, tuple(services), rows, *said, in_trouble)
        self.looks.append(look)
        self.kept = None if state.looked % -(-len(services) // KEPT_AT_ONCE) else look
        state.looked += 1

    def stand(self, state: OutlookState) -> OutlookState:
        """A standing with the risks in it."""
        kept = self._state
        tally = RiskTally(
            days=max(kept.look_ms - self._leading.state.since_ms, 0) / DAY_MS,
            flagged=kept.came_true + kept.false,
            came_true=kept.came_true,
            incidents=kept.incidents,
            caught=kept.caught,
            lead_s=median(kept.leads_s) if kept.leads_s else None,
        )
        return msgspec.structs.replace(
            state,
            risks_at_ms=kept.look_ms,
            horizon_s=self._policy.horizon_s,
            risks=kept.risks,
            predictor=kept.by,
            tally=tally,
            standing=standing(tally),
        )

    def _flag(self, decision: Decision, at_ms: int, effects: Effects) -> None:
        """A service that is newly flagged is written down with all that was looked at: it can be decided again.

        One whose incident is not over is known to be in trouble: it is not flagged.
        """
        waiting = {flag.service for flag in self._state.flags} | set(self._state.open.values())
        new = [service for service in decision.output["flagged"] if service not in waiting]
        if not new:
            return
        self._state.flags += [Flag(service, at_ms) for service in new]
        del self._state.flags[:-MOST_FLAGS]
        effects.entries.append(
            Entry(
                id=f"risk-{effects.decided_seq}",
                kind="prediction",
                at_ms=at_ms,
                actor=str(decision.decided_by),
                subject=new[0],
                inputs=decision.inputs,
                output=decision.output,
                rests_on=(f"version-{decision.decided_by}",),
            )
        )

    def _began(self, service: str, at_ms: int) -> None:
        state = self._state
        state.incidents += 1
        self._leading.incident(service, at_ms)
        mine = [flag for flag in state.flags if flag.service == service and flag.at_ms < at_ms]
        if mine:
            state.caught, state.came_true = state.caught + 1, state.came_true + 1
            state.leads_s = [*state.leads_s, (at_ms - mine[0].at_ms) / 1000][-LEADS:]
            state.flags = [flag for flag in state.flags if flag.service != service]

    def _settle(self, at_ms: int) -> None:
        """Flags whose horizon is over without an incident were false alarms."""
        horizon_ms = self._policy.horizon_s * 1000
        over = [flag for flag in self._state.flags if at_ms - flag.at_ms > horizon_ms]
        if over:
            self._state.false += len(over)
            self._state.flags = [flag for flag in self._state.flags if at_ms - flag.at_ms <= horizon_ms]


def standing(tally: RiskTally) -> str:
    """Whether the predictor may be believed, in words. It pages nobody, whatever this says.

    >>> standing(RiskTally(days=2, incidents=3, caught=1, flagged=2, came_true=1))
    'in shadow, nobody is paged: 3 of 20 incidents seen; 1 of them flagged before, 0.5 false flags a day'
    """
    seen = f"{tally.caught} of them flagged before, {tally.false_per_day:.1f} false flags a day"
    if tally.incidents < NEEDED:
        return f"in shadow, nobody is paged: {tally.incidents} of {NEEDED} incidents seen; {seen}"
    return f"in shadow, nobody is paged: {tally.incidents} incidents seen; {seen}"


def _listed(decision: Decision, services: list[str], usual: list[float]) -> tuple[ServiceRisk, ...]:
    output = decision.output
    flagged = set(output["flagged"])
    risks = [
        ServiceRisk(
            entity=service,
            probability=output["probability"][service],
            usual=baseline,
            reasons=tuple(
                RiskReason(name=name, odds=odds, says=SAYS.get(name, name))
                for name, odds in output["reasons"].get(service, ())
            ),
            is_flagged=service in flagged,
        )
        for service, baseline in zip(services, usual, strict=True)
    ]
    return tuple(sorted(risks, key=lambda one: (-one.probability, one.entity))[:MOST_LISTED])

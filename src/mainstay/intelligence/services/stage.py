"""The stage: error budgets of services, their health at each look, and the priority of every alert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from mainstay.domain.alerts import Alert, Severity
from mainstay.domain.changes import ChangeImpact
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.outlook import Outlook, OutlookState
from mainstay.domain.services import Burn, ServiceHealth
from mainstay.domain.signals import Normal
from mainstay.domain.state import pack, unpack
from mainstay.intelligence.services.budgets import Budgets, Spent
from mainstay.intelligence.services.health import Known, health_of
from mainstay.intelligence.services.priority import Callers, priority_of

FORMAT = 1
LOOK_MS = 10_000
HARM_MS = 3_600_000
MOST_OPEN = 50_000


class Open(msgspec.Struct, frozen=True):
    """An alert that fires and is not held back."""

    entity: str
    severity: Severity


class _Saved(msgspec.Struct):
    spent: dict[str, Spent]
    open: dict[str, Open]
    harm: dict[str, tuple[int, str]]
    looked_ms: int
    beyond: int


class Services:
    """Watches what services spend of their error budget, and says how each of them is.

    Args:
        last_heard_ms: When telemetry of an entity last came; None for never.
        outlook: What runs out, as of the last look.

    Attributes:
        standing: The health of every service, the worst first, as of the last look; safe to read from any thread.
    """

    def __init__(
        self, last_heard_ms: Callable[[str], int | None], outlook: Callable[[], OutlookState] = OutlookState
    ) -> None:
        self._last_heard_ms, self._outlook = last_heard_ms, outlook
        self._budgets = Budgets()
        self._open: dict[str, Open] = {}
        self._harm: dict[str, tuple[int, str]] = {}
        self._looked_ms = 0
        self._topology, self._callers = Topology(), Callers(Topology())
        self.standing: tuple[ServiceHealth, ...] = ()

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None:
        """One record, after everything that raises alerts; what they are is seen in `saw`."""
        del effects
        if topology is not self._topology:
            self._topology, self._callers = topology, Callers(topology)
        self._budgets.hear(normal.edges)
        if at_ms - self._looked_ms >= LOOK_MS:
            self._looked_ms = at_ms
            self._look(at_ms)

    def saw(self, effects: Effects) -> None:
        """After a record, people's commands too: each alert gets its place and priority; what is open is noted."""
        for name, alert in effects.alerts.items():
            effects.alerts[name] = self._placed(alert)
            self._note(alert)
        for record in effects.records.values():
            if isinstance(record, ChangeImpact) and record.verdict == "harmful":
                self._harm[record.entity] = (record.judged_ms, f"{record.kind}: {record.says}")

    def burns(self, entity: str, at_ms: int) -> Burn | None:
        """How fast a service spends its budget; None where nobody is seen calling it."""
        spent, known = self._budgets.spent.get(entity), self._topology.entities.get(entity)
        return spent.burn(known.objective if known else None, at_ms) if spent else None

    def snapshot(self) -> bytes:
        """The whole state, with a format number."""
        saved = _Saved(self._budgets.spent, self._open, self._harm, self._looked_ms, self._budgets.beyond)
        return pack("services", FORMAT, saved)

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` wrote.

        Raises:
            Corrupt: Another format, or no state at all.
        """
        saved = unpack("services", FORMAT, state, _Saved)
        self._budgets.spent, self._budgets.beyond = saved.spent, saved.beyond
        self._open, self._harm, self._looked_ms = saved.open, saved.harm, saved.looked_ms

    def _placed(self, alert: Alert) -> Alert:
        entity = self._topology.entities.get(alert.about)
        priority, why = priority_of(alert, entity, self._callers.of(alert.about))
        environment = entity.environment if entity else ""
        if (alert.priority, alert.priority_why, alert.environment) == (priority, why, environment):
            return alert
        return msgspec.structs.replace(alert, priority=priority, priority_why=why, environment=environment)

    def _note(self, alert: Alert) -> None:
        if alert.status == "firing" and not alert.suppressed:
            if len(self._open) < MOST_OPEN or alert.id in self._open:
                self._open[alert.id] = Open(alert.about, alert.severity)
        else:
            self._open.pop(alert.id, None)

    def _look(self, at_ms: int) -> None:
        self._harm = {name: said for name, said in self._harm.items() if said[0] > at_ms - HARM_MS}
        alerts: dict[str, list[Severity]] = {}
        for one in self._open.values():
            alerts.setdefault(one.entity, []).append(one.severity)
        ahead: dict[str, list[Outlook]] = {}
        for outlook in self._outlook().outlooks:
            ahead.setdefault(outlook.entity, []).append(outlook)
        found = [
            health_of(entity, self._known(entity.id, alerts, ahead, at_ms), at_ms)
            for entity in self._topology.entities.values()
            if entity.kind == "service"
        ]
        self.standing = tuple(sorted(found, key=_worst_first))

    def _known(
        self, entity: str, alerts: Mapping[str, Sequence[Severity]], ahead: Mapping[str, list[Outlook]], at_ms: int
    ) -> Known:
        return Known(
            alerts=alerts.get(entity, ()),
            burn=self.burns(entity, at_ms),
            heard_ms=self._last_heard_ms(entity),
            harmful=self._harm.get(entity, (0, ""))[1],
            ahead=ahead.get(entity, ()),
        )


def _worst_first(one: ServiceHealth) -> tuple[bool, int, int, str]:
    """Those that are ill, then those of which nothing is known, then the well."""
    health = 84 if one.health is None else one.health
    return health >= 85, health, one.tier or 9, one.entity

"""What an incident means, from everything that is known at its record: what it resembles, its risk, its words."""

from __future__ import annotations

from collections.abc import Callable

from mainstay.correlate import Correlate
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.intelligence import assess
from mainstay.intelligence.past import Past
from mainstay.intelligence.services import Services


def assessing(
    past: Past, services: Services, correlate: Correlate, topology: Callable[[], Topology]
) -> Callable[[Incident, int, Effects], Incident]:
    """The pipeline's `assess`: compared with the past, then assessed; remembered once it is over."""

    def assessed(incident: Incident, at_ms: int, effects: Effects) -> Incident:
        alerts, changes, known = correlate.alerts_of(incident.id), correlate.changes, topology()
        found = past.compare(incident, (alerts, changes, known), at_ms, effects)
        found = assess(found, known, alerts, changes, at_ms, services.burns)
        past.remember(found, effects)
        return found

    return assessed

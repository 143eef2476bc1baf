"""What is known at one record: what its batch has decided so far, else what is stored; so no cut of a batch matters."""

from __future__ import annotations

from collections.abc import Callable

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Incident
from mainstay.domain.models import Deployment
from mainstay.domain.runbooks import Plan
from mainstay.store.control import Control


class Lately:
    """The control store as it would be if every record before this one were a batch of its own.

    Args:
        undecided: What the batch at hand has decided and nobody has committed yet.
    """

    def __init__(self, control: Control, undecided: Callable[[], Effects]) -> None:
        self._control, self._undecided = control, undecided

    def alert(self, alert: str) -> Alert | None:
        """The alert with this id."""
        return self._undecided().alerts.get(alert) or self._control.alert(alert)

    def incident(self, incident: str) -> Incident | None:
        """The incident with this id."""
        return self._undecided().incidents.get(incident) or self._control.incident(incident)

    def plan(self, plan: str) -> Plan | None:
        """The plan with this id."""
        return self._undecided().plans.get(plan) or self._control.plan(plan)

    def deployments(self) -> list[Deployment]:
        """What serves."""
        serving: dict[str, Deployment] = {one.kind: one for one in self._control.deployments() if one.scope == "*"}
        serving.update(self._undecided().deployments)
        return [serving[kind] for kind in sorted(serving)]

"""Is what only one of two versions found confirmed by somebody else? Then it was real, and the other has missed it."""

from __future__ import annotations

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.mlops.rollouts.canary import key_of

MOST = 5_000


class Corroboration(msgspec.Struct):
    """Which alerts share an incident with alerts of other models. Bounded: the oldest are forgotten.

    Attributes:
        alert_of: Id of the last alert of a condition. models: Who raised what an incident holds.
        incident_of: By alert. right: Alerts that a verdict called real.
    """

    alert_of: dict[str, str] = {}
    model_of: dict[str, str] = {}
    incident_of: dict[str, str] = {}
    models: dict[str, list[str]] = {}
    right: dict[str, bool] = {}

    def saw(self, effects: Effects) -> None:
        """Take up what a record led to."""
        for alert in effects.alerts.values():
            self._alert(alert)
        for incident in effects.incidents.values():
            for grouping in incident.groupings:
                self.incident_of[grouping.alert] = incident.id
                model = self.model_of.get(grouping.alert, "")
                known = self.models.setdefault(incident.id, [])
                if model and model not in known:
                    known.append(model)
        for label in effects.labels.values():
            if label.kind == "alert":
                self.right[label.subject] = label.is_true
        for kept in (self.alert_of, self.model_of, self.incident_of, self.models, self.right):
            while len(kept) > MOST:
                kept.pop(next(iter(kept)))

    def is_confirmed(self, condition: str, model: str) -> bool:
        """Whether a verdict, another model or a rule of the user's says that this condition of `model` was real."""
        alert = self.alert_of.get(condition, "")
        if alert in self.right:
            return self.right[alert]
        incident = self.incident_of.get(alert, "")
        return any(other != model for other in self.models.get(incident, ()))

    def _alert(self, alert: Alert) -> None:
        if alert.status == "firing":
            self.alert_of[key_of(alert.subject, alert.channel)] = alert.id
            self.model_of[alert.id] = alert.decided_by.model

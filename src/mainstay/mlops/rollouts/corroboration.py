"""Is what only one of two versions found confirmed by somebody else? Then it was real, and the other has missed it."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.mlops.rollouts.canary import key_of

MOST = 5_000


class Said(msgspec.Struct, frozen=True):
    """Who raised an alert, about what."""

    model: str
    about: str


class Corroboration(msgspec.Struct):
    """Which alerts of an incident are about the same thing, by different models. Bounded: the oldest are forgotten.

    An incident gathers whatever happens near it, so to lie in one confirms nothing: another model, or a rule of the
    user's, must have said something about the very same entity there.

    Attributes:
        alert_of: Id of the last alert of a condition. said: By alert.
        condition_of, incident_of: By alert. voices: What an incident holds, each once; holds: its alerts.
        right: Alerts that a verdict called real, or not.
    """

    alert_of: dict[str, str] = {}
    said: dict[str, Said] = {}
    condition_of: dict[str, str] = {}
    incident_of: dict[str, str] = {}
    holds: dict[str, list[str]] = {}
    voices: dict[str, list[Said]] = {}
    right: dict[str, bool] = {}

    def saw(self, effects: Effects) -> None:
        """Take up what a record led to."""
        for alert in effects.alerts.values():
            self._alert(alert)
        for incident in effects.incidents.values():
            self.holds[incident.id] = [grouping.alert for grouping in incident.groupings]
            for grouping in incident.groupings:
                self.incident_of[grouping.alert] = incident.id
                said = self.said.get(grouping.alert)
                voices = self.voices.setdefault(incident.id, [])
                if said is not None and said not in voices:
                    voices.append(said)
        for label in effects.labels.values():
            if label.kind == "alert":
                self.right[label.subject] = label.is_true
        for kept in (
            self.alert_of, self.said, self.condition_of, self.incident_of, self.holds, self.voices, self.right
        ):  # fmt: skip
            while len(kept) > MOST:
                kept.pop(next(iter(kept)))

    def is_confirmed(self, condition: str, model: str) -> bool:
        """Whether a verdict, another model or a rule of the user's says that this condition of `model` was real."""
        alert = self.alert_of.get(condition, "")
        if alert in self.right:
            return self.right[alert]
        said, voices = self.said.get(alert), self.voices.get(self.incident_of.get(alert, ""), ())
        return said is not None and any(one.about == said.about and one.model != model for one in voices)

    def is_of(self, incident: str, conditions: Collection[str]) -> bool:
        """Whether nothing but these conditions is in an incident."""
        alerts = self.holds.get(incident, ())
        return bool(alerts) and all(self.condition_of.get(alert) in conditions for alert in alerts)

    def _alert(self, alert: Alert) -> None:
        if alert.status == "firing":
            condition = key_of(alert.subject, alert.channel)
            self.alert_of[condition], self.condition_of[alert.id] = alert.id, condition
            self.said[alert.id] = Said(alert.decided_by.model, alert.about)

"""Calibration: of the causes that a diagnoser calls 80 % probable, are four in five right?

What is compared: the mean probability of the first suspects that were judged, and the share of them that was right,
with Wilson's interval. The metric detector's scores are strangeness, not probabilities: nothing is promised by them,
and what alerts promise is kept by the page budget.
"""

from __future__ import annotations

import msgspec

from mainstay.domain.incidents import Incident
from mainstay.domain.shares import share
from mainstay.domain.verdicts import Label
from mainstay.domain.watching import Share

SAID, KEPT, ENOUGH = 2_000, 200, 20


class Promises(msgspec.Struct):
    """What was said of incidents, and how it came out.

    Attributes:
        said: Version and probability of the first suspect, by incident.
        kept: By version, the newest judged incidents: what was said and whether it was right.
    """

    said: dict[str, tuple[str, float]] = {}
    kept: dict[str, dict[str, tuple[float, bool]]] = {}

    def saw_incident(self, incident: Incident) -> None:
        """Remember its first suspect; after a verdict what was said then stands."""
        if not incident.suspects:
            return
        first = incident.suspects[0]
        self.said.pop(incident.id, None)
        self.said[incident.id] = (str(first.decided_by), first.probability)
        while len(self.said) > SAID:
            self.said.pop(next(iter(self.said)))

    def saw_label(self, label: Label) -> None:
        """A cause was judged."""
        said = self.said.get(label.subject)
        if label.kind != "cause" or said is None or said[0] != f"{label.model}@{label.version}":
            return
        mine = self.kept.setdefault(said[0], {})
        mine.pop(label.subject, None)
        mine[label.subject] = (said[1], label.is_true)
        while len(mine) > KEPT:
            mine.pop(next(iter(mine)))

    def calibration(self, version: str) -> tuple[float, Share] | None:
        """What was said on average, and what was so; None while too few were judged."""
        mine = list(self.kept.get(version, {}).values())
        if len(mine) < ENOUGH:
            return None
        return sum(p for p, _ in mine) / len(mine), share(sum(right for _, right in mine), len(mine))

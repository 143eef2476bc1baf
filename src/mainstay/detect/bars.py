"""What was judged "not an anomaly": the same condition must be stronger to be told again; and the way back."""

from __future__ import annotations

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.budget import LearnedBar
from mainstay.domain.verdicts import Verdict

MOST_TOLD = 50_000
STRICTER = 1.5  # after "not an anomaly" the same condition must be this much stronger to be told again


class Told(msgspec.Struct, frozen=True):
    """An alert as it was told: its fingerprint, and how strong it was."""

    fingerprint: str
    effect: float
    entity: str
    name: str
    channel: str


class Bars(msgspec.Struct, kw_only=True):
    """Bars by fingerprint; `told` by alert, the newest: what a verdict may still be about."""

    told: dict[str, Told] = {}
    learned: dict[str, LearnedBar] = {}
    last_held: dict[str, str] = {}

    def forget(self) -> None:
        """Let go of alerts that were told long ago."""
        if len(self.told) > MOST_TOLD:
            self.told = dict(list(self.told.items())[-MOST_TOLD // 2 :])

    def note(self, alert: Alert, effect: float) -> None:
        """An alert is told: a verdict may follow."""
        about = alert.entity, alert.name, alert.channel
        self.told[alert.id] = Told(alert.fingerprint, effect, *about)

    def under(self, alert: Alert, effect: float) -> LearnedBar | None:
        """The bar that this alert stays below; critical ones pass. Counted once per alert."""
        bar = self.learned.get(alert.fingerprint)
        if bar is None or alert.severity == "critical" or effect >= bar.needed:
            return None
        if self.last_held.get(bar.id) != alert.id:
            self.last_held[bar.id] = alert.id
            bar = msgspec.structs.replace(bar, held=bar.held + 1, last_ms=alert.at_ms)
            self.learned[bar.id] = bar
        return bar

    def raised(self, alert: str, verdict: Verdict) -> LearnedBar | None:
        """Learn from "not an anomaly"; None when the alert is not known (any more)."""
        told = self.told.get(alert)
        if told is None:
            return None
        before = self.learned.get(told.fingerprint)
        bar = LearnedBar(
            id=told.fingerprint,
            entity=told.entity,
            name=told.name,
            channel=told.channel,
            judged=told.effect,
            needed=max(before.needed if before else 0.0, STRICTER * told.effect),
            alert=alert,
            verdict=verdict.id,
            by=verdict.by,
            at_ms=verdict.at_ms,
        )
        self.learned[bar.id] = bar
        self.last_held.pop(bar.id, None)
        return bar

    def taken_back(self, name: str) -> LearnedBar | None:
        """Forget what was learned of a condition: by its fingerprint, or by one of its alerts."""
        told = self.told.get(name)
        fingerprint = told.fingerprint if told else name
        self.last_held.pop(fingerprint, None)
        return self.learned.pop(fingerprint, None)


def says(bar: LearnedBar, effect: float) -> str:
    """Why an alert is held back by what was learned."""
    return (
        f"judged not an anomaly before (verdict {bar.verdict} by {bar.by}): effect {effect:g} is below {bar.needed:g}, "
        "where it is told again"
    )

"""The book of alerts: what is told, what ended just now and would continue, what must wait, what was judged."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mainstay.domain.alerts import SEVERITIES, Alert
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef

CONTINUES_MS = 120_000  # a condition that comes back within this is the same alert: flapping is one thing, not many
MOST_PER_TICK = 200  # new alerts of our own in five seconds; a storm beyond that waits, listed
TICK_MS = 5_000
MOST_WAITING = 20_000
MOST_TOLD = 50_000
STRICTER = 1.5  # after "not an anomaly" the same condition must be this much stronger to be told again


class Waiting(msgspec.Struct, kw_only=True):
    """A new alert that the cap holds back, with its entry; a later tick brings it, unless it ends before."""

    alert: Alert
    entry: Entry


class Book(msgspec.Struct, kw_only=True):
    """State of the stage, by condition (subject and channel, or the fingerprint of a user's alert).

    Attributes:
        firing: Told and not over. ended: Over since less than `CONTINUES_MS`.
        expires: When a user's alert ends by itself (endsAt), ms.
        held: What the cap holds back. lost: How many did not even fit there, counted for ever.
        told: Alert id → its condition and effect, the newest: what a verdict may still be about.
        bars: After a "not an anomaly": the effect that the condition must reach to be told again.
        seen: When a firing metric was last sampled, ms; silence of the series ends its alert.
    """

    firing: dict[str, Alert] = {}
    ended: dict[str, Alert] = {}
    expires: dict[str, int] = {}
    held: dict[str, Waiting] = {}
    lost: int = 0
    told: dict[str, tuple[str, float]] = {}
    bars: dict[str, float] = {}
    seen: dict[str, int] = {}
    tick: int = 0
    new_in_tick: int = 0

    def begin(self, at_ms: int) -> None:
        """A record of this time comes: count per tick, forget what cannot continue any more."""
        if at_ms // TICK_MS != self.tick:
            self.tick, self.new_in_tick = at_ms // TICK_MS, 0
            self.ended = {k: a for k, a in self.ended.items() if at_ms - (a.ended_ms or 0) <= CONTINUES_MS}
            if len(self.told) > MOST_TOLD:
                self.told = dict(list(self.told.items())[-MOST_TOLD // 2 :])

    def admits(self, key: str, alert: Alert) -> bool:
        """Whether the cap lets a new alert pass; critical ones and those that continue always do."""
        if alert.severity == "critical" or key in self.ended:
            return True
        if self.new_in_tick >= MOST_PER_TICK:
            return False
        self.new_in_tick += 1
        return True

    def hold(self, key: str, alert: Alert, entry: Entry) -> None:
        """Keep a new alert for a later tick; what does not fit is counted."""
        if len(self.held) >= MOST_WAITING:
            self.lost += 1
        else:
            self.held[key] = Waiting(alert=alert, entry=entry)

    def turns(self) -> list[tuple[str, Waiting]]:
        """Held alerts whose turn it is: gravest first, then the oldest."""
        room = max(MOST_PER_TICK - self.new_in_tick, 0)
        if not room or not self.held:
            return []
        order = sorted(self.held.items(), key=lambda kv: (*_gravity(kv[1].alert), kv[0]))[:room]
        for key, _ in order:
            del self.held[key]
        self.new_in_tick += len(order)
        return order

    def barred(self, key: str, alert: Alert, effect: float) -> Alert:
        """The alert, marked as suppressed when people said before that this much is not an anomaly. Critical passes."""
        self.told[alert.id] = key, effect
        bar = self.bars.get(key, 0.0)
        if alert.severity == "critical" or effect >= bar:
            return msgspec.structs.replace(alert, suppressed=False, suppressed_why="")
        why = f"judged not an anomaly before: effect {effect:g} is below {bar:g}, where it is told again"
        return msgspec.structs.replace(alert, suppressed=True, suppressed_why=why)

    def judged(self, alert: str, *, is_anomaly: bool) -> None:
        """A person's word about an alert: raises the bar of its condition, or takes it away."""
        if alert in self.told:
            key, effect = self.told[alert]
            if is_anomaly:
                self.bars.pop(key, None)
            else:
                self.bars[key] = max(self.bars.get(key, 0.0), STRICTER * effect)


def key_of(subject: str, channel: str) -> str:
    """Identity of a condition inside the stage.

    >>> key_of("edge:a>b", "latency")
    'edge:a>b|latency'
    """
    return f"{subject}|{channel}"


def digest(*parts: object) -> str:
    """A short id from what it stands for; never random.

    >>> digest("edges", "edge:a>b", 1) == digest("edges", "edge:a>b", 1)
    True
    """
    return hashlib.sha256("\x1f".join(str(p) for p in parts).encode()).hexdigest()[:20]


def alert_entry(alert: Alert, inputs: dict[str, Any] | None, output: dict[str, Any]) -> Entry:
    """The ledger's word for an alert that starts, worsens or ends."""
    ends = alert.status == "resolved"
    return Entry(
        id=f"alert-{alert.id}-{alert.status}-{alert.at_ms}",
        kind="alert-resolved" if ends else "alert",
        at_ms=alert.at_ms,
        actor=str(alert.decided_by),
        subject=alert.id,
        inputs=inputs,
        output=output,
        rests_on=(_version(alert.decided_by),),
    )


def suppression_entry(alert: Alert, rests_on: str) -> Entry:
    """The ledger's word for an alert that is listed but must not page."""
    return Entry(
        id=f"suppression-{alert.id}-{alert.at_ms}",
        kind="suppression",
        at_ms=alert.at_ms,
        actor="mainstay",
        subject=alert.id,
        output={"why": alert.suppressed_why},
        rests_on=(rests_on,),
    )


def held_entry(held: list[Alert], lost: int, at_ms: int) -> Entry:
    """The ledger's list of what the cap holds back: nothing is dropped in silence."""
    return Entry(
        id=f"held-{at_ms}-{held[0].id}",
        kind="suppression",
        at_ms=at_ms,
        actor="mainstay",
        subject="storm",
        output={
            "why": f"more than {MOST_PER_TICK} new alerts in five seconds; they follow, gravest first",
            "count": len(held),
            "lost": lost,
            "held": [{"alert": a.id, "subject": a.subject, "severity": a.severity} for a in held[:1000]],
        },
    )


def _gravity(alert: Alert) -> tuple[int, int]:
    return SEVERITIES.index(alert.severity), alert.since_ms


def _version(ref: VersionRef) -> str:
    return str(ref) if ref.model.startswith("rule/") else f"version-{ref}"

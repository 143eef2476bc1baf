"""The book of alerts: which conditions are told, which ended just now and would continue, which must wait their turn."""

from __future__ import annotations

import hashlib

import msgspec

from mainstay.domain.alerts import SEVERITIES, Alert
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef

CONTINUES_MS = 120_000  # a condition that comes back within this is the same alert: flapping is one thing, not many
MOST_PER_TICK = 200  # new alerts of our own in five seconds; a storm beyond that waits, listed
TICK_MS = 5_000
MOST_WAITING = 20_000


class Waiting(msgspec.Struct, kw_only=True):
    """A new alert that the cap holds back, with its entry; it comes with one of the next ticks unless it ends before."""

    alert: Alert
    entry: Entry


class Book(msgspec.Struct, kw_only=True):
    """State of the stage, by key (condition: subject and channel, or the fingerprint of a user's alert).

    Attributes:
        firing: Told and not over. ended: Over since less than `CONTINUES_MS`.
        expires: When a user's alert ends by itself (endsAt), ms.
        held: What the cap holds back. lost: How many did not even fit there, counted for ever.
        bars: After a "not an anomaly": the effect that this condition must exceed to be told again.
        seen: When a firing metric was last sampled, ms; silence of the series ends its alert.
    """

    firing: dict[str, Alert] = {}
    ended: dict[str, Alert] = {}
    expires: dict[str, int] = {}
    held: dict[str, Waiting] = {}
    lost: int = 0
    bars: dict[str, float] = {}
    effects: dict[str, float] = {}
    seen: dict[str, int] = {}
    tick_ms: int = 0
    new_in_tick: int = 0

    def begin(self, at_ms: int) -> None:
        """A record of this time comes: count per tick, forget what cannot continue any more."""
        if at_ms // TICK_MS != self.tick_ms:
            self.tick_ms, self.new_in_tick = at_ms // TICK_MS, 0
            self.ended = {k: a for k, a in self.ended.items() if at_ms - (a.ended_ms or 0) <= CONTINUES_MS}
            if len(self.effects) > MOST_WAITING:
                self.effects = dict(list(self.effects.items())[-MOST_WAITING:])

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
        order = sorted(
            self.held.items(), key=lambda kv: (SEVERITIES.index(kv[1].alert.severity), kv[1].alert.since_ms, kv[0])
        )
        for key, _ in order[:room]:
            del self.held[key]
        self.new_in_tick += min(len(order), room)
        return order[:room]


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


def alert_entry(alert: Alert, inputs: dict[str, object] | None, output: dict[str, object]) -> Entry:
    """The ledger's word for an alert that starts or ends."""
    ends = alert.status == "resolved"
    return Entry(
        id=f"alert-{alert.id}-{alert.status}-{alert.at_ms}",
        kind="alert-resolved" if ends else "alert",
        at_ms=alert.at_ms,
        actor=str(alert.decided_by),
        subject=alert.id,
        inputs=inputs,
        output=output,
        rests_on=(f"alert-{alert.id}",) if ends else (_version(alert.decided_by),),
    )


def _version(ref: VersionRef) -> str:
    return str(ref) if ref.model.startswith("rule/") else f"version-{ref}"

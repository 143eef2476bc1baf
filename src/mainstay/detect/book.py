"""The book of alerts: what is told, what ended just now and would continue, what a storm makes wait."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mainstay.detect.bars import Bars
from mainstay.detect.budget import FLAPPING_MS
from mainstay.detect.bursts import Spending
from mainstay.detect.starvation import Starved
from mainstay.domain.alerts import SEVERITIES, Alert

CONTINUES_MS = 40_000  # a condition that comes back within this is the same alert: flapping is one thing, not many
MOST_PER_TICK = 200  # new alerts of our own in five seconds; a storm beyond that waits, listed
TICK_MS = 5_000
MOST_WAITING = 20_000


class Waiting(msgspec.Struct, kw_only=True):
    """A new alert that the cap holds back, and what its ledger entry will say; a later tick brings it, if it lasts."""

    alert: Alert
    inputs: dict[str, Any] | None
    output: dict[str, Any]
    figures: dict[str, Any] = {}


class Book(msgspec.Struct, kw_only=True):
    """State of the stage, by condition (subject and channel, or the fingerprint of a user's alert).

    Attributes:
        firing: Told and not over. ended: Over since less than `CONTINUES_MS`.
        expires: When a user's alert ends by itself (endsAt), ms.
        held: What the cap holds back. lost: How many did not even fit there, counted for ever.
        seen: When a firing metric was last sampled, ms; silence of the series ends its alert.
        rhythm: The longest time between two samples of it while it fired, ms; none before there were two.
        bars: What verdicts taught. spending: Where the page budgets stand. series: How many each entity has.
        starved: Who tells of missing processor time. worth: what a measurement counts now, by entity, as of the tick.
    """

    firing: dict[str, Alert] = {}
    ended: dict[str, Alert] = {}
    expires: dict[str, int] = {}
    held: dict[str, Waiting] = {}
    lost: int = 0
    seen: dict[str, int] = {}
    rhythm: dict[str, int] = {}
    tick: int = 0
    new_in_tick: int = 0
    bars: Bars = msgspec.field(default_factory=Bars)
    spending: Spending = msgspec.field(default_factory=Spending)
    series: dict[str, int] = {}
    starved: Starved = msgspec.field(default_factory=Starved)
    worth: dict[str, float] = {}

    def begin(self, at_ms: int) -> bool:
        """A record of this time comes: count per tick, forget what cannot continue any more. Whether a tick begins."""
        if at_ms // TICK_MS == self.tick:
            return False
        self.tick, self.new_in_tick = at_ms // TICK_MS, 0
        self.ended = {k: a for k, a in self.ended.items() if at_ms - (a.ended_ms or 0) <= CONTINUES_MS}
        self.bars.forget()
        self.spending.begin(at_ms, self.firing, FLAPPING_MS)
        return True

    def beats(self, key: str, at_ms: int) -> None:
        """A metric that fires was sampled."""
        gap_ms = at_ms - self.seen[key]
        if gap_ms:  # several records of one moment are one sample
            self.rhythm[key] = max(self.rhythm.get(key, 0), gap_ms)
            self.seen[key] = at_ms

    def before(self, key: str) -> Alert | None:
        """The alert that a start of this condition goes on with: firing, ended just now, or waiting."""
        waits = self.held.get(key)
        return self.firing.get(key) or self.ended.get(key) or (waits.alert if waits else None)

    def admits(self, key: str, alert: Alert) -> bool:
        """Whether the cap lets a new alert pass; critical ones and those that continue always do."""
        if alert.severity == "critical" or key in self.firing or key in self.ended:
            return True
        if self.new_in_tick >= MOST_PER_TICK:
            return False
        self.new_in_tick += 1
        return True

    def hold(self, key: str, waiting: Waiting) -> None:
        """Keep a new alert for a later tick; what does not fit is counted."""
        if len(self.held) >= MOST_WAITING:
            self.lost += 1
        else:
            self.held[key] = waiting

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


def _gravity(alert: Alert) -> tuple[int, int]:
    return SEVERITIES.index(alert.severity), alert.since_ms

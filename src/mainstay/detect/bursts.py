"""What the page budget remembers: bursts that go on, pages of four weeks with what became of them, and flaps."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from mainstay.detect import chances
from mainstay.domain.alerts import Alert

BURST_MS = 120_000  # a start within this is part of the same trouble
PAGE_MS = 1_800_000  # … and of a trouble that paged and still burns, within this
WEEK_MS = 7 * 86_400_000
KEEP_MS = 4 * WEEK_MS
MOST_ALERTS = 500
CALLS_FROM = 2
WEIGHTS = {"critical": 2, "major": 2, "minor": 1, "info": 0}


class Burst(msgspec.Struct, kw_only=True):
    """Alerts that began near one another.

    Attributes:
        entities: Where (the values mean nothing). evidence: −log10 p by entity, the strongest.
        weights: How grave by subject, one or two; from two on it calls for a page.
        pages: Which pages it is: none yet, one, or more when two troubles met. held: Conditions that are held back.
    """

    number: int
    team: str
    last_ms: int = 0
    entities: dict[str, int] = {}
    alerts: list[str] = []
    keys: list[str] = []
    evidence: dict[str, float] = {}
    weights: dict[str, int] = {}
    pages: list[str] = []
    held: list[str] = []

    @property
    def calls(self) -> bool:
        """Whether it would wake somebody."""
        return len(self.weights) >= CALLS_FROM or CALLS_FROM in self.weights.values()

    def take(self, key: str, alert: Alert, ends: set[str], at_ms: int) -> None:
        """One more alert, or news of one."""
        self.last_ms = at_ms
        self.entities.update(dict.fromkeys(sorted(ends), 1))
        if alert.id not in self.alerts and len(self.alerts) < MOST_ALERTS:
            self.alerts.append(alert.id)
            self.keys.append(key)
        strength = chances.strength(alert.p_value)
        if strength > self.evidence.get(alert.entity, 0.0):
            self.evidence[alert.entity] = strength
        self.weights[alert.subject] = max(self.weights.get(alert.subject, 0), WEIGHTS[alert.severity])


class Sent(msgspec.Struct):
    """A burst that may page.

    Attributes:
        kind: `rare` by itself, took a `place`, or `exempt` (critical, exhausted resource).
        word: `right` or `wrong`, as people and outcomes said; "" unlabelled.
    """

    id: str
    team: str
    at_ms: int
    kind: str
    expected: float
    alerts: list[str]
    incident: str = ""
    word: str = ""


class Spending(msgspec.Struct, kw_only=True):
    """State of every team's budget."""

    bursts: dict[int, Burst] = {}
    bursts_ever: int = 0
    sent: list[Sent] = []
    starts: dict[str, list[int]] = {}

    def begin(self, at_ms: int, firing: Collection[str], flapping_ms: int) -> None:
        """Time passes: bursts end; a page that never became an incident gives its place back."""
        over = [burst for burst in self.bursts.values() if not _goes_on(burst, at_ms, firing)]
        if over:
            self.bursts = {n: b for n, b in self.bursts.items() if _goes_on(b, at_ms, firing)}
            ended = {page for burst in over for page in burst.pages}
            self.sent = [one for one in self.sent if one.incident or one.id not in ended]
        if self.sent and at_ms - self.sent[0].at_ms > KEEP_MS:
            self.sent = [one for one in self.sent if at_ms - one.at_ms <= KEEP_MS]
        self.starts = {k: s for k, s in self.starts.items() if at_ms - s[-1] <= flapping_ms}

    def started(self, key: str, at_ms: int, flapping_ms: int) -> None:
        """A condition starts anew."""
        times = [one for one in self.starts.get(key, []) if at_ms - one <= flapping_ms]
        self.starts[key] = [*times, at_ms]

    def starts_of(self, key: str) -> int:
        """How often a condition started in the last half hour."""
        return len(self.starts.get(key, ()))

    def opened(self, team: str) -> Burst:
        """A burst of its own."""
        self.bursts_ever += 1
        burst = self.bursts[self.bursts_ever] = Burst(number=self.bursts_ever, team=team)
        return burst

    def united(self, found: Iterable[int]) -> Burst:
        """Bursts that turn out to be one: the oldest, with everything of the others."""
        first, *others = sorted(found)
        for other in others:
            _unite(self.bursts[first], self.bursts.pop(other))
        return self.bursts[first]

    def follow(self, burst: Burst) -> None:
        """The pages of a burst hold its alerts, also those that came later."""
        for one in self.sent if burst.pages else ():
            if one.id in burst.pages:
                one.alerts = list(burst.alerts)

    def used(self, team: str, at_ms: int) -> int:
        """Places of a team that are taken: by pages that were not rare, and by rare ones that were false."""
        return sum(
            1
            for one in self.sent
            if one.team == team
            and at_ms - one.at_ms < WEEK_MS
            and ((one.kind == "place" and one.word != "right") or (one.kind == "rare" and one.word == "wrong"))
        )

    def false_rare(self, team: str, at_ms: int) -> int:
        """Rare pages of four weeks that were judged false."""
        return sum(
            1
            for one in self.sent
            if one.team == team and one.kind == "rare" and one.word == "wrong" and at_ms - one.at_ms < KEEP_MS
        )


def _goes_on(burst: Burst, at_ms: int, firing: Collection[str]) -> bool:
    age_ms = at_ms - burst.last_ms
    if age_ms <= BURST_MS:
        return True
    return bool(burst.pages) and age_ms <= PAGE_MS and any(key in firing for key in burst.keys)


def _unite(first: Burst, other: Burst) -> None:
    first.last_ms = max(first.last_ms, other.last_ms)
    first.entities.update(other.entities)
    first.alerts += other.alerts
    first.keys += other.keys
    for entity, strength in other.evidence.items():
        first.evidence[entity] = max(first.evidence.get(entity, 0.0), strength)
    for subject, weight in other.weights.items():
        first.weights[subject] = max(first.weights.get(subject, 0), weight)
    first.pages += other.pages
    first.held += other.held

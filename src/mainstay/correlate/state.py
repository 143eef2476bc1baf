"""What the stage remembers: open and lately resolved incidents, waiting alerts, recent changes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from mainstay.correlate.evidence.recent import RecentCalls, RecentLines
from mainstay.correlate.evidence.symptoms import is_fewer, is_hint, is_load, symptom_of
from mainstay.correlate.evidence.vitals import Vitals
from mainstay.correlate.evidence.words import Words
from mainstay.correlate.together import CONFIRMED, SEEN, Together
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.incidents import Grouping, Incident, TimelineEntry

FORMAT = 4
KEEP_CHANGES_MS = 3_600_000
MOST_CHANGES = 2_000
MOST_LINES = 400
MOST_GROUPINGS = 500
REOPEN_MS = 600_000
MOST_PENDING = 20_000
BURST_MS = 5_000
LIKELY = 0.5


class Kept(msgspec.Struct):
    """An alert, the ledger entry that raised it, and why it is in its incident (None while it waits).

    `own`: how much of it was its entity's own when it was grouped, 0–1; None when nothing told.
    """

    alert: Alert
    entry: str
    why: Grouping | None = None
    own: float | None = None


class Member(msgspec.Struct):
    """What an incident knows of one of its entities.

    Attributes:
        first_ms, last_ms: Earliest and latest onset there of what is more than a hint (of hints, while there is
            nothing else).
        alerts, solid, about, firing, saturated: How many of its alerts name it; of those, how many are more than a
            hint or fewer calls, are about it, burn, are about load.
        own: How much of any alert about it is its own at most, not of what it calls.
        burning, calm_ms: How many of those that are about it burn, and when the last of them ended; log lines, which
            stay for minutes after the trouble, do not count, nor do fewer calls, which are its callers' doing.
        burst_ms, told_ms, tellings, pause_ms: The run of tellings without a pause of five seconds that goes on or was
            the last: since when, until when, how many, and the longest pause in it.
    """

    first_ms: int
    last_ms: int
    alerts: int = 0
    solid: int = 0
    about: int = 0
    firing: int = 0
    saturated: int = 0
    own: float = 0.0
    burning: int = 0
    calm_ms: int = 0
    burst_ms: int = 0
    told_ms: int = 0
    tellings: int = 0
    pause_ms: int = 0

    def told(self, at_ms: int) -> None:
        """Something was told of it, once more."""
        pause_ms = at_ms - self.told_ms
        if pause_ms > BURST_MS:
            self.burst_ms, self.tellings, self.pause_ms = at_ms, 0, 0
        elif pause_ms > self.pause_ms:
            self.pause_ms = pause_ms
        self.told_ms = max(self.told_ms, at_ms)
        self.tellings += 1


class Held(msgspec.Struct):
    """An incident with all that is needed to go on with it. `settle` brings `incident` up to date, once a record.

    Attributes:
        members: By entity: those that its alerts are about, and their callers. symptoms: `entity|signal` → how many.
        solid, firing: How many of its alerts are more than hints, and how many of those burn.
        calm_ms: Since when none does; None while one does.
        fading_ms: Since when most of them are over; None while half of them burn.
        is_news: There is evidence that the last diagnosis did not have.
        confirmed, ruled_out: What a person said of the cause; it stays first, or out.
        apart: Incidents that were split from it, or it from them: automation does not merge them again.
        news: Lines for the timeline. closed_ms: When it was resolved or merged.
        is_changed: It must leave with the effects of this record.
    """

    incident: Incident
    alerts: dict[str, Kept] = {}
    members: dict[str, Member] = {}
    symptoms: dict[str, int] = {}
    prints: dict[str, int] = {}
    solid: int = 0
    firing: int = 0
    began_ms: int = 0
    entry: str = ""
    calm_ms: int | None = None
    fading_ms: int | None = None
    closed_ms: int = 0
    diagnosed_ms: int = 0
    is_news: bool = True
    confirmed: str = ""
    confirmed_by: str = ""
    ruled_out: list[str] = []
    apart: list[str] = []
    told: list[str] = []
    news: list[TimelineEntry] = []
    is_changed: bool = False

    @property
    def is_open(self) -> bool:
        return self.incident.status in ("open", "acknowledged")

    @property
    def about(self) -> list[str]:
        """The entities that its alerts are about, in the order in which they came."""
        return [entity for entity, member in self.members.items() if member.about]

    @property
    def cause(self) -> str:
        """The entity that is the cause more likely than not; "" when none is."""
        suspects = self.incident.suspects
        return suspects[0].entity if suspects and suspects[0].probability >= LIKELY else ""

    @property
    def proof(self) -> float:
        """How far somebody vouches for what is in it; 0 when nobody looked."""
        if self.confirmed:
            return CONFIRMED
        return SEEN if self.incident.acknowledged_by else 0.0

    @property
    def over_ms(self) -> int | None:
        """Since when its cause, where one is known, is calm; else since when most of it is. None while it burns."""
        member = self.members.get(self.cause)
        if member is None or not member.about:
            return self.fading_ms or self.calm_ms
        return None if member.burning else member.calm_ms or self.calm_ms

    def put(self, kept: Kept) -> None:
        """Take an alert in, or its newer state."""
        before = self.alerts.get(kept.alert.id)
        if symptom_of(kept.alert) not in self.symptoms:
            self.is_news = True
        if before is not None:
            self._count(before, -1)
        self.alerts[kept.alert.id] = kept
        self._count(kept, 1)
        is_fading = 2 * self.firing < self.solid
        self.fading_ms = (self.fading_ms or kept.alert.ended_ms or kept.alert.at_ms) if is_fading else None

    def drop(self, alerts: Iterable[str]) -> list[Kept]:
        """Let alerts go; what is known of entities and symptoms is what is left."""
        gone = [self.alerts.pop(alert) for alert in alerts]
        left = list(self.alerts.values())
        self.members, self.symptoms, self.prints = {}, {}, {}
        self.solid = self.firing = self.began_ms = 0
        for other in left:
            self._count(other, 1)
        return gone

    def change(self, at_ms: int, **fields: object) -> None:
        """Replace fields of the incident."""
        self.is_changed = True
        if self.incident.updated_ms == at_ms and all(getattr(self.incident, name) == to for name, to in fields.items()):
            return  # most alerts of a storm change nothing of it
        self.incident = msgspec.structs.replace(self.incident, updated_ms=at_ms, **fields)

    def tell(self, *lines: TimelineEntry) -> None:
        """Add lines to the timeline, each once, in order of time."""
        self.news += lines
        self.change(max([self.incident.updated_ms, *(line.at_ms for line in lines)]))

    def settle(self) -> Incident:
        """The incident with its groupings, entities and timeline as they are now."""
        kept = list(self.alerts.values())
        listed = [one.why for one in kept[:MOST_GROUPINGS] if one.why is not None]
        fields: dict[str, object] = {"groupings": tuple(listed), "entities": tuple(self.about)}
        if self.incident.status != "merged":
            fields["more_alerts"] = max(len(kept) - MOST_GROUPINGS, 0)
        else:
            del fields["groupings"], fields["entities"]  # it keeps what it had
        if self.news:
            fields["timeline"] = _with_news(self.incident.timeline, self.news)
            self.news = []
        self.incident = msgspec.structs.replace(self.incident, **fields)
        self.is_changed = False
        return self.incident

    def _count(self, kept: Kept, one: int) -> None:
        alert = kept.alert
        is_solid, key = not is_hint(alert), symptom_of(alert)
        is_firing = alert.status == "firing" and is_solid
        ties = is_solid and not is_fewer(alert)
        self.solid += one * is_solid
        self.firing += one * is_firing
        _add(self.symptoms, key, one)
        _add(self.prints, alert.fingerprint, one)
        self.began_ms = min(self.began_ms or alert.since_ms, alert.since_ms)
        for entity in dict.fromkeys((alert.about, alert.call[0])):
            if entity:
                member = self.members.get(entity)
                if member is None:
                    member = self.members[entity] = Member(alert.since_ms, alert.since_ms)
                if ties and not member.solid:
                    member.first_ms = member.last_ms = alert.since_ms
                elif ties or not member.solid:
                    member.first_ms = min(member.first_ms, alert.since_ms)
                    member.last_ms = max(member.last_ms, alert.since_ms)
                member.alerts += one
                member.solid += one * ties
                member.about += one * (entity == alert.about)
                member.firing += one * is_firing
                if entity == alert.about:
                    member.own = max(member.own, kept.own or 0.0)
                    is_trouble = alert.signal != "logs" and not is_fewer(alert)
                    member.burning += one * (is_firing and is_trouble)
                    if is_trouble:
                        member.calm_ms = max(member.calm_ms, alert.ended_ms or 0)
                member.saturated += one * is_load(alert)


class State(msgspec.Struct):
    """Everything that survives a restart."""

    next_number: int = 1
    held: dict[str, Held] = {}
    pending: dict[str, Kept] = {}
    episodes: dict[str, str] = {}
    diagnosed: tuple[int, int] = (0, 0)
    changes: list[Change] = []
    calls: RecentCalls = msgspec.field(default_factory=RecentCalls)
    lines: RecentLines = msgspec.field(default_factory=RecentLines)
    vitals: Vitals = msgspec.field(default_factory=Vitals)
    together: Together = msgspec.field(default_factory=Together)
    words: Words = msgspec.field(default_factory=Words)
    withheld: WithheldState = msgspec.field(default_factory=WithheldState)

    def note_changes(self, changes: Iterable[Change], at_ms: int) -> list[Change]:
        """Remember changes; what is new among them."""
        changes = list(changes)
        horizon_ms = at_ms - KEEP_CHANGES_MS
        if not changes and (not self.changes or self.changes[0].at_ms > horizon_ms):
            return []
        known = {change.id for change in self.changes}
        new = [change for change in changes if change.id not in known]
        kept = [c for c in [*self.changes, *new] if c.at_ms > horizon_ms]
        self.changes = kept[-MOST_CHANGES:]
        return new


def _with_news(timeline: tuple[TimelineEntry, ...], news: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """A timeline, which is in order, with new lines in their places: each once, equal times as they came."""
    lines = list(timeline)
    for line in news:
        place = at = bisect_right(lines, line.at_ms, key=_at)
        while at and lines[at - 1].at_ms == line.at_ms and lines[at - 1] != line:
            at -= 1
        if not at or lines[at - 1] != line:
            lines.insert(place, line)
    return tuple(lines[-MOST_LINES:])


_at = attrgetter("at_ms")


def _add(counts: dict[str, int], key: str, one: int) -> None:
    count = counts.get(key, 0) + one
    if count > 0:
        counts[key] = count
    else:
        counts.pop(key, None)

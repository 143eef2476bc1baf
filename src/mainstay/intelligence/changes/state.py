"""What is remembered of changes: those that are still looked at, what was foretold, what came of them, and trouble."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change, ChangeForecast, ChangeImpact, PlaceboTally
from mainstay.domain.incidents import Incident
from mainstay.intelligence.changes.rings import RING, Saved, bucket_of

FORMAT = 2
KEPT_BUCKETS = RING + 12
SHAKEN = 7  # buckets for which a service is not calm after a change of its own
MOST_WATCHED = 2_000
MOST_FORECASTS = 5_000
MOST_COUNTS = 20_000
MOST_ILLNESSES = 5_000
FELT = frozenset({"latency", "errors", "availability"})


class Watched(msgspec.Struct):
    """A change whose effect is looked at.

    Attributes:
        look: The next look. until_ms: When the service was changed again; 0 it was not.
        impact: What was said last. is_over: There will be no other look.
    """

    change: Change
    look: int = 0
    until_ms: int = 0
    impact: ChangeImpact | None = None
    is_over: bool = False

    @property
    def did_harm(self) -> bool:
        return self.impact is not None and self.impact.verdict == "harmful"


class Illness(msgspec.Struct):
    """Something was wrong with a service in the eyes of an alert: since when, until when (0: it goes on)."""

    entity: str
    since_ms: int
    until_ms: int


class State(msgspec.Struct):
    """Everything but the rings.

    Attributes:
        illnesses: By alert; open: the entities of open incidents, by incident.
        forecasts: Those that are not scored yet, by id.
        counts: Scored changes and harmful ones: by `kind:…`, and of a kind by service, author and circumstance (see
            `names_of`); callers looked at and hurt by `hops:…`.
        skill: Of scored forecasts how many, and the squared errors of their base and of what their factors said.
        made: How many changes an author made on a service, by `author|entity`.
        unwatched: Changes beyond 2,000 in half an hour: they are kept, and not judged.
    """

    watched: dict[str, Watched] = {}
    illnesses: dict[str, Illness] = {}
    open: dict[str, tuple[str, ...]] = {}
    forecasts: dict[str, ChangeForecast] = {}
    counts: dict[str, tuple[int, int]] = {}
    skill: tuple[int, float, float] = (0, 0.0, 0.0)
    made: dict[str, int] = {}
    tally: PlaceboTally = PlaceboTally()
    unwatched: int = 0
    looked_s: int = 0
    placebo_min: int = 0

    def note(self, alerts: Iterable[Alert], incidents: Iterable[Incident]) -> None:
        """What burns, what burns no more, and which incidents are open."""
        for alert in alerts:
            if alert.signal in FELT and alert.about.startswith("service:"):
                until_ms = (alert.ended_ms or alert.at_ms) if alert.status == "resolved" else 0
                self.illnesses[alert.id] = Illness(alert.about, alert.since_ms, until_ms)
        for one in incidents:
            if one.status in ("resolved", "merged"):
                self.open.pop(one.id, None)
            else:
                self.open[one.id] = one.entities

    def incident_of(self, entities: Iterable[str]) -> str:
        """An open incident of one of these; "" for none."""
        named = set(entities)
        return next((name for name, its in self.open.items() if named & set(its)), "")

    def of(self, entity: str) -> list[Watched]:
        """The changes of a service that are remembered, in the order of time."""
        mine = [one for one in self.watched.values() if one.change.entity == entity]
        return sorted(mine, key=lambda one: one.change.at_ms)

    def unclean(self, entity: str) -> list[tuple[int, int]]:
        """Spans of buckets, both ends included, in which it was changed, or something was wrong with it."""
        spans = [
            (bucket_of(one.since_ms), bucket_of(one.until_ms) + 1 if one.until_ms else 1 << 60)
            for one in self.illnesses.values()
            if one.entity == entity
        ]
        for one in self.of(entity):
            at = bucket_of(one.change.at_ms)
            is_long = one.did_harm and not one.until_ms
            spans.append((at, 1 << 60 if is_long else bucket_of(max(one.until_ms, one.change.at_ms)) + SHAKEN
                          if one.did_harm else at + SHAKEN))  # fmt: skip
        return spans

    def forget(self, head: int) -> None:
        """What is older than the rings explains nothing any more."""
        self.watched = {
            name: one
            for name, one in self.watched.items()
            if not one.is_over or bucket_of(max(one.change.at_ms, one.until_ms)) > head - KEPT_BUCKETS
        }
        self.illnesses = {
            name: one
            for name, one in self.illnesses.items()
            if not one.until_ms or bucket_of(one.until_ms) > head - KEPT_BUCKETS
        }
        if len(self.illnesses) > MOST_ILLNESSES:
            self.illnesses = dict(list(self.illnesses.items())[-MOST_ILLNESSES:])
        for kept, most in ((self.forecasts, MOST_FORECASTS), (self.counts, MOST_COUNTS), (self.made, MOST_COUNTS)):
            while len(kept) > most:
                del kept[next(iter(kept))]

    def count(self, names: Sequence[str], *, did_harm: bool) -> None:
        """One more scored change under each of these names."""
        for name in names:
            scored, harmful = self.counts.pop(name, (0, 0))  # the one that was counted last is forgotten last
            self.counts[name] = (scored + 1, harmful + did_harm)

    def record(self, name: str) -> tuple[int, int]:
        """How many were scored under a name, and how many of them did harm."""
        return self.counts.get(name, (0, 0))


class Held(msgspec.Struct):
    """The whole state of the stage."""

    state: State
    rings: Saved

"""What is remembered of changes: those that are still looked at, what was foretold, what came of them, and trouble."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mainstay.domain.changes import Change, ChangeForecast, ChangeImpact, PlaceboTally
from mainstay.domain.incidents import Incident
from mainstay.intelligence.changes.rings import RING, Saved, bucket_of

FORMAT = 1
KEPT_BUCKETS = RING + 12
SHAKEN = 7  # buckets for which a service is not calm after a change of its own
MOST_WATCHED = 2_000
MOST_FORECASTS = 5_000
MOST_COUNTS = 20_000
EARLIER_MS = 60_000  # an onset is found in windows: one that lies less than this before a change may be of it


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


class Trouble(msgspec.Struct):
    """An incident: since when, when it was opened, until when (0: it is open), and about whom."""

    since_ms: int
    opened_ms: int
    until_ms: int
    entities: tuple[str, ...]


class State(msgspec.Struct):
    """Everything but the rings.

    Attributes:
        forecasts: Those that are not scored yet, by id.
        counts: Scored changes and harmful ones: by `kind:…`, `service:…`, `author:…`, `hops:…`.
        made: How many changes an author made on a service, by `author|entity`.
    """

    watched: dict[str, Watched] = {}
    troubles: dict[str, Trouble] = {}
    forecasts: dict[str, ChangeForecast] = {}
    counts: dict[str, tuple[int, int]] = {}
    made: dict[str, int] = {}
    tally: PlaceboTally = PlaceboTally()
    looked_s: int = 0
    placebo_min: int = 0

    def note(self, incidents: Iterable[Incident]) -> None:
        """Trouble that began, went on or ended."""
        for one in incidents:
            suspect = one.suspects[0].entity if one.suspects and one.suspects[0].probability >= 0.5 else ""
            entities = tuple(dict.fromkeys((*one.entities, *([suspect] if suspect else []))))
            is_over = one.status in ("resolved", "merged")
            until_ms = (one.resolved_ms or one.updated_ms) if is_over else 0
            self.troubles[one.id] = Trouble(one.since_ms, one.opened_ms, until_ms, entities)

    def trouble_of(self, entities: Iterable[str], at_ms: int) -> str:
        """The incident that one of these was in at a moment, opened or begun well before it; "" for none."""
        named = set(entities)
        for name, one in self.troubles.items():
            began = one.opened_ms <= at_ms or one.since_ms < at_ms - EARLIER_MS
            is_then = began and (not one.until_ms or one.until_ms > at_ms)
            if is_then and named & set(one.entities):
                return name
        return ""

    def of(self, entity: str) -> list[Watched]:
        """The changes of a service that are remembered, in the order of time."""
        mine = [one for one in self.watched.values() if one.change.entity == entity]
        return sorted(mine, key=lambda one: one.change.at_ms)

    def unclean(self, entity: str) -> list[tuple[int, int]]:
        """Spans of buckets, both ends included, in which it was changed, or something was wrong with it."""
        spans = [
            (bucket_of(one.since_ms), bucket_of(one.until_ms) + 1 if one.until_ms else 1 << 60)
            for one in self.troubles.values()
            if entity in one.entities
        ]
        for one in self.of(entity):
            at = bucket_of(one.change.at_ms)
            is_long = one.did_harm and not one.until_ms
            spans.append((at, 1 << 60 if is_long else bucket_of(max(one.until_ms, one.change.at_ms)) + SHAKEN
                          if one.did_harm else at + SHAKEN))  # fmt: skip
        return spans

    def forget(self, head: int) -> None:
        """What is older than the rings explains nothing any more."""
        if len(self.watched) > MOST_WATCHED // 2:
            self.watched = dict(list(self.watched.items())[-MOST_WATCHED:])
        self.watched = {
            name: one
            for name, one in self.watched.items()
            if not one.is_over or bucket_of(max(one.change.at_ms, one.until_ms)) > head - KEPT_BUCKETS
        }
        self.troubles = {
            name: one
            for name, one in self.troubles.items()
            if not one.until_ms or bucket_of(one.until_ms) > head - KEPT_BUCKETS
        }
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

"""The stage: changes in; what each is expected to do, what it did, and how well that was foretold, out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from mainstay.domain.changes import Change, ChangeImpact
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.protocols import Models
from mainstay.domain.records import Command
from mainstay.domain.signals import Normal
from mainstay.domain.state import pack, unpack
from mainstay.intelligence.changes import forecasts
from mainstay.intelligence.changes.questions import (
    AFTER,
    LEAST_AFTER,
    RECENT,
    WIDTHS,
    Place,
    due_ms,
    impact_inputs,
    spans_until,
)
from mainstay.intelligence.changes.records import names_of, with_score
from mainstay.intelligence.changes.rings import BUCKET_MS, RING, Rings, bucket_of
from mainstay.intelligence.changes.state import FORMAT, MOST_WATCHED, Held, State, Watched
from mainstay.intelligence.changes.telling import CUT, LOST, impact_of, tell, unseen

LAST = len(WIDTHS) - 1
OLD_MS = 600_000  # a change that is told later than this is history: it is kept, and not judged
PLACEBO_EVERY_MIN = 1
LOOKS_PER_S = 4  # of record time, 20 ms each: a hundred changes at once wait their turn, and no alert waits for them


class ChangeWatch:
    """Foretells what a change will do, judges what it did as soon as its windows are complete, and keeps the score.

    A change is looked at three times: after about half a minute, two and six minutes. Harm is said at once; "harmless"
    holds until a later look says otherwise. Each minute one service that nobody changed is judged as if somebody had:
    what is called harmful among these placebos is the rate of false positives.

    Args:
        models: Deployments; asked for `impact` and `change-risk`.
        resolve: The entity that a sender's word means in an environment; "" when it is not known.
        tick_s: How long a window of calls is; figures come so much later.
    """

    def __init__(self, models: Models, resolve: Callable[[str, str], str], tick_s: float = 5.0) -> None:
        self._models, self._resolve = models, resolve
        self._lag_ms = int(max(7.0, tick_s + 2.0) * 1000)
        self.state, self.rings = State(), Rings()

    def apply(self, normal: Normal, topology: Topology, at_ms: int, effects: Effects) -> None:
        """Take in one record."""
        self.rings.advance(at_ms)
        if normal.new_series:
            self.rings.learn(normal.new_series)
        if normal.metrics is not None:
            self.rings.observe(normal.metrics)
        if normal.edges:
            self.rings.hear(normal.edges)
        if effects.alerts or effects.incidents:
            self.state.note(effects.alerts.values(), effects.incidents.values())
        for change in sorted(normal.changes, key=lambda one: (one.at_ms, one.id)):
            self._take(change, topology, at_ms, effects)
        if at_ms // 1000 != self.state.looked_s:
            self.state.looked_s = at_ms // 1000
            self._look(topology, at_ms, effects)

    def assess(self, command: Command, topology: Topology, effects: Effects) -> None:
        """A person or a pipeline asks before a change is made; `arguments["change"]` is the change, as JSON."""
        planned = msgspec.json.decode(command.arguments["change"], type=Change)
        entity = self._resolve(planned.entity or planned.subject, planned.environment)
        planned = msgspec.structs.replace(planned, entity=entity)
        made = forecasts.foretell(command.subject, planned, (self._models, self.state, topology), command.at_ms)
        asked = msgspec.structs.replace(made.forecast, by=command.by, is_asked=True)
        tell(effects, asked, made.entry)
        self.state.forecasts[asked.id] = asked

    def snapshot(self) -> bytes:
        """The whole state, with a format number."""
        return pack("changes", FORMAT, Held(self.state, self.rings.saved()))

    def restore(self, state: bytes) -> None:
        """Take up what `snapshot` wrote.

        Raises:
            Corrupt: Another format, or no state at all.
        """
        held = unpack("changes", FORMAT, state, Held)
        self.state, self.rings = held.state, Rings.of(held.rings)

    def _take(self, change: Change, topology: Topology, at_ms: int, effects: Effects) -> None:
        """A change was told. One that is known already may only have become later (requested, then done)."""
        known = self.state.watched.get(change.id)
        if known is not None:
            if known.look == 0 and change.at_ms > known.change.at_ms:
                known.change = change
        elif change.entity:  # one of an unknown service is kept, and listed as such
            if change.outcome:
                self.state.count(names_of(change), did_harm=change.outcome == "failed")
            if change.at_ms >= at_ms - OLD_MS:
                self._watch(change, topology, at_ms, effects)

    def _watch(self, change: Change, topology: Topology, at_ms: int, effects: Effects) -> None:
        """From now on it is looked at, and no change of the same service before it is."""
        if len(self.state.watched) >= MOST_WATCHED:
            self.state.unwatched += 1
            return
        for before in self.state.of(change.entity):
            if not before.until_ms and before.change.at_ms < change.at_ms:
                before.until_ms = change.at_ms
        if not change.by_mainstay:
            self._foretell(change, topology, at_ms, effects)
        if change.author:
            made = f"{change.author}|{change.entity}"
            self.state.made[made] = self.state.made.pop(made, 0) + 1
        self.state.watched[change.id] = Watched(change, is_over=change.by_mainstay)

    def _foretell(self, change: Change, topology: Topology, at_ms: int, effects: Effects) -> None:
        """Bind the forecast that was asked for; make one when nobody asked."""
        asked = forecasts.asked_for(change, self.state.forecasts.values())
        if asked is not None:
            bound = msgspec.structs.replace(asked, change=change.id)
            tell(effects, bound)
        else:
            seen = (self._models, self.state, topology)
            made = forecasts.foretell(forecasts.name_of(change), change, seen, at_ms)
            bound = msgspec.structs.replace(made.forecast, change=change.id)
            tell(effects, bound, made.entry)
        self.state.forecasts[bound.id] = bound

    def _look(self, topology: Topology, at_ms: int, effects: Effects) -> None:
        left = LOOKS_PER_S
        for one in list(self.state.watched.values()):
            while left and not one.is_over and (after := self._spans(one, at_ms)) is not None:
                self._judge(one, after, topology, at_ms, effects)
                left -= 1
        minute = at_ms // 60_000
        if minute >= self.state.placebo_min + PLACEBO_EVERY_MIN:
            self.state.placebo_min = minute
            self._placebo(minute, topology, at_ms, effects)
            self.state.forget(self.rings.head)

    def _spans(self, one: Watched, at_ms: int) -> int | None:
        """How many spans its next look has; None while they are not over. 0: it was changed again too soon."""
        ends_ms = due_ms(one.change.at_ms, one.look)
        if one.until_ms and one.until_ms < ends_ms:
            if at_ms < one.until_ms + self._lag_ms:
                return None
            return max(0, spans_until(one.change.at_ms, one.until_ms, one.look))
        return AFTER if at_ms >= ends_ms + self._lag_ms else None

    def _judge(self, one: Watched, after: int, topology: Topology, at_ms: int, effects: Effects) -> None:
        change = one.change
        is_lost = bucket_of(change.at_ms) - WIDTHS[one.look] <= self.rings.head - RING
        if is_lost:  # the platform was down, or nothing came, while it should have been looked at
            one.impact = one.impact or unseen(change, at_ms, LOST)
        elif after < LEAST_AFTER:
            one.impact = one.impact or unseen(change, at_ms, CUT)
        elif change.entity not in self.rings.rows:
            one.impact = unseen(change, at_ms, "nothing was ever heard of its requests")
        else:
            place = Place(change.entity, change.at_ms, change.id)
            inputs = impact_inputs(place, one.look, after, self.rings, self.state, topology)
            decision = self._models.decide("impact", inputs)
            one.impact = impact_of(change, decision, one.look, at_ms, one.impact)
            tell(effects, entry=forecasts.impact_entry(f"impact-{change.id}-{one.look}", change.id, decision, at_ms))
        one.is_over = is_lost or one.look == LAST or one.did_harm or after < AFTER
        one.impact = msgspec.structs.replace(one.impact, is_final=one.is_over)
        one.look += 1
        tell(effects, one.impact)
        if one.is_over:
            self._score(one.impact, change, topology, at_ms, effects)

    def _score(self, impact: ChangeImpact, change: Change, topology: Topology, at_ms: int, effects: Effects) -> None:
        """What was foretold against what came."""
        is_sure, did_harm = impact.verdict != "not-enough-evidence", impact.verdict == "harmful"
        made = [one for one in self.state.forecasts.values() if one.change == change.id]
        if is_sure:
            self.state.count(names_of(change, made[0].reasons if made else ()), did_harm=did_harm)
        if did_harm:
            forecasts.count_felt(impact, self.state, topology)
        for forecast in made:
            tell(effects, forecasts.scored(forecast, impact.verdict, at_ms))
            if is_sure:
                self.state.skill = with_score(self.state.skill, forecast, did_harm=did_harm)
            del self.state.forecasts[forecast.id]

    def _placebo(self, minute: int, topology: Topology, at_ms: int, effects: Effects) -> None:
        """Judge a change that nobody made, on a service that was calm all the time."""
        at = bucket_of(at_ms - self._lag_ms) - AFTER - 1
        calm = [entity for entity in self.rings.heard_of(at - RECENT) if self._is_calm(entity, at)]
        if not calm or at <= 0:
            return
        entity = min(calm, key=lambda one: blake2b(f"{minute} {one}".encode()).digest())
        inputs = impact_inputs(
            Place(entity, (at + 1) * BUCKET_MS, f"placebo {minute}"), 0, AFTER, self.rings, self.state, topology
        )
        verdict = self._models.decide("impact", inputs).output["verdict"]
        tally = self.state.tally
        self.state.tally = msgspec.structs.replace(
            tally,
            since_ms=tally.since_ms or at_ms,
            at_ms=at_ms,
            judged=tally.judged + 1,
            harmful=tally.harmful + (verdict == "harmful"),
            unsure=tally.unsure + (verdict == "not-enough-evidence"),
        )
        tell(effects, self.state.tally)

    def _is_calm(self, entity: str, at: int) -> bool:
        return not any(until >= at - 1 and since <= self.rings.head for since, until in self.state.unclean(entity))

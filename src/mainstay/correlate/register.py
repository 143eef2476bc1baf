"""What is open, found at once: by alert, by entity, by condition, and by when it must be looked at again."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from mainstay.correlate.state import MOST_PENDING, Held, Kept, State

MOST_OF_ONE = 8
FADED_MS = 1_800_000  # what has shown nothing new for half an hour is tied to nothing: no tie lasts so long


class Register:
    """The state with its indexes, which are made from it: a restart makes the same ones. No look-up scans what is open.

    Attributes:
        touched: Incidents that changed in this record.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.touched: dict[str, None] = {}
        self._of_alert: dict[str, str] = {}
        self._of_entity: dict[str, dict[str, None]] = {}
        self._fresh: dict[str, dict[int, Held]] = {}
        self._waiting: dict[str, dict[str, None]] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._due: dict[str, int] = {}
        self._queue: list[tuple[bool, int, int, str]] = []
        self._queued: set[str] = set()
        for held in state.held.values():
            self.know(held)
            self.touched[held.incident.id] = None
        for kept in state.pending.values():
            self._wait(kept)

    def know(self, held: Held) -> None:
        """Take up an incident with all that is in it."""
        name = held.incident.id
        self.state.held[name] = held
        for kept in held.alerts.values():
            self._file(held, kept)

    def join(self, held: Held, kept: Kept) -> None:
        """An alert is in this incident from now on (or is there in a newer state)."""
        self.stop_waiting(kept.alert.id)
        held.put(kept)
        self._file(held, kept)
        self.touch(held)

    def closed(self, held: Held, at_ms: int) -> None:
        """It was resolved: it teaches what belongs together, and for ten minutes it may come back."""
        held.closed_ms = at_ms
        if held.proof:
            self.state.together.closed(held.symptoms, held.proof, at_ms)
        for entity in held.members:
            self.refresh(held, entity)
        self.touch(held)

    def reopened(self, held: Held) -> None:
        """A closed incident is open again; what went elsewhere meanwhile stays there."""
        elsewhere = [alert for alert in held.alerts if self.holding(alert) not in (None, held)]
        if elsewhere:
            held.drop(elsewhere)
        for alert in held.alerts:
            self.stop_waiting(alert)
        self.know(held)
        self.touch(held)

    def leave(self, held: Held, alerts: Sequence[str]) -> list[Kept]:
        """These alerts are in this incident no more."""
        entities = list(held.members)
        gone = held.drop(alerts)
        for alert in alerts:
            self._of_alert.pop(alert, None)
        for entity in entities:
            if entity not in held.members:
                self._unfile(entity, held.incident.id)
        self.touch(held)
        return gone

    def touch(self, held: Held) -> None:
        """It changed: look whether it is due."""
        self.touched[held.incident.id] = None

    def holding(self, alert: str) -> Held | None:
        """The open incident that this alert is in."""
        held = self.state.held.get(self._of_alert.get(alert, ""))
        return held if held is not None and held.is_open and alert in held.alerts else None

    def naming(self, entity: str) -> list[Held]:
        """Incidents, open or lately closed, with an alert that names this entity."""
        return [self.state.held[name] for name in self._of_entity.get(entity, ())]

    def fresh(self, entities: Iterable[str], at_ms: int) -> Iterator[tuple[str, Collection[Held]]]:
        """Of each of these entities, those of them that are closed, or showed something new of it in the last half
        hour; the newest first. Entities that have none are left out."""  # noqa: D205, D209
        known, since_ms = self._fresh, at_ms - FADED_MS
        for entity in entities:
            if entity not in known:
                continue
            here, faded = known[entity], []
            for number, held in here.items():
                member = held.members.get(entity)
                if (member is None or (member.last_ms < since_ms and member.told_ms < since_ms)) and held.is_open:
                    faded.append(number)
            for number in faded:
                del here[number]  # what is told of it again is filed again
            if len(here) > 1:
                yield entity, [here[number] for number in sorted(here, reverse=True)]
            elif here:
                yield entity, here.values()
            else:
                del known[entity]

    def refresh(self, held: Held, entity: str) -> None:
        """Something was told of an entity of it once more."""
        self._fresh.setdefault(entity, {})[_number(held.incident.id)] = held

    def waiting(self, entities: Iterable[str]) -> Iterator[Sequence[Kept]]:
        """Of each of these entities that has any, the waiting alerts that name it, the newest first, at most eight."""
        names, pending = self._waiting, self.state.pending
        for entity in entities if names else ():
            if entity in names:
                yield [pending[name] for name in islice(reversed(names[entity]), MOST_OF_ONE)]

    def wait(self, kept: Kept) -> None:
        """An alert waits for a second witness; the oldest of too many waits no longer."""
        self.stop_waiting(kept.alert.id)
        self.state.pending[kept.alert.id] = kept
        self._wait(kept)
        while len(self.state.pending) > MOST_PENDING:
            self.stop_waiting(next(iter(self.state.pending)))

    def stop_waiting(self, alert: str) -> Kept | None:
        """It waits no longer."""
        kept = self.state.pending.pop(alert, None)
        for entity in _ends(kept) if kept is not None else ():
            names = self._waiting.get(entity)
            if names is not None:
                names.pop(alert, None)
                if not names:
                    del self._waiting[entity]
        return kept

    def forget(self, held: Held) -> None:
        """A closed incident can no longer come back."""
        name = held.incident.id
        for entity in held.members:
            self._unfile(entity, name)
        for alert in held.alerts:
            if self._of_alert.get(alert) == name:
                del self._of_alert[alert]
        self._due.pop(name, None)
        del self.state.held[name]

    def remind(self, held: Held, at_ms: int | None) -> None:
        """Look at it again then; None is not before it changes."""
        name = held.incident.id
        if at_ms is None:
            self._due.pop(name, None)
        elif self._due.get(name) != at_ms:
            self._due[name] = at_ms
            heapq.heappush(self._timers, (at_ms, _number(name), name))

    def due(self, at_ms: int) -> list[Held]:
        """What changed, and what must be looked at by now, in the order of their numbers."""
        while self._timers and self._timers[0][0] <= at_ms:
            due_ms, _, name = heapq.heappop(self._timers)
            if self._due.get(name) == due_ms:
                del self._due[name]
                self.touched[name] = None
        names = sorted((name for name in self.touched if name in self.state.held), key=_number)
        self.touched = {}
        return [self.state.held[name] for name in names]

    def line_up(self, held: Held) -> None:
        """It waits for a diagnosis: those without one first, then the one whose last is the oldest."""
        name = held.incident.id
        if name not in self._queued:
            self._queued.add(name)
            heapq.heappush(self._queue, (bool(held.diagnosed_ms), held.diagnosed_ms, _number(name), name))

    def next_in_line(self) -> Held | None:
        """Whose turn it is; None when nobody waits."""
        while self._queue:
            name = heapq.heappop(self._queue)[-1]
            self._queued.discard(name)
            if name in self.state.held:
                return self.state.held[name]
        return None

    def _file(self, held: Held, kept: Kept) -> None:
        name = held.incident.id
        if held.is_open:
            self._of_alert[kept.alert.id] = name
        for entity in _ends(kept):
            self._of_entity.setdefault(entity, {})[name] = None
            self._fresh.setdefault(entity, {})[_number(name)] = held

    def _unfile(self, entity: str, name: str) -> None:
        self._fresh.get(entity, {}).pop(_number(name), None)
        names = self._of_entity.get(entity)
        if names is not None:
            names.pop(name, None)
            if not names:
                del self._of_entity[entity]

    def _wait(self, kept: Kept) -> None:
        for entity in _ends(kept):
            self._waiting.setdefault(entity, {})[kept.alert.id] = None


def _ends(kept: Kept) -> tuple[str, ...]:
    about, caller = kept.alert.about, kept.alert.call[0]
    return (about, caller) if caller and caller != about else (about,)


@lru_cache(65_536)
def _number(incident: str) -> int:
    digits = incident.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0

"""What people say and ask of silences, maintenance windows and suppressions; what moves the pipeline is a command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from mainstay.domain.budget import DEFAULT_TEAM
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command, CommandKind
from mainstay.domain.silences import MOST_STANDING, Mode, Silence, Suppression, Window, Withholding, iso
from mainstay.feedback.withheld import DAYS, Replayed, WithheldMiss, misses_of, replayed
from mainstay.matching import checked, matches
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore

T = TypeVar("T", Silence, Window)
DAY_MS = 86_400_000
MOST = 5_000


class SilenceDesk:
    """Checks what is said, hands it to the pipeline, and answers when that has taken it.

    Args:
        submit: Puts a command into the inbox; durable when it returns its number.
        decided: Returns when the pipeline has decided a record.
    """

    def __init__(
        self,
        control: Control,
        submit: Callable[[Command], Awaitable[int]],
        decided: Callable[[int], Awaitable[Any]],
        clock: Clock,
    ) -> None:
        self._control, self._submit, self._decided, self._clock = control, submit, decided, clock
        self._store = ModelStore(control.database, control.tenant, control.feed)

    def find(self, kind: type[T], standing: str | None = None, limit: int = 200) -> list[T]:
        """Silences or windows by their end, the latest first; of one standing, or all."""
        now_ms = self.now_ms()
        since_ms = None if standing in (None, "expired") else now_ms
        known = self._store.find(kind, since_ms=since_ms, limit=None if standing else limit)
        return [one for one in known if standing in (None, one.standing(now_ms))][:limit]

    def one(self, kind: type[T], name: str) -> T:
        """The silence or window with this id.

        Raises:
            NotFound: There is none.
        """
        found = self._store.one(kind, name)
        if found is None:
            raise NotFound(f"there is no {_word(kind)} {name[:200]!r}")
        return found

    async def silence(self, made: Silence) -> Silence:
        """Make a silence, or replace the one of its id.

        Raises:
            BadInput: A matcher cannot be read or matches everything, or its times are not in order.
        """
        made.checked(self.now_ms())
        for one in made.matchers:
            checked(one)
        if all(matches(one, {}) for one in made.matchers):
            # Alertmanager's rule too: a silence of what is absent silences whatever is to come
            says = ", ".join(map(str, made.matchers))[:200]
            raise BadInput(f"a silence needs a matcher that an empty value does not match; got {says}")
        return await self._put(made)

    async def maintain(self, made: Window) -> Window:
        """Announce a maintenance window.

        Raises:
            BadInput: It is on an entity that nobody knows, or its times are not in order.
        """
        made.checked(self.now_ms())
        for name in made.entities:
            self.check_entity(name)
        return await self._put(made)

    def check_entity(self, name: str) -> None:
        """Whether it is watched.

        Raises:
            BadInput: It is not; says what to do.
        """
        if self._control.entity(name) is None:
            raise BadInput(f"no entity is known as {name[:200]!r}; `mainstay entities list` shows the ids")

    async def move(self, kind: type[T], name: str, ends_ms: int, by: str) -> T:
        """Give a silence or window another end.

        Raises:
            BadInput: It is over, or the end lies in the past or beyond 2100.
        """
        known, now_ms = self.one(kind, name), self.now_ms()
        if known.standing(now_ms) == "expired":
            raise BadInput(f"{_word(kind)} {name} ended at {iso(known.ends_ms)}: make a new one")
        msgspec.structs.replace(known, ends_ms=ends_ms).checked(now_ms)
        return await self._moved(known, ends_ms, by)

    async def end(self, kind: type[T], name: str, by: str) -> T:
        """End it now; one that is over stays as it is."""
        known = self.one(kind, name)
        return known if known.standing(self.now_ms()) == "expired" else await self._moved(known, self.now_ms(), by)

    def suppressions(self) -> list[Replayed]:
        """Every team's suppression with what it did, or would have done, in the last fourteen days."""
        records, missed = self._lately()
        known = {one.id: one.mode for one in self._store.find(Suppression, limit=None)}
        teams = {DEFAULT_TEAM, *known, *(e.owner for e in self._control.entities() if e.owner)}
        teams |= {one.ref for one in records if one.by == "dependency"}
        return [replayed(team, known.get(team, "proposed"), records, missed) for team in sorted(teams)]

    def suppression(self, team: str) -> tuple[Replayed, Suppression, list[Withholding]]:
        """One team's: its replay, its switch, and what the replay counts.

        Raises:
            NotFound: Nothing is watched for this team.
        """
        found = next((one for one in self.suppressions() if one.team == team), None)
        if found is None:
            raise NotFound(f"there is no team {team[:200]!r}; a team is the owner in the catalog of services")
        records, _ = self._lately()
        switch = self._store.one(Suppression, team) or Suppression(id=team)
        return found, switch, [one for one in records if one.by == "dependency" and one.ref == team]

    async def switch(self, team: str, mode: Mode, by: str, why: str) -> Suppression:
        """Switch a team's suppression on or off, or back to proposed."""
        self.suppression(team)
        await self._say("suppression", team, by, mode=mode, why=why)
        return self._store.one(Suppression, team) or Suppression(id=team)

    def withheld(
        self, ref: str | None = None, status: str | None = None, limit: int = 200
    ) -> list[tuple[Withholding, WithheldMiss | None]]:
        """Pages that were held, newest first, each with what says that it was needed."""
        records = self._store.find(Withholding, subject=ref, status=status, limit=limit)
        missed = self._misses(records)
        return [(one, missed.get(one.id)) for one in records]

    def now_ms(self) -> int:
        """The platform's time."""
        return self._clock.now_ns() // 1_000_000

    def _lately(self) -> tuple[list[Withholding], dict[str, WithheldMiss]]:
        records = self._store.find(Withholding, since_ms=self.now_ms() - DAYS * DAY_MS, limit=MOST)
        return records, self._misses(records)

    def _misses(self, records: list[Withholding]) -> dict[str, WithheldMiss]:
        names = dict.fromkeys(one.incident for one in records)
        incidents = {name: one for name in names if (one := self._control.incident(name)) is not None}
        return misses_of(records, incidents, self._control.verdicts(limit=MOST))

    async def _put(self, made: T) -> T:
        kind = type(made)
        if len(self._store.find(kind, since_ms=self.now_ms(), limit=MOST_STANDING)) >= MOST_STANDING:
            raise BadInput(f"at most {MOST_STANDING} silences or windows stand at once: end some first")
        await self._say(_command(kind), made.id, made.by, put=msgspec.json.encode(made).decode())
        return self.one(kind, made.id)

    async def _moved(self, known: T, ends_ms: int, by: str) -> T:
        await self._say(_command(type(known)), known.id, by, ends_ms=str(ends_ms))
        return self.one(type(known), known.id)

    async def _say(self, kind: CommandKind, subject: str, by: str, **arguments: str) -> None:
        command = Command(kind=kind, by=by, at_ms=self.now_ms(), subject=subject, arguments=arguments)
        await self._decided(await self._submit(command))


def _command(kind: type[Any]) -> CommandKind:
    return "silence" if kind is Silence else "maintenance"


def _word(kind: type[Any]) -> str:
    return "silence" if kind is Silence else "maintenance window"

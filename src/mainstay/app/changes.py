"""What people and pipelines say and ask of changes; what moves the pipeline goes through the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from mainstay.domain.changes import (
    Calibration,
    Change,
    ChangeForecast,
    ChangeImpact,
    ChangeLine,
    ChangePage,
    PlaceboTally,
    PlannedChange,
)
from mainstay.domain.errors import BadInput, NotFound, Overloaded
from mainstay.domain.protocols import Clock
from mainstay.domain.records import Command
from mainstay.ingest import decode
from mainstay.intelligence.changes.calibration import calibration
from mainstay.intelligence.changes.forecasts import WAITS_MS, name_of_plan
from mainstay.store.control import Control
from mainstay.store.mlops import ModelStore

SOURCE = "cloudevents"


class ChangeDesk:
    """Takes changes that are told by hand, answers what a change would do, and reads what was found.

    Args:
        keep: Puts a body of a source into the inbox; durable when it returns its number.
        submit: The same for a command. decided: Returns when the pipeline has decided a record.
    """

    def __init__(
        self,
        control: Control,
        keep: Callable[[str, bytes], Awaitable[int]],
        submit: Callable[[Command], Awaitable[int]],
        decided: Callable[[int], Awaitable[Any]],
        clock: Clock,
    ) -> None:
        self._control, self._keep, self._submit, self._decided, self._clock = control, keep, submit, decided, clock
        self._store = ModelStore(control.database, control.tenant, control.feed)

    async def tell(self, changes: Sequence[PlannedChange], by: str) -> list[str]:
        """Keep changes that were made; their ids.

        Raises:
            BadInput: One of them cannot be; says which and why, and none is kept.
        """
        now_ns, ids = self._clock.now_ns(), []
        events = [event(one, by) for one in changes]
        for number, one in enumerate(events):
            found = decode(SOURCE, msgspec.json.encode(one), now_ns)
            if not found.changes:
                raise BadInput(f"change {number} ({changes[number].service[:80]}): {found.refused_reason}")
            ids.append(found.changes[0].id)
        if events:
            await self._decided(await self._keep(SOURCE, msgspec.json.encode(events)))
        return ids

    async def assess(self, planned: PlannedChange, by: str) -> ChangeForecast:
        """What a change would do that is not made yet."""
        return await self._ask(_change(planned, by, self._now_ms()), by)

    async def assess_known(self, name: str, by: str) -> ChangeForecast:
        """The forecast of a change that was told; made now when there is none, as for one of before its time."""
        page = self.page(name)
        return page.forecast or await self._ask(page.change, by)

    async def _ask(self, change: Change, by: str) -> ChangeForecast:
        at_ms = self._now_ms()
        name = name_of_plan(change, at_ms)
        arguments = {"change": msgspec.json.encode(change).decode()}
        seq = await self._submit(Command(kind="assess-change", by=by, at_ms=at_ms, subject=name, arguments=arguments))
        await self._decided(seq)
        found = await asyncio.to_thread(self._store.one, ChangeForecast, name)
        if found is None:
            raise Overloaded("the forecast is not there yet: ask again", retry_after_s=1)
        return found

    def lines(self, changes: Sequence[Change]) -> list[ChangeLine]:
        """Changes with what is known of them."""
        since_ms = min((one.at_ms for one in changes), default=0)
        impacts = {one.id: one for one in self._store.find(ChangeImpact, since_ms=since_ms, limit=None)}
        made = self._store.find(ChangeForecast, since_ms=max(0, since_ms - WAITS_MS), limit=None)
        forecasts = {one.change: one for one in made if one.change}
        return [_line(one, impacts.get(one.id), forecasts.get(one.id)) for one in changes]

    def page(self, name: str) -> ChangePage:
        """One change."""
        found = self._control.changes_by_id([name])
        if not found:
            raise NotFound(f"there is no change {name[:100]!r}")
        forecasts = self._store.find(ChangeForecast, subject=name, limit=1)
        return ChangePage(
            change=found[0], forecast=forecasts[0] if forecasts else None, impact=self._store.one(ChangeImpact, name)
        )

    def calibration(self) -> Calibration:
        """How good the forecasts were, and how often a change that nobody made was called harmful."""
        tally = self._store.one(PlaceboTally, PlaceboTally().id)
        return calibration(self._store.find(ChangeForecast, limit=None), tally)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def event(planned: PlannedChange, by: str) -> dict[str, Any]:
    """A change as the CloudEvent that is kept. Without an id of its own it is known by what it says."""
    said = msgspec.to_builtins(planned)
    data = {name: said[name] for name in (
        "kind", "environment", "version", "previous_version", "author", "summary", "size", "outcome"
    )}  # fmt: skip
    name = planned.id or " ".join(str(said[field]) for field in ("service", "kind", "version", "at", "summary"))
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": name[:1024],
        "source": planned.source or f"api/{by}",
        "type": f"dev.mainstay.change.{planned.kind}",
        "subject": planned.service,
        "data": {key: value for key, value in data.items() if value not in ("", 0)},
    }
    return {**told, "time": planned.at} if planned.at else told


def _change(planned: PlannedChange, by: str, now_ms: int) -> Change:
    """A change that is only planned: it may lie further ahead than one that was made."""
    told = event(msgspec.structs.replace(planned, at=""), by)
    [change] = decode(SOURCE, msgspec.json.encode(told), now_ms * 1_000_000).changes
    return msgspec.structs.replace(change, at_ms=planned.at_ms(now_ms))


def _line(change: Change, impact: ChangeImpact | None, forecast: ChangeForecast | None) -> ChangeLine:
    return ChangeLine(
        **msgspec.structs.asdict(change),
        verdict=impact.verdict if impact else "",
        probability=forecast.probability if forecast else None,
        risk=forecast.risk.score if forecast else None,
        is_placed=bool(change.entity),
    )

"""Changes over HTTP: tell them, list them, ask what one would do, see what it did, and how good the forecasts were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.parameters import DAY_MS, Asking, Limit, Ms, Platform, now_ms
from mainstay.api.platform import PlatformApi
from mainstay.domain.changes import Calibration, Change, ChangeForecast, ChangeLine, ChangePage, PlannedChange
from mainstay.domain.errors import BadInput

MOST_AT_ONCE = 1000


class Desk(Protocol):
    """What of the running platform is asked (`app.changes.ChangeDesk`)."""

    async def tell(self, changes: Sequence[PlannedChange], by: str) -> list[str]: ...
    async def assess(self, planned: PlannedChange, by: str) -> ChangeForecast: ...
    async def assess_known(self, name: str, by: str) -> ChangeForecast: ...
    def lines(self, changes: Sequence[Change]) -> list[ChangeLine]: ...
    def page(self, name: str) -> ChangePage: ...
    def calibration(self) -> Calibration: ...


class Kept(msgspec.Struct, frozen=True):
    """The ids of the changes that are kept."""

    ids: list[str]


def desk(platform: PlatformApi) -> Desk:
    """The part of the platform that knows of changes."""
    return cast("Desk", platform.changes)


@get("/changes", role="viewer", sync_to_thread=True)
def list_changes(
    platform: Platform,
    entity: FromQuery[str | None] = None,
    since_ms: Ms = None,
    until_ms: Ms = None,
    limit: Limit = 100,
) -> list[ChangeLine]:
    """Newest first; of the last 30 days unless told. `is_placed` is false for a service that nobody knows."""
    since = now_ms(platform) - 30 * DAY_MS if since_ms is None else since_ms
    return desk(platform).lines(platform.control.changes(since, until_ms, [entity] if entity else None, limit))


@post("/changes", role="responder", status_code=201)
async def tell(platform: Platform, request: Asking, data: JSONBody[PlannedChange | list[PlannedChange]]) -> Kept:
    """Say that something was changed: one change, or a list of at most a thousand, all of them or none."""
    changes = data if isinstance(data, list) else [data]
    if not 0 < len(changes) <= MOST_AT_ONCE:
        raise BadInput(f"expected 1 to {MOST_AT_ONCE} changes at once, got {len(changes)}")
    return Kept(await desk(platform).tell(changes, request.user.name))


@post("/changes/assess", role="responder", status_code=201)
async def assess(platform: Platform, request: Asking, data: JSONBody[PlannedChange]) -> ChangeForecast:
    """What a change would do that is not made yet: how likely harm, to whom, and why. It is scored when it was made."""
    return await desk(platform).assess(data, request.user.name)


@get("/changes/calibration", role="viewer", sync_to_thread=True)
def calibration(platform: Platform) -> Calibration:
    """Forecasts against what came, in bins; the Brier score; false positives among changes that nobody made."""
    return desk(platform).calibration()


@get("/changes/{change:str}", role="viewer", sync_to_thread=True)
def show(platform: Platform, change: FromPath[str]) -> ChangePage:
    """One change, what was foretold of it, and what it did."""
    return desk(platform).page(change)


@post("/changes/{change:str}/assess", role="responder", status_code=201)
async def assess_known(platform: Platform, request: Asking, change: FromPath[str]) -> ChangeForecast:
    """The forecast of a change that was told; each has one, unless it was history when it came."""
    return await desk(platform).assess_known(change, request.user.name)


ROUTES = [list_changes, tell, assess, calibration, show, assess_known]

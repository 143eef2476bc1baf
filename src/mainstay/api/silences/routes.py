"""Silences, maintenance windows and suppressions: what keeps pages from leaving, and what it kept."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.parameters import Asking, Limit, Platform, found
from mainstay.api.platform import PlatformApi
from mainstay.api.silences.desk import (
    Lasting,
    SuppressionPage,
    T,
    Until,
    WantedSilence,
    WantedWindow,
    Why,
    WithheldPage,
    desk,
    name_of,
    view,
)
from mainstay.domain.errors import BadInput
from mainstay.domain.silences import Mode, Silence, Standing, Suppression, Window
from mainstay.feedback.withheld import Replayed
from mainstay.matching import matcher_of


@get("/silences", role="viewer", sync_to_thread=True)
def list_silences(
    platform: Platform, standing: FromQuery[Standing | None] = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Those that end last first."""
    return _views(platform, Silence, standing, limit)


@post("/silences", role="responder", status_code=201)
async def add_silence(platform: Platform, request: Asking, data: JSONBody[WantedSilence]) -> dict[str, Any]:
    """Hold the pages of alerts like these until then; in force when this answers."""
    asked, by = desk(platform), request.user.name
    starts_ms, ends_ms = _times(data, asked.now_ms())
    matchers = tuple(matcher_of(text) for text in data.matchers)
    for one in matchers:
        if (one.name, one.is_regex, one.is_equal) == ("entity", False, True):
            asked.check_entity(one.value)
    name = name_of(by, asked.now_ms(), data)
    made = Silence(id=name, matchers=matchers, starts_ms=starts_ms, ends_ms=ends_ms, by=by, comment=data.comment)
    return view(await asked.silence(made), asked.now_ms())


@get("/silences/{silence:str}", role="viewer", sync_to_thread=True)
def show_silence(platform: Platform, silence: FromPath[str]) -> dict[str, Any]:
    """One silence, and the pages that it held."""
    return _with_pages(platform, desk(platform).one(Silence, silence))


@post("/silences/{silence:str}/extend", role="responder", status_code=200)
async def extend_silence(
    platform: Platform, request: Asking, silence: FromPath[str], data: JSONBody[Until]
) -> dict[str, Any]:
    """Give it another end, later or earlier."""
    return await _extend(platform, request, Silence, silence, data)


@post("/silences/{silence:str}/end", role="responder", status_code=200)
async def end_silence(platform: Platform, request: Asking, silence: FromPath[str]) -> dict[str, Any]:
    """End it now: what still burns pages."""
    return await _end(platform, request, Silence, silence)


@get("/maintenance", role="viewer", sync_to_thread=True)
def list_windows(
    platform: Platform, standing: FromQuery[Standing | None] = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Maintenance windows, those that end last first."""
    return _views(platform, Window, standing, limit)


@post("/maintenance", role="responder", status_code=201)
async def add_window(platform: Platform, request: Asking, data: JSONBody[WantedWindow]) -> dict[str, Any]:
    """Announce work on entities: their pages are held while it lasts; what still burns then pages at its end."""
    asked, by, entities = desk(platform), request.user.name, list(data.entities)
    if data.change:
        change = found(next(iter(platform.control.changes_by_id([data.change])), None), "change", data.change)
        entities = entities or [change.entity]
    starts_ms, ends_ms = _times(data, asked.now_ms())
    made = Window(
        id=name_of(by, asked.now_ms(), data), entities=tuple(dict.fromkeys(entities)), starts_ms=starts_ms,
        ends_ms=ends_ms, by=by, with_dependents=data.with_dependents, weekly=data.weekly, comment=data.comment,
        change=data.change,
    )  # fmt: skip
    return view(await asked.maintain(made), asked.now_ms())


@get("/maintenance/{window:str}", role="viewer", sync_to_thread=True)
def show_window(platform: Platform, window: FromPath[str]) -> dict[str, Any]:
    """One maintenance window, and the pages that it held."""
    return _with_pages(platform, desk(platform).one(Window, window))


@post("/maintenance/{window:str}/extend", role="responder", status_code=200)
async def extend_window(
    platform: Platform, request: Asking, window: FromPath[str], data: JSONBody[Until]
) -> dict[str, Any]:
    """Give it another end; of a recurring one, the end of its recurring."""
    return await _extend(platform, request, Window, window, data)


@post("/maintenance/{window:str}/end", role="responder", status_code=200)
async def end_window(platform: Platform, request: Asking, window: FromPath[str]) -> dict[str, Any]:
    """End it now: what still burns pages."""
    return await _end(platform, request, Window, window)


@get("/suppressions", role="viewer", sync_to_thread=True)
def list_suppressions(platform: Platform) -> list[Replayed]:
    """Per team: whether symptoms of what it depends on are held, and what that did or would have done."""
    return list(desk(platform).suppressions())


@get("/suppressions/{team:str}", role="viewer", sync_to_thread=True)
def show_suppression(platform: Platform, team: FromPath[str]) -> SuppressionPage:
    """One team's, with every page of the replay."""
    replay, switch, withheld = desk(platform).suppression(team)
    return SuppressionPage(replay=replay, switch=switch, withheld=withheld)


@post("/suppressions/{team:str}/{mode:str}", role="responder", status_code=200)
async def switch(
    platform: Platform, request: Asking, team: FromPath[str], mode: FromPath[str], data: JSONBody[Why]
) -> Suppression:
    """Switch it `on` or `off`, or back to `proposed`. Off lets go at once of what it holds."""
    if mode not in ("on", "off", "proposed"):
        raise BadInput(f"a suppression is switched on, off or proposed; got {mode[:80]!r}")
    return await desk(platform).switch(team, cast("Mode", mode), request.user.name, data.why)


@get("/withheld", role="viewer", sync_to_thread=True)
def list_withheld(
    platform: Platform,
    ref: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
    limit: Limit = 100,
) -> list[WithheldPage]:
    """Pages that were held, newest first: by which silence, window or team (`ref`), and which of them were needed."""
    pages = desk(platform).withheld(ref, status, limit)
    return [WithheldPage(page=page, missed=missed) for page, missed in pages]


def _views(platform: PlatformApi, kind: type[T], standing: Standing | None, limit: int) -> list[dict[str, Any]]:
    asked = desk(platform)
    return [view(one, asked.now_ms()) for one in asked.find(kind, standing, limit)]


def _with_pages(platform: PlatformApi, one: Silence | Window) -> dict[str, Any]:
    asked = desk(platform)
    pages = [WithheldPage(page=page, missed=missed) for page, missed in asked.withheld(one.id)]
    return {**view(one, asked.now_ms()), "withheld": msgspec.to_builtins(pages)}


async def _extend(platform: PlatformApi, request: Asking, kind: type[T], name: str, data: Until) -> dict[str, Any]:
    asked = desk(platform)
    if (data.ends_ms is None) == (data.minutes is None):
        raise BadInput("expected one of ends_ms and minutes")
    ends_ms = data.ends_ms or int(asked.one(kind, name).ends_ms + (data.minutes or 0) * 60_000)
    return view(await asked.move(kind, name, ends_ms, request.user.name), asked.now_ms())


async def _end(platform: PlatformApi, request: Asking, kind: type[T], name: str) -> dict[str, Any]:
    asked = desk(platform)
    return view(await asked.end(kind, name, request.user.name), asked.now_ms())


def _times(data: Lasting, now_ms: int) -> tuple[int, int]:
    if (data.ends_ms is None) == (data.minutes is None):
        raise BadInput("expected one of ends_ms (milliseconds since 1970, UTC) and minutes")
    starts_ms = now_ms if data.starts_ms is None else data.starts_ms
    return starts_ms, int(starts_ms + (data.minutes or 0) * 60_000) if data.ends_ms is None else data.ends_ms


ROUTES = [
    list_silences, add_silence, show_silence, extend_silence, end_silence, list_windows, add_window, show_window,
    extend_window, end_window, list_suppressions, show_suppression, switch, list_withheld,
]  # fmt: skip

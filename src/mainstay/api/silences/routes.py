"""Silences, maintenance windows and suppressions: what keeps pages from leaving, and what it kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.parameters import Asking, Limit, Platform, found
from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import BadInput
from mainstay.domain.silences import Mode, Silence, Standing, Suppression, Weekly, Window, Withholding
from mainstay.feedback.withheld import Replayed, WithheldMiss
from mainstay.matching import matcher_of

T = TypeVar("T", Silence, Window)
Minutes = Annotated[float, msgspec.Meta(gt=0, le=5_256_000)]  # ten years
Comment = Annotated[str, msgspec.Meta(max_length=1024)]
Names = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]], msgspec.Meta(min_length=1)]


class Desk(Protocol):
    """What of the running platform is asked (`app.silences.SilenceDesk`)."""

    def now_ms(self) -> int: ...
    def find(self, kind: type[T], standing: str | None = None, limit: int = 200) -> list[T]: ...
    def one(self, kind: type[T], name: str) -> T: ...
    async def silence(self, made: Silence) -> Silence: ...
    async def maintain(self, made: Window) -> Window: ...
    def check_entity(self, name: str) -> None: ...
    async def move(self, kind: type[T], name: str, ends_ms: int, by: str) -> T: ...
    async def end(self, kind: type[T], name: str, by: str) -> T: ...
    def suppressions(self) -> Sequence[Replayed]: ...
    def suppression(self, team: str) -> tuple[Replayed, Suppression, list[Withholding]]: ...
    async def switch(self, team: str, mode: Mode, by: str, why: str) -> Suppression: ...
    def withheld(
        self, ref: str | None = None, status: str | None = None, limit: int = 200
    ) -> list[tuple[Withholding, WithheldMiss | None]]: ...


class Lasting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when and how long: `ends_ms` or `minutes`, one of them. Without a start it begins now."""

    starts_ms: int | None = None
    ends_ms: int | None = None
    minutes: Minutes | None = None
    comment: Comment = ""


class WantedSilence(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silence as a person asks for it: matchers like `service="cart"` or `severity=~"minor|info"`; all must hold."""

    matchers: Names


class WantedWindow(Lasting, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maintenance window as a person asks for it.

    Attributes:
        entities: Entity ids. change: Id of a change that it comes with, whose entity is meant when none is named.
        weekly: When it recurs between start and end; without it the window is the time between them.
    """

    entities: list[str] = []
    change: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    with_dependents: bool = False
    weekly: Weekly | None = None


class Until(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another end: at `ends_ms`, or `minutes` later than it was to be."""

    ends_ms: int | None = None
    minutes: Minutes | None = None


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason, for whoever asks later."""

    why: Comment = ""


class WithheldPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was held, or would have been; `missed` when something says that it was needed."""

    page: Withholding
    missed: WithheldMiss | None


class SuppressionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One team's suppression: what it did in fourteen days, its switch, and every page of that."""

    replay: Replayed
    switch: Suppression
    withheld: list[Withholding]


def desk(platform: PlatformApi) -> Desk:
    """The part of the platform that knows of silences."""
    return cast("Desk", platform.silences)


def view(one: Silence | Window, at_ms: int) -> dict[str, Any]:
    """A silence or window with where it stands; matchers as people write them."""
    shown = {**msgspec.to_builtins(one), "standing": one.standing(at_ms)}
    if isinstance(one, Silence):
        return {**shown, "matchers": [str(matcher) for matcher in one.matchers]}
    return {**shown, "stretch": one.stretch(at_ms)}


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
    name = _name(by, asked.now_ms(), data)
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
        id=_name(by, asked.now_ms(), data), entities=tuple(dict.fromkeys(entities)), starts_ms=starts_ms,
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


def _name(by: str, at_ms: int, data: Any) -> str:
    """An id as Alertmanager gives one; the same question twice in a millisecond is one."""
    return str(uuid5(NAMESPACE_URL, f"mainstay:{by}:{at_ms}:{msgspec.json.encode(data).decode()}"))


ROUTES = [
    list_silences, add_silence, show_silence, extend_silence, end_silence, list_windows, add_window, show_window,
    extend_window, end_window, list_suppressions, show_suppression, switch, list_withheld,
]  # fmt: skip

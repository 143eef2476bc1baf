"""Alertmanager's API v2 for silences: `amtool silence add`, `query`, `update`, `expire` and dashboards work against us.

Errors are a JSON string, as its clients read them. Whoever makes a silence signs with a user token (`msu_…`); what its
client calls `createdBy` is not believed. Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.parameters import Asking, Platform
from mainstay.api.silences.desk import desk, name_of
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.silences import Matcher, Silence
from mainstay.matching import matcher_of, matches

MOST = 1_000
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class PostedMatcher(msgspec.Struct, frozen=True, rename="camel"):
    """One matcher as the protocol writes it."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class PostedSilence(msgspec.Struct, frozen=True, rename="camel"):
    """`postableSilence`: with an id it replaces that one."""

    matchers: list[PostedMatcher]
    starts_at: Moment
    ends_at: Moment
    created_by: str = ""
    comment: str = ""
    id: str = ""


@get("/silences", role="metrics", sync_to_thread=True)
def list_silences(platform: Platform, filter: FromQuery[list[str] | None] = None) -> Response[Any]:  # noqa: A002
    """`gettableSilences`, narrowed by matchers over the silences' own matchers, as Alertmanager does."""
    try:
        wanted = [matcher_of(text) for text in filter or ()]
    except BadInput as error:
        return _refused(error, 400)
    asked = desk(platform)
    known = asked.find(Silence, limit=MOST)
    return Response([_gettable(one, asked.now_ms()) for one in known if all(_has(one, m) for m in wanted)])


@post("/silences", role="responder", status_code=200)
async def post_silence(platform: Platform, request: Asking, data: JSONBody[PostedSilence]) -> Response[Any]:
    """Make a silence; in force when this answers."""
    asked, by = desk(platform), request.user.name
    now_ms = asked.now_ms()
    try:
        if data.id:
            asked.one(Silence, data.id)
        made = Silence(
            id=data.id or name_of(by, now_ms, data),
            matchers=tuple(msgspec.convert(msgspec.structs.asdict(one), Matcher) for one in data.matchers),
            starts_ms=int(data.starts_at.timestamp() * 1000),
            ends_ms=int(data.ends_at.timestamp() * 1000),
            by=by,
            comment=data.comment[:1024],
        )
        return Response({"silenceID": (await asked.silence(made)).id})
    except NotFound as error:
        return _refused(error, 404)
    except BadInput as error:
        return _refused(error, 400)


@get("/silence/{silence:str}", role="viewer", sync_to_thread=True)
def show_silence(platform: Platform, silence: FromPath[str]) -> Response[Any]:
    """One `gettableSilence`."""
    asked = desk(platform)
    try:
        return Response(_gettable(asked.one(Silence, silence), asked.now_ms()))
    except NotFound as error:
        return _refused(error, 404)


@delete("/silence/{silence:str}", role="responder", status_code=200)
async def expire(platform: Platform, request: Asking, silence: FromPath[str]) -> Response[Any]:
    """End it now."""
    try:
        await desk(platform).end(Silence, silence, request.user.name)
    except NotFound as error:
        return _refused(error, 404)
    return Response(None)


def _refused(error: Exception, status: int) -> Response[Any]:
    """A JSON string: all that its clients can read."""
    return Response(msgspec.json.encode(str(error)), status_code=status, media_type=MediaType.JSON)


def _has(silence: Silence, wanted: Matcher) -> bool:
    return matches(wanted, {one.name: (one.value,) for one in silence.matchers})


def _gettable(one: Silence, now_ms: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": {"state": one.standing(now_ms)},
        "updatedAt": _iso(one.updated_ms),
        "startsAt": _iso(one.starts_ms),
        "endsAt": _iso(one.ends_ms),
        "createdBy": one.by,
        "comment": one.comment,
        "matchers": [
            {"name": m.name, "value": m.value, "isRegex": m.is_regex, "isEqual": m.is_equal} for m in one.matchers
        ],
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROUTES = [list_silences, post_silence, show_silence, expire]

"""How a refusal reads: one JSON object, `{"error", "detail", "hint"}`, whatever went wrong."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from mainstay.domain.errors import BadInput, Corrupt, MainstayError, NotFound, Overloaded, Refused

log = logging.getLogger(__name__)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer with a status of 400 and above holds.

    Attributes:
        error: One word for programs: `bad_input`, `unauthorized`, `forbidden`, `not_found`, `overloaded`, …
        detail: What is wrong, with the value, for people.
        hint: What to do about it; "" when the detail says it.
    """

    error: str
    detail: str
    hint: str = ""


class TooManyFailures(MainstayError):
    """Too many wrong tokens came from this address; no more are looked at for a while."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many failed logins from this address")
        self.retry_after_s = retry_after_s


_WORDS: dict[int, tuple[str, str]] = {
    400: ("bad_input", ""),
    401: ("unauthorized", "send a token: `Authorization: Bearer msu_…`, or sign in at the console"),
    403: ("forbidden", ""),
    404: ("not_found", ""),
    405: ("method_not_allowed", "see /api/openapi.json for what this path takes"),
    413: ("too_large", "send less at once"),
    421: ("wrong_host", ""),
    429: ("too_many_failures", "wait, and check the token"),
    500: ("internal", "see the log of the platform"),
    503: ("overloaded", "try again later"),
}
_STATUS: tuple[tuple[type[MainstayError], int], ...] = (
    (TooManyFailures, 429),
    (Overloaded, 503),
    (BadInput, 400),
    (NotFound, 404),
    (Refused, 403),
    (Corrupt, 500),
    (MainstayError, 500),
)


def trouble(status: int, detail: str, hint: str = "") -> Trouble:
    """The body for a status.

    >>> trouble(404, "there is no incident 'INC-9'").error
    'not_found'
    """
    word, usual = _WORDS.get(status, ("error", ""))
    return Trouble(error=word, detail=detail, hint=hint or usual)


def answer(status: int, body: Trouble, headers: dict[str, str] | None = None) -> Response[Trouble]:
    """A refusal as a response."""
    return Response(body, status_code=status, headers=headers, media_type=MediaType.JSON)


def ours(_: Request[Any, Any, Any], error: MainstayError) -> Response[Trouble]:
    """An error that was raised on purpose."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    after = getattr(error, "retry_after_s", None)
    if status >= 500 and after is None:
        log.error("%s", error)
    return answer(status, trouble(status, str(error)), {"Retry-After": str(after)} if after else None)


def http(_: Request[Any, Any, Any], error: HTTPException) -> Response[Trouble]:
    """An error of the framework: a body that is no JSON, a parameter out of bounds, no such path."""
    status = error.status_code
    if status >= 500:
        log.error("internal error", exc_info=error)
        return answer(status, trouble(status, "something that should not happen happened; it was logged"))
    detail = error.detail
    if isinstance(error.extra, list):
        detail = "; ".join(f"{one.get('key', 'body')}: {one.get('message', '')}" for one in error.extra) or detail
    return answer(status, trouble(status, detail), dict(error.headers) if error.headers else None)


def unforeseen(_: Request[Any, Any, Any], error: Exception) -> Response[Trouble]:
    """Anything else is a fault of ours: it is logged with its trace, and the caller learns nothing of our insides."""
    log.error("internal error", exc_info=error)
    return answer(500, trouble(500, "something that should not happen happened; it was logged"))

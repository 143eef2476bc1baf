"""Who may call what. Every route states the role it needs; one that states none is closed to everybody.

A person proves who they are with `Authorization: Bearer msu_…`, or from the console with the session cookie. A cookie
is sent by a browser on behalf of any page, so a write with it needs the header `X-Mainstay: 1`, which another site
cannot add, and no request that changes something may come from another origin.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler

from mainstay.api.errors import TooManyFailures
from mainstay.domain.protocols import Clock
from mainstay.domain.users import ROLES, UserRole
from mainstay.store.people import Caller, People

COOKIE = "mainstay_session"
Needs = UserRole | Literal["anyone", "metrics"]
"""`anyone`: no token. `metrics`: a viewer, or a sender's ingest token, so that a scraper needs no token of a person."""

FAILURES = 10
WINDOW_MS = 60_000
_ADDRESSES = 1024
_SAFE = {"GET", "HEAD", "OPTIONS"}


class Failures:
    """Failed logins per address: ten a minute, then none are looked at until the minute is over.

    It holds the newest 1,024 addresses and no more: an attacker with more of them forgets their own.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: OrderedDict[str, list[int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Whether this address may try.

        Raises:
            TooManyFailures: It failed too often; says when to come back.
        """
        failed = self._recent(address)
        if len(failed) >= FAILURES:
            raise TooManyFailures(max(1, (failed[0] + WINDOW_MS - self._now_ms()) // 1000 + 1))

    def add(self, address: str) -> None:
        """One more failure."""
        self._of[address] = [*self._recent(address), self._now_ms()][-FAILURES:]
        self._of.move_to_end(address)
        while len(self._of) > _ADDRESSES:
            self._of.popitem(last=False)

    def __len__(self) -> int:
        return len(self._of)

    def _recent(self, address: str) -> list[int]:
        since = self._now_ms() - WINDOW_MS
        return [at for at in self._of.get(address, ()) if at > since]

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


class Gate:
    """The guard in front of every route."""

    def __init__(self, people: People, clock: Clock) -> None:
        self._people = people
        self.failures = Failures(clock)

    def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Let the caller through, or raise 401, 403 or 429."""
        needs = handler.opt.get("role")
        method = str(connection.scope.get("method", "GET"))
        if method not in _SAFE:
            _same_origin(connection)
        if needs == "anyone":
            return
        secret, is_cookie = presented(connection)
        if needs == "metrics" and self._people.sender(secret) is not None:
            return
        caller = self._caller(connection, secret)
        if is_cookie and method not in _SAFE and connection.headers.get("x-mainstay") != "1":
            raise PermissionDeniedException("a write with the session cookie needs the header X-Mainstay: 1")
        role = "viewer" if needs == "metrics" else needs
        if role not in ROLES:
            raise PermissionDeniedException("this path states no role, so it is closed")
        if not caller.user.may(cast("UserRole", role)):
            raise PermissionDeniedException(f"this needs the role {role}; {caller.user.name} has {caller.user.role}")
        connection.scope["user"], connection.scope["auth"] = caller.user, caller

    def login(self, connection: ASGIConnection[Any, Any, Any, Any], secret: str) -> Caller:
        """Who signs in with this user token. After too many failures, tokens are not even looked at.

        Raises:
            TooManyFailures: From this address.
            NotAuthorizedException: The token is not one of a person, not known any more, or expired.
        """
        self.failures.check(_address(connection))
        return self._caller(connection, secret)

    def _caller(self, connection: ASGIConnection[Any, Any, Any, Any], secret: str) -> Caller:
        caller = self._people.caller(secret) if secret else None
        if caller is not None:
            return caller
        if secret:
            # A right token always passes here: a sender with a wrong one must not lock its neighbours out.
            address = _address(connection)
            self.failures.check(address)
            self.failures.add(address)
        says = "this token is not known, or not any more" if secret else "who are you?"
        raise NotAuthorizedException(says, headers={"WWW-Authenticate": 'Bearer realm="mainstay"'})


def presented(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[str, bool]:
    """The secret that came along ("" for none), and whether a browser sent it by itself."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        return (secret.strip() if scheme.lower() == "bearer" else ""), False
    return connection.cookies.get(COOKIE, ""), True


def _same_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host", ""):
        raise PermissionDeniedException(f"a request from another origin ({origin[:100]}) may not change anything")


def _address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return connection.client.host if connection.client else ""

"""Users, tokens and console sessions."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from mainstay.api.gate import COOKIE, Gate
from mainstay.api.parameters import Asking, Platform, found
from mainstay.domain.users import Token, User, UserRole
from mainstay.store.people import SESSION_MS

TheGate = NamedDependency[SkipValidation[Gate]]


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user to add, or the new role and state of one that is there."""

    name: str
    role: UserRole = "responder"
    disabled: bool = False


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make; without a user it is the asking admin's."""

    kind: Literal["user", "ingest"]
    name: str = ""
    user: str = ""
    expires_ms: int | None = None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is the secret: shown now, and never again."""

    token: str
    id: str
    kind: str
    user: str
    name: str
    expires_ms: int | None


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user token, to sign in at the console."""

    token: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in, and until when."""

    user: User
    expires_ms: int | None = None


@get("/users", role="admin", sync_to_thread=True)
def list_users(platform: Platform) -> list[User]:
    """Everybody."""
    return platform.control.people.users()


@post("/users", role="admin", status_code=201, sync_to_thread=True)
def save_user(platform: Platform, request: Asking, data: JSONBody[NewUser]) -> User:
    """Add a user, or change role and state of one."""
    by = f"user:{request.user.name}"
    return platform.control.people.save_user(data.name, data.role, by, disabled=data.disabled)


@get("/tokens", role="admin", sync_to_thread=True)
def list_tokens(platform: Platform) -> list[Token]:
    """What is known of every token; never its secret."""
    return platform.control.people.tokens()


@post("/tokens", role="admin", status_code=201, sync_to_thread=True)
def issue_token(platform: Platform, request: Asking, data: JSONBody[NewToken]) -> Issued:
    """Make a token; its secret is in this answer and nowhere else."""
    by, user = f"user:{request.user.name}", data.user or request.user.name
    token, secret = platform.control.people.issue(data.kind, user, data.name, by=by, expires_ms=data.expires_ms)
    return Issued(
        token=secret, id=token.id, kind=token.kind, user=token.user, name=token.name, expires_ms=token.expires_ms
    )


@delete("/tokens/{token:str}", role="admin", status_code=204, sync_to_thread=True)
def revoke_token(platform: Platform, request: Asking, token: FromPath[str]) -> None:
    """End a token, and the console sessions that were opened with it."""
    is_gone = platform.control.people.revoke(token, f"user:{request.user.name}")
    found(is_gone or None, "token", token)


@post("/session", role="anyone", status_code=201, sync_to_thread=True)
def sign_in(platform: Platform, request: Asking, gate: TheGate, data: JSONBody[Login]) -> Response[Session]:
    """Sign in at the console with a user token; the session lives in a cookie that scripts cannot read."""
    caller = gate.login(request, data.token)
    token, secret = platform.control.people.open_session(caller)
    cookie = Cookie(
        key=COOKIE,
        value=secret,
        path="/",
        max_age=SESSION_MS // 1000,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Response(Session(user=caller.user, expires_ms=token.expires_ms), cookies=[cookie])


@get("/session", role="viewer", sync_to_thread=False)
def who_am_i(request: Asking) -> Session:
    """Who the server takes you for."""
    return Session(user=request.user, expires_ms=request.auth.token.expires_ms)


@delete("/session", role="viewer", status_code=204, sync_to_thread=True)
def sign_out(platform: Platform, request: Asking) -> Response[None]:
    """End this console session. A token that came in a header stays valid: revoke it to end it."""
    if request.auth.token.kind == "session":
        platform.control.people.revoke(request.auth.token.id, f"user:{request.user.name}")
    return Response(None, cookies=[Cookie(key=COOKIE, value="", path="/", max_age=0, httponly=True, samesite="strict")])


ROUTES = [list_users, save_user, list_tokens, issue_token, revoke_token, sign_in, who_am_i, sign_out]

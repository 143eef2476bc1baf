"""Who may come in: users with roles, and the tokens by which people and senders are known.

A secret is shown once and kept nowhere: the store holds its sha256. That is enough for 256 random bits; slow password
hashes are for secrets that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, insert, or_, select

from mainstay.domain.errors import BadInput, NotFound, Refused
from mainstay.domain.ledger import Entry
from mainstay.domain.protocols import Clock
from mainstay.domain.users import ROLES, Token, TokenKind, User, UserRole
from mainstay.store import documents as doc
from mainstay.store import schema
from mainstay.store.database import Database
from mainstay.store.transaction import Transaction
from mainstay.written import write_whole

PREFIXES: dict[TokenKind, str] = {"user": "msu_", "ingest": "msi_", "session": "mss_"}
SESSION_MS = 12 * 3_600_000
"""A console login lasts a shift."""
ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105 - the name of a file, not what stands in it
_LONGEST_NAME = 200
_RESERVED = {"mainstay", "outcome"}
# both stand in `by` and `actor` where nobody asked: a person of that name could not be told from them


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the user, and by which token."""

    user: User
    token: Token


@dataclass(frozen=True, slots=True)
class _Known:
    """Users and tokens as they stand in the database, in memory: a sender is recognised without a query."""

    users: dict[str, User]
    tokens: dict[str, tuple[str, Token]]


class People:
    """Users and tokens of one tenant. Thread-safe."""

    def __init__(self, database: Database, clock: Clock, tenant: str) -> None:
        self._database, self._clock, self._tenant = database, clock, tenant
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def users(self) -> list[User]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            return doc.USER.find(connection, self._tenant)

    def user(self, name: str) -> User | None:
        """The user with this name."""
        return self._all().users.get(name)

    def save_user(self, name: str, role: UserRole, by: str, *, disabled: bool = False) -> User:
        """Add a user, or change role and state of one; a ledger entry says who did it.

        Raises:
            BadInput: The name is empty, too long, or holds characters that do not print.
            Refused: It would leave nobody who can administer.
        """
        _check_name(name)
        if role not in ROLES:
            raise BadInput(f"a role is one of {', '.join(ROLES)}; got {role!r}")
        with self._database.writing() as connection:
            user = self._put_user(Transaction(connection, self._tenant), name, role, by, disabled=disabled)
        self._forget()
        return user

    def _put_user(self, write: Transaction, name: str, role: UserRole, by: str, *, disabled: bool = False) -> User:
        before = {user.name: user for user in doc.USER.find(write.connection, self._tenant)}
        created_ms = before[name].created_ms if name in before else self._now_ms()
        user = User(name=name, role=role, created_ms=created_ms, disabled=disabled)
        after = {**before, name: user}
        if before and not any(one.may("admin") for one in after.values()):
            raise Refused(f"{name} is the last admin: make another one first")
        write.save(doc.USER, [user])
        write.append([self._entry(write, "saved", f"user:{name}", by, {"role": role, "disabled": disabled})])
        return user

    def tokens(self) -> list[Token]:
        """What is known of every token; never its secret."""
        return sorted((token for _, token in self._all().tokens.values()), key=lambda one: (one.created_ms, one.id))

    def issue(
        self, kind: TokenKind, user: str, name: str = "", *, by: str, expires_ms: int | None = None
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown now and never again.

        Raises:
            NotFound: There is no such user.
            BadInput: The name is too long, or the token would have expired already.
        """
        if user not in self._all().users:
            raise NotFound(f"there is no user {user!r}")
        if len(name) > _LONGEST_NAME:
            raise BadInput(f"a token's name has at most {_LONGEST_NAME} characters; got {len(name)}")
        if expires_ms is not None and expires_ms <= self._now_ms():
            raise BadInput(f"expires_ms must lie in the future; got {expires_ms}")
        return self._issue(Token(id="", kind=kind, user=user, name=name, expires_ms=expires_ms), by)

    def open_session(self, caller: Caller) -> tuple[Token, str]:
        """A console login, opened with a user token; it ends when that token does."""
        ends = min(self._now_ms() + SESSION_MS, caller.token.expires_ms or 1 << 62)
        token = Token(id="", kind="session", user=caller.user.name, expires_ms=ends, parent=caller.token.id)
        return self._issue(token, f"user:{caller.user.name}")

    def revoke(self, token: str, by: str) -> bool:
        """End a token and the sessions that were opened with it; False when there is no such token."""
        table = schema.tokens.c
        mine = or_(table.id == doc.storable(token), table.parent == doc.storable(token))
        with self._database.writing() as connection:
            write = Transaction(connection, self._tenant)
            gone = connection.execute(delete(schema.tokens).where(table.tenant == self._tenant, mine)).rowcount
            if gone:
                write.append([self._entry(write, "revoked", f"token:{token}", by, {})])
        self._forget()
        return gone > 0

    def caller(self, secret: str) -> Caller | None:
        """Who speaks with this secret (a user token or a session); None when nobody does any more."""
        token = self._token(secret)
        if token is None or token.kind == "ingest":
            return None
        user = self._all().users.get(token.user)
        return Caller(user, token) if user and not user.disabled else None

    def sender(self, secret: str) -> str | None:
        """The tenant for which this secret may send; None when it is no ingest token."""
        token = self._token(secret)
        return token.tenant if token and token.kind == "ingest" else None

    def first_admin(self, directory: Path) -> str | None:
        """At the very first start: the admin, and their token in a file that only its owner can read.

        User and token are kept in one transaction: a kill between them would lock everybody out for ever. Returns the
        secret, to be printed once; None when there are users already.
        """
        if self.users():
            return None
        secret = _secret("user")
        write_whole(directory / ADMIN_TOKEN_FILE, f"{secret}\n".encode("ascii"))
        with self._database.writing() as connection:
            write = Transaction(connection, self._tenant)
            self._put_user(write, "admin", "admin", "mainstay")
            self._put_token(
                write, Token(id="", kind="user", user="admin", name="made at first start"), secret, "mainstay"
            )
        self._forget()
        return secret

    def _issue(self, token: Token, by: str) -> tuple[Token, str]:
        secret = _secret(token.kind)
        with self._database.writing() as connection:
            token = self._put_token(Transaction(connection, self._tenant), token, secret, by)
        self._forget()
        return token, secret

    def _put_token(self, write: Transaction, token: Token, secret: str, by: str) -> Token:
        token = msgspec.structs.replace(token, id=secrets.token_hex(8), created_ms=self._now_ms(), tenant=self._tenant)
        write.connection.execute(delete(schema.tokens).where(schema.tokens.c.expires_ms <= self._now_ms()))
        write.connection.execute(insert(schema.tokens), [_row(token, secret)])
        output = {"kind": token.kind, "user": token.user, "name": token.name, "expires_ms": token.expires_ms}
        write.append([self._entry(write, "issued", f"token:{token.id}", by, output)])
        return token

    def _token(self, secret: str) -> Token | None:
        digest = _digest(secret)
        # found by a hash, which a guesser cannot steer; then compared in constant time all the same
        kept, token = self._all().tokens.get(digest, ("", None))
        if token is None or not hmac.compare_digest(digest, kept):
            return None
        return token if token.expires_ms is None or token.expires_ms > self._now_ms() else None

    def _all(self) -> _Known:
        with self._lock:
            if self._known is None:
                self._known = self._read()
            return self._known

    def _read(self) -> _Known:
        table = schema.tokens.c
        query = select(table.digest, table.body).where(table.tenant == self._tenant)
        with self._database.reading() as connection:
            users = {user.name: user for user in doc.USER.find(connection, self._tenant)}
            rows = connection.execute(query).all()
        tokens = {row.digest: (row.digest, msgspec.json.decode(row.body, type=Token)) for row in rows}
        return _Known(users, tokens)

    def _forget(self) -> None:
        with self._lock:
            self._known = None

    def _entry(self, write: Transaction, verb: str, subject: str, by: str, output: Mapping[str, Any]) -> Entry:
        number = write.next_seq()
        entry_id = f"user-{number}-{verb}"
        return Entry(
            id=entry_id, kind="user", at_ms=self._now_ms(), actor=by, subject=subject, output={"what": verb, **output}
        )

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _check_name(name: str) -> None:
    if name in _RESERVED:
        raise BadInput(f"the name {name!r} is Mainstay's own; take another one")
    # what does not print could make one name look like another
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise BadInput(f"a user's name is 1 to {_LONGEST_NAME} printable characters; got {name[:40]!r}")


def _secret(kind: TokenKind) -> str:
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _row(token: Token, secret: str) -> dict[str, object]:
    return {
        "tenant": token.tenant,
        "id": token.id,
        "digest": _digest(secret),
        "kind": token.kind,
        "owner": token.user,
        "parent": token.parent,
        "expires_ms": token.expires_ms,
        "body": msgspec.json.encode(token).decode(),
    }

"""People and senders: who may see, respond, approve, administer; and what may send."""

from __future__ import annotations

from typing import Literal

import msgspec

from mainstay.domain.entities import DEFAULT_TENANT

UserRole = Literal["viewer", "responder", "approver", "admin"]
ROLES: tuple[UserRole, ...] = ("viewer", "responder", "approver", "admin")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A named person. Each role may do all that the roles before it may."""

    name: str
    role: UserRole
    created_ms: int = 0
    disabled: bool = False

    def may(self, needed: UserRole) -> bool:
        """Whether this person's role reaches the one that is needed.

        >>> User(name="ada", role="approver").may("responder")
        True
        """
        return not self.disabled and ROLES.index(self.role) >= ROLES.index(needed)


TokenKind = Literal["user", "ingest", "session"]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a secret; the secret itself is kept nowhere, only its sha256.

    Attributes:
        kind: `user` speaks for a person, `ingest` may only send (and read `/metrics`), `session` is a console login.
        user: Whose it is; for `ingest` who made it.
        parent: For a session the token it was opened with: when that one goes, the session goes.
    """

    id: str
    kind: TokenKind
    user: str
    name: str = ""
    created_ms: int = 0
    expires_ms: int | None = None
    parent: str = ""
    tenant: str = DEFAULT_TENANT

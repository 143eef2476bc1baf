"""People and senders: who may see, respond, approve, administer; and what may send."""

from __future__ import annotations

from typing import Literal

import msgspec

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

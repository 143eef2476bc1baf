"""What handlers are given: the platform, who asks, and the bounds of what may be asked for at once."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from mainstay.api.platform import PlatformApi
from mainstay.domain.errors import NotFound
from mainstay.domain.users import User
from mainstay.store.people import Caller

T = TypeVar("T")

Platform = NamedDependency[SkipValidation[PlatformApi]]
Asking = Request[User, Caller, Any]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
Words = Annotated[str, QueryParameter(max_length=200, description="Words that all must stand in it.")]
Ms = Annotated[int | None, QueryParameter(ge=0, le=1 << 53, description="Milliseconds since 1970, UTC.")]

LARGEST_JS = (1 << 53) - 1
"""Beyond it JavaScript's numbers are not exact: such integers leave as strings."""
DAY_MS = 86_400_000


def found(thing: T | None, what: str, name: str) -> T:
    """The thing, or a 404 that names it.

    >>> found(None, "incident", "INC-9")
    Traceback (most recent call last):
    mainstay.domain.errors.NotFound: there is no incident 'INC-9'
    """
    if thing is None:
        raise NotFound(f"there is no {what} {name[:200]!r}")
    return thing


def now_ms(platform: PlatformApi) -> int:
    """The platform's time."""
    return platform.clock.now_ns() // 1_000_000


def readable(value: Any) -> Any:
    """The same JSON with the integers as strings that JavaScript cannot hold.

    >>> readable({"series": [2**63, 5]})
    {'series': ['9223372036854775808', 5]}
    """
    plain = msgspec.to_builtins(value)
    if isinstance(plain, dict):
        return {key: readable(item) for key, item in plain.items()}
    if isinstance(plain, list | tuple):
        return [readable(item) for item in plain]
    is_large = isinstance(plain, int) and not isinstance(plain, bool) and abs(plain) > LARGEST_JS
    return str(plain) if is_large else plain

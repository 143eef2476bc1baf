"""How a stage's state leaves memory and comes back: msgpack with a name and a format number, never pickle."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import msgspec

from mainstay.domain.errors import Corrupt

T = TypeVar("T")


class Stateful(Protocol):
    """Something whose state survives a restart."""

    def snapshot(self) -> bytes:
        """The whole state."""
        ...

    def restore(self, state: bytes) -> None:
        """Take up a state that `snapshot` wrote."""
        ...


def pack(name: str, format_version: int, value: Any) -> bytes:
    """State as bytes that say what they are.

    >>> unpack("demo", 1, pack("demo", 1, {"a": 1}), dict[str, int])
    {'a': 1}
    """
    return msgspec.msgpack.encode([name, format_version, value])  # one piece: a large state is copied once


def unpack(name: str, format_version: int, state: bytes, into: type[T]) -> T:
    """The value that `pack` was given.

    Raises:
        Corrupt: The bytes are of another stage or another format, or are no state at all.
    """
    try:
        found, version, body = msgspec.msgpack.decode(state, type=tuple[str, int, msgspec.Raw])
        if (found, version) != (name, format_version):
            raise Corrupt(f"this is state of {found} in format {version}; {name} in format {format_version} is needed")
        return msgspec.msgpack.decode(body, type=into)
    except msgspec.DecodeError as error:
        raise Corrupt(f"the saved state of {name} cannot be read: {error}") from None

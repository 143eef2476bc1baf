"""How a stage's state leaves memory and comes back: msgpack with a name and a format number, never pickle.

A large state leaves in parts, each written and forgotten before the next one is made, and a part in pieces: what is an
array already goes to the file from where it lies. So saving half a gigabyte takes no room beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import msgspec
import numpy as np

from mainstay.domain.errors import Corrupt

T = TypeVar("T")
Piece = bytes | bytearray | memoryview
_MAP, _LIST, _BYTES = b"\xdf", b"\xdd", b"\xc6"  # with a length of 32 bits each


class Part(NamedTuple):
    """A part of a state: what it is called, and its bytes as pieces, one after the other."""

    name: str
    pieces: Iterable[Piece]


class OneByOne(NamedTuple):
    """A list of which each item is made when it is written."""

    length: int
    items: Iterable[Any]


class Stateful(Protocol):
    """Something whose state survives a restart."""

    def snapshot(self) -> bytes:
        """The whole state."""
        ...

    def restore(self, state: bytes) -> None:
        """Take up a state that `snapshot` wrote."""
        ...


@runtime_checkable
class Parted(Protocol):
    """Something whose state is large. Nothing may change while its parts are taken; they come back in their order."""

    def parts(self) -> Iterator[Part]:
        """The whole state."""
        ...

    def restore_parts(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Take up what `parts` gave."""
        ...


@runtime_checkable
class Pieced(Protocol):
    """Something whose state is one part of much that lies in memory as it is written."""

    def pieces(self) -> Iterator[Piece]:
        """What `snapshot` gives, one piece after the other."""
        ...


def pieces_of(one: Any) -> Iterable[Piece]:
    """The state of one that is stateful, with as few copies as it can."""
    return one.pieces() if isinstance(one, Pieced) else (cast("Stateful", one).snapshot(),)


def parts_of(name: str, one: Any) -> Iterator[Part]:
    """The state of one that is stateful as parts whose names begin with its own."""
    if not isinstance(one, Parted):
        yield Part(name, pieces_of(one))
        return
    for part in one.parts():
        yield Part(f"{name}/{part.name}", part.pieces)


def restore_in_turn(stages: Mapping[str, Stateful | Parted], parts: Iterable[tuple[str, bytes]]) -> None:
    """Each takes up what `parts_of` gave of it, and lets go of it before the next one comes.

    Raises:
        Corrupt: One finds nothing of its own, or what it cannot read.
    """
    missing = dict.fromkeys(stages)
    for name, theirs in groupby(parts, key=lambda part: part[0].partition("/")[0]):
        one = stages.get(name)
        missing.pop(name, None)
        if isinstance(one, Parted):
            one.restore_parts((part.partition("/")[2], state) for part, state in theirs)
        elif one is not None:
            one.restore(b"".join(state for _, state in theirs))
    if missing:
        raise Corrupt(f"the saved state holds nothing of {', '.join(missing)}")


def joined(parts: Iterable[Part]) -> bytes:
    """Parts as one piece, for what is small.

    >>> list(parted(joined([Part("head", [b"a", b"b"]), Part("rest", [b""])])))
    [('head', b'ab'), ('rest', b'')]
    """
    return msgspec.msgpack.encode([(part.name, b"".join(part.pieces)) for part in parts])


def parted(state: bytes) -> Iterator[tuple[str, bytes]]:
    """The parts that `joined` was given.

    Raises:
        Corrupt: These are no parts of a state.
    """
    try:
        found = msgspec.msgpack.decode(state, type=list[tuple[str, bytes]])
    except msgspec.DecodeError as error:
        raise Corrupt(f"the saved state cannot be read: {error}") from None
    yield from found


def pack(name: str, format_version: int, value: Any) -> bytes:
    """State as bytes that say what they are.

    >>> unpack("demo", 1, pack("demo", 1, {"a": 1}), dict[str, int])
    {'a': 1}
    """
    return msgspec.msgpack.encode([name, format_version, value])  # one piece: a large state is copied once


def packed(name: str, format_version: int, fields: Mapping[str, Any]) -> Iterator[Piece]:
    """As `pack`, in pieces; a field that is an array is not copied, one that is `OneByOne` never there as a whole.

    >>> array = np.array([1, 256], dtype=">u2")
    >>> state = b"".join(packed("demo", 1, {"a": array, "b": OneByOne(2, iter("xy"))}))
    >>> found = unpack("demo", 1, state, dict[str, Any])
    >>> found["a"].hex(), found["b"]
    ('00010100', ['x', 'y'])
    """
    encode = msgspec.msgpack.encode
    yield b"\x93" + encode(name) + encode(format_version) + _MAP + _length(len(fields))
    for key, value in fields.items():
        yield encode(key)
        if isinstance(value, np.ndarray):
            yield _BYTES + _length(value.nbytes)
            yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
        elif isinstance(value, OneByOne):
            yield _LIST + _length(value.length)
            yield from map(encode, value.items)
        else:
            yield encode(value)


def unpack(name: str, format_version: int, state: bytes, into: type[T]) -> T:
    """The value that `pack` was given. Where `into` says memoryview, nothing is copied.

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


def _length(count: int) -> bytes:
    return count.to_bytes(4, "big")

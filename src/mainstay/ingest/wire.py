"""The protobuf wire format, read with every bound checked.

Source: protobuf.dev, "Encoding". Groups (wire types 3 and 4) are refused: no protocol here has any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mainstay.domain.errors import BadInput

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field of a message: its number, its wire type, and where it and its value stand in the body."""

    number: int
    wire_type: int
    begin: int
    start: int
    end: int


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    r"""An unsigned variable-length integer and where it ends.

    >>> varint(b"\xac\x02", 0, 2)
    (300, 2)
    """
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift >= 70:
            raise BadInput(f"malformed protobuf: a number longer than 10 bytes at byte {at}")
    raise BadInput(f"malformed protobuf: cut off in a number at byte {at}")


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """The fields of the message that stands at `data[at:end]`.

    Raises:
        BadInput: it is not a message; says at which byte.
    """
    while at < end:
        begin = at
        tag, at = varint(data, at, end)
        number, wire_type = tag >> 3, tag & 7
        start, at = _value(data, at, end, wire_type)
        if not number or at > end:
            raise BadInput(f"malformed protobuf: field {number} at byte {begin} does not fit its message")
        yield Field(number, wire_type, begin, start, at)


def _value(data: bytes, at: int, end: int, wire_type: int) -> tuple[int, int]:
    if wire_type == BYTES:
        length, at = varint(data, at, end)
        return at, at + length
    if wire_type == VARINT:
        return at, varint(data, at, end)[1]
    if wire_type == FIXED64:
        return at, at + 8
    if wire_type == FIXED32:
        return at, at + 4
    raise BadInput(f"malformed protobuf: wire type {wire_type} at byte {at}")


def signed(value: int) -> int:
    """An int64 from its varint.

    >>> signed(0xFFFF_FFFF_FFFF_FFFF)
    -1
    """
    return value - (1 << 64) if value >> 63 else value


def written(number: int, value: bytes) -> bytes:
    """A length-delimited field as bytes."""
    return varint_of(number << 3 | BYTES) + varint_of(len(value)) + value


def varint_of(value: int) -> bytes:
    r"""An unsigned number as it is written.

    >>> varint_of(300)
    b'\xac\x02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

"""Decompression that a bomb cannot use: the output is bounded before and while it is made.

Sources: RFC 1952 (gzip), the snappy format description (raw block: its length stands first, as a varint).
"""

from __future__ import annotations

import zlib

import cramjam

from mainstay.domain.errors import BadInput
from mainstay.ingest.rejections import TooLarge
from mainstay.ingest.wire import varint

MOST_MEMBERS = 64  # a gzip file may be many; each costs a copy of the rest
GZIP = 31  # zlib's window bits for gzip framing
SNAPPY_MOST_RATIO = 24  # three bytes can stand for at most 64


def decompress(encoding: str, data: bytes, most: int) -> bytes:
    """The plain body.

    Raises:
        TooLarge: it would be more than `most` bytes.
        BadInput: it is not what Content-Encoding says.
    """
    if encoding == "gzip":
        return _gunzip(data, most)
    if encoding == "snappy":
        return _unsnappy(data, most)
    return data


def _gunzip(data: bytes, most: int) -> bytes:
    out: list[bytes] = []
    size, rest = 0, data
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(GZIP)
        try:
            out.append(member.decompress(rest, most - size + 1))
        except zlib.error as error:
            raise BadInput(f"malformed gzip: {error}") from None
        size += len(out[-1])
        if size > most:
            raise TooLarge(most, "decompressed")
        if not member.eof:
            raise BadInput("malformed gzip: cut off before its end")
        rest = member.unused_data
        if not rest:
            return b"".join(out)
    raise BadInput(f"gzip of more than {MOST_MEMBERS} members")


def _unsnappy(data: bytes, most: int) -> bytes:
    declared, start = varint(data, 0, min(len(data), 5))
    if declared > most:
        raise TooLarge(most, "decompressed")
    if declared > SNAPPY_MOST_RATIO * (len(data) - start):
        raise BadInput(f"malformed snappy: {len(data)} bytes cannot hold the {declared} that they declare")
    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise BadInput(f"malformed snappy: {error}") from None

"""Decompression that a bomb cannot use: the output is bounded before and while it is made.

Sources: RFC 1952 (gzip; its length stands last), RFC 8878 (zstd; its length may stand first), the snappy format
description (raw block: its length stands first, as a varint). What a body says of its own length is checked against the
limit, then it is exactly the room that it gets.
"""

from __future__ import annotations

import contextlib
import zlib

import cramjam

from mainstay.domain.errors import BadInput
from mainstay.ingest.rejections import TooLarge
from mainstay.ingest.wire import varint

MOST_MEMBERS = 64  # a gzip file may be many; each costs a copy of the rest
GZIP = 31  # zlib's window bits for gzip framing
GZIP_MOST_RATIO = 1032  # deflate: two bits can stand for at most 258
SNAPPY_MOST_RATIO = 24  # three bytes can stand for at most 64
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MOST_WINDOW = 32 << 20  # what a zstd decoder holds beside the output; senders use up to 8 MiB
LEAST_ROOM = 1 << 16


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
    if encoding == "zstd":
        return _unzstd(data, most)
    return data


def _gunzip(data: bytes, most: int) -> bytes:
    """By cramjam, a third faster, where a body is as long as it says; else piece by piece, which finds out what is."""
    size = int.from_bytes(data[-4:], "little")
    if 0 < size <= min(most, GZIP_MOST_RATIO * len(data)):
        out = bytearray(size)
        with contextlib.suppress(cramjam.DecompressionError):
            if cramjam.gzip.decompress_into(data, out) == size:
                return bytes(out)
    return _gunzip_slowly(data, most)


def _gunzip_slowly(data: bytes, most: int) -> bytes:
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


def _unzstd(data: bytes, most: int) -> bytes:
    declared, window = _zstd_header(data)
    if declared is not None and declared > most:
        raise TooLarge(most, "decompressed")
    if window > MOST_WINDOW:
        raise BadInput(f"zstd with a window of {window} bytes: at most {MOST_WINDOW} are taken")
    room = declared if declared is not None else min(most, max(LEAST_ROOM, 8 * len(data)))
    while True:
        out = bytearray(room)
        try:
            return bytes(memoryview(out)[: cramjam.zstd.decompress_into(data, out)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise BadInput(f"malformed zstd: {error}") from None
        if room >= most:
            raise TooLarge(most, "decompressed")
        room = min(most, 4 * max(room, LEAST_ROOM))


def _zstd_header(data: bytes) -> tuple[int | None, int]:
    """(how long the first frame says it is, None when it does not say; the window that it needs)."""
    if data[:4] != ZSTD_MAGIC or len(data) < 6:
        raise BadInput("malformed zstd: it does not begin with a frame")
    descriptor, is_single = data[4], bool(data[4] & 0x20)
    at = 5 if is_single else 6
    exponent, mantissa = data[5] >> 3, data[5] & 7
    window = 0 if is_single else (1 << 10 + exponent) // 8 * (8 + mantissa)
    at += (0, 1, 2, 4)[descriptor & 3]
    size = (int(is_single), 2, 4, 8)[descriptor >> 6]
    if not size:
        return None, window
    declared = int.from_bytes(data[at : at + size], "little") + (256 if size == 2 else 0)
    return declared, window

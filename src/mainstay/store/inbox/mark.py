"""The mark: how far the pipeline had applied, and which bodies were seen lately, across a restart.

Only a convenience: without it (or with a damaged one) everything that is still on disk is handed over again.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from mainstay.written import Sync, write_whole

FORMAT_VERSION = 1
NAME = "mark"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What the inbox remembers beside its records."""

    format_version: int = FORMAT_VERSION
    applied_seq: int = 0
    repeats: bytes = b""


def write_mark(directory: Path, mark: Mark, sync: Sync) -> None:
    """Replace the mark in one step."""
    body = msgspec.msgpack.encode(mark)
    write_whole(directory / NAME, zlib.crc32(body).to_bytes(4, "little") + body, sync=sync)


def read_mark(directory: Path) -> Mark:
    """The last mark; an empty one when there is none that can be trusted."""
    try:
        data = (directory / NAME).read_bytes()
        if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
            return Mark()
        mark = msgspec.msgpack.decode(data[4:], type=Mark)
    except (FileNotFoundError, msgspec.DecodeError):
        return Mark()
    return mark if mark.format_version == FORMAT_VERSION else Mark()

"""The segment file: how a record lies on disk, and how far a file that a crash tore can be trusted.

::

    file    magic "MNSTBOX1" (8 bytes; the digit is the format version), then frames
    frame   length u32 | crc32 u32 | seq u64 | received_ns i64 | len(source) u8 | len(tenant) u16
            | source | tenant | body    (little-endian; length and crc32 cover everything after themselves)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.domain.errors import Corrupt
from mainstay.domain.records import Lane, Record

MAGIC = b"MNSTBOX1"
LANES: tuple[Lane, ...] = ("signals", "alerts", "control")
FRAME = struct.Struct("<II")
HEAD = struct.Struct("<QqBH")
MOST_FRAME_BYTES = 256 << 20  # far above what a door lets in; a length beyond it is damage, not a record


def frame(record: Record) -> bytes:
    """The bytes of one record as they go to disk."""
    source, tenant = record.source.encode(), record.tenant.encode()
    head = HEAD.pack(record.seq, record.received_ns, len(source), len(tenant)) + source + tenant
    crc = zlib.crc32(record.body, zlib.crc32(head))
    return b"".join((FRAME.pack(len(head) + len(record.body), crc), head, record.body))


def frame_size(source: str, tenant: str, body: bytes) -> int:
    """Bytes that a record will take on disk."""
    return FRAME.size + HEAD.size + len(source.encode()) + len(tenant.encode()) + len(body)


@dataclass(frozen=True, slots=True)
class Framed:
    """A record and where in its file it stands."""

    record: Record
    offset: int
    size: int


def unframe(data: bytes | memoryview, offset: int, lane: Lane) -> Framed | None:
    """The record at `offset`, or None when what stands there is not a whole, undamaged one."""
    if offset + FRAME.size + HEAD.size > len(data):
        return None
    length, crc = FRAME.unpack_from(data, offset)
    start = offset + FRAME.size
    if not HEAD.size <= length <= MOST_FRAME_BYTES or start + length > len(data):
        return None
    payload = memoryview(data)[start : start + length]
    if zlib.crc32(payload) != crc:
        return None
    seq, received_ns, source_len, tenant_len = HEAD.unpack_from(payload)
    tenant_at = HEAD.size + source_len
    body_at = tenant_at + tenant_len
    if body_at > length:
        return None
    record = Record(
        seq=seq,
        lane=lane,
        source=bytes(payload[HEAD.size : tenant_at]).decode(),
        received_ns=received_ns,
        body=bytes(payload[body_at:]),
        tenant=bytes(payload[tenant_at:body_at]).decode(),
    )
    return Framed(record, offset, FRAME.size + length)


def frames(data: bytes | memoryview, lane: Lane) -> Iterator[Framed]:
    """Every whole record from the start of a file to its end or to the first damage, whichever comes first."""
    if bytes(data[: len(MAGIC)]) != MAGIC:
        return
    offset, last_seq = len(MAGIC), -1
    while (framed := unframe(data, offset, lane)) is not None and framed.record.seq > last_seq:
        yield framed
        offset, last_seq = offset + framed.size, framed.record.seq


def segment_name(lane: Lane, first_seq: int) -> str:
    """File name of a segment whose records are numbered `first_seq` or higher.

    >>> segment_name("alerts", 12)
    'alerts-00000000000000000012.seg'
    """
    return f"{lane}-{first_seq:020d}.seg"


def segment_files(directory: Path, lane: Lane) -> list[tuple[int, Path]]:
    """The segments of one lane, oldest first, each with the first sequence that it may hold."""
    return [(int(path.stem.rpartition("-")[2]), path) for path in sorted(directory.glob(f"{lane}-*.seg"))]


def check_format(path: Path, data: bytes | memoryview) -> None:
    """Refuse a file that is not ours or of another format; a file too short to say is one that a crash cut.

    Raises:
        Corrupt: with the path and what was found.
    """
    head = bytes(data[: len(MAGIC)])
    if not MAGIC.startswith(head):
        raise Corrupt(f"{path}: expected an inbox segment of format {MAGIC!r}, found {head!r}")

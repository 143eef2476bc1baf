"""Reading an inbox that nobody writes to: recordings, replay, tests."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path

from mainstay.domain.errors import Corrupt, NotFound
from mainstay.domain.records import Lane, Record
from mainstay.store.inbox.segments import LANES, MAGIC, check_format, frames, segment_files


def read_records(directory: Path) -> Iterator[Record]:
    """Every record of a recorded inbox in its one order; changes nothing, and stops quietly at a torn tail.

    Raises:
        NotFound: there is no such directory.
        Corrupt: damage in the middle of the recording: records are missing that were once acknowledged.
    """
    if not directory.is_dir():
        raise NotFound(f"no recorded inbox at {directory}: expected a directory with files such as signals-….seg")
    return heapq.merge(*(_lane_records(directory, lane) for lane in LANES), key=lambda record: record.seq)


def _lane_records(directory: Path, lane: Lane) -> Iterator[Record]:
    files = segment_files(directory, lane)
    for number, (_, path) in enumerate(files, start=1):
        data = path.read_bytes()
        check_format(path, data)
        end = len(MAGIC)
        for framed in frames(data, lane):
            end = framed.offset + framed.size
            yield framed.record
        if number < len(files) and end != len(data):
            raise Corrupt(f"{path}: damaged at byte {end} of {len(data)}, though a later segment follows it")

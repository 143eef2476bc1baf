"""Records on which a stage fails: kept whole, with the reason, so that the line goes on and somebody can look."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mainstay.domain.errors import Corrupt, Refused
from mainstay.domain.records import SET_ASIDE, Record
from mainstay.written import write_whole

MOST = 100
"""More than that is no bad record but a bad program: the line stands still until somebody has looked."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it lies in its file; `body` is base64."""

    seq: int
    source: str
    received_ns: int
    why: str
    body: bytes


class Aside:
    """A folder with one JSON file per record that was set aside. A deleted file is a record to try again.

    Args:
        directory: Made when missing; readable by its owner only, as it holds raw bodies.

    Raises:
        Corrupt: A file cannot be read: move it away.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._why = {kept.seq: kept.why for kept in map(_read, directory.glob("*.json"))}

    def __len__(self) -> int:
        return len(self._why)

    def put(self, record: Record, why: str) -> None:
        """Set one aside; when this returns it survives a power cut.

        Raises:
            Refused: Too many are set aside already.
        """
        if len(self._why) >= MOST:
            raise Refused(f"{MOST} records are set aside in {self.directory}: look at them, then move them away")
        kept = Kept(seq=record.seq, source=record.source, received_ns=record.received_ns, why=why, body=record.body)
        write_whole(self.directory / f"{record.seq:020d}.json", msgspec.json.encode(kept))
        self._why[record.seq] = why

    def instead(self, record: Record) -> Record:
        """The record, or what stands in its place when it was set aside."""
        why = self._why.get(record.seq)
        if why is None:
            return record
        return Record(record.seq, record.lane, SET_ASIDE, record.received_ns, why.encode(), record.tenant)


def _read(path: Path) -> Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except msgspec.DecodeError as error:
        raise Corrupt(f"{path}: not a record that was set aside ({error}); move it away") from None

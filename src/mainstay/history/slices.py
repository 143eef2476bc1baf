"""One stretch of the past as a file, and as the records that a live sender would have left in the inbox.

A file is there whole or not at all; so what is there need not be read again after a kill -9, and nothing is there
twice. Samples lie as columns, series after series, which is how they compress (2–4 bytes each).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cramjam
import msgspec
import numpy as np

from mainstay.domain.entities import Labels
from mainstay.domain.errors import Corrupt
from mainstay.domain.records import Record
from mainstay.domain.signals import F64, I64, U32, Decoded, RawMetrics, Stream
from mainstay.ingest.limits import MOST_NAME, labels_refused
from mainstay.outbox.pages import utc
from mainstay.written import write_whole

FORMAT = 1
MS = 1_000_000
MOST_SAMPLES = 50_000  # of one record
NOT_YET = "0001-01-01T00:00:00Z"  # how Alertmanager writes an end that has not come


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A user's own alert began or ended.

    `since_ms` is when it fired, which is what Prometheus sends as `startsAt`; `until_ms` is how long it holds when
    nobody repeats it (0: until somebody says that it is over).
    """

    at_ms: int
    labels: dict[str, str]
    since_ms: int
    firing: bool
    until_ms: int = 0


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """What was in (since, until].

    `labels` with `__name__`, one set per series; the columns hold u32, i64 (ms) and f64, series after series, times
    rising.
    """

    format: int = FORMAT
    since_ms: int
    until_ms: int
    tick_ms: int
    labels: list[Labels] = []
    series: bytes = b""
    at_ms: bytes = b""
    value: bytes = b""
    turns: list[Turn] = []
    refused: int = 0

    @property
    def samples(self) -> int:
        """How many."""
        return len(self.value) // 8

    def save(self, path: Path) -> None:
        """Keep it; durable when this returns."""
        body = bytes(cramjam.zstd.compress(msgspec.msgpack.encode(self), 3))
        write_whole(path, zlib.crc32(body).to_bytes(4, "big"), body)

    @classmethod
    def load(cls, path: Path) -> Slice:
        """As `save` wrote it.

        Raises:
            Corrupt: It is not what was written.
        """
        raw = path.read_bytes()
        if len(raw) <= 4 or zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "big"):
            raise Corrupt(f"{path} is damaged: delete it, and the same command reads that stretch again")
        found = msgspec.msgpack.decode(bytes(cramjam.zstd.decompress(raw[4:])), type=cls)
        if found.format != FORMAT:
            raise Corrupt(f"{path}: expected format {FORMAT}, got {found.format}")
        return found

    def records(self, after_seq: int) -> Iterator[Record]:
        """What a live sender would have left in the inbox, numbered behind `after_seq`: per moment its samples, the
        alerts that turned, and at last the passing of time."""  # noqa: D205, D209
        seq = after_seq
        for lane, source, at_ms, decoded, body in self._moments():
            seq += 1
            yield Record(seq, lane, source, at_ms * MS, body, decoded=decoded)

    def _moments(self) -> Iterator[tuple[Any, str, int, Decoded | None, bytes]]:
        series, at, value = self._columns()
        streams = tuple(stream_of(labels) for labels in self.labels)
        cuts = np.flatnonzero(np.diff(at)) + 1
        bounds = {int(at[start]): (start, end) for start, end in _spans(cuts, len(at))}
        turns: dict[int, list[Turn]] = {}
        for turn in self.turns:
            turns.setdefault(turn.at_ms, []).append(turn)
        first = self.since_ms // self.tick_ms + 1
        ticks = {n * self.tick_ms for n in range(first, self.until_ms // self.tick_ms + 1)}
        for at_ms in sorted({*bounds, *turns, *ticks}):
            start, end = bounds.get(at_ms, (0, 0))
            for begin in range(start, end, MOST_SAMPLES):
                part = slice(begin, min(begin + MOST_SAMPLES, end))
                metrics = _metrics(streams, series[part], at[part], value[part])
                yield "signals", "remote-write", at_ms, Decoded(metrics=metrics), b""
            if at_ms in turns:
                yield "alerts", "alertmanager-webhook", at_ms, None, webhook(turns[at_ms])
            if at_ms in ticks:
                yield "control", "tick", at_ms, None, b""

    def _columns(self) -> tuple[U32, I64, F64]:
        series = np.frombuffer(self.series, np.uint32)
        at, value = np.frombuffer(self.at_ms, np.int64), np.frombuffer(self.value, np.float64)
        order = np.lexsort((series, at))
        return series[order], at[order], value[order]


def stream_of(labels: Labels) -> Stream:
    """The stream that remote write makes of the same labels; what identifies a series must not differ by its way in."""
    return Stream(
        next((value for name, value in labels if name == "__name__"), ""),
        tuple((name, value) for name, value in labels if name != "__name__" and value),
    )


def is_accepted(labels: Labels) -> bool:
    """Whether the door for remote write would take this label set."""
    name = next((value for name, value in labels if name == "__name__"), "")
    return bool(name) and len(name) <= MOST_NAME and not labels_refused(labels)


def webhook(turns: list[Turn]) -> bytes:
    """Alertmanager's notification of these turns."""
    alerts = [
        {
            "status": "firing" if turn.firing else "resolved",
            "labels": turn.labels,
            "annotations": {},
            "startsAt": utc(turn.since_ms),
            "endsAt": utc(turn.until_ms or turn.at_ms) if turn.until_ms or not turn.firing else NOT_YET,
        }
        for turn in turns
    ]
    return msgspec.json.encode({"version": "4", "status": "firing", "alerts": alerts})


def _spans(cuts: Any, length: int) -> Iterator[tuple[int, int]]:
    if length:
        starts = [0, *cuts.tolist()]
        yield from zip(starts, [*starts[1:], length], strict=True)


def _metrics(streams: tuple[Stream, ...], series: U32, at_ms: I64, value: F64) -> RawMetrics:
    """Only the streams that speak now: the normaliser counts what it is given."""
    used, place = np.unique(series, return_inverse=True)
    return RawMetrics(
        streams=tuple(streams[number] for number in used.tolist()),
        stream=place.astype(np.uint32),
        start_ns=np.zeros(len(value), np.int64),
        at_ns=at_ms * MS,
        value=value,
    )

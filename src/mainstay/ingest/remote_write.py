"""Prometheus remote write 1.0: compiled where a body is as Prometheus writes it, message by message where it is not.

Source: prometheus.io/docs/specs/prw/remote_write_spec; `WriteRequest` has timeseries = 1 (labels = 1, samples = 2,
exemplars = 3, histograms = 4); a label has name = 1, value = 2; a sample value = 1 (double), timestamp = 2 (ms).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from mainstay.domain.errors import BadInput
from mainstay.domain.signals import Decoded, RawMetrics, Stream, StreamKeys
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import MOST_ITEMS, Gate, labels_refused
from mainstay.ingest.rejections import Rejected
from mainstay.ingest.wire import BYTES, FIXED64, VARINT, fields, signed, varint

LABELS, SAMPLES, HISTOGRAMS = 1, 2, 4
LABELS_TAG, SAMPLES_TAG, VALUE_TAG, TIMESTAMP_TAG = 0x0A, 0x12, 0x09, 0x10
MILLISECOND = 1_000_000
DOUBLE = struct.Struct("<d")


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """A `WriteRequest`, already decompressed. Metadata and exemplars are passed over.

    Raises:
        BadInput: it is not one; says at which byte.
    """
    readers = READY.readers()
    gate = Gate(received_ns)
    found = readers.remote_write(body, gate.latest_ns) if readers else None
    if readers is None or found is None:
        return decode_messages(body, received_ns)
    start, end, hashes, seals, stream, at_ns, bits = found
    if not len(stream):
        return gate.sign(Decoded())
    keys = StreamKeys(body, start, end, hashes, seals, readers.words)
    nothing = np.zeros(len(stream), np.int64)
    return gate.sign(
        Decoded(metrics=RawMetrics(LabelSets(keys), stream, nothing, at_ns, bits.view(np.float64), keys=keys))
    )


class LabelSets(Sequence[Stream]):
    """The streams of a request whose labels are known to be good; each is read when somebody asks for it."""

    __slots__ = ("_keys",)

    def __init__(self, keys: StreamKeys) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys.start)

    @overload
    def __getitem__(self, at: int) -> Stream: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Stream]: ...
    def __getitem__(self, at: int | slice) -> Stream | Sequence[Stream]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        keys = self._keys
        return _usual(keys.data[keys.start[at] : keys.end[at]])

    def __iter__(self) -> Iterator[Stream]:
        return (self[at] for at in range(len(self)))


def _usual(raw: bytes) -> Stream:
    """A stream from labels that were checked: names rise, each label is a name and a value."""
    name, labels, at = "", list[tuple[str, str]](), 0
    end = len(raw)
    while at < end:
        length, start = (raw[at + 1], at + 2) if raw[at + 1] < 0x80 else varint(raw, at + 1, end)
        at = start + length
        pair = LABEL_PAIRS.of(raw[start:at])
        if pair[0] == "__name__":
            name = pair[1]
        elif pair[1]:
            labels.append(pair)
    return Stream(name, tuple(labels))


def _pair(raw: bytes) -> tuple[str, str]:
    name, at = _text(raw, 0)
    return name, _text(raw, at)[0]


def _text(raw: bytes, at: int) -> tuple[str, int]:
    length, start = (raw[at + 1], at + 2) if raw[at + 1] < 0x80 else varint(raw, at + 1, len(raw))
    return raw[start : start + length].decode(), start + length


LABEL_PAIRS = Lately(_pair)
"""Most streams share most of their labels, and so their memory."""


@dataclass(slots=True)
class _Columns:
    streams: list[Stream] = field(default_factory=list)
    known: dict[bytes, Stream | str] = field(default_factory=dict)  # of this request: bounded by its body
    numbers: dict[int, int] = field(default_factory=dict)  # by id of the stream object, which `streams` keeps alive
    stream: list[int] = field(default_factory=list)
    at_ms: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def number(self, stream: Stream) -> int:
        number = self.numbers.setdefault(id(stream), len(self.streams))
        if number == len(self.streams):
            self.streams.append(stream)
        return number


def decode_messages(body: bytes, received_ns: int = 0) -> Decoded:
    """The same, field by field: what is bad is refused with its reason, the rest is kept."""
    gate, columns = Gate(received_ns), _Columns()
    for count, found in enumerate(fields(body, 0, len(body)), start=1):
        if count > MOST_ITEMS:
            raise Rejected(413, f"more than {MOST_ITEMS} series in one request: send smaller batches")
        if found.number == 1 and found.wire_type == BYTES:
            _series(body, found.start, found.end, columns, gate)
    return gate.sign(Decoded(metrics=_finished(columns)))


def _series(data: bytes, at: int, end: int, columns: _Columns, gate: Gate) -> None:
    raw, samples, histograms = _content(data, at, end)
    if histograms:
        gate.refuse("native histogram: set send_native_histograms: false", histograms)
    if not samples:
        return
    stream = columns.known.get(raw)
    if stream is None:
        stream = columns.known[raw] = _parsed(raw)
    if isinstance(stream, str):
        gate.refuse(stream, len(samples))
        return
    gate.admit(len(samples))
    number = columns.number(stream)
    for value, at_ms in samples:
        if gate.is_time(at_ms * MILLISECOND):
            columns.stream.append(number)
            columns.at_ms.append(at_ms)
            columns.value.append(value)


def _content(data: bytes, at: int, end: int) -> tuple[bytes, list[tuple[float, int]], int]:
    """A series' label bytes, its samples, and how many native histograms it has."""
    labels_end = _skip(data, at, end, LABELS_TAG)
    raw, rest = data[at:labels_end], end - labels_end
    if 2 <= rest <= 0x81 and data[labels_end] == SAMPLES_TAG and data[labels_end + 1] == rest - 2:
        return raw, [_sample(data, labels_end + 2, end)], 0  # one sample and nothing else: nearly always
    samples, histograms = [], 0
    for found in fields(data, labels_end, end):
        if found.number == SAMPLES and found.wire_type == BYTES:
            samples.append(_sample(data, found.start, found.end))
            if len(samples) > MOST_ITEMS:
                raise Rejected(413, f"more than {MOST_ITEMS} samples of one series: send smaller batches")
        elif found.number == HISTOGRAMS:
            histograms += 1
        elif found.number == LABELS and found.wire_type == BYTES:  # allowed by protobuf, written by nobody
            raw += data[found.begin : found.end]
    return raw, samples, histograms


def _skip(data: bytes, at: int, end: int, tag: int) -> int:
    """Behind the fields of this tag that stand here one after the other."""
    while at + 1 < end and data[at] == tag:
        length = data[at + 1]
        start = at + 2
        if length > 0x7F:
            length, start = varint(data, at + 1, end)
        at = start + length
    if at > end:
        raise BadInput(f"malformed protobuf: labels beyond the end of their series at byte {end}")
    return at


def _sample(data: bytes, at: int, end: int) -> tuple[float, int]:
    """Value and time in milliseconds; a zero is not written, and so is read where nothing stands."""
    if end - at == 16 and data[at] == VALUE_TAG and data[at + 9] == TIMESTAMP_TAG and data[end - 1] < 0x80:
        at_ms, stop = varint(data, at + 10, end)  # six bytes: a time from 2004 to 2109
        if stop == end:
            return DOUBLE.unpack_from(data, at + 1)[0], at_ms
    value, at_ms = 0.0, 0
    for found in fields(data, at, end):
        if found.number == 1 and found.wire_type == FIXED64:
            value = DOUBLE.unpack_from(data, found.start)[0]
        elif found.number == 2 and found.wire_type == VARINT:
            at_ms = varint(data, found.start, end)[0]
    return value, signed(at_ms)


def _parsed(raw: bytes) -> Stream | str:
    labels: dict[str, str] = {}
    for found in fields(raw, 0, len(raw)):
        pair = {1: b"", 2: b""}
        for part in fields(raw, found.start, found.end):
            if part.wire_type == BYTES:
                pair[part.number] = raw[part.start : part.end]
        try:
            name, value = pair[1].decode(), pair[2].decode()
        except UnicodeDecodeError:
            return "label that is not UTF-8"
        if name in labels:
            return "label name given twice"
        labels[name] = value
    name = labels.pop("__name__", "")
    if not name:
        return "empty metric name"
    kept = tuple(sorted((label, value) for label, value in labels.items() if value or not label))
    return labels_refused((("__name__", name), *kept)) or Stream(name, kept)


def _finished(columns: _Columns) -> RawMetrics | None:
    if not columns.stream:
        return None
    at_ns = np.array(columns.at_ms, np.int64) * MILLISECOND
    return RawMetrics(
        streams=tuple(columns.streams),
        stream=np.array(columns.stream, np.uint32),
        start_ns=np.zeros(len(at_ns), np.int64),
        at_ns=at_ns,
        value=np.array(columns.value, np.float64),
    )

"""A body of which some samples are not let in: as a record it says which, so that a replay leaves out the same.

The samples are named by their places, which every reader of a body gives alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, overload

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.errors import BadInput
from mainstay.domain.signals import U32, Decoded, RawMetrics

SOURCE = "withheld"
Flags = npt.NDArray[np.bool_]
Reads = Callable[[str, bytes, int], Decoded]
T = TypeVar("T")


class Withheld(msgspec.Struct, frozen=True, array_like=True):
    """A record: the body as it came, and one bit for each sample, then for each histogram point, that is left out."""

    source: str
    received_ns: int
    count: int
    bits: bytes
    body: bytes


def without(decoded: Decoded, streams: Flags, reason: str) -> tuple[Decoded, Flags]:
    """What is left when these streams are refused, and which samples and histogram points went with them."""
    raw = decoded.metrics
    if raw is None:
        raise BadInput("a request without metrics has no streams")
    points = np.array([point.stream for point in raw.histograms], np.int64)
    left_out = np.concatenate([streams[raw.stream], streams[points]])
    return _less(decoded, left_out, reason), left_out


def packed(source: str, body: bytes, received_ns: int, left_out: Flags) -> bytes:
    """The record to keep."""
    bits = np.packbits(left_out).tobytes()
    return msgspec.msgpack.encode(Withheld(source, received_ns, len(left_out), bits, body))


def decode(body: bytes, reads: Reads) -> Decoded:
    """What a record holds without what was left out.

    Raises:
        BadInput: it is no such record, or its body has another number of samples.
    """
    try:
        record = msgspec.msgpack.decode(body, type=Withheld)
    except msgspec.MsgspecError as error:
        raise BadInput(f"not a record of withheld samples: {error}") from None
    whole = reads(record.source, record.body, record.received_ns)
    left_out = np.unpackbits(np.frombuffer(record.bits, np.uint8), count=record.count).astype(np.bool_)
    found = len(whole.metrics.value) + len(whole.metrics.histograms) if whole.metrics else 0
    if found != len(left_out):
        raise BadInput(f"a record of {len(left_out)} samples whose body has {found}")
    return _less(whole, left_out, "")


def _less(decoded: Decoded, left_out: Flags, reason: str) -> Decoded:
    raw = decoded.metrics
    count = int(np.count_nonzero(left_out))
    reasons = "; ".join(filter(None, (f"{count}: {reason}" if reason else "", decoded.refused_reason)))
    return replace(
        decoded,
        metrics=_kept(raw, ~left_out) if raw is not None and count < len(left_out) else None,
        refused=decoded.refused + count,
        refused_reason=reasons,
        is_clock_bound=False,
    )


def _kept(raw: RawMetrics, keep: Flags) -> RawMetrics:
    samples, whole = keep[: len(raw.value)], np.flatnonzero(keep[len(raw.value) :])
    points = [raw.histograms[at] for at in whole.tolist()]
    used, number = np.unique(
        np.concatenate([raw.stream[samples], np.array([point.stream for point in points], np.uint32)]),
        return_inverse=True,
    )
    numbers: U32 = number.astype(np.uint32)
    stream, of_points = numbers[: np.count_nonzero(samples)], numbers[np.count_nonzero(samples) :]
    keys = raw.keys
    if keys is not None:
        keyed = used[used < len(keys.start)]
        columns = {name: getattr(keys, name)[keyed] for name in ("start", "end", "hash", "seal")}
        keys = replace(keys, **columns)
    return RawMetrics(
        streams=Chosen(raw.streams, used),
        stream=stream,
        start_ns=raw.start_ns[samples],
        at_ns=raw.at_ns[samples],
        value=raw.value[samples],
        histograms=tuple(replace(one, stream=at) for one, at in zip(points, of_points.tolist(), strict=True)),
        keys=keys,
    )


class Chosen(Sequence[T]):
    """Some of many, in the order of `places`; each is read when somebody asks for it."""

    __slots__ = ("_all", "_places")

    def __init__(self, all_: Sequence[T], places: npt.NDArray[np.integer]) -> None:
        self._all, self._places = all_, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return [self._all[place] for place in self._places[at].tolist()]
        return self._all[int(self._places[at])]

"""Increases of counters: resets, both temporalities, late and repeated samples, ends of series.

The rule, sample by sample in the order of arrival, per stream:

* NaN (a stale marker, too) ends the series: no value, and the next sample has nothing before it.
* A time already seen is a repetition and dropped. A time before the newest is late: a gauge's value is kept, a
  cumulative counter's has no meaning any more (the increase over it is in the next sample), a delta with its own start
  is kept.
* A cumulative counter that falls, or whose start moved, began anew: what it shows came since the sample before.
* The first sample with a known start counts since that start (at least a second); without one it only begins.

Most requests hold nothing of this kind: then it is three numpy expressions; else only the streams concerned are walked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64, I64, U32
from mainstay.normalize.metrics.streams import DELTA, GAUGE, NEVER, Streams

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Arrived:
    """Samples as they came: place in the request, number of the stream, time, start, value."""

    order: I64
    number: I64
    at_ns: I64
    start_ns: I64
    value: F64

    def take(self, which: npt.NDArray[np.intp] | Mask) -> Arrived:
        return Arrived(
            self.order[which], self.number[which], self.at_ns[which], self.start_ns[which], self.value[which]
        )


@dataclass(slots=True)
class Steps:
    """What is left of them: `increase` (NaN: none) over `seconds` for counters, `value` for gauges."""

    order: I64
    number: I64
    at_ns: I64
    value: F64
    increase: F64
    seconds: F64
    late: int = 0
    repeated: int = 0
    resets: int = 0

    def pick(self, which: Mask, slots: U32, values: F64) -> tuple[I64, U32, I64, F64]:
        """(order, slot, at, value) of some of them."""
        return self.order[which], slots[self.number[which]], self.at_ns[which], values[which]


def step(streams: Streams, arrived: Arrived) -> Steps:
    """Compare each sample with the one before it in its stream, and remember the newest."""
    by_stream = arrived.take(np.argsort(arrived.number, kind="stable"))
    number, at, value = by_stream.number, by_stream.at_ns, by_stream.value
    is_first = np.empty(len(number), bool)
    is_first[0] = True
    np.not_equal(number[1:], number[:-1], out=is_first[1:])
    before_at = np.where(is_first, streams.last_at[number], np.roll(at, 1))
    is_odd = np.isnan(value) | (at <= before_at)
    if not is_odd.any():
        return _in_order(_straight(streams, by_stream, is_first, before_at))
    odd_streams = np.zeros(int(number.max()) + 1, bool)
    odd_streams[number[is_odd]] = True
    is_odd = odd_streams[number]
    walked = _walk(streams, by_stream.take(is_odd))
    if is_odd.all():
        return _in_order(walked)
    plain = ~is_odd
    straight = _straight(streams, by_stream.take(plain), is_first[plain], before_at[plain])
    return _joined(straight, walked)


def _straight(streams: Streams, rows: Arrived, is_first: Mask, before_at: I64) -> Steps:
    """All times rise, no value is missing: columns only."""
    number, at, value, start = rows.number, rows.at_ns, rows.value, rows.start_ns
    before = np.where(is_first, streams.last_value[number], np.roll(value, 1))
    before_start = np.where(is_first, streams.start[number], np.roll(start, 1))
    is_new = before_at == NEVER
    is_reset = ~is_new & ((value < before) | ((start > before_start) & (before_start > 0)))
    increase = np.where(is_reset, value, value - before)
    seconds = np.where(is_new, 0, at - before_at) / 1e9
    since_start = np.where(start > 0, at - start, 0) / 1e9
    increase = np.where(is_new, np.where(since_start > 0, value, np.nan), increase)
    seconds = np.where(is_new, np.maximum(since_start, 1.0), seconds)
    mode = streams.mode[number]
    is_delta = mode == DELTA
    if is_delta.any():
        span = np.where(since_start > 0, since_start, np.where(is_new, 0.0, seconds))
        increase = np.where(is_delta, np.where(span > 0, value, np.nan), increase)
        seconds = np.where(is_delta, np.where(span > 0, span, 1.0), seconds)
    is_last = np.append(is_first[1:], True)
    streams.last_at[number[is_last]], streams.last_value[number[is_last]] = at[is_last], value[is_last]
    streams.start[number[is_last]] = start[is_last]
    resets = int(np.count_nonzero(is_reset & (mode != GAUGE) & ~is_delta))
    return Steps(rows.order, number, at, value, increase, seconds, resets=resets)


def _walk(streams: Streams, rows: Arrived) -> Steps:
    """The same rule, one sample at a time, for streams in disorder."""
    kept: list[tuple[int, float, float]] = []
    late = repeated = resets = 0
    columns = (rows.number.tolist(), rows.at_ns.tolist(), rows.start_ns.tolist(), rows.value.tolist())
    for i, (number, at, start, value) in enumerate(zip(*columns, strict=True)):
        before_at = int(streams.last_at[number])
        mode = int(streams.mode[number])
        if value != value:  # noqa: PLR0124 - NaN ends the series; a late one does not
            if at > before_at:
                streams.last_at[number] = NEVER
            continue
        if at == before_at:
            repeated += 1
            continue
        has_span = start > 0 and at > start
        if at < before_at:
            late += 1
            if mode == GAUGE or (mode == DELTA and has_span):
                kept.append((i, value, (at - start) / 1e9 if has_span else 1.0))
            continue
        before, before_start = float(streams.last_value[number]), int(streams.start[number])
        streams.last_at[number], streams.last_value[number], streams.start[number] = at, value, start
        if mode == DELTA or before_at == NEVER:
            since = start if has_span else before_at
            span = (at - since) / 1e9 if since != NEVER else 0.0
            span = max(span, 1.0) if span > 0 and mode != DELTA else span
            kept.append((i, value if span > 0 else np.nan, span or 1.0))
            continue
        is_reset = value < before or start > before_start > 0
        resets += int(is_reset and mode != GAUGE)
        kept.append((i, value if is_reset else value - before, (at - before_at) / 1e9))
    which = np.array([row[0] for row in kept], np.intp)
    increase, seconds = np.array([row[1] for row in kept]), np.array([row[2] for row in kept])
    rest = rows.take(which)
    return Steps(rest.order, rest.number, rest.at_ns, rest.value, increase, seconds, late, repeated, resets)


def _joined(a: Steps, b: Steps) -> Steps:
    """Both, in the order of arrival (groups are completed in it)."""
    joined = replace(a, late=a.late + b.late, repeated=a.repeated + b.repeated, resets=a.resets + b.resets)
    for name in _COLUMNS:
        setattr(joined, name, np.concatenate([getattr(a, name), getattr(b, name)]))
    return _in_order(joined)


def _in_order(steps: Steps) -> Steps:
    order = np.argsort(steps.order, kind="stable")
    for name in _COLUMNS:
        setattr(steps, name, getattr(steps, name)[order])
    return steps


_COLUMNS = ("order", "number", "at_ns", "value", "increase", "seconds")

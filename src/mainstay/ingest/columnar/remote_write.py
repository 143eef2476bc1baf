"""Remote write, compiled: a `WriteRequest` as Prometheus writes it, to columns in one pass over its bytes.

Usual is: label names rise (the specification demands it), each label has name and value, samples stand behind the
labels, every time is possible. Anything else is odd.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from mainstay.ingest.columnar.wire import BYTES, MOST_PROBES, field, fixed64, is_ascii, is_text, same, sealed, varint
from mainstay.lending import lent

MOST_LABELS, MOST_NAME, MOST_VALUE = 256, 1024, 65_536  # as `limits.py`; there in characters, here in bytes
LABELS_TAG, SAMPLES_TAG, EXEMPLARS_TAG = 0x0A, 0x12, 0x1A
NAME_TAG, LABEL_VALUE_TAG, VALUE_TAG, TIME_TAG = 0x0A, 0x12, 0x09, 0x10
LEAST_SAMPLE = 8  # bytes: tag and length, tag and six bytes of time; less is no time that is possible
METRIC_NAME = np.frombuffer(b"__name__", np.uint8)
MILLISECOND = 1_000_000


@nb.njit(cache=True, nogil=True)
def read(data: Any, key: Any, earliest_ms: Any, latest_ms: Any, most: Any) -> Any:
    """(is it understood, label start, label end, label hash, label seal, stream of each sample, at_ns, value as bits).

    `data` is u8[n], the body; more than `most` samples or series are odd (an empty series takes two bytes to send).
    """
    data = lent(data)
    end = len(data)
    series = _count(data, end, most)
    is_good = series <= most
    series = series if is_good else 0
    room = min(end // LEAST_SAMPLE + 1, most) if is_good else 0
    start, stop = np.empty(series, np.int64), np.empty(series, np.int64)
    hashes, seals = np.empty(series, np.uint64), np.empty(series, np.uint64)
    stream, at_ns, bits = np.empty(room, np.uint32), np.empty(room, np.int64), np.empty(room, np.uint64)
    places = 16
    while places < 2 * series:
        places *= 2
    table = np.full(places, -1, np.int32)
    streams: Any = 0
    samples: Any = 0
    at: Any = 0
    while is_good and at < end:
        number, kind, at, behind = field(data, at, end)
        if behind < 0 or (number == 1 and kind != BYTES):
            is_good = False
            break
        if number == 1:
            labels_end = _labels(data, at, behind)
            before = samples
            samples = _samples(data, labels_end, behind, samples, room, at_ns, bits)
            if labels_end < 0 or samples < 0 or (samples > before and not _is_usual(data, at, labels_end)):
                is_good = False
                break
            if samples > before:
                hashes[streams], seals[streams] = sealed(data, at, labels_end, key)
                start[streams], stop[streams] = at, labels_end
                found = _numbered(data, start, stop, hashes, table, streams)
                is_good = found >= 0
                streams += np.int64(found == streams)
                for one in range(before, samples):
                    stream[one] = found
                    moment = at_ns[one]
                    if moment < earliest_ms or moment > latest_ms:
                        is_good = False
                    at_ns[one] = moment * MILLISECOND
        at = behind
    if not is_good:
        streams = samples = 0
    return (
        is_good, start[:streams].copy(), stop[:streams].copy(), hashes[:streams].copy(), seals[:streams].copy(),
        stream[:samples].copy(), at_ns[:samples].copy(), bits[:samples].copy(),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def words(data: Any, start: Any, end: Any) -> Any:
    """(first, place), as `domain.signals.Words` has them, of label sets that `read` found to be usual."""
    data, start, end = lent(data), lent(start), lent(end)
    first = np.zeros(len(start) + 1, np.int64)
    for one in range(len(start)):
        first[one + 1] = first[one] + _labels_in(data, start[one], end[one])
    place = np.empty((first[len(start)], 4), np.int64)
    for one in range(len(start)):
        at = start[one]
        for label in range(first[one], first[one + 1]):
            _, at = varint(data, at + 1, end[one])
            place[label, 0], place[label, 1], at = _text(data, at, end[one], NAME_TAG, MOST_NAME, True)
            place[label, 2], place[label, 3], at = _text(data, at, end[one], LABEL_VALUE_TAG, MOST_VALUE, True)
    return first, place


@nb.njit(cache=True, nogil=True)
def _labels_in(data: Any, at: Any, end: Any) -> Any:
    """How many labels there are."""
    count = 0
    while at < end:
        length, at = varint(data, at + 1, end)
        at += np.int64(length)
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _count(data: Any, end: Any, most: Any) -> Any:
    """How many series there are, up to one too many; fewer when the body is cut off (the caller finds out where)."""
    series: Any = 0
    at: Any = 0
    while at < end and series <= most:
        number, _, _, at = field(data, at, end)
        if at < 0:
            return series
        series += np.int64(number == 1)
    return series


@nb.njit(cache=True, nogil=True)
def _labels(data: Any, at: Any, end: Any) -> Any:
    """Behind the labels of a series; -1 when they are cut off."""
    while at < end and data[at] == LABELS_TAG:
        length, start = varint(data, at + 1, end)
        if start < 0 or length > np.uint64(end - start):
            return -1
        at = start + np.int64(length)
    return at


@nb.njit(cache=True, nogil=True)
def _is_usual(data: Any, at: Any, end: Any) -> Any:
    """Whether labels rise by name, have a metric name, are UTF-8, and stay within limits."""
    count = 0
    named, plain = False, is_ascii(data, at, end)
    last_start = last_end = 0
    while at < end:
        length, at = varint(data, at + 1, end)
        behind = at + np.int64(length)
        name_start, name_end, at = _text(data, at, behind, NAME_TAG, MOST_NAME, plain)
        if at < 0:
            return False
        value_start, value_end, at = _text(data, at, behind, LABEL_VALUE_TAG, MOST_VALUE, plain)
        if at != behind or name_end == name_start:
            return False
        if count and not _rises(data, last_start, last_end, name_start, name_end):
            return False
        if name_end - name_start == len(METRIC_NAME) and same(METRIC_NAME, 0, len(METRIC_NAME), data, name_start):
            named = value_end > value_start and value_end - value_start <= MOST_VALUE
        last_start, last_end = name_start, name_end
        count += 1
    return named and count <= MOST_LABELS


@nb.njit(cache=True, nogil=True)
def _text(data: Any, at: Any, end: Any, tag: Any, most: Any, plain: Any) -> Any:
    """(start, end, behind) of the text in the field of this tag at `at`; behind is -1 when there is no such text."""
    if at >= end or data[at] != tag:
        return 0, 0, -1
    length, start = varint(data, at + 1, end)
    if start < 0 or length > np.uint64(end - start) or length > np.uint64(most):
        return 0, 0, -1
    behind = start + np.int64(length)
    if not (plain or is_text(data, start, behind)):
        return 0, 0, -1
    return start, behind, behind


@nb.njit(cache=True, nogil=True)
def _rises(data: Any, a: Any, a_end: Any, b: Any, b_end: Any) -> Any:
    """Whether the name at b comes behind the one at a, byte by byte."""
    while a < a_end and b < b_end:
        if data[a] != data[b]:
            return data[a] < data[b]
        a += 1
        b += 1
    return a == a_end and b < b_end


@nb.njit(cache=True, nogil=True)
def _samples(data: Any, at: Any, end: Any, count: Any, room: Any, at_ms: Any, bits: Any) -> Any:
    """Write the samples of one series behind the `count` that are there; how many there are now, -1 when odd."""
    while 0 <= at < end:
        tag = data[at]
        if tag != SAMPLES_TAG and tag != EXEMPLARS_TAG:  # noqa: PLR1714 (numba compares numbers, not tuples)
            return -1
        length, at = varint(data, at + 1, end)
        if at < 0 or length > np.uint64(end - at):
            return -1
        behind = at + np.int64(length)
        if tag == SAMPLES_TAG:
            if count >= room:
                return -1
            value = np.uint64(0)  # a zero is not written
            if behind - at >= 9 and data[at] == VALUE_TAG:
                value = fixed64(data, at + 1)
                at += 9
            if at >= behind or data[at] != TIME_TAG:
                return -1
            moment, at = varint(data, at + 1, behind)
            if at != behind:
                return -1
            at_ms[count] = np.int64(moment)
            bits[count] = value
            count += 1
        at = behind
    return count if at >= 0 else -1


@nb.njit(cache=True, nogil=True)
def _numbered(data: Any, start: Any, stop: Any, hashes: Any, table: Any, new: Any) -> Any:
    """The number of the label set that was written as the `new`-th: an earlier one's when the bytes are the same.

    -1 when hashes crowd one place of the table.
    """
    mask = len(table) - 1
    place = np.int64(hashes[new] & np.uint64(mask))
    steps: Any = 0
    while table[place] >= 0:
        known = table[place]
        if (
            hashes[known] == hashes[new]
            and stop[known] - start[known] == stop[new] - start[new]
            and same(data, start[known], stop[known], data, start[new])
        ):
            return known
        place = (place + 1) & mask
        steps += 1
        if steps > MOST_PROBES:
            return -1
    table[place] = new
    return new

"""Spans and log lines of one recording as a diagnoser looks at them: times and habits, in windows.

This is what a running platform keeps per window while spans stream by; a recording is read at once, in columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64, I64

WINDOW_MS = 20_000
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans in columns, each once; `parent` is a row, −1 for none. Operations are numbers of `operations`."""

    entities: Sequence[str]
    operations: Sequence[str]
    ids: Mapping[str, int]
    entity: I64
    operation: I64
    parent: I64
    trace: I64
    start_ns: I64
    ms: F64


@dataclass(frozen=True, slots=True)
class Lines:
    """Log lines in columns: the entity, what was said (`entity` and `said` are numbers), and the row of its span."""

    says: Sequence[str]
    said: I64
    is_error: Bools
    span: I64


Key = tuple[str, str, str]
"""Kind of habit, what, and toward whom."""


@dataclass(slots=True)
class Sketch:
    """Per-window statistics of one recording.

    Attributes:
        paces: (entity, toward, operation) → window → count, mean and variance of log(1 + ms).
        calls, traces: (entity, operation) → calls by window, and traces in all.
        habits: (entity, operation) → habit → calls with it, by window.
    """

    paces: dict[tuple[str, str, str], dict[int, tuple[int, float, float]]] = field(default_factory=dict)
    calls: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    traces: dict[tuple[str, str], int] = field(default_factory=dict)
    habits: dict[tuple[str, str], dict[Key, dict[int, int]]] = field(default_factory=dict)


def sketch(spans: Spans, lines: Lines | None) -> Sketch:
    """Windows are those of the trace: a call belongs to when its request came in."""
    out = Sketch()
    if not len(spans.ms):
        return out
    window = _windows(spans)
    _paces(spans, window, out)
    work = spans.entity * len(spans.operations) + spans.operation
    for (number, at), count in _counted(work, window):
        out.calls.setdefault(_work(spans, number), {})[at] = count
    pairs = np.unique(np.stack([work, spans.trace], 1), axis=0)[:, 0]
    for number, count in zip(*(column.tolist() for column in np.unique(pairs, return_counts=True)), strict=True):
        out.traces[_work(spans, number)] = count
    _habits(spans, lines, work, window, out)
    return out


def _windows(spans: Spans) -> I64:
    begun = np.full(int(spans.trace.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(begun, spans.trace, spans.start_ns)
    return np.asarray(begun[spans.trace] // (WINDOW_MS * 1_000_000))


def _work(spans: Spans, number: int) -> tuple[str, str]:
    entity, operation = divmod(number, len(spans.operations))
    return spans.entities[entity], spans.operations[operation]


def _counted(number: I64, window: I64) -> Any:
    pairs, counts = np.unique(np.stack([number, window], 1), axis=0, return_counts=True)
    return zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True)


def _paces(spans: Spans, window: I64, out: Sketch) -> None:
    """A span whose only child ran elsewhere is a client's: it lost time on the way. Others have time of their own."""
    child = np.flatnonzero(spans.parent >= 0)
    parent = spans.parent[child]
    spent = np.bincount(parent, spans.ms[child], minlength=len(spans.ms))
    own = np.log1p(np.maximum(spans.ms - spent, 0.0))
    is_far = spans.entity[child] != spans.entity[parent]
    is_client = (np.bincount(parent, minlength=len(own)) == 1) & (np.bincount(parent[is_far], minlength=len(own)) == 1)
    alone = np.flatnonzero(~is_client)
    size = len(spans.operations)
    for number, at, stats in _moments(spans.entity[alone] * size + spans.operation[alone], window[alone], own[alone]):
        entity, operation = _work(spans, number)
        out.paces.setdefault((entity, "", operation), {})[at] = stats
    far, near = child[is_far & is_client[parent]], parent[is_far & is_client[parent]]
    size = len(spans.entities)
    for number, at, stats in _moments(spans.entity[near] * size + spans.entity[far], window[far], own[near]):
        caller, callee = divmod(number, size)
        out.paces.setdefault((spans.entities[caller], spans.entities[callee], ""), {})[at] = stats


def _moments(number: I64, window: I64, value: F64) -> Any:
    """(number, window, (count, mean, variance)) of values."""
    if not len(number):
        return
    pairs, place = np.unique(np.stack([number, window], 1), axis=0, return_inverse=True)
    place = place.ravel()
    count = np.bincount(place)
    mean = np.bincount(place, value) / count
    variance = np.maximum(np.bincount(place, value * value) / count - mean**2, 0.0)
    for (one, at), *stats in zip(pairs.tolist(), count.tolist(), mean.tolist(), variance.tolist(), strict=True):
        yield one, at, (stats[0], round(stats[1], 6), round(stats[2], 6))


def _habits(spans: Spans, lines: Lines | None, work: I64, window: I64, out: Sketch) -> None:
    child = np.flatnonzero(spans.parent >= 0)
    size = len(spans.entities)
    calls = [
        ("call", spans.operations[n // size], spans.entities[n % size]) for n in range(size * len(spans.operations))
    ]
    _presence(spans.parent[child], spans.operation[child] * size + spans.entity[child], calls, spans, work, window, out)
    row, callee = _last(spans, child)
    _presence(row, callee, [("last", "", name) for name in spans.entities], spans, work, window, out)
    if lines is not None and len(lines.said):
        known = lines.span >= 0
        said = [("error" if n % 2 else "line", lines.says[n // 2], "") for n in range(2 * len(lines.says))]
        number = lines.said[known] * 2 + lines.is_error[known]
        _presence(lines.span[known], number, said, spans, work, window, out)


def _last(spans: Spans, child: I64) -> tuple[I64, I64]:
    """Of each span that calls, whom it called last: itself or through a client span."""
    order = child[np.lexsort((spans.start_ns[child], spans.parent[child]))]
    ends = np.flatnonzero(np.append(spans.parent[order][1:] != spans.parent[order][:-1], True)) if len(order) else order
    last = order[ends]
    alone = np.bincount(spans.parent[child], minlength=len(spans.ms)) == 1
    through = np.full(len(spans.ms), -1)
    through[spans.parent[child]] = child
    step = np.where(alone[last] & (spans.entity[last] == spans.entity[spans.parent[last]]), through[last], last)
    is_far = spans.entity[step] != spans.entity[spans.parent[last]]
    return spans.parent[last][is_far], spans.entity[step][is_far]


def _presence(
    row: I64, habit: I64, names: Sequence[Key], spans: Spans, work: I64, window: I64, out: Sketch
) -> None:  # fmt: skip
    """Of how many calls of an operation each habit is true: once per call, however often it does it."""
    if not len(row):
        return
    once = np.unique(np.stack([row, habit], 1), axis=0)
    rows = once[:, 0]
    triples, counts = np.unique(np.stack([work[rows], once[:, 1], window[rows]], 1), axis=0, return_counts=True)
    for (number, which, at), count in zip(triples.tolist(), counts.tolist(), strict=True):
        out.habits.setdefault(_work(spans, number), {}).setdefault(names[which], {})[at] = count

"""Features: what a model's inputs look like a minute at a time, by one piece of code for the stream and for a data set.

A view takes `Normal` batches, as the detectors do. Online it is handed the pipeline's, offline those that a data set
gives back (`Material.normals`); there is no second implementation that could differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mainstay.domain.models import ModelKind
from mainstay.domain.outlook import LEADING
from mainstay.domain.signals import F64, I64, Normal, Series
from mainstay.domain.training import FeatureView
from mainstay.mlops.training.material import subject_of

MINUTE_NS = 60_000_000_000
LATE_NS = 120_000_000_000
"""A minute is complete when something two minutes younger came; what comes for it after that is not counted."""

VIEWS: dict[ModelKind, FeatureView] = {
    "metrics": FeatureView(name="metrics", version=1, columns=("mean", "least", "most", "samples")),
    "entities": FeatureView(name="entities", version=1, columns=("mean", "least", "most", "samples")),
    "edges": FeatureView(name="edges", version=1, columns=("calls", "error_share", "p50_ms", "p90_ms")),
    "logs": FeatureView(name="logs", version=1, columns=("lines", "grave_share", "templates")),
    "correlator": FeatureView(name="correlator", version=1, columns=("inputs",)),
    "diagnoser": FeatureView(name="diagnoser", version=1, columns=("inputs",)),
    "planner": FeatureView(name="planner", version=1, columns=("inputs",)),
    "predictor": LEADING,
}
"""The judges see their frozen inputs whole: the ledger holds them, so online and offline are one document. What the
predictor looked at is kept row by row."""
GRAVE = 13  # OpenTelemetry's WARN

Seen = tuple[I64, I64, F64]


@dataclass(frozen=True, slots=True)
class Features:
    """One row per subject and minute.

    Args:
        subject: n names: `metric:<series id>`, `edge:<caller>><callee>`, an entity that logs.
        at_ns: i64[n], beginning of the minute. rows: f64[n, columns].
    """

    view: FeatureView
    subject: tuple[str, ...]
    at_ns: I64
    rows: F64

    def __len__(self) -> int:
        return len(self.subject)


class Minutes:
    """Computes a view. Feed it `Normal`s in their order; each call gives the minutes that became complete.

    The rows of a minute depend on what lies in it, not on its order nor on how it was cut. State is what came in the
    last three minutes.
    """

    def __init__(self, kind: ModelKind) -> None:
        self.view = VIEWS[kind]
        self._kind = kind
        self._names: list[str] = []
        self._places: dict[str, int] = {}
        self._slots = np.zeros(0, np.int64)
        self._open: list[Seen] = []
        self._newest = self._closed = 0

    def take(self, normal: Normal) -> Features:
        """Take a batch in."""
        self._know(normal.new_series)
        for seen in self._seen(normal):
            if len(seen[0]):
                self._newest = max(self._newest, int(seen[1].max()))
                self._open.append(seen)
        return self._close((self._newest - LATE_NS) // MINUTE_NS)

    def rest(self) -> Features:
        """The minutes that are still open, complete or not: the end of a data set."""
        return self._close(self._newest // MINUTE_NS + 1)

    def _close(self, before: int) -> Features:
        if before <= self._closed or not self._open:
            return Features(self.view, (), np.empty(0, np.int64), np.empty((0, len(self.view.columns))))
        place, at_ns, numbers = (np.concatenate(parts) for parts in zip(*self._open, strict=True))
        minute = at_ns // MINUTE_NS
        is_due, is_open = (minute >= self._closed) & (minute < before), minute >= before
        self._open = [(place[is_open], at_ns[is_open], numbers[is_open])] if is_open.any() else []
        self._closed = before
        return self._rows(place[is_due], minute[is_due], numbers[is_due])

    def _rows(self, place: I64, minute: I64, numbers: F64) -> Features:
        order = np.lexsort((*numbers.T[::-1], place, minute))  # sums of floats depend on their order: give them one
        place, minute, numbers = place[order], minute[order], numbers[order]
        starts = np.flatnonzero(np.diff(minute, prepend=-1) | np.diff(place, prepend=-1))
        rows = _SUMMED[self._kind](numbers, starts) if len(starts) else np.empty((0, len(self.view.columns)))
        names = [self._names[one] for one in place[starts].tolist()]
        by_name = np.lexsort((np.array(names, dtype=str), minute[starts]))  # places differ from stream to stream
        kept = tuple(names[one] for one in by_name.tolist())
        return Features(self.view, kept, minute[starts][by_name] * MINUTE_NS, rows[by_name])

    def _seen(self, normal: Normal) -> Iterator[Seen]:
        """(place of the subject, time, numbers) of everything in a batch."""
        if self._kind in ("metrics", "entities") and normal.metrics is not None:
            batch = normal.metrics
            yield self._slots[batch.series], batch.at_ns, batch.value[:, None]
        if self._kind == "edges":
            for edge in normal.edges:
                place = self._place(f"edge:{edge.caller}>{edge.callee}")
                ms = edge.latency_ms if len(edge.latency_ms) else np.full(1, np.nan)
                first = np.arange(len(ms)) == 0  # calls and errors are of the window, and counted once
                numbers = np.column_stack([np.where(first, edge.count, 0.0), np.where(first, edge.errors, 0.0), ms])
                yield np.full(len(ms), place), np.full(len(ms), edge.until_ns - 1), numbers
        if self._kind == "logs" and normal.logs is not None:
            logs = normal.logs
            places = np.array([self._place(entity) for entity in logs.entity], np.int64)
            yield places, logs.at_ns, np.column_stack([logs.template, logs.severity]).astype(np.float64)

    def _know(self, series: Sequence[Series]) -> None:
        for one in series:
            if one.slot >= len(self._slots):
                more = max(len(self._slots), one.slot + 1 - len(self._slots))
                self._slots = np.concatenate([self._slots, np.zeros(more, np.int64)])
            self._slots[one.slot] = self._place(subject_of(one))

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self._names)
            self._names.append(name)
        return self._places[name]


def features_of(kind: ModelKind, normals: Iterable[Normal]) -> Features:
    """All features of a data set: what the stream would have given, minute by minute."""
    minutes = Minutes(kind)
    parts = [minutes.take(normal) for normal in normals]
    parts.append(minutes.rest())
    return Features(
        minutes.view,
        tuple(name for part in parts for name in part.subject),
        np.concatenate([part.at_ns for part in parts]),
        np.concatenate([part.rows for part in parts]),
    )


def _of_metrics(numbers: F64, starts: I64) -> F64:
    value = numbers[:, 0]
    samples = np.diff(starts, append=len(value))
    mean = np.add.reduceat(value, starts) / samples
    return np.column_stack([mean, np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts), samples])


def _of_edges(numbers: F64, starts: I64) -> F64:
    calls, errors = np.add.reduceat(numbers[:, 0], starts), np.add.reduceat(numbers[:, 1], starts)
    share = np.divide(errors, calls, out=np.zeros(len(calls)), where=calls > 0)
    parts = [part[np.isfinite(part)] for part in np.split(numbers[:, 2], starts[1:])]
    ends = [np.quantile(part, (0.5, 0.9)) if len(part) else (np.nan, np.nan) for part in parts]
    return np.column_stack([calls, share, np.array(ends)])


def _of_logs(numbers: F64, starts: I64) -> F64:
    lines = np.diff(starts, append=len(numbers))
    grave = np.add.reduceat((numbers[:, 1] >= GRAVE).astype(np.float64), starts) / lines
    different = [len(set(part.tolist())) for part in np.split(numbers[:, 0], starts[1:])]
    return np.column_stack([lines, grave, different]).astype(np.float64)


_SUMMED: dict[ModelKind, Callable[[F64, I64], F64]] = {
    "metrics": _of_metrics, "entities": _of_metrics, "edges": _of_edges, "logs": _of_logs,
}  # fmt: skip

"""Signals as columns: as senders name them (`Decoded`), and as the stages know them (`Normal`).

Python objects per sample are the cost of every slow AIOps tool; here a batch is a handful of arrays and the
objects (streams, resources) appear once per label set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Alert
from mainstay.domain.calendar import NO_CALENDAR, Calendar
from mainstay.domain.changes import Change
from mainstay.domain.entities import Labels
from mainstay.domain.predictions import Predictions, RawPredictions, RawTruths, Truths

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

Direction = Literal["up", "down", "both"]
StreamKind = Literal["gauge", "counter", "histogram"]
Temporality = Literal["cumulative", "delta", "unspecified"]


@dataclass(frozen=True, slots=True)
class Stream:
    """One time series as its sender names it.

    Args:
        resource: Who sent it (OTel resource attributes; empty for Prometheus, where the labels say it).
        labels: Attributes of the point, or Prometheus labels without `__name__`.
        kind: `counter` only rises (until reset). Prometheus samples come without a kind: the normaliser infers it.
    """

    name: str
    labels: Labels
    resource: Labels = ()
    unit: str = ""
    kind: StreamKind = "gauge"
    temporality: Temporality = "unspecified"


@dataclass(frozen=True, slots=True)
class HistogramPoint:
    """One classic histogram point: `counts[i]` samples at or below `bounds[i]`, the last count is above all."""

    stream: int
    start_ns: int
    at_ns: int
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class StreamKeys:
    """The bytes by which streams are known before anybody has read them: stream i is `data[start[i]:end[i]]`.

    `hash` and `seal` are the two halves of a keyed digest of 128 bits whose key is drawn at each start: both are equal
    where the bytes are, in this process, and nobody can make others for which they are. `words` is there
    where these bytes are labels and nothing else (a gauge without unit and resource, as Prometheus sends): it takes
    `data`, starts and ends, and says where their words stand.
    """

    data: bytes
    start: I64
    end: I64
    hash: U64
    seal: U64
    words: Callable[[bytes, I64, I64], Words] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Label sets that nobody has made texts of: those of set i are `place[first[i]:first[i+1]]`, by rising names.

    `place` is i64[n, 4]: where in `data` a label's name begins and ends, and its value. All are UTF-8, no name is empty
    or comes twice in a set, and each set has a metric's name (`__name__`).
    """

    data: bytes
    first: I64
    place: I64

    def __len__(self) -> int:
        return len(self.first) - 1

    def text(self, label: int, column: int) -> str:
        """The name (column 0) or the value (2) of a label."""
        return self.data[self.place[label, column] : self.place[label, column + 1]].decode()


@dataclass(frozen=True, slots=True)
class RawMetrics:
    """Metric points as received: `value[i]` belongs to `streams[stream[i]]`. `start_ns` 0 is unknown. NaN is valid.

    With `keys`, as many streams as there are keys have samples, and any behind them have histogram points; `streams`
    and `histograms` read one only when it is asked for, and a stream may come twice when it was said in two ways.
    """

    streams: Sequence[Stream]
    stream: U32
    start_ns: I64
    at_ns: I64
    value: F64
    histograms: Sequence[HistogramPoint] = ()
    keys: StreamKeys | None = None


@dataclass(frozen=True, slots=True)
class RawLogs:
    """Log records as received; `resource[i]` indexes `resources`.

    Severity is OTel's 0–24 (0 unknown, 9 INFO, 17 ERROR).
    """

    resources: tuple[Labels, ...]
    resource: U32
    at_ns: I64
    severity: U8
    body: tuple[str, ...]
    trace_id: tuple[bytes, ...]
    span_id: tuple[bytes, ...]
    attributes: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class RawSpans:
    """Spans as received.

    `kind` and `status` are OTel's numbers (kind 2 server, 3 client, 4 producer, 5 consumer; status 2 error).
    """

    resources: tuple[Labels, ...]
    resource: U32
    trace_id: tuple[bytes, ...]
    span_id: tuple[bytes, ...]
    parent_id: tuple[bytes, ...]
    name: tuple[str, ...]
    kind: U8
    status: U8
    start_ns: I64
    end_ns: I64
    attributes: tuple[Labels, ...]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one request held, whatever its protocol.

    `refused` items were bad beside good ones; the reason is for the sender.
    `own_alerts` came back to us from the user's Alertmanager and were dropped. `is_clock_bound`: what was read depends
    on when it was received (a time left open, an item too far in the future), so a record is decoded again with its own
    time.
    """

    metrics: RawMetrics | None = None
    logs: RawLogs | None = None
    spans: RawSpans | None = None
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    predictions: tuple[RawPredictions, ...] = ()
    truths: tuple[RawTruths, ...] = ()
    refused: int = 0
    refused_reason: str = ""
    own_alerts: int = 0
    is_clock_bound: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A time series after identification.

    Args:
        slot: Local u32 number, an index into every per-series array. Never reused while the process lives.
        id: Durable u64 identity (of tenant, entity, metric, labels); the same after a restart.
        metric: Normalised name, e.g. `http.server.request.duration.p95`.
        direction: Which way is bad: `up` (latency, errors), `down` (availability), `both`.
    """

    slot: int
    id: int
    entity: str
    metric: str
    labels: Labels = ()
    unit: str = ""
    direction: Direction = "both"


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Samples in arrival order. Shapes: series u32[n], at_ns i64[n], value f64[n]."""

    series: U32
    at_ns: I64
    value: F64

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True, slots=True)
class Template:
    """The constant part of a family of log lines, `<*>` where they vary. `id` is stable over merges and restarts.

    `numbered`: the same with each place that varies as `<1>`, `<2>`…: which value of a line (`Variables`) stands there.
    """

    id: int
    text: str
    numbered: str = ""


@dataclass(frozen=True, slots=True)
class Variables:
    """What varies in log lines: those of line i are the values k = first[i] … first[i + 1] − 1, in their order.

    Value k is `data[begin[k]:begin[k + 1]]`, UTF-8. Shapes: first i32[n + 1], begin i32[k + 1], data u8.
    """

    first: I32
    begin: I32
    data: U8

    def of(self, line: int) -> tuple[str, ...]:
        """The values of one line."""
        whole = range(self.first[line], self.first[line + 1])
        return tuple(self.data[self.begin[k] : self.begin[k + 1]].tobytes().decode() for k in whole)


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Log records with their entity and template. `entity[i]` is an entity id; `body` is already masked.

    `variables`: what varies in each line, when that is known.
    """

    entity: tuple[str, ...]
    at_ns: I64
    severity: U8
    template: U32
    body: tuple[str, ...]
    trace_id: tuple[bytes, ...]
    variables: Variables | None = None

    def __len__(self) -> int:
        return len(self.entity)


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Spans with their entity; `peer[i]` is the entity that a client span calls ("" when not known yet)."""

    entity: tuple[str, ...]
    peer: tuple[str, ...]
    trace_id: tuple[bytes, ...]
    span_id: tuple[bytes, ...]
    parent_id: tuple[bytes, ...]
    name: tuple[str, ...]
    kind: U8
    is_error: npt.NDArray[np.bool_]
    start_ns: I64
    duration_ms: F64

    def __len__(self) -> int:
        return len(self.entity)


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One trace that was kept whole: where it began, and why it was kept.

    Args:
        why: `alert` (an alert tells of it), `error`, `new` (a way not gone before), `slow` (beyond the tail of an
            operation of it), `sample` (drawn).
    """

    trace: bytes
    start_ns: int
    duration_ms: float
    entity: str
    name: str
    spans: int
    errors: int
    why: str


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One call that a person can look at: its trace, how long it took, and whether it failed."""

    trace: bytes
    ms: float
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class EdgeWindow:
    """What callers saw of one callee in one closed window. `caller` "" is the outside world (a root server span).

    `latency_ms` holds up to 256 durations kept by a deterministic reservoir; `own_ms` is the callee's own time
    (server span less its children): as many as are known, up to 256, not paired with `latency_ms`.

    Attributes:
        operation: "" for a whole edge; else this is one operation of the callee, whoever called it (`caller` is "").
        exemplars: At most three: the slowest call, a failing one, one of usual length.
        calls: Of an operation: what it called in turn, and how often, by callee.
    """

    caller: str
    callee: str
    since_ns: int
    until_ns: int
    count: int
    errors: int
    latency_ms: F64
    own_ms: F64
    operation: str = ""
    exemplars: tuple[Exemplar, ...] = ()
    calls: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateWindow:
    """How often one entity said one thing in one closed window."""

    entity: str
    template: int
    text: str
    severity: int
    since_ns: int
    until_ns: int
    count: int
    is_new: bool
    example: str = ""


@dataclass(frozen=True, slots=True)
class Normal:
    """What the stages after normalisation see of one inbox record, or of one tick (then the windows are filled).

    `at_ns` is when the record was received (0 unknown): how a detector learns that time passed although nothing was
    said. `spans`: those of whole traces that were decided to be kept, `traces` (every span is in the windows).
    `new_series` may be columns (`domain.series`). `merged_templates`: (id, the one that it means now) of
    templates found to be one. `calendar`: days that are not like others. `worth`: entity → what a measurement of it
    counts in what is learned, 0–1, where its host is starved of processor time; who is not named counts fully.
    """

    metrics: MetricBatch | None = None
    logs: LogBatch | None = None
    spans: SpanBatch | None = None
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    edges: tuple[EdgeWindow, ...] = ()
    operations: tuple[EdgeWindow, ...] = ()
    templates: tuple[TemplateWindow, ...] = ()
    new_series: Sequence[Series] = ()
    new_templates: tuple[Template, ...] = ()
    late: int = 0
    unplaced: tuple[Labels, ...] = field(default=())
    at_ns: int = 0
    merged_templates: tuple[tuple[int, int], ...] = ()
    calendar: Calendar = NO_CALENDAR
    worth: Mapping[str, float] = field(default_factory=dict)
    traces: tuple[TraceLine, ...] = ()
    predictions: tuple[Predictions, ...] = ()
    truths: tuple[Truths, ...] = ()

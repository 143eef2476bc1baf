"""OTLP/JSON as typed documents with the names that protobuf's messages have, so that one reader serves both.

Source: opentelemetry.io/docs/specs/otlp (1.9), "JSON Protobuf Encoding": names in lowerCamelCase, 64-bit numbers as
text or number, NaN as text, trace and span ids in hexadecimal, enumerations as numbers; unknown names are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

UInt = Annotated[int, msgspec.Meta(ge=0)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
MOST_NESTED = 48  # lists in lists; in protobuf, which ends at 100 messages, a log's body has room for as many


class Hex(bytes):
    """An id: hexadecimal in a document."""

    __slots__ = ()


def hook(kind: type, given: Any) -> Any:
    """What msgspec does not know by itself. Raises TypeError or ValueError when it is no hexadecimal text."""
    return kind(bytes.fromhex(given))


class Document(msgspec.Struct, rename="camel", frozen=True):
    """What all of them share: fields of which at most one may be there, and which one it is."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - as protobuf's messages have it
        """The name of the field that is there."""
        return next((name for name in self.choices() if getattr(self, name) is not None), None)

    def HasField(self, name: str) -> bool:  # noqa: N802 - as protobuf's messages have it
        """Whether a field is there that need not be."""
        return getattr(self, name) is not None

    def choices(self) -> tuple[str, ...]:
        """Names of the fields of which one may be there."""
        return ()

    def __post_init__(self) -> None:
        if sum(getattr(self, name) is not None for name in self.choices()) > 1:
            raise ValueError(f"only one of {', '.join(self.choices())} may be there")


def nested(value: AnyValue) -> int:
    """How many lists and maps stand in each other.

    >>> nested(AnyValue(array_value=ArrayValue((AnyValue(array_value=ArrayValue()),))))
    2
    """
    if value.array_value is not None:
        return 1 + max(map(nested, value.array_value.values), default=0)
    if value.kvlist_value is not None:
        return 1 + max((nested(pair.value) for pair in value.kvlist_value.values), default=0)
    return 0


class ArrayValue(Document, frozen=True):
    """A list."""

    values: tuple[AnyValue, ...] = ()


class KeyValueList(Document, frozen=True):
    """A map."""

    values: tuple[KeyValue, ...] = ()


class AnyValue(Document, frozen=True):
    """A value of any kind, or none."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Int64 | None = None
    double_value: float | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: bytes | None = None

    def choices(self) -> tuple[str, ...]:
        return self.__struct_fields__

    def __post_init__(self) -> None:
        Document.__post_init__(self)
        if nested(self) > MOST_NESTED:
            raise ValueError(f"more than {MOST_NESTED} lists in each other")


class KeyValue(Document, frozen=True):
    """An attribute."""

    key: str = ""
    value: AnyValue = AnyValue()


class Resource(Document, frozen=True):
    """Who sent it, or (as a scope) which library."""

    attributes: tuple[KeyValue, ...] = ()
    name: str = ""
    version: str = ""


class Exemplar(Document, frozen=True):
    """One measurement behind a point: read to know that it can be."""

    filtered_attributes: tuple[KeyValue, ...] = ()
    time_unix_nano: UInt = 0
    as_double: float | None = None
    as_int: Int64 | None = None
    trace_id: str = ""
    span_id: str = ""

    def choices(self) -> tuple[str, ...]:
        return "as_double", "as_int"


class Point(Document, frozen=True):
    """What points of all kinds have."""

    attributes: tuple[KeyValue, ...] = ()
    start_time_unix_nano: UInt = 0
    time_unix_nano: UInt = 0
    flags: UInt32 = 0
    exemplars: tuple[Exemplar, ...] = ()


class NumberPoint(Point, frozen=True):
    """A `NumberDataPoint`."""

    as_double: float | None = None
    as_int: Int64 | None = None

    def choices(self) -> tuple[str, ...]:
        return "as_double", "as_int"


class Counted(Point, frozen=True):
    """A point that says how many there were."""

    count: UInt = 0

    def __post_init__(self) -> None:
        if self.count >> 64:
            raise ValueError("a count beyond 64 bits")


class HistogramPoint(Counted, frozen=True):
    """A `HistogramDataPoint`."""

    sum: float | None = None
    bucket_counts: tuple[UInt, ...] = ()
    explicit_bounds: tuple[float, ...] = ()
    min: float | None = None
    max: float | None = None


class Buckets(Document, frozen=True):
    """Counts of an exponential histogram."""

    offset: Int32 = 0
    bucket_counts: tuple[UInt, ...] = ()


class ExponentialPoint(Counted, frozen=True):
    """An `ExponentialHistogramDataPoint`."""

    sum: float | None = None
    scale: Int32 = 0
    zero_count: UInt = 0
    positive: Buckets = Buckets()
    negative: Buckets = Buckets()
    min: float | None = None
    max: float | None = None
    zero_threshold: float = 0.0


class Quantile(Document, frozen=True):
    """A `ValueAtQuantile`."""

    quantile: float = 0.0
    value: float = 0.0


class SummaryPoint(Counted, frozen=True):
    """A `SummaryDataPoint`."""

    sum: float = 0.0
    quantile_values: tuple[Quantile, ...] = ()


class Numbers(Document, frozen=True):
    """A gauge or a sum."""

    data_points: tuple[NumberPoint, ...] = ()
    aggregation_temporality: Int32 = 0
    is_monotonic: bool = False


class Histogram(Document, frozen=True):
    """A classic histogram."""

    data_points: tuple[HistogramPoint, ...] = ()
    aggregation_temporality: Int32 = 0


class ExponentialHistogram(Document, frozen=True):
    """An exponential histogram."""

    data_points: tuple[ExponentialPoint, ...] = ()
    aggregation_temporality: Int32 = 0


class Summary(Document, frozen=True):
    """Quantiles that a client computed."""

    data_points: tuple[SummaryPoint, ...] = ()


class Metric(Document, frozen=True):
    """A `Metric`."""

    name: str = ""
    description: str = ""
    unit: str = ""
    gauge: Numbers | None = None
    sum: Numbers | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None

    def choices(self) -> tuple[str, ...]:
        return "gauge", "sum", "histogram", "exponential_histogram", "summary"


class LogRecord(Document, frozen=True):
    """A `LogRecord`."""

    time_unix_nano: UInt = 0
    observed_time_unix_nano: UInt = 0
    severity_number: Int32 = 0
    severity_text: str = ""
    body: AnyValue = AnyValue()
    attributes: tuple[KeyValue, ...] = ()
    trace_id: Hex = Hex()
    span_id: Hex = Hex()
    event_name: str = ""


class Event(Document, frozen=True):
    """Something that happened in a span: read to know that it can be."""

    time_unix_nano: UInt = 0
    name: str = ""
    attributes: tuple[KeyValue, ...] = ()


class Link(Document, frozen=True):
    """Another span: read to know that it can be."""

    trace_id: str = ""
    span_id: str = ""
    attributes: tuple[KeyValue, ...] = ()


class SpanStatus(Document, frozen=True):
    """How a span ended."""

    code: Int32 = 0
    message: str = ""


class Span(Document, frozen=True):
    """A `Span`."""

    trace_id: Hex = Hex()
    span_id: Hex = Hex()
    parent_span_id: Hex = Hex()
    trace_state: str = ""
    name: str = ""
    kind: Int32 = 0
    start_time_unix_nano: UInt = 0
    end_time_unix_nano: UInt = 0
    attributes: tuple[KeyValue, ...] = ()
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    status: SpanStatus = SpanStatus()


class ScopeLogs(Document, frozen=True):
    """Records of one library."""

    scope: Resource = Resource()
    log_records: tuple[LogRecord, ...] = ()
    schema_url: str = ""


class ScopeMetrics(Document, frozen=True):
    """Metrics of one library."""

    scope: Resource = Resource()
    metrics: tuple[Metric, ...] = ()
    schema_url: str = ""


class ScopeSpans(Document, frozen=True):
    """Spans of one library."""

    scope: Resource = Resource()
    spans: tuple[Span, ...] = ()
    schema_url: str = ""


class ResourceLogs(Document, frozen=True):
    """Records of one sender."""

    resource: Resource = Resource()
    scope_logs: tuple[ScopeLogs, ...] = ()
    schema_url: str = ""


class ResourceMetrics(Document, frozen=True):
    """Metrics of one sender."""

    resource: Resource = Resource()
    scope_metrics: tuple[ScopeMetrics, ...] = ()
    schema_url: str = ""


class ResourceSpans(Document, frozen=True):
    """Spans of one sender."""

    resource: Resource = Resource()
    scope_spans: tuple[ScopeSpans, ...] = ()
    schema_url: str = ""


class LogsRequest(Document, frozen=True):
    """An `ExportLogsServiceRequest`."""

    resource_logs: tuple[ResourceLogs, ...] | msgspec.UnsetType = msgspec.UNSET


class MetricsRequest(Document, frozen=True):
    """An `ExportMetricsServiceRequest`."""

    resource_metrics: tuple[ResourceMetrics, ...] | msgspec.UnsetType = msgspec.UNSET


class TracesRequest(Document, frozen=True):
    """An `ExportTraceServiceRequest`."""

    resource_spans: tuple[ResourceSpans, ...] | msgspec.UnsetType = msgspec.UNSET

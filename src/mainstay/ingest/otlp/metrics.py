"""OTLP metrics: compiled where a request is usual, point by point where it is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, U8, U32, Decoded, RawMetrics, StreamKeys
from mainstay.ingest.columnar.ready import READY
from mainstay.ingest.limits import Gate
from mainstay.ingest.otlp import json_requests
from mainstay.ingest.otlp.columns import RESOURCES, SCOPES, check
from mainstay.ingest.otlp.points import decoded
from mainstay.ingest.otlp.requests import METRICS, resources_of
from mainstay.ingest.otlp.streams import HistogramColumns, MetricStreams, digests
from mainstay.ingest.otlp.streams import check as check_attributes

if TYPE_CHECKING:
    from mainstay.ingest.columnar.readers import Readers

METRIC, ROLE, FIRST, LAST, START, AT = range(6)  # columns of a row that the compiled reader writes
TO_READ = 8
EXPONENTIAL = 10  # the number of their field, as the reader gives it


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportMetricsServiceRequest` in protobuf: compiled where it is usual, message by message where it is odd."""
    readers = READY.readers()
    return (readers and decode_columns(readers, body, received_ns)) or decode_messages(body, received_ns)


def decode_messages(body: bytes, received_ns: int = 0) -> Decoded:
    """The same through protobuf's messages: what is bad is refused with its reason, the rest is kept."""
    gate = Gate(received_ns)
    return decoded(resources_of(METRICS, body, gate), gate)


def decode_json(body: bytes, received_ns: int = 0) -> Decoded:
    """An `ExportMetricsServiceRequest` in JSON."""
    gate = Gate(received_ns)
    return decoded(json_requests.resources_of_json(json_requests.METRICS, body, gate), gate)


def decode_columns(readers: Readers, body: bytes, received_ns: int = 0) -> Decoded | None:
    """The same without an object for each point; None when something in it is odd."""
    found = readers.metrics(body, Gate(received_ns).latest_ns)
    if found is None:
        return None
    (rows, bits), whole, metrics, owner, places, resources, scopes = found
    if not len(rows) and not len(whole[0]):
        return Decoded()
    every = np.concatenate([rows, whole[0]])
    quantiles = np.concatenate([bits[:, 1], np.zeros(len(whole[0]), np.uint64)])
    try:
        known, marks = _resources(body, resources, scopes, owner)
        for first, last in np.unique(every[every[:, ROLE] >= TO_READ][:, FIRST : LAST + 1], axis=0).tolist():
            check_attributes(body[first:last])
    except DecodeError:
        return None
    keyed = readers.streams(body, every, quantiles, metrics, places, owner, marks)
    if keyed is None:
        return None
    arena, start, end, hashes, seals, number = keyed
    keys = StreamKeys(arena.tobytes(), start, end, hashes, seals)
    sampled = int(number[: len(rows)].max()) + 1 if len(rows) else 0  # those behind them have histogram points
    return Decoded(
        metrics=RawMetrics(
            streams=MetricStreams(keys, known),
            stream=number[: len(rows)],
            start_ns=rows[:, START].copy(),
            at_ns=rows[:, AT].copy(),
            value=bits[:, 0].copy().view(np.float64),
            histograms=_histograms(whole, metrics, number[len(rows) :]),
            keys=StreamKeys(keys.data, *(column[:sampled] for column in (start, end, hashes, seals))),
        )
    )


def _resources(body: bytes, places: I64, scopes: I64, owner: U32) -> tuple[dict[bytes, Labels], U8]:
    """Resources by the digests of their bytes, and the digest of each.

    Raises:
        DecodeError: a resource or scope cannot be read, or one that has metrics is refused.
    """
    for start, end in scopes.tolist():
        SCOPES.of(body[start:end])
    said = [body[start:end] if start >= 0 else b"" for start, end in places.tolist()]
    labels = [RESOURCES.of(raw) for raw in said]
    check({labels[at] for at in np.unique(owner).tolist()})
    marks = digests(said)
    return {mark.tobytes(): one for mark, one in zip(marks, labels, strict=True)}, marks


def _histograms(whole: tuple[Any, ...], metrics: I64, number: U32) -> HistogramColumns | tuple[()]:
    rows, totals, ends, bounds, counts, cells = whole
    if not len(rows):
        return ()
    return HistogramColumns(
        stream=number,
        start_ns=rows[:, START].copy(),
        at_ns=rows[:, AT].copy(),
        total=totals.view(np.float64),
        is_exponential=metrics[rows[:, METRIC], 0] == EXPONENTIAL,
        ends=ends,
        bounds=bounds,
        counts=counts,
        cells=cells,
    )

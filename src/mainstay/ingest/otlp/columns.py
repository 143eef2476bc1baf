"""What compiled readers of OTLP found, in the words of the domain: resources, attributes, ids."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs  # of all three signals the same

from mainstay.domain.entities import Labels
from mainstay.domain.signals import I64, U32
from mainstay.ingest.columnar.lately import Lately
from mainstay.ingest.limits import labels_refused
from mainstay.ingest.otlp.attributes import labels_from
from mainstay.ingest.wire import written

RESOURCES = Lately(lambda raw: labels_from(ResourceLogs.FromString(written(1, raw)).resource.attributes))
SCOPES = Lately(lambda raw: InstrumentationScope.FromString(raw).name)  # read only to know that it can be


def resources_at(body: bytes, places: I64, scopes: I64, owner: U32) -> tuple[tuple[Labels, ...], U32]:
    """The resources that have items, equal ones once, and which is each item's.

    Raises:
        DecodeError: a resource or scope cannot be read, or is refused.
    """
    for start, end in scopes.tolist():
        SCOPES.of(body[start:end])
    known = [RESOURCES.of(body[start:end]) if start >= 0 else () for start, end in places.tolist()]
    numbers: dict[Labels, int] = {}
    number = np.zeros(len(known), np.uint32)
    for at in np.unique(owner).tolist():
        number[at] = numbers.setdefault(known[at], len(numbers))
    check(numbers)
    return tuple(numbers), number[owner]


def attributes_at(body: bytes, sets: I64, read: Lately[Labels]) -> list[Labels]:
    """The label sets of a request, each read once.

    Raises:
        DecodeError: one cannot be read, or is refused.
    """
    labels = [read.of(body[start:end]) for start, end in sets.tolist()]
    check(labels)
    return labels


def check(labels: Iterable[Labels]) -> None:
    """Raise when one of these label sets is beyond the limits."""
    if any(labels_refused(one) for one in labels):
        raise DecodeError


def ids_at(body: bytes, places: I64) -> tuple[bytes, ...]:
    """The bytes at each place; none where there is none."""
    start, end = places[:, 0], places[:, 1]
    if not end.max():
        return (b"",) * len(places)
    return tuple([body[begins:ends] for begins, ends in zip(start.tolist(), end.tolist(), strict=True)])

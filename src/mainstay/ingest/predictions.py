"""What a user's own models predicted in production, and the labels that came later.

::

    POST /v1/models/fraud/predictions
    {"version": "12", "environment": "prod", "service": "payments", "predictions": [
      {"id": "a1", "at": "2026-11-20T10:00:00Z", "score": 0.93, "latency_ms": 3.1, "group": "eu",
       "features": {"amount": 12.5, "age_days": 3}}]}

    POST /v1/models/fraud/labels
    {"environment": "prod", "labels": [{"id": "a1", "value": 1}]}

The name stands in the path alone, so the door keeps it around the body (`named`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np

from mainstay.domain.errors import BadInput
from mainstay.domain.predictions import RawPredictions, RawTruths
from mainstay.domain.signals import Decoded
from mainstay.ingest.documents import json_of
from mainstay.ingest.limits import MOST_NAME, Gate

PREFIX = "/v1/models/"
PREDICTIONS, LABELS = "/v1/models/*/predictions", "/v1/models/*/labels"
MOST_ROWS = 20_000  # of one request
MOST_FEATURES = 256
FARTHEST = 1e60
"""A number beyond is no prediction; the squares of squares of all others are numbers of 64 bits."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
Word = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
Number = Annotated[float, msgspec.Meta(ge=-FARTHEST, le=FARTHEST)]
T = TypeVar("T")


class _Prediction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    score: Number
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    latency_ms: Annotated[float, msgspec.Meta(ge=0)] | None = None
    group: Word = ""
    features: Annotated[dict[Name, Number | None], msgspec.Meta(max_length=MOST_FEATURES)] = {}


class _Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Name
    value: Number
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Predictions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    predictions: list[Any]
    version: Name
    environment: Word = ""
    service: Word = ""


class _Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    labels: list[Any]
    environment: Word = ""


class _Named(msgspec.Struct, frozen=True):
    model: Name
    body: Any


def pattern_of(path: str) -> str:
    """The path under which a source is listed: the model's name in it does not matter.

    >>> pattern_of("/v1/models/fraud/labels"), pattern_of("/v1/logs")
    ('/v1/models/*/labels', '/v1/logs')
    """
    name, _, rest = path.removeprefix(PREFIX).partition("/")
    return f"{PREFIX}*/{rest}" if path.startswith(PREFIX) and name and rest in ("predictions", "labels") else path


def named(path: str, body: bytes) -> bytes:
    """The body with the name that stood in its path.

    Raises:
        BadInput: it is not JSON.
    """
    name = path.removeprefix(PREFIX).partition("/")[0]
    json_of(body)  # a body that is no JSON must not become part of one
    return b'{"model":' + msgspec.json.encode(name) + b',"body":' + body + b"}"


def decode(body: bytes, received_ns: int = 0) -> Decoded:
    """Predictions of one version.

    Raises:
        BadInput: it is not JSON, or says nothing of a version.
    """
    gate = Gate(received_ns)
    model, document = _read(body, _Predictions)
    rows, at_ns = _rows(document.predictions, _Prediction, gate)
    names = tuple(sorted({name for row in rows for name in row.features}))
    if len(names) > MOST_FEATURES:
        raise BadInput(f"{len(names)} different features in one request; at most {MOST_FEATURES} are watched")
    if not rows:
        return gate.sign(Decoded())
    features = np.array([[_number(row.features.get(name)) for name in names] for row in rows], np.float64)
    batch = RawPredictions(
        model=model,
        version=document.version,
        environment=document.environment,
        service=document.service,
        ids=tuple(row.id for row in rows),
        at_ns=np.array(at_ns, np.int64),
        score=np.array([row.score for row in rows], np.float64),
        latency_ms=np.array([_number(row.latency_ms) for row in rows], np.float64),
        group=tuple(row.group for row in rows),
        names=names,
        features=features.reshape(len(rows), len(names)),
    )
    return gate.sign(Decoded(predictions=(batch,)))


def decode_labels(body: bytes, received_ns: int = 0) -> Decoded:
    """Labels of earlier predictions.

    Raises:
        BadInput: it is not JSON, or holds no labels.
    """
    gate = Gate(received_ns)
    model, document = _read(body, _Labels)
    rows, at_ns = _rows(document.labels, _Label, gate)
    if not rows:
        return gate.sign(Decoded())
    truths = RawTruths(
        model=model,
        environment=document.environment,
        ids=tuple(row.id for row in rows),
        at_ns=np.array(at_ns, np.int64),
        value=np.array([row.value for row in rows], np.float64),
    )
    return gate.sign(Decoded(truths=(truths,)))


def _read(body: bytes, into: type[T]) -> tuple[str, T]:
    try:
        kept = msgspec.convert(json_of(body), _Named)
        return kept.model, msgspec.convert(kept.body, into)
    except msgspec.ValidationError as error:
        raise BadInput(f"not what a model's predictions or labels look like: {error}") from None


def _rows(items: Sequence[Any], into: type[T], gate: Gate) -> tuple[list[T], list[int]]:
    """The rows that can be read, and their times; the others are refused one by one."""
    gate.admit(len(items), MOST_ROWS)
    rows, at_ns = [], []
    for item in items:
        try:
            row: Any = msgspec.convert(item, into)
        except msgspec.ValidationError as error:
            gate.refuse(str(error))
            continue
        at = int(row.at.timestamp() * 1000) * 1_000_000 if row.at else gate.now_ns()
        if gate.is_time(at):
            rows.append(row)
            at_ns.append(at)
    return rows, at_ns


def _number(value: float | None) -> float:
    return np.nan if value is None else value

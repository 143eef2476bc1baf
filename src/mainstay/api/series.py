"""What is watched and what it said: entities, time series with their expected band, log lines, traces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from mainstay.api.parameters import Limit, Ms, Platform, found, now_ms
from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.entities import Edge, Entity, Labels
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.signals import F64, I64, Series
from mainstay.domain.views import Explained, KeptTrace, LogLine, ParameterValues, SpanLine, TemplateCount

HOUR_MS = 3_600_000
_TRACE = re.compile(r"[0-9a-f]{32}")


class SeriesView(msgspec.Struct, frozen=True, kw_only=True):
    """One time series. `id` is an unsigned 64-bit number as text: JavaScript's numbers cannot hold it."""

    id: str
    entity: str
    metric: str
    unit: str
    direction: str
    labels: dict[str, str]

    @classmethod
    def of(cls, series: Series) -> SeriesView:
        """As the API shows it."""
        return cls(
            id=str(series.id),
            entity=series.entity,
            metric=series.metric,
            unit=series.unit,
            direction=series.direction,
            labels=dict(series.labels),
        )


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of one length, oldest first. `low` and `high` are null where nothing was expected yet."""

    id: str
    entity: str
    metric: str
    unit: str
    at_ms: list[int]
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]


class EntityPage(msgspec.Struct, frozen=True, kw_only=True):
    """One entity and what is around it."""

    entity: Entity
    callers: list[str]
    callees: list[str]
    series: list[SeriesView]
    alerts: list[Alert]
    changes: list[Change]


class Reads(Protocol):
    """What is asked of stored lines."""

    def templates(self, entity: str, extent: tuple[int, int], limit: int) -> Sequence[TemplateCount]:
        """By template, the most said first; `extent` is since and until, ms."""
        ...

    def traces(self, entity: str, why: str, extent: tuple[int, int], limit: int) -> Sequence[KeptTrace]:
        """Traces that were kept, newest first; "" is any."""
        ...

    def traces_of(self, name: str, limit: int) -> Sequence[KeptTrace]:
        """Those to look at in an incident; NotFound when there is no such incident."""
        ...

    def values(self, template: int, number: int, extent: tuple[int, int], entity: str, limit: int) -> ParameterValues:
        """What stood at one place of a template; NotFound when there is no such place."""
        ...


class ToExplain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Labels as a sender sends them."""

    labels: dict[str, str]


@get("/series", role="viewer", sync_to_thread=True)
def list_series(
    platform: Platform, entity: FromQuery[str | None] = None, metric: FromQuery[str | None] = None, limit: Limit = 500
) -> list[SeriesView]:
    """Time series by entity and metric."""
    return [SeriesView.of(one) for one in platform.series(entity, metric, limit)]


@get("/series/{series:str}/points", role="viewer", sync_to_thread=True)
def show_points(platform: Platform, series: FromPath[str], since_ms: Ms = None, until_ms: Ms = None) -> Points:
    """What one series said, and what was expected; the last hour unless told, at most 10,000 points."""
    if not series.isascii() or not series.isdigit() or len(series) > 20 or int(series) >= 1 << 64:
        raise BadInput(f"a series id is an unsigned 64-bit number; got {series[:40]!r}")
    known = found(next(iter(platform.series_by_id([int(series)])), None), "series", series)
    until = now_ms(platform) if until_ms is None else until_ms
    since = until - HOUR_MS if since_ms is None else since_ms
    at_ms, value = platform.points(known.id, since, until)
    low, high = held(at_ms, *platform.bands(known.id, since, until))
    return Points(
        id=str(known.id),
        entity=known.entity,
        metric=known.metric,
        unit=known.unit,
        at_ms=at_ms.tolist(),
        value=value.tolist(),
        low=low.tolist(),
        high=high.tolist(),
    )


def held(at_ms: I64, band_at_ms: I64, low: F64, high: F64) -> tuple[F64, F64]:
    """The band that held at each point: the last one written at or before it; NaN before the first.

    >>> at, band_at = np.array([1, 2, 3]), np.array([2])
    >>> held(at, band_at, np.array([0.5]), np.array([1.5]))[0].tolist()
    [nan, 0.5, 0.5]
    """
    if len(band_at_ms) == 0:
        return np.full(len(at_ms), np.nan), np.full(len(at_ms), np.nan)
    index = np.searchsorted(band_at_ms, at_ms, side="right") - 1
    is_known = index >= 0
    safe = np.maximum(index, 0)
    return np.where(is_known, low[safe], np.nan), np.where(is_known, high[safe], np.nan)


@get("/logs", role="viewer", sync_to_thread=True)
def list_logs(
    platform: Platform, entity: FromQuery[str], since_ms: Ms = None, until_ms: Ms = None, limit: Limit = 200
) -> list[LogLine]:
    """Log lines of one entity, newest first; the last hour unless told."""
    until = now_ms(platform) if until_ms is None else until_ms
    return list(platform.logs(entity, until - HOUR_MS if since_ms is None else since_ms, until, limit))


@get("/logs/templates", role="viewer", sync_to_thread=True)
def list_templates(
    platform: Platform, entity: FromQuery[str] = "", since_ms: Ms = None, until_ms: Ms = None, limit: Limit = 100
) -> list[TemplateCount]:
    """What was said, by template, the most said first; the last hour unless told."""
    reads: Reads = platform.recorded
    return list(reads.templates(entity, _extent(platform, since_ms, until_ms), limit))


@get("/logs/templates/{template:int}/values/{number:int}", role="viewer", sync_to_thread=True)
def list_values(
    platform: Platform,
    template: FromPath[int],
    number: FromPath[int],
    entity: FromQuery[str] = "",
    since_ms: Ms = None,
    until_ms: Ms = None,
    limit: Limit = 50,
) -> ParameterValues:
    """Which values stood at place `number` (from 1) of a template, most frequent first; the last hour unless told."""
    reads: Reads = platform.recorded
    return reads.values(template, number, _extent(platform, since_ms, until_ms), entity, limit)


def _extent(platform: Platform, since_ms: int | None, until_ms: int | None) -> tuple[int, int]:
    until = now_ms(platform) if until_ms is None else until_ms
    return until - HOUR_MS if since_ms is None else since_ms, until


@get("/traces", role="viewer", sync_to_thread=True)
def list_traces(
    platform: Platform,
    entity: FromQuery[str] = "",
    why: FromQuery[str] = "",
    incident: FromQuery[str] = "",
    since_ms: Ms = None,
    until_ms: Ms = None,
    limit: Limit = 100,
) -> list[KeptTrace]:
    """Traces that were kept whole, newest first, the last hour unless told; of an incident, those to look at in it."""
    reads: Reads = platform.recorded
    if incident:
        return list(reads.traces_of(incident, limit))
    return list(reads.traces(entity, why, _extent(platform, since_ms, until_ms), limit))


@get("/traces/{trace:str}", role="viewer", sync_to_thread=True)
def show_trace(platform: Platform, trace: FromPath[str]) -> list[SpanLine]:
    """The spans of one trace by start."""
    if not _TRACE.fullmatch(trace):
        raise BadInput(f"a trace id is 32 digits of lower-case hex; got {trace[:40]!r}")
    spans = list(platform.spans(trace))
    if not spans:
        raise NotFound(f"there is no trace {trace!r}: it was not kept, or has expired")
    return spans


@get("/entities", role="viewer", sync_to_thread=True)
def list_entities(platform: Platform) -> list[Entity]:
    """Everything that is watched."""
    return platform.control.entities()


@get("/edges", role="viewer", sync_to_thread=True)
def list_edges(platform: Platform) -> list[Edge]:
    """Who calls whom."""
    return platform.control.edges()


@get("/entities/{entity:path}", role="viewer", sync_to_thread=True)
def show_entity(platform: Platform, entity: FromPath[str]) -> EntityPage:
    """One entity, its neighbours, series, alerts and changes."""
    name, control = entity.removeprefix("/"), platform.control
    edges = control.edges()
    return EntityPage(
        entity=found(control.entity(name), "entity", name),
        callers=[edge.caller for edge in edges if edge.callee == name],
        callees=[edge.callee for edge in edges if edge.caller == name],
        series=[SeriesView.of(one) for one in platform.series(name, None, 1000)],
        alerts=control.alerts(entity=name, limit=50),
        changes=control.changes(entities=[name], limit=50),
    )


@post("/entities/explain", role="viewer", status_code=200, sync_to_thread=True)
def explain(platform: Platform, data: JSONBody[ToExplain]) -> Explained:
    """Which entity a label set belongs to, and by which rule of the mapping."""
    return platform.explain(data.labels)


@get("/unplaced", role="viewer", sync_to_thread=True)
def list_unplaced(platform: Platform) -> list[Labels]:
    """Label sets that no rule could place, as pairs of name and value."""
    return list(platform.unplaced())


ROUTES = [
    list_series, show_points, list_logs, show_trace, list_entities, list_edges, show_entity, explain, list_unplaced,
    list_templates, list_values, list_traces,
]  # fmt: skip

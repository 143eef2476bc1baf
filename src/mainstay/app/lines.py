"""Stored log records and spans as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.domain.signals import LogBatch, SpanBatch
from mainstay.domain.views import LogLine, SpanLine


def log_lines(batch: LogBatch, templates: Mapping[int, str]) -> list[LogLine]:
    """Newest first, each with the template that it belongs to."""
    lines = [
        LogLine(
            at_ms=int(batch.at_ns[i]) // 1_000_000,
            entity=batch.entity[i],
            severity=int(batch.severity[i]),
            body=batch.body[i],
            template=templates.get(int(batch.template[i]), ""),
            trace_id=batch.trace_id[i].hex(),
        )
        for i in range(len(batch))
    ]
    return sorted(lines, key=lambda line: -line.at_ms)


def span_lines(batch: SpanBatch) -> list[SpanLine]:
    """By start."""
    lines = [
        SpanLine(
            trace_id=batch.trace_id[i].hex(),
            span_id=batch.span_id[i].hex(),
            parent_id=batch.parent_id[i].hex(),
            entity=batch.entity[i],
            name=batch.name[i],
            kind=int(batch.kind[i]),
            is_error=bool(batch.is_error[i]),
            start_ms=int(batch.start_ns[i]) / 1e6,
            duration_ms=float(batch.duration_ms[i]),
            peer=batch.peer[i],
        )
        for i in range(len(batch))
    ]
    return sorted(lines, key=lambda line: line.start_ms)

"""Which resource a metric is about, by its name: memory, processor, disk, queue, a limit, or presence."""

from __future__ import annotations

import re
from functools import lru_cache

from mainstay.domain.signals import Series

# Searched in the lower-case metric name, the first that matches holds. `limit` is what another series cannot exceed.
_KINDS: tuple[tuple[str, str], ...] = (
    ("", r"(^|[._])(go|python|jvm)[._]gc|_bucket$|_count$|\.count$"),
    ("presence", r"^telemetry\.availability$"),
    ("limit", r"(memory|filesystem|disk|queue|storage)[a-z._]*[._](limit|capacity|max)(_bytes)?$"),
    ("queue", r"queue[._]?(depth|length|size|messages)|backlog|consumer[._]lag|oldest[._]age"),
    ("disk", r"(disk|filesystem|volume|storage|quota)[a-z._]*(usage|utili[sz]ation|used)"),
    ("memory", r"memory[a-z._]*(usage|used|working_set|rss|utili[sz]ation)|resident_memory|heap[._]used"),
    ("delay", r"scheduling[._]delay|run[._]?queue|throttl|pressure[._]cpu|cpu[._](pressure|steal)"),
    ("cpu", r"cpu[a-z._]*(utili[sz]ation|usage|percent|load)|load_?1$"),
)
_MODES = ("mode", "state", "cpu.mode")


@lru_cache(maxsize=8192)
def kind_of(metric: str) -> str:
    """Which resource a metric is about; "" for none.

    >>> [kind_of(m) for m in ("process.memory.usage", "system.filesystem.limit", "http.server.requests")]
    ['memory', 'limit', '']
    """
    name = metric.lower()
    return next((kind for kind, pattern in _KINDS if re.search(pattern, name)), "")


def kind_of_series(series: Series) -> str:
    """Which resource a series is about. Of a processor's time by mode only what others took from us says anything."""
    labels = dict(series.labels)
    mode = next((labels[name] for name in _MODES if name in labels), "")
    if mode and "cpu" in series.metric.lower():
        return "delay" if mode == "steal" else ""
    return kind_of(series.metric)


def may_be_about(metric: str) -> bool:
    """Whether it is worth while to look at the labels: what the name alone says."""
    return bool(kind_of(metric)) or "cpu" in metric.lower()

"""What matters in practice, per kind of metric: a p95 from 5 to 8 ms is rare and still not an incident.

A rule is found by the metric's name; its floors are given in shares, seconds or bytes and put into the unit of the series.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Severity
from mainstay.domain.protocols import Signal
from mainstay.models.words import BYTES, SECONDS

RULE = np.dtype(
    [(name, "f8") for name in (
        "rel", "abs", "p_fire", "tau_s", "slow_s", "season_s", "min_samples", "min_s", "persist_s", "calm_s", "adopt_s",
        "drift_rel", "range_ratio",
    )]
)  # fmt: skip
Direction = Literal["up", "down", "both"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of metric is watched.

    Attributes:
        match: Regular expression, searched in the lower-case metric name.
        rel: A deviation below this share of the expected value is never an anomaly, nor one below …
        abs, abs_s, abs_bytes: … this much; in the metric's own unit (a share: 1 = 100 %), in seconds, in bytes.
        limit: Share at which a resource is nearly used up: severity rises there. 0 is none.
        severity: Of an ordinary deviation; `strong` when it is also `strong_ratio` times the expected value (or at the limit).
        season_s: History after which the daily and weekly rhythm is used; 0 never.
        min_s, min_samples: Not judged before both are there.
        persist_s: How long it must last. calm_s: how long calm must last. adopt_s: after this it is the new normal.
        drift_rel: Distance from the long memory, relative to it, that counts as a slow ramp; 0 is off.
    """

    name: str
    match: str
    signal: Signal
    severity: Severity
    rel: float
    abs: float
    abs_s: float = 0.0
    abs_bytes: float = 0.0
    direction: Direction | None = None
    limit: float = 0.0
    strong: Severity | None = None
    strong_ratio: float = 5.0
    p_fire: float = 1e-3
    tau_s: float = 600.0
    slow_s: float = 86_400.0
    season_s: float = 259_200.0
    min_samples: int = 24
    min_s: float = 60.0
    persist_s: float = 10.0
    calm_s: float = 10.0
    adopt_s: float = 14_400.0
    drift_rel: float = 0.0
    range_ratio: float = 0.0
    ignore: bool = False


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the metric detector: rules in order, the first that matches holds."""

    rules: tuple[Rule, ...]


def shipped() -> Parameters:
    """The rules that Mainstay comes with; hand-set priors, measured on simulated noise (docs/detection.md)."""
    return Parameters(
        rules=(
            Rule(name="ignored", match=r"(_created|_info|\.count|_count|build_info|start_time|scrape_)$|^scrape_|^go_|^python_gc"
                 r"|(^|[._])gc([._]|$)|uptime|page_faults|context_switches", signal="other", severity="info",
                 rel=1, abs=0, ignore=True),
            Rule(name="lag-queue", match=r"queue|backlog|pending|consumer[._]lag|lag$|in_flight|inflight", signal="saturation",
                 severity="minor", strong="major", strong_ratio=10, rel=1.5, abs=25, direction="up", persist_s=15,
                 drift_rel=3.0),
            Rule(name="latency", match=r"duration|latency|response[._]time|wait[._]time|elapsed", signal="latency",
                 severity="minor", strong="major", strong_ratio=5, rel=1.5, abs=0.05, abs_s=0.05, direction="up",
                 persist_s=16),
            Rule(name="error-share", match=r"error[._](rate|ratio|share)|failure[._](rate|ratio)", signal="errors",
                 severity="major", strong="critical", strong_ratio=20, rel=0.5, abs=0.05,
                 direction="up", persist_s=10),
            Rule(name="errors", match=r"error|fail|exception|5xx|timeout|dropped|rejected|abort|refused", signal="errors",
                 severity="minor", strong="major", strong_ratio=10, rel=2.0, abs=0.5, direction="up", persist_s=12),
            Rule(name="availability", match=r"^up$|availab|health|[._]up$|ready", signal="availability", severity="major",
                 rel=0.3, abs=0.3, direction="down", persist_s=10),
            Rule(name="disk", match=r"disk|filesystem|(^|[._])fs([._]|$)|volume|storage|inode|quota", signal="saturation",
                 severity="minor", strong="major", strong_ratio=50, limit=0.9, rel=0.15, abs=0.1, abs_bytes=5e6,
                 direction="up", persist_s=10, drift_rel=0.15),
            Rule(name="memory", match=r"memory|heap|rss|(^|[._])mem([._]|$)|working_set", signal="saturation",
                 severity="minor", strong="major", strong_ratio=4, limit=0.92, rel=0.35, abs=0.15, abs_bytes=48 * 2.0**20,
                 direction="up", persist_s=12, drift_rel=0.4),
            Rule(name="utilisation", match=r"cpu|utili[sz]ation|load|saturation|usage|throttl|pool", signal="saturation",
                 severity="info", strong="minor", strong_ratio=6, limit=0.9, rel=0.8, abs=0.3,
                 direction="up", persist_s=20),
            Rule(name="traffic", match=r"request|throughput|calls|messages|orders|sessions|connections|(^|[._])rate", signal="traffic",
                 severity="info", strong="minor", strong_ratio=20, rel=0.7, abs=2.0, persist_s=20),
            Rule(name="other", match=r"", signal="other", severity="info", rel=1.5, abs=1e-9, p_fire=1e-5, persist_s=30,
                 min_samples=60, min_s=300),
        )
    )  # fmt: skip


def find(parameters: Parameters, metric: str) -> int:
    """Index of the rule for a metric, -1 when none matches."""
    name = metric.lower()
    return next((i for i, rule in enumerate(parameters.rules) if re.search(rule.match, name)), -1)


UNITS = ("", "%", *SECONDS, *BYTES)


def table(parameters: Parameters) -> npt.NDArray[Any]:
    """The parameter table of the kernel: row 0 is "not watched", then one row per rule and unit."""
    rows = np.zeros(1 + len(parameters.rules) * len(UNITS), dtype=RULE)
    for i, rule in enumerate(parameters.rules):
        for j, unit in enumerate(UNITS):
            row = rows[1 + i * len(UNITS) + j]
            for name in RULE.names or ():
                row[name] = getattr(rule, name)
            row["abs"] = floor_in(rule, unit)
    return rows


def floor_in(rule: Rule, unit: str) -> float:
    """The absolute floor in the unit of the series.

    >>> floor_in(Rule(name="l", match="", signal="latency", severity="info", rel=1, abs=1, abs_s=0.05), "ms")
    50.0
    """
    if unit in SECONDS and rule.abs_s:
        return rule.abs_s / SECONDS[unit]
    if unit in BYTES and rule.abs_bytes:
        return rule.abs_bytes / BYTES[unit]
    return rule.abs * 100.0 if unit == "%" else rule.abs


def row_of(parameters: Parameters, metric: str, unit: str) -> int:
    """Row in `table` for a series; 0 when it is not watched."""
    i = find(parameters, metric)
    if i < 0 or parameters.rules[i].ignore:
        return 0
    unit = unit_of(metric, unit)
    return 1 + i * len(UNITS) + (UNITS.index(unit) if unit in UNITS else 0)


def unit_of(metric: str, unit: str) -> str:
    """The unit that is meant: as sent, or as the Prometheus suffix of the name says.

    >>> unit_of("node_memory_rss_bytes", ""), unit_of("http.duration.p95", "ms"), unit_of("x_percent", "")
    ('By', 'ms', '%')
    """
    if unit:
        return {"seconds": "s", "milliseconds": "ms", "bytes": "By", "B": "By", "percent": "%"}.get(unit, unit)
    suffixes = {"seconds": "s", "milliseconds": "ms", "ms": "ms", "bytes": "By", "percent": "%", "ratio": "1"}
    words = re.split(r"[._]", metric.lower())
    return next((suffixes[w] for w in reversed(words) if w in suffixes), "")


def ways_of(parameters: Parameters, metric: str, direction: Direction) -> int:
    """Bits of the bad directions: 1 up, 2 down. A rule that names its direction knows better than the sender."""
    rule = parameters.rules[find(parameters, metric)]
    return {"up": 1, "down": 2, "both": 3}[rule.direction or direction]

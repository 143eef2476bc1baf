"""What matters in practice, per kind of metric: a p95 from 5 to 8 ms is rare and still not an incident.

A rule is found by the metric's name. Its floors, in shares, seconds or bytes, are put into the unit of the series.
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

_FIELDS = (
    "rel",
    "abs",
    "p_fire",
    "tau_s",
    "slow_s",
    "season_s",
    "min_samples",
    "min_s",
    "persist_s",
    "calm_s",
    "adopt_s",
    "drift_rel",
    "range_ratio",
    "above",
    "near",
    "strong_ratio",
    "is_limit",
)
RULE = np.dtype([(name, "f8") for name in _FIELDS])
UNITS = ("", "%", *SECONDS, *BYTES)
Direction = Literal["up", "down", "both"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of metric is watched.

    Attributes:
        match: Regular expression, searched in the lower-case metric name; the first rule that matches holds.
        rel: A deviation below this share of the expected value is never an anomaly, nor one below …
        abs, abs_s, abs_bytes: … this much: in the metric's own unit (a share: 1 = 100 %), in seconds, in bytes.
        p_fire: Chance of one sample this strange in normal operation, below which it is outside.
        severity: Of an ordinary deviation; `strong` once three samples in a row are `strong_ratio` times the expected
            value (or its inverse), or at `near` of the limit.
        near, above: Shares of the limit (of the `.limit` series beside it; a share or percentage has 1 or 100): nearly
            used up; below `above` nothing of it is told. 0 is off.
        exhausts: Being near the limit is trouble by itself (disk, memory, queue; not a busy processor).
        min_samples, min_s: Not judged before both are there.
        persist_s, calm_s, adopt_s: How long it must last; how long calm must last; after this it is the new normal.
        tau_s, slow_s: Memory of the level and of the slow reference.
        season_s: History after which the rhythm of day and week is used; 0 never.
        drift_rel: Distance from the slow reference, relative to it, that counts as a slow ramp; 0 is off.
        range_ratio: Times the usual step between samples that counts as unsteady; 0 is off.
        is_limit: It says what another series can reach at most, and is not judged. ignore: not watched at all.
        explains: Scored and charted, never told: it helps a diagnosis and is no trouble by itself.
    """

    name: str
    match: str
    signal: Signal
    severity: Severity
    rel: float = 1.0
    abs: float = 0.0
    abs_s: float = 0.0
    abs_bytes: float = 0.0
    direction: Direction | None = None
    strong: Severity | None = None
    strong_ratio: float = 5.0
    near: float = 0.0
    above: float = 0.0
    exhausts: bool = False
    p_fire: float = 1e-3
    tau_s: float = 600.0
    slow_s: float = 86_400.0
    season_s: float = 259_200.0
    min_samples: int = 12
    min_s: float = 55.0
    persist_s: float = 10.0
    calm_s: float = 10.0
    adopt_s: float = 14_400.0
    drift_rel: float = 0.0
    range_ratio: float = 0.0
    is_limit: bool = False
    explains: bool = False
    ignore: bool = False


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the metric detector.

    Attributes:
        p_flag: A sample this improbable is flagged where samples, not alerts, are asked for.
    """

    rules: tuple[Rule, ...]
    p_flag: float = 1e-5


def find(parameters: Parameters, metric: str) -> int:
    """Index of the rule for a metric, -1 when none matches."""
    name = metric.lower()
    return next((i for i, rule in enumerate(parameters.rules) if re.search(rule.match, name)), -1)


def table(parameters: Parameters) -> npt.NDArray[Any]:
    """The parameter table of the kernel: row 0 is "not watched", then one row per rule and unit."""
    rows = np.zeros(1 + len(parameters.rules) * len(UNITS), dtype=RULE)
    for i, rule in enumerate(parameters.rules):
        for j, unit in enumerate(UNITS):
            row = rows[1 + i * len(UNITS) + j]
            for name in _FIELDS:
                row[name] = getattr(rule, name)
            row["abs"] = floor_in(rule, unit)
            if rule.explains:
                row["persist_s"] = np.inf
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


def ways_of(parameters: Parameters, metric: str, direction: Direction) -> int:
    """Bits of the bad directions: 1 up, 2 down. A rule that names its direction knows better than the sender."""
    rule = parameters.rules[find(parameters, metric)]
    return {"up": 1, "down": 2, "both": 3}[rule.direction or direction]


def own_limit(parameters: Parameters, metric: str, unit: str) -> float:
    """The limit that the unit itself gives: 1 of a share, 100 of a percentage, 0 (unknown) of everything else."""
    if not parameters.rules[find(parameters, metric)].near:
        return 0.0
    return {"1": 1.0, "%": 100.0}.get(unit_of(metric, unit), 0.0)


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

"""What matters in practice, per kind of metric: a p95 from 5 to 8 ms is rare and still not an incident.

A rule is found by the metric's name. Its floors, in shares, seconds or bytes, are put into the unit of the series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.alerts import Severity
from mainstay.domain.protocols import Signal
from mainstay.domain.words import BYTES, SECONDS

_FIELDS = (
    "rel",
    "abs",
    "p_fire",
    "z_least",
    "tau_s",
    "slow_s",
    "season_s",
    "min_samples",
    "min_s",
    "persist_s",
    "calm_s",
    "adopt_s",
    "drift_rel",
    "above",
    "near",
    "strong_ratio",
    "is_limit",
)
RULE = np.dtype([(name, "f8") for name in _FIELDS])
MOST_ROWS = 65_536
UNITS = ("", "%", *SECONDS, *BYTES)
Direction = Literal["up", "down", "both"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one kind of metric is watched.

    Attributes:
        match: Regular expression, searched in the lower-case metric name; the first rule that matches holds.
        rel: A deviation below this share of the expected value is never an anomaly, nor one below …
        abs, abs_s, abs_bytes: … this much: in the metric's own unit (a share: 1 = 100 %), in seconds, in bytes.
        p_fire: Chance of one sample this strange in normal operation, below which it is outside.
        z_least: Nearer to the level than so many standard deviations nothing is, whatever its tail says.
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
    z_least: float = 3.0
    tau_s: float = 600.0
    slow_s: float = 86_400.0
    season_s: float = 259_200.0
    min_samples: int = 12
    min_s: float = 55.0
    persist_s: float = 10.0
    calm_s: float = 10.0
    adopt_s: float = 14_400.0
    drift_rel: float = 0.0
    is_limit: bool = False
    explains: bool = False
    ignore: bool = False


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entities that are watched by rules of their own.

    Attributes:
        entity: Regular expression, searched in the entity's id; the first scope that matches holds.
        rules: Instead of the general ones.
    """

    entity: str
    rules: tuple[Rule, ...]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the metric detector.

    Attributes:
        p_flag: A sample this improbable is flagged where samples, not alerts, are asked for.
        scopes: Where other rules hold. They cost nothing a sample: a series names its row in one parameter table.
    """

    rules: tuple[Rule, ...]
    scopes: tuple[Scope, ...] = ()
    p_flag: float = 1e-5


class Choice:
    """Which rule and which row of the parameter table a series has; remembers what it has found by metric and unit.

    Args:
        others: Further versions that share the table; `which` says whose rules hold for an entity (0: `parameters`).
    """

    def __init__(
        self, parameters: Parameters, others: Sequence[Parameters] = (), which: Callable[[str], int] = lambda _: 0
    ) -> None:
        versions = (parameters, *others)
        starts: dict[tuple[Rule, ...], int] = {}  # equal rules share their rows
        count = 0
        for given in versions:
            for rules in (given.rules, *(scope.rules for scope in given.scopes)):
                if rules not in starts:
                    starts[rules] = count
                    count += len(rules)
        self.table = table(rule for rules in starts for rule in rules)
        self._sets = {start: rules for rules, start in starts.items()}
        self._which, self._general = which, [starts[given.rules] for given in versions]
        self._scopes = [
            [(re.compile(scope.entity), starts[scope.rules]) for scope in given.scopes] for given in versions
        ]
        self._start = lru_cache(maxsize=65_536)(self._start_of)
        self._row = lru_cache(maxsize=65_536)(self._row_of)
        self._index = lru_cache(maxsize=65_536)(self._index_of)

    def rule(self, entity: str, metric: str) -> Rule:
        """The rule that holds; the first of all when none matches the metric."""
        start = self._start(entity)
        return self._sets[start][max(self._index(start, metric), 0)]

    def row(self, entity: str, metric: str, unit: str) -> int:
        """Row in `table`; 0 when it is not watched."""
        return self._row(self._start(entity), metric, unit)

    def _start_of(self, entity: str) -> int:
        version = self._which(entity)
        scopes = self._scopes[version]
        return next((start for pattern, start in scopes if pattern.search(entity)), self._general[version])

    def _index_of(self, start: int, metric: str) -> int:
        return find(self._sets[start], metric)

    def _row_of(self, start: int, metric: str, unit: str) -> int:
        rules, i = self._sets[start], self._index(start, metric)
        if i < 0 or rules[i].ignore:
            return 0
        unit = unit_of(metric, unit)
        return 1 + (start + i) * len(UNITS) + (UNITS.index(unit) if unit in UNITS else 0)


def find(rules: tuple[Rule, ...], metric: str) -> int:
    """Index of the rule for a metric, -1 when none matches."""
    name = metric.lower()
    return next((i for i, rule in enumerate(rules) if re.search(rule.match, name)), -1)


def table(rules: Iterable[Rule]) -> npt.NDArray[Any]:
    """The parameter table of the kernel: row 0 is "not watched", then one row per rule and unit.

    Raises:
        ValueError: More rules than a series can name (65,535 rows).
    """
    listed = tuple(rules)
    rows = np.zeros(1 + len(listed) * len(UNITS), dtype=RULE)
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{len(listed)} rules are too many; at most {(MOST_ROWS - 1) // len(UNITS)} different ones")
    for i, rule in enumerate(listed):
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


def ways_of(rule: Rule, direction: Direction) -> int:
    """Bits of the bad directions: 1 up, 2 down. A rule that names its direction knows better than the sender."""
    return {"up": 1, "down": 2, "both": 3}[rule.direction or direction]


def own_limit(rule: Rule, metric: str, unit: str) -> float:
    """The limit that the unit itself gives: 1 of a share, 100 of a percentage, 0 (unknown) of everything else."""
    return {"1": 1.0, "%": 100.0}.get(unit_of(metric, unit), 0.0) if rule.near else 0.0


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

"""What a training may turn of a version, and how far: factors on the parameters of the version that serves.

A factor of 1 is the version itself. The ranges are also the validated bounds: a version whose parameters lie within
them, measured from what is shipped, and that differs in nothing else, is a *standard change*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.domain.models import ModelKind

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class Knob:
    """One factor and the parameters it multiplies. `is_whole`: they are counts."""

    name: str
    low: float
    high: float
    fields: tuple[str, ...]
    is_whole: bool = False


_METRICS = (
    Knob("p_fire", 0.02, 20.0, ("p_fire",)),  # the tail beyond which a sample is outside
    Knob("rel", 0.6, 1.8, ("rel", "abs", "abs_s", "abs_bytes")),
    Knob("tau_s", 0.25, 4.0, ("tau_s",)),  # half-life of the level
    Knob("persist_s", 0.5, 3.0, ("persist_s",)),
    Knob("z_least", 1.0, 1.0, ("z_least",)),  # set by hand, never searched
)
_ENTITIES = (
    Knob("p_fire", 0.02, 20.0, ("p_fire",)),
    Knob("blame", 0.6, 1.8, ("blame",)),
    Knob("matters", 0.5, 2.0, ("matters",)),
)
_EDGES = (
    Knob("latency_p", 1e-3, 1e3, ("latency_p",)),
    Knob("errors_p", 1e-3, 1e3, ("errors_p",)),
    Knob("ratio", 0.75, 1.6, ("ratio",)),
    Knob("least_ms", 0.4, 2.5, ("least_ms",)),
    Knob("error_share", 0.4, 2.0, ("error_share",)),
)
_LOGS = (
    Knob("rate_p", 1e-3, 1e3, ("rate_p",)),
    Knob("ratio", 0.6, 1.8, ("ratio",)),
    Knob("least", 0.5, 2.5, ("least_error", "least_warn", "least_info")),
    Knob("new_error", 0.5, 3.0, ("new_error", "new_warn"), is_whole=True),
)
_CORRELATOR = tuple(
    Knob(name, 0.7, 1.4, (name,))
    for name in ("join_at", "merge_at", "tau_s", "per_hop", "shared_callee", "shared_caller", "shared_change")
)
_DIAGNOSER = tuple(
    Knob(name, 0.5, 2.0, (name,))
    for name in (
        "illness", "covers", "own", "explained", "early", "silence", "change", "memory", "cpu", "disk", "queue",
        "database", "outage", "log", "not_enough", "sureness",
    )
)  # fmt: skip
_PLANNER = (Knob("min_success", 0.5, 3.0, ("min_success",)), Knob("prior_failed", 0.5, 4.0, ("prior_failed",)))

KNOBS: dict[ModelKind, tuple[Knob, ...]] = {
    "metrics": _METRICS,
    "entities": _ENTITIES,
    "edges": _EDGES,
    "logs": _LOGS,
    "correlator": _CORRELATOR,
    "diagnoser": _DIAGNOSER,
    "planner": _PLANNER,
}
MOST_P, MOST_SHARE = 0.5, 0.95
_SHARES = frozenset(
    {"join_at", "merge_at", "per_hop", "shared_callee", "shared_caller", "shared_change", "min_success"}
)
_CHANCES = frozenset({"p_fire", "latency_p", "errors_p", "rate_p"})


def searched(kind: ModelKind) -> dict[str, BaseDistribution]:
    """What a search may draw: every knob that has a range, uniform in its logarithm.

    >>> sorted(searched("edges"))
    ['error_share', 'errors_p', 'latency_p', 'least_ms', 'ratio']
    """
    from optuna.distributions import FloatDistribution

    return {knob.name: FloatDistribution(knob.low, knob.high, log=True) for knob in KNOBS[kind] if knob.low < knob.high}


def drawn(factors: Mapping[str, float]) -> dict[str, float]:
    """A setting as it is tried and written down: three digits.

    >>> drawn({"ratio": 0.91234})
    {'ratio': 0.912}
    """
    return {name: _digits(factor) for name, factor in factors.items()}


def turned(kind: ModelKind, parameters: Mapping[str, Any], knobs: Mapping[str, float]) -> dict[str, Any]:
    """The parameters with these knobs turned; without any they are as they were.

    >>> turned("edges", {"ratio": 1.8, "ring": 6}, {"ratio": 0.9})
    {'ratio': 1.62, 'ring': 6}
    """
    found = _plain(parameters)
    if kind == "metrics":
        found["rules"] = [_rule(rule, knobs) for rule in found["rules"]]
        found["scopes"] = [
            {**scope, "rules": [_rule(rule, knobs) for rule in scope["rules"]]} for scope in found.get("scopes", ())
        ]
        return found
    return _multiplied(kind, found, knobs)


def checked(kind: ModelKind, knobs: Mapping[str, float]) -> None:
    """Whether these knobs can be set by hand; how far is the gates' affair.

    Raises:
        BadInput: There is no such knob, or it is not set to a number above 0.
    """
    names = [knob.name for knob in KNOBS.get(kind, ())]
    for name, factor in knobs.items():
        if name not in names:
            raise BadInput(f"{kind} has no knob {name[:40]!r}; it has {', '.join(names) or 'none'}")
        if not 0 < factor < math.inf:
            raise BadInput(f"a knob is a factor above 0; {name} is {factor:g}")


def is_standard(kind: ModelKind, shipped: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether `new` differs from what is shipped only in what knobs turn, and not beyond their ranges.

    >>> is_standard("edges", {"ratio": 1.8, "ring": 6}, {"ratio": 1.7, "ring": 6})
    True
    >>> is_standard("edges", {"ratio": 1.8, "ring": 6}, {"ratio": 1.8, "ring": 9})
    False
    """
    bounds = {field: knob for knob in KNOBS[kind] for field in knob.fields}
    before, after = dict(_leaves(_plain(shipped))), dict(_leaves(_plain(new)))
    if before.keys() != after.keys():
        return False
    return all(
        before[path] == after[path] or _is_within(bounds.get(path[-1]), before[path], after[path]) for path in before
    )


def _rule(rule: dict[str, Any], knobs: Mapping[str, float]) -> dict[str, Any]:
    return rule if rule.get("ignore") or rule.get("is_limit") else _multiplied("metrics", rule, knobs)


def _multiplied(kind: ModelKind, values: dict[str, Any], knobs: Mapping[str, float]) -> dict[str, Any]:
    found = dict(values)
    for knob in KNOBS[kind]:
        factor = knobs.get(knob.name, 1.0)
        for field in knob.fields:
            if field in found and factor != 1.0:
                found[field] = _bounded(field, found[field] * factor, is_whole=knob.is_whole)
    return found


def _bounded(field: str, value: float, *, is_whole: bool) -> float:
    if is_whole:
        return max(1, round(value))
    if field in _CHANCES:
        value = min(value, MOST_P)
    return _digits(min(value, MOST_SHARE) if field in _SHARES else value)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _is_within(knob: Knob | None, before: Any, after: Any) -> bool:
    if knob is None or not isinstance(before, int | float) or not isinstance(after, int | float) or not before:
        return False
    return knob.low * 0.99 <= after / before <= knob.high * 1.01  # values are rounded to three digits


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """As an artefact holds them: lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(dict(parameters)), type=dict[str, Any])


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [leaf for key, one in sorted(value.items()) for leaf in _leaves(one, (*path, str(key)))]
    if isinstance(value, list | tuple) and any(isinstance(one, dict) for one in value):
        return [leaf for number, one in enumerate(value) for leaf in _leaves(one, (*path, str(number)))]
    return [(path, value)]

"""What a judge of changes says, in a sentence that a person can check against the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

NAMES = {
    "latency": "latency",
    "own": "own time",
    "errors": "errors",
    "rate": "requests",
    "availability": "availability",
    "cpu": "processor",
    "memory": "memory",
}
UNITS = {"latency": " ms", "own": " ms", "rate": "/s"}
SHARES = frozenset({"errors", "availability"})


class Asked(Protocol):
    """What is needed of the question."""

    @property
    def after(self) -> int: ...
    @property
    def bucket_s(self) -> float: ...


def says_harmful(found: Mapping[str, Any], asked: Asked) -> str:
    """What got worse, and how rare that is."""
    harmed = [e for e in found["effects"] if e["is_harm"]] or found["effects"][:1]
    what = ", ".join(effect(one) for one in harmed[:3])
    return f"{what}; within {asked.after * asked.bucket_s:g} s, p {found['p_value']:g} of {compared(found)}"


def says_harmless(found: Mapping[str, Any], asked: Asked) -> str:
    """What did not get worse."""
    told = [e for e in found["effects"] if e["signal"] in ("latency", "errors")]
    what = ", ".join(effect(one) for one in told)
    return f"{what}; within {asked.after * asked.bucket_s:g} s, p {found['p_value']:g} of {compared(found)}"


def effect(one: Mapping[str, Any]) -> str:
    """One effect.

    >>> effect({"signal": "errors", "before": 0.0, "after": 0.31, "effect": 0.31})
    'errors +31.0 points (0.0 % → 31.0 %)'
    >>> effect({"signal": "latency", "before": 20.0, "after": 61.0, "effect": 3.0})
    'latency ×3 (20 → 61 ms)'
    """
    name = NAMES[one["signal"]]
    if one["signal"] in SHARES:
        points = 100 * one["effect"]
        return f"{name} {points:+.1f} points ({100 * one['before']:.1f} % → {100 * one['after']:.1f} %)"
    return f"{name} ×{one['effect']:.3g} ({one['before']:.3g} → {one['after']:.3g}{UNITS.get(one['signal'], '')})"


def compared(found: Mapping[str, Any]) -> str:
    """With whom it was compared.

    >>> compared({"placebos": 40, "peers": ["a", "b", "c"]})
    '40 placebos, 3 peers'
    """
    peers = len(found["peers"])
    return f"{found['placebos']} placebos, {peers} peer{'' if peers == 1 else 's'}"

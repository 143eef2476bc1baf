"""Which symptom is the worst, in whose eyes, and how it reads with its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainstay.domain.alerts import SEVERITIES, Alert, Band
from mainstay.intelligence.wording import short

FELT = ("latency", "errors", "availability")
_VERBS = {
    "latency": "slow",
    "errors": "failing",
    "availability": "not answering",
    "traffic": "traffic unusual",
    "saturation": "near its limits",
    "logs": "logging unusual errors",
    "other": "behaving unusually",
}
_RANK = {"availability": 0, "errors": 1, "latency": 2, "saturation": 3, "traffic": 4, "logs": 5, "other": 6}


def is_user_facing(alert: Alert) -> bool:
    """Whether it is a call from outside: what users themselves see."""
    caller, callee = alert.call
    return bool(callee) and not caller


def worst(alerts: Iterable[Alert], tiers: dict[str, int | None]) -> Alert | None:
    """What hurts most: felt by users first, then by severity, tier and size."""
    return min(alerts, key=lambda alert: _order(alert, tiers), default=None)


def says(alert: Alert) -> str:
    """An alert as one line with its numbers: `checkout p95 2.4 s, expected at most 180 ms`."""
    who = short(alert.about)
    caller, callee = alert.call
    if callee and caller:
        who = f"{short(caller)} → {short(callee)}"
    if alert.band is None:
        return alert.summary or f"{who} {state(alert)}"
    return f"{who} {_measure(alert)}{_moved(alert.band)}"


def state(alert: Alert) -> str:
    """What its entity is, in a word or two.

    >>> from mainstay.domain.models import VersionRef
    >>> state(Alert(id="a", fingerprint="f", entity="e", name="n", severity="major", status="firing", since_ms=0,
    ...     at_ms=0, decided_by=VersionRef("edges", 1), signal="latency"))
    'slow'
    """
    metric = alert.labels.get("metric", "").lower()
    if "queue" in metric or "backlog" in metric:
        return "queue growing"
    return _VERBS[alert.signal]


def states(alerts: Sequence[Alert], entity: str) -> list[str]:
    """What one entity is, worst first: `failing`, `slow`."""
    mine = sorted((a for a in alerts if a.about == entity), key=lambda a: (_RANK[a.signal], a.id))
    return list(dict.fromkeys(state(alert) for alert in mine))


def _order(alert: Alert, tiers: dict[str, int | None]) -> tuple[object, ...]:
    tier = tiers.get(alert.about)
    return (
        not (is_user_facing(alert) and alert.signal in FELT),
        alert.signal not in FELT,
        SEVERITIES.index(alert.severity),
        tier if tier is not None else 9,
        _RANK[alert.signal],
        -ratio(alert),
        alert.since_ms,
        alert.id,
    )


def ratio(alert: Alert) -> float:
    """How far outside of what was expected: value over the upper edge; 1 when there is no band."""
    band = alert.band
    return band.value / band.high if band is not None and band.high > 0 else 1.0


def _measure(alert: Alert) -> str:
    words = {"latency": "latency", "errors": "errors", "traffic": "calls", "availability": "availability"}
    metric = alert.labels.get("metric", "")
    statistic = metric.rpartition(".")[2]
    if alert.signal == "latency":
        return f"{statistic if statistic in ('p50', 'p90', 'p95', 'p99') else words['latency']} "
    return f"{words.get(alert.signal) or metric or alert.signal} "


def _moved(band: Band) -> str:
    is_high = band.value > band.high
    usual = f"at most {amount(band.high, band.unit)}" if is_high else f"at least {amount(band.low, band.unit)}"
    return f"{amount(band.value, band.unit)}, expected {usual}"


def amount(value: float, unit: str) -> str:
    """A number with its unit as it is said aloud.

    >>> amount(2400, "ms"), amount(0.31, "1"), amount(2.6e8, "By"), amount(412, "{message}")
    ('2.4 s', '31 %', '260 MB', '412 message')
    """
    if unit in ("ms", "s", "us"):
        ms = value * {"ms": 1.0, "s": 1000.0, "us": 0.001}[unit]
        return f"{ms / 1000:.3g} s" if abs(ms) >= 1000 else f"{ms:.3g} ms"
    if unit in ("1", "%"):
        share = value * (100 if unit == "1" else 1)
        return f"{share:.3g} %"
    if unit in ("By", "bytes", "B"):
        return f"{value / 1e9:.3g} GB" if abs(value) >= 1e9 else f"{value / 1e6:.3g} MB"
    return f"{value:.3g} {unit.strip('{}')}".strip()

"""What people said they do not care about: values too small to matter, whatever is usual there."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from mainstay.detect.watched import Watched
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import Floor

_SIZES: tuple[dict[str, float], ...] = (
    {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0},
    {"B": 1.0, "By": 1.0, "bytes": 1.0, "KiB": 2.0**10, "KiBy": 2.0**10, "MiB": 2.0**20, "MiBy": 2.0**20,
     "GiB": 2.0**30, "GiBy": 2.0**30, "kB": 1e3, "kBy": 1e3, "MB": 1e6, "MBy": 1e6, "GB": 1e9},
    {"1": 1.0, "": 1.0, "%": 0.01, "percent": 0.01},
)  # fmt: skip


def floor_under(alert: Alert, floors: Iterable[Floor], watched: Watched) -> Floor | None:
    """The floor that this alert lies below, if any.

    Only what is high is held back: of a value that fell (calls that stopped, a service that is gone) too little is the
    trouble itself.
    """
    band = alert.band
    if band is None or band.value < band.low:
        return None
    for floor in floors:
        if _holds(floor, alert, watched) and band.value < converted(floor.below, floor.unit, band.unit):
            return floor
    return None


def converted(value: float, unit: str, into: str) -> float:
    """A value in another unit; −inf when the two do not measure the same, so that nothing lies below it.

    >>> converted(5, "ms", "s"), converted(5, "ms", "By"), converted(2, "MiB", "By")
    (0.005, -inf, 2097152.0)
    """
    if unit in ("", into):
        return value
    for sizes in _SIZES:
        if unit in sizes and into in sizes:
            return value * sizes[unit] / sizes[into]
    return float("-inf")


def measured(alert: Alert) -> str:
    """The name by which a floor knows what was judged: the metric, `calls.CHANNEL` or `logs.CHANNEL`."""
    if alert.subject.startswith("edge:"):
        return f"calls.{alert.channel}"
    if alert.subject.startswith("log:"):
        return f"logs.{alert.channel}"
    return alert.labels.get("metric", alert.name)


def says(floor: Floor) -> str:
    """A floor in words.

    >>> says(Floor(below=5, unit="ms", service="payments", metric="calls.latency"))
    'below 5 ms nobody cares: calls.latency of payments'
    """
    where = [floor.service, floor.team and f"team {floor.team}", floor.environment and f"in {floor.environment}"]
    of = " ".join(part for part in where if part)
    return f"below {floor.below:g}{' ' if floor.unit else ''}{floor.unit} nobody cares: {floor.metric}" + (
        f" of {of}" if of else ""
    )


def _holds(floor: Floor, alert: Alert, watched: Watched) -> bool:
    entity = alert.about
    name = entity.rpartition("/")[2]
    return (
        fnmatchcase(measured(alert), floor.metric)
        and floor.service in ("", entity, name)
        and floor.team in ("", watched.team(entity))
        and floor.environment in ("", watched.environment(entity))
    )

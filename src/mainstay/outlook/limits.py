"""Which gauges have a limit: read from a file that people write, and found again among the series that are heard of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mainstay.domain.signals import Series
from mainstay.files import Document

SHIPPED = Path(__file__).with_name("limits.yaml")
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Times(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody wants to know: a warning, and a page (0: never)."""

    warn_s: Seconds = 86_400.0
    page_s: Seconds = 3600.0


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of resource that can run out; `limits.yaml` says what each field means.

    Attributes:
        place: Where it stands in the file: of two for one resource the first counts.
    """

    name: Name
    metric: Name
    limit: str = ""
    full: float | None = None
    falls: float | None = None
    objective: Literal["", "latency_ms"] = ""
    deadline: bool = False
    same: tuple[Name, ...] = ()
    where: dict[str, str] = {}
    warn_s: Seconds | None = None
    page_s: Seconds | None = None
    place: int = 0

    @property
    def signal(self) -> Literal["latency", "saturation"]:
        """What its alerts are a symptom of: what runs out, or how long answers take."""
        return "latency" if self.objective else "saturation"

    def holds(self, series: Series) -> bool:
        """Whether this series is meant."""
        labels = dict(series.labels)
        return all(labels.get(name) == value for name, value in self.where.items())

    def which(self, series: Series) -> tuple[str, ...]:
        """What tells this resource from others of the same entity and kind."""
        labels = dict(series.labels)
        return tuple(f"{name}={labels[name]}" for name in self.same if name in labels)

    def resource(self, series: Series) -> str:
        """In words: `disk /var`; who it is of stands beside it, so hosts and instances are not named."""
        labels = dict(series.labels)
        said = [labels[name] for name in self.same if name in labels and name not in _WHO]
        return " ".join([self.name, *dict.fromkeys(said)])


_WHO = frozenset({"host.name", "instance", "job", "container.id", "id"})


class Limits:
    """The limits of the file in force, by metric.

    Raises:
        BadFile: A file cannot be read; with the line.

    >>> Limits().of("node_filesystem_avail_bytes")[0].name
    'disk'
    """

    def __init__(self, own: str = "") -> None:
        listed = [*(read_limits(Path(own)) if own else ()), *read_limits(SHIPPED)]
        self._by_metric: dict[str, list[Limit]] = {}
        for place, limit in enumerate(listed):
            self._by_metric.setdefault(limit.metric, []).append(msgspec.structs.replace(limit, place=place))
        self.sizes = {limit.limit for limit in listed if limit.limit}

    def of(self, metric: str) -> Sequence[Limit]:
        """Those that speak of this metric, the first in the file first."""
        return self._by_metric.get(metric, ())

    def may_be(self, metric: str) -> bool:
        """Whether a series of this name is a resource, or how much there is of one."""
        return metric in self._by_metric or metric in self.sizes

    def for_series(self, series: Series) -> Limit | None:
        """The first that means this series; None for none."""
        return next((limit for limit in self.of(series.metric) if limit.holds(series)), None)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limits: list[Limit]
    defaults: Times = Times()


def read_limits(path: Path) -> list[Limit]:
    """The limits of one file, each with its times.

    Raises:
        BadFile: It cannot be read, or an entry says how much there is in two ways; with the line.
    """
    document = Document.open(path)
    found = document.read(_File)
    ready = []
    for at, limit in enumerate(found.limits):
        fault = _fault(limit)
        if fault:
            raise document.bad(["limits", at], fault)
        warn_s = found.defaults.warn_s if limit.warn_s is None else limit.warn_s
        page_s = found.defaults.page_s if limit.page_s is None else limit.page_s
        ready.append(msgspec.structs.replace(limit, warn_s=warn_s, page_s=page_s))
    return ready


def _fault(limit: Limit) -> str:
    if limit.deadline and (limit.limit or limit.full is not None or limit.falls is not None):
        return f"{limit.name}: a deadline has no limit, full or falls beside it"
    if limit.full is not None and (limit.limit or limit.falls is not None):
        return f"{limit.name}: expected one of full, and limit or falls"
    if limit.objective and (limit.limit or limit.full is not None or limit.falls is not None or limit.deadline):
        return f"{limit.name}: an objective has no limit, full, falls or deadline beside it"
    return ""


def labels_same(limit: Limit, series: Series, other: Mapping[str, str]) -> bool:
    """Whether another series of the entity, with these labels, is about the same thing."""
    mine = dict(series.labels)
    return all(other.get(name, mine.get(name)) == mine.get(name, other.get(name)) for name in limit.same)

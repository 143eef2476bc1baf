"""Series of one stretch of time, asked for in pieces that their Prometheus can answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from mainstay.domain.entities import Labels, labels_of
from mainstay.domain.errors import Refused
from mainstay.domain.signals import F64, I64
from mainstay.history.prometheus.client import Found, Prometheus, TooMuch
from mainstay.history.prometheus.selectors import Reading
from mainstay.history.slices import Slice, Turn, is_accepted

MOST_POINTS = 11_000  # of one series in one answer: Prometheus' own limit


class Fetching:
    """Asks for stretches of time. What was too much once is asked for in smaller pieces from then on."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._points: dict[str, int] = {}

    def over(self, expression: str, first_s: int, until_s: int, step_s: int) -> Iterator[Found]:
        """Values at `first_s` and every `step_s` until `until_s`; a series comes once per piece, in order of time.

        Raises:
            GaveUp: There was no usable answer within the patience.
            Refused: One single moment is more than one answer can hold, or we are not let in.
        """
        at_s = first_s
        while at_s <= until_s:
            end_s = min(at_s + (self._points.get(expression, MOST_POINTS) - 1) * step_s, until_s)
            try:
                yield from self._prometheus.over(expression, at_s, end_s, step_s)
            except TooMuch as error:
                points = (end_s - at_s) // step_s + 1
                if points <= 1:
                    raise Refused(
                        f"{error}; and that for one single moment: select fewer series, see --match"
                    ) from None
                self._points[expression] = points // 2
                continue
            at_s = end_s - (end_s - at_s) % step_s + step_s


def samples_of(
    fetching: Fetching, readings: Iterable[Reading], external: Mapping[str, str], since_s: int, until_s: int
) -> Columns:
    """Everything that the readings select in (since, until].

    `external` are the labels that this Prometheus adds when it sends: a query does not show them, remote write does.
    """
    columns = Columns()
    for reading in readings:
        columns.begin()
        for series in fetching.over(reading.expression, _first_after(since_s, reading.step_s), until_s, reading.step_s):
            columns.add(series, external)
    return columns


class Columns:
    """Samples as they come, by series. A series that an earlier selector brought is not taken from a later one."""

    def __init__(self) -> None:
        self._numbers: dict[Labels, int] = {}
        self._before: set[Labels] = set()
        self._parts: list[list[tuple[I64, F64]]] = []
        self._refused = 0

    def begin(self) -> None:
        """Another selector follows."""
        self._before = set(self._numbers)

    def add(self, found: Found, external: Mapping[str, str]) -> None:
        """Samples of one series; labels that remote write would not bring in either are refused and counted."""
        labels = labels_of({**external, **found.metric})
        if labels in self._before or not found.values:
            return
        if not is_accepted(labels):
            self._refused += len(found.values)
            return
        number = self._numbers.setdefault(labels, len(self._parts))
        if number == len(self._parts):
            self._parts.append([])
        at, text = zip(*found.values, strict=True)
        self._parts[number].append((np.rint(np.array(at) * 1000).astype(np.int64), np.array(text, np.float64)))

    def finished(self, since_s: int, until_s: int, tick_s: int, turns: list[Turn]) -> Slice:
        """The slice that they make, with the alerts of the same stretch."""
        lengths = [sum(len(at) for at, _ in parts) for parts in self._parts]
        series = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)
        whole = [part for parts in self._parts for part in parts]
        return Slice(
            since_ms=since_s * 1000,
            until_ms=until_s * 1000,
            tick_ms=tick_s * 1000,
            labels=list(self._numbers),
            series=series.tobytes(),
            at_ms=b"".join(at.tobytes() for at, _ in whole),
            value=b"".join(value.tobytes() for _, value in whole),
            turns=turns,
            refused=self._refused,
        )


def _first_after(since_s: int, step_s: int) -> int:
    return (since_s // step_s + 1) * step_s

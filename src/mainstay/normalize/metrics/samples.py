"""Metrics as the stages know them: counters as rates, histograms as quantiles, each sample with its entity's series."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64, I64, U32, HistogramPoint, MetricBatch, RawMetrics
from mainstay.normalize.metrics.naming import BUCKET, COUNT, COUNTER, DELTA, GAUGE, SUM
from mainstay.normalize.metrics.quantiles import Group, bucket_quantiles, quantile
from mainstay.normalize.metrics.rates import Arrived, Steps, step
from mainstay.normalize.metrics.streams import Streams

OLDEST_NS = 24 * 3600 * 10**9  # later than this after its time, a sample is counted and not kept
NEWEST_NS = 10 * 60 * 10**9  # a sender's clock may be ahead by this much
SHARES = (0.5, 0.95)
IS_RATED, IS_GROUPED = (np.isin(np.arange(8), modes) for modes in ((COUNTER, DELTA, COUNT), (BUCKET, SUM, COUNT)))


@dataclass(slots=True)
class Outputs:
    """Samples on their way out, with the place of the input that they came from."""

    order: list[npt.NDArray[np.int64]] = field(default_factory=list)
    slot: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    at_ns: list[I64] = field(default_factory=list)
    value: list[F64] = field(default_factory=list)

    def add(self, order: I64, slot: U32, at_ns: I64, value: F64) -> None:
        self.order.append(order)
        self.slot.append(slot)
        self.at_ns.append(at_ns)
        self.value.append(value)

    def add_rows(self, rows: list[tuple[int, int, int, float]]) -> None:
        if rows:
            order, slot, at, value = zip(*rows, strict=True)
            self.add(np.array(order, np.int64), np.array(slot, np.uint32), np.array(at, np.int64), np.array(value))

    def batch(self) -> MetricBatch | None:
        """All of it in the order of arrival; None when it is empty."""
        if not self.order:
            return None
        if len(self.order) == 1 and len(self.slot[0]):
            return MetricBatch(self.slot[0], self.at_ns[0], self.value[0])
        order = np.argsort(np.concatenate(self.order), kind="stable")
        if not len(order):
            return None
        columns = (np.concatenate(c)[order] for c in (self.slot, self.at_ns, self.value))
        return MetricBatch(*columns)  # type: ignore[arg-type]


@dataclass(slots=True)
class HistogramState:
    """The last cumulative point of one histogram stream."""

    at: int
    start: int
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Metrics:
    """Turns raw metrics into samples of series. Per sample only numpy; per stream and request one look-up."""

    def __init__(self, streams: Streams, counts: Counter[str]) -> None:
        self.streams, self.counts = streams, counts
        self.groups: dict[int, Group] = {}
        self.histograms: dict[int, HistogramState] = {}
        self.late = 0

    def apply(self, raw: RawMetrics, received_ns: int) -> tuple[MetricBatch | None, list[str]]:
        """Samples of this request, and the entities that spoke in it. `late` is how many came after a newer one."""
        self.late = 0
        out = Outputs()
        numbers = self.streams.numbers(raw)
        self._samples(raw, numbers[raw.stream], received_ns, out)
        heard = numbers[numbers >= 0]
        numbers_of_histograms = [self._histogram(raw, at, received_ns, out) for at in range(len(raw.histograms))]
        heard = np.concatenate([heard, np.array([n for n in numbers_of_histograms if n >= 0], np.int64)])
        entities = [self.streams.entities[e] for e in np.unique(self.streams.entity[heard])] if len(heard) else []
        self.counts["late"] += self.late
        return out.batch(), entities

    def _samples(self, raw: RawMetrics, number: I64, received_ns: int, out: Outputs) -> None:
        in_time = (raw.at_ns >= received_ns - OLDEST_NS) & (raw.at_ns <= received_ns + NEWEST_NS)
        known = number >= 0
        self.counts["out_of_time"] += int(np.count_nonzero(~in_time))
        self.counts["no_room"] += int(np.count_nonzero(in_time & ~known))
        order = np.flatnonzero(in_time & known)
        if not len(order):
            return
        arrived = Arrived(order, number, raw.at_ns, raw.start_ns, raw.value)
        if len(order) < len(number):
            arrived = Arrived(order, number[order], raw.at_ns[order], raw.start_ns[order], raw.value[order])
        steps = step(self.streams, arrived)
        self.late += steps.late
        self.counts["repeated"] += steps.repeated
        self.counts["resets"] += steps.resets
        self._emit(steps, out)

    def _emit(self, steps: Steps, out: Outputs) -> None:
        mode = self.streams.mode[steps.number]
        gauge = mode == GAUGE
        rated = IS_RATED[mode] & ~np.isnan(steps.increase)
        value = np.where(gauge, steps.value, np.divide(steps.increase, steps.seconds))
        which = gauge | rated
        columns = steps.order, self.streams.slot[steps.number], steps.at_ns, value
        out.add(*(columns if which.all() else [column[which] for column in columns]))
        rows: list[tuple[int, int, int, float]] = []
        for at in np.flatnonzero(IS_GROUPED[mode]).tolist():
            rows.extend(self._grouped(steps, at, int(mode[at])))
        out.add_rows(rows)

    def _grouped(self, steps: Steps, at: int, mode: int) -> list[tuple[int, int, int, float]]:
        """What a histogram's bucket, or a sum or count, completes."""
        number = int(steps.number[at])
        group = int(self.streams.group[number])
        member = float(self.streams.bounds[number]) if mode == BUCKET else float(mode)
        at_ns, order = int(steps.at_ns[at]), int(steps.order[at])
        if member != member:  # noqa: PLR0124 - an `le` that is no number
            return []
        whole = self.groups.setdefault(group, Group()).take(member, at_ns, float(steps.increase[at]))
        if whole is None:
            return []
        slots = self.streams.group_slots[group]
        if mode == BUCKET:
            return [(order, s, at_ns, v) for s, v in zip(slots, bucket_quantiles(whole, SHARES), strict=False)]
        total, count = whole.get(float(SUM), np.nan), whole.get(float(COUNT), np.nan)
        return [(order, slots[0], at_ns, total / count)] if count > 0 and total == total else []  # noqa: PLR0124

    def _histogram(self, raw: RawMetrics, at: int, received_ns: int, out: Outputs) -> int:
        """One classic OTel histogram point; the stream's number, or -1."""
        point = raw.histograms[at]
        stream = raw.streams[point.stream]
        number = self.streams.of(stream, is_histogram=True)
        if not received_ns - OLDEST_NS <= point.at_ns <= received_ns + NEWEST_NS:
            self.counts["out_of_time"] += 1
        elif number < 0:
            self.counts["no_room"] += 1
        else:
            found = self._increase(number, point, is_delta=stream.temporality == "delta")
            if found is not None:
                out.add_rows(self._histogram_rows(number, point, len(raw.stream) + at, found))
        return number

    def _increase(self, number: int, point: HistogramPoint, *, is_delta: bool) -> tuple[F64, float, float] | None:
        """(counts, total, seconds) since the point before; None when there is nothing to compare with."""
        counts = np.asarray(point.counts, np.float64)
        before = self.histograms.get(number)
        if is_delta:
            if before is not None and point.at_ns == before.at:
                self.counts["repeated"] += 1
                return None
            seconds = (point.at_ns - (point.start_ns or (before.at if before else point.at_ns))) / 1e9
            self.histograms[number] = HistogramState(point.at_ns, 0, (), (), 0.0)
            return (counts, point.total, seconds) if seconds > 0 else None
        if before is not None and point.at_ns <= before.at:
            self.late += int(point.at_ns < before.at)
            self.counts["repeated"] += int(point.at_ns == before.at)
            return None
        self.histograms[number] = HistogramState(point.at_ns, point.start_ns, point.bounds, point.counts, point.total)
        if before is None:
            seconds = (point.at_ns - point.start_ns) / 1e9 if point.start_ns else 0.0
            return (counts, point.total, max(seconds, 1.0)) if seconds > 0 else None
        seconds = (point.at_ns - before.at) / 1e9
        has_begun_anew = point.start_ns > before.start > 0 or sum(point.counts) < sum(before.counts)
        if has_begun_anew or before.bounds != point.bounds or len(before.counts) != len(counts):
            self.counts["resets"] += 1
            return counts, point.total, seconds
        return np.maximum(counts - np.asarray(before.counts), 0.0), point.total - before.total, seconds

    def _histogram_rows(
        self, number: int, point: HistogramPoint, order: int, increase: tuple[F64, float, float]
    ) -> list[tuple[int, int, int, float]]:
        counts, total, seconds = increase
        p50, p95, mean, rate = self.streams.group_slots[int(self.streams.group[number])]
        count = float(counts.sum())
        rows = [(order, rate, point.at_ns, count / seconds)]
        if count > 0:
            if len(point.bounds) and len(counts) == len(point.bounds) + 1:
                values = [quantile(share, point.bounds, counts) for share in SHARES]
                rows += [(order, s, point.at_ns, v) for s, v in zip((p50, p95), values, strict=True)]
            if np.isfinite(total):
                rows.append((order, mean, point.at_ns, total / count))
        return rows

    def state(self) -> dict[str, Any]:
        return {
            "groups": [(at, group.state()) for at, group in self.groups.items()],
            "histograms": [(n, h.at, h.start, h.bounds, h.counts, h.total) for n, h in self.histograms.items()],
        }

    def load(self, state: dict[str, Any]) -> None:
        self.groups = {at: Group.of(group) for at, group in state["groups"]}
        self.histograms = {
            n: HistogramState(at, start, tuple(bounds), tuple(counts), total)
            for n, at, start, bounds, counts, total in state["histograms"]
        }

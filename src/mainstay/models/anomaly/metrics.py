"""The streaming metric detector: every series, every sample, no training run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.alerts import Band
from mainstay.domain.protocols import BandBatch, Scored, Transition
from mainstay.domain.signals import F64, MetricBatch, Normal, Series
from mainstay.domain.state import pack, unpack
from mainstay.models.anomaly.judgement import Judged, judgement
from mainstay.models.anomaly.rules import Parameters, own_limit, row_of, table, unit_of, ways_of
from mainstay.models.anomaly.shipped import shipped
from mainstay.models.anomaly.state import CHANNELS, ROW, Rows, freeze, grown, new_rows, thaw

FORMAT = 1
BAND_EVERY_S = 32  # of a calm series one band in this time is kept (of those slower than that, some)
Companion = tuple[str, str, tuple[tuple[str, str], ...], str]


class RobustSeason:
    """How far every sample lies outside what its series usually does, and whether that matters.

    Robust level and scale (Huberised, exponentially weighted), the rhythm of day and week once there are three days of
    history, a heavy tail fitted to the series' own excesses, a slow reference against creeping growth, the limit of a
    resource where a `.limit` series stands beside it. A sample is outside when it is both rare (`p_fire`) and large in
    practice (relative *and* absolute floor of its rule); an alert needs that to last. While it lasts nothing is
    learned, so a fault does not become normal before `adopt_s`.

    It sees one series at a time. For requests between services `EdgeShift` is more sensitive. Missing values and late
    or repeated times are not judged (score NaN): silence is another detector's subject.
    """

    ALGORITHM: ClassVar[str] = "robust-season"
    STATE: ClassVar[str] = f"robust-season/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(shipped())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        from mainstay.models.anomaly import kernel  # numba: only when a detector is really built

        self._kernel = kernel
        self._parameters = msgspec.convert({**self.DEFAULTS, **parameters}, Parameters)
        self._rules = table(self._parameters)
        self._rows = new_rows(0)
        self._seasons = np.zeros((2, kernel.SEASON_WIDTH))
        self._series: dict[int, Series] = {}
        self._companions: dict[Companion, tuple[int | None, int | None]] = {}

    def score(self, normal: Normal) -> Scored:
        """Score one batch; samples of ignored or unknown series, repeats and NaN score NaN."""
        for series in normal.new_series:
            self._watch(series)
        batch = normal.metrics
        if batch is None or not len(batch):
            return Scored()
        self._make_room(batch)
        out = np.full((len(batch), 5), np.nan)
        transitions = self._walk(batch, out)
        return Scored(tuple(transitions), out[:, 0].copy(), self._bands(batch, out))

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One sample against a frozen row, by the same kernel."""
        series, at_ns, value = inputs["series"], int(inputs["at_ns"]), float(inputs["value"])
        rows = thaw(inputs["state"])
        rows["rule"][0] = row_of(self._parameters, series["metric"], series["unit"])
        seasons = np.zeros((3, self._kernel.SEASON_WIDTH))
        if rows["link"][0]:
            rows["link"][0], seasons[1] = 1, inputs["season"]
        out = np.full((1, 5), np.nan)
        samples = (np.zeros(1, np.uint32), np.array([at_ns], np.int64), np.array([value]))
        _, event, _ = self._kernel.run((rows, self._rules, seasons), samples, 0, out, new_rows(1))
        channel = CHANNELS[int(rows["firing"][0]) or int(inputs["state"]["firing"])]
        judged = Judged(event, channel, at_ns, value, out[0], rows, int(inputs["state"]["since_ns"]))
        return judgement(self._parameters, series, judged)

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        return tuple(
            (f"metric:{self._series[int(i)].id}", CHANNELS[int(self._rows["firing"][i])])
            for i in np.flatnonzero(self._rows["firing"])
        )

    def snapshot(self) -> bytes:
        series = [(s.slot, s.id, s.entity, s.metric, s.labels, s.unit, s.direction) for s in self._series.values()]
        kept = {"rows": self._rows.tobytes(), "seasons": self._seasons.tobytes(), "series": series}
        return pack(self.ALGORITHM, FORMAT, kept)

    def restore(self, state: bytes) -> None:
        kept = unpack(self.ALGORITHM, FORMAT, state, dict[str, Any])
        self._rows = np.frombuffer(kept["rows"], dtype=ROW).copy()
        self._seasons = np.frombuffer(kept["seasons"]).reshape(-1, self._kernel.SEASON_WIDTH).copy()
        self._series, self._companions = {}, {}
        for slot, number, entity, metric, labels, unit, direction in kept["series"]:
            self._watch(Series(slot, number, entity, metric, tuple((k, v) for k, v in labels), unit, direction))

    def _watch(self, series: Series) -> None:
        """A series comes (or, after a restart, comes again): which rule holds for it, and what limits it."""
        self._series[series.slot] = series
        self._rows = grown(self._rows, series.slot + 1)
        row = row_of(self._parameters, series.metric, series.unit)
        self._rows["rule"][series.slot] = row
        if not row:
            return
        is_limit = bool(self._rules["is_limit"][row])
        if not is_limit:
            self._rows["ways"][series.slot] = ways_of(self._parameters, series.metric, series.direction)
            limit = own_limit(self._parameters, series.metric, series.unit)
            if limit:
                self._rows["limit"][series.slot] = limit
        self._accompany(series, is_limit=is_limit)

    def _accompany(self, series: Series, *, is_limit: bool) -> None:
        """`process.memory.limit` limits `process.memory.usage` of the same entity, labels and unit."""
        key = (series.entity, series.metric.rpartition(".")[0], series.labels, series.unit)
        target, limit = self._companions.get(key, (None, None))
        if is_limit:
            limit = series.slot
        elif target is None:
            target = series.slot
        self._companions[key] = target, limit
        if target is not None and limit is not None:
            self._rows["link"][limit] = target + 1

    def _make_room(self, batch: MetricBatch) -> None:
        """Season rows for every series of the batch that may need one now, and one for the frozen factors."""
        needed = 3 + int(self._seasons[0, 0]) + min(len(self._rows), len(batch))
        if len(self._seasons) < needed:
            larger = np.zeros((max(needed, 2 * len(self._seasons)), self._kernel.SEASON_WIDTH))
            larger[: len(self._seasons)] = self._seasons
            self._seasons = larger

    def _walk(self, batch: MetricBatch, out: F64) -> list[Transition]:
        found: list[Transition] = []
        tables = (self._rows, self._rules, self._seasons)
        frozen, samples, at = new_rows(1), (batch.series, batch.at_ns, batch.value), 0
        while at < len(batch):
            at, event, where = self._kernel.run(tables, samples, at, out, frozen)
            if event:
                found.append(self._transition(self._inputs(batch, where, frozen)))
        return found

    def _inputs(self, batch: MetricBatch, where: int, frozen: Rows) -> dict[str, Any]:
        series = self._series[int(batch.series[where])]
        inputs: dict[str, Any] = {
            "series": {"id": str(series.id), "entity": series.entity, "metric": series.metric, "unit": series.unit},
            "state": freeze(frozen, 0),
            "at_ns": int(batch.at_ns[where]),
            "value": float(batch.value[where]),
        }
        if frozen["link"][0]:
            inputs["season"] = self._seasons[-1].tolist()
        return inputs

    def _transition(self, inputs: dict[str, Any]) -> Transition:
        output, series = self.decide(inputs), inputs["series"]
        band = None
        if output["high"] is not None:
            unit = unit_of(series["metric"], series["unit"])
            # What is never below zero is not expected below zero: a person reads the band, the score does not.
            low = max(output["low"], 0.0) if (output["expected"] or 0.0) >= 0 else output["low"]
            band = Band(low=low, high=output["high"], value=inputs["value"], unit=unit)
        labels = {"metric": series["metric"], "rule": output["rule"]}
        if output["near_exhaustion"]:
            labels["near_exhaustion"] = "true"
        return Transition(
            subject=f"metric:{series['id']}",
            entity=series["entity"],
            firing=output["firing"],
            since_ns=output["since_ns"],
            at_ns=inputs["at_ns"],
            name=output["name"],
            signal=output["signal"],
            severity=output["severity"],
            summary=output["summary"],
            channel=output["channel"],
            inputs=inputs,
            output=output,
            band=band,
            p_value=output["p_value"],
            labels=labels,
        )

    def _bands(self, batch: MetricBatch, out: F64) -> BandBatch | None:
        """Every band of a strange sample, and now and then one of a calm series: enough for a chart."""
        is_now = batch.at_ns // 1_000_000_000 % BAND_EVERY_S < 2
        keep = ~np.isnan(out[:, 1]) & ((out[:, 3] > 0) | is_now)
        if not keep.any():
            return None
        low = np.where(out[keep, 4] >= 0, np.maximum(out[keep, 1], 0.0), out[keep, 1])
        return BandBatch(batch.series[keep], batch.at_ns[keep], low, out[keep, 2])

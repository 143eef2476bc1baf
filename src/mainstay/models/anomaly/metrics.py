"""The streaming metric detector: every series, every sample, no training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

import msgspec
import numpy as np

from mainstay.domain.alerts import Band
from mainstay.domain.calendar import NO_CALENDAR, Calendar
from mainstay.domain.protocols import BandBatch, Scored, Transition
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, I64, MetricBatch, Normal, Series
from mainstay.domain.state import Piece, packed, unpack
from mainstay.models.anomaly.days import NONE, Days, carried, new_days, table_of
from mainstay.models.anomaly.governed import govern
from mainstay.models.anomaly.judgement import Judged, judgement
from mainstay.models.anomaly.peers import Peers, lend
from mainstay.models.anomaly.rules import Choice, Parameters, unit_of
from mainstay.models.anomaly.shipped import shipped
from mainstay.models.anomaly.state import BORROWED, CHANNELS, HOURS, ROW, UNSEEN, Rows, freeze, grown, new_rows, thaw
from mainstay.models.anomaly.watched import Watched

FORMAT = 3
FULL = np.zeros(0)  # every sample is worth all that it says


class _Kept(msgspec.Struct):
    """A state as it is read: what is large stays where it lies until it is taken up."""

    rules: str
    rows: memoryview
    days: memoryview
    kinds: list[str]
    first: dict[int, list[int]]
    lent: dict[int, str]
    watched: memoryview
    pairs: memoryview
    entities: list[str]
    names: list[tuple[str, str, str]]


class RobustSeason:
    """How far every sample lies outside what its series usually does, and whether that matters.

    Every sample gets a p-value: how far it lies beyond the records of what the series has lived through (`records`); it
    neither asks what matters nor whether it lasts. Alerts do: robust level and scale (Huberised, exponentially
    weighted), the rhythm of the day once there are three days of history, a heavy tail fitted to the series' own
    excesses, a slow reference against creeping growth, the limit of a resource where a `.limit` series stands beside
    it. A sample is outside when it is both rare (`p_fire`) and large in practice (relative *and* absolute floor of its
    rule); an alert needs that to last. While it lasts the level learns nothing, so a fault does not become normal
    before `adopt_s`.

    It sees one series at a time. For requests between services `EdgeShift` is more sensitive. Missing values and late
    or repeated times are not judged (score NaN): silence is another detector's subject.
    """

    ALGORITHM: ClassVar[str] = "robust-season"
    STATE: ClassVar[str] = f"robust-season/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(shipped())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        from mainstay.models.anomaly import kernel  # numba: only when a detector is really built

        self._kernel = kernel
        given = msgspec.convert({**self.DEFAULTS, **parameters}, Parameters)
        self._ruled([given], Choice(given), "")
        self._rows = new_rows(0)
        self._watched = Watched()
        self._peers = Peers()
        self._calendar, self._dates, self._days = NO_CALENDAR, NONE, new_days(0, 0)
        self._worth: tuple[Mapping[str, float], F64] = {}, FULL

    @classmethod
    def together(cls, versions: Sequence[Mapping[str, Any]], which: Callable[[str], int], mark: str) -> RobustSeason:
        """Several versions in one call: `which(entity)` is the place of the one whose rules hold there.

        It must give the same answer for the same entity; `mark` names the assignment, another one has another mark.
        """
        given = [msgspec.convert({**cls.DEFAULTS, **one}, Parameters) for one in versions]
        new = cls(versions[0])
        new._ruled(given, Choice(given[0], given[1:], which), mark)
        return new

    def _ruled(self, given: Sequence[Parameters], choice: Choice, mark: str) -> None:
        self._choice = choice
        content = msgspec.json.encode(given[0]) if len(given) == 1 else msgspec.json.encode((given, mark))
        self._digest = blake2b(content, digest_size=16).hexdigest()

    def score(self, normal: Normal) -> Scored:
        """Score one batch; samples of ignored or unknown series, repeats and NaN score NaN."""
        if normal.new_series:
            self._watch(SeriesColumns.of(normal.new_series))
        self._observe(normal.calendar)
        if normal.worth is not self._worth[0]:
            self._worth = normal.worth, self._watched.worths(normal.worth) if normal.worth else FULL
        batch = normal.metrics
        if batch is None or not len(batch):
            return Scored()
        scores = np.full(len(batch), np.nan)
        transitions, bands = self._walk(batch, scores)
        np.exp(scores, out=scores)  # the kernel gives ln p: all at once is quicker than one by one
        return Scored(tuple(transitions), scores, bands)

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One sample against a frozen row, by the same kernel."""
        series, at_ns, value = inputs["series"], int(inputs["at_ns"]), float(inputs["value"])
        rows = thaw(inputs["state"])
        rows["rule"][0] = self._choice.row(series["entity"], series["metric"], series["unit"])
        samples = (np.zeros(1, np.uint32), np.array([at_ns], np.int64), np.array([value]))
        out = self._room(np.full(1, np.nan))
        day, days, dates = inputs.get("day", ""), new_days(1, 0), NONE
        if day:
            days = np.array([inputs["days"]], np.int8)
            dates = table_of(Calendar((day,), samples[1], samples[1] + 1, np.zeros(1, np.uint8)))
        tables = rows, self._choice.table, days, dates, FULL  # what it teaches is no part of the decision
        _, _, event, _ = self._kernel.run(tables, samples, (0, 0), out, (new_rows(1), days.copy()))
        channel = CHANNELS[int(rows["firing"][0]) or int(inputs["state"]["firing"])]
        told, since_ns = out[3].view(np.float64), int(inputs["state"]["since_ns"])
        judged = Judged(event, channel, at_ns, value, told, rows, since_ns, day, inputs.get("peer", ""))
        return judgement(self._choice.rule(series["entity"], series["metric"]), series, judged)

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        slots = np.flatnonzero(self._rows["firing"]).tolist()
        return tuple((f"metric:{self._known(i).id}", CHANNELS[int(self._rows["firing"][i])]) for i in slots)

    def snapshot(self) -> bytes:
        """Rows as one block; the shard of a distributed engine holds the same bytes."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[Piece]:
        """As `snapshot`; a million rows are not copied."""
        self._peers.lent = {slot: peer for slot, peer in self._peers.lent.items() if self._is_lent(slot)}
        lent = {"first": self._peers.first, "lent": self._peers.lent}
        beside = {**lent, "days": self._days, "kinds": self._calendar.kinds}
        kept = {"rules": self._digest, "rows": self._rows, **beside, **self._watched.snapshot()}
        return packed(self.ALGORITHM, FORMAT, kept)

    def restore(self, state: bytes) -> None:
        """Take up a state; with other rules than it was written under, every series finds its rule anew."""
        kept = unpack(self.ALGORITHM, FORMAT, state, _Kept)
        self._rows = np.frombuffer(kept.rows, dtype=ROW).copy()
        self._calendar, self._dates = Calendar(tuple(kept.kinds)), NONE
        self._days = new_days(len(self._rows), len(kept.kinds))
        self._days[:] = np.frombuffer(kept.days, np.int8).reshape(self._days.shape)
        self._watched = Watched()
        self._watched.restore(msgspec.structs.asdict(kept))
        self._peers.first, self._peers.lent = kept.first, kept.lent
        if kept.rules != self._digest:
            govern(self._rows, self._watched, self._choice, self._watched.slots)

    def _observe(self, calendar: Calendar) -> None:
        """Days of a kind are kept beside the rows, when a calendar is in use."""
        if calendar is not self._calendar:
            if calendar.kinds != self._calendar.kinds:
                self._days = carried(self._days, self._calendar.kinds, calendar.kinds)
            self._calendar, self._dates = calendar, table_of(calendar)
        if len(self._days) < len(self._rows):
            more = new_days(len(self._rows) - len(self._days), len(calendar.kinds))
            self._days = np.concatenate([self._days, more])

    def _watch(self, series: SeriesColumns) -> None:
        """Series come (or, after a restart, come again); another one in a slot has left its state behind."""
        self._rows = grown(self._rows, 1 + int(series.slot.max()))
        left = self._watched.add(series)
        self._worth = {}, FULL  # worked out again with them
        self._rows[left] = new_rows(1)
        self._days[left[left < len(self._days)]] = UNSEEN
        slots = series.slot.astype(np.int64)
        fresh = slots[(self._rows["rule"][slots] == 0) & (self._rows["count"][slots] == 0)]
        govern(self._rows, self._watched, self._choice, slots)
        self._lend(fresh[self._rows["rule"][fresh] > 0])
        self._peers.meet(slots, self._watched.said(slots))

    def _lend(self, fresh: I64) -> None:
        """Series that come for the first time take over what their nearest peers know."""
        for name, slots in self._watched.by_name(fresh):
            peers = self._peers.of(name, self._rows)
            peers = peers[self._watched.said(peers) == name]  # a slot may belong to another series now
            nearest = self._watched.nearest(slots, peers) if len(peers) else slots[:0]
            is_met = nearest >= 0
            if is_met.any():
                lend(self._rows, slots[is_met], nearest[is_met], peers)
                for slot, peer in zip(slots[is_met].tolist(), nearest[is_met].tolist(), strict=True):
                    self._peers.lent[slot] = self._known(peer).entity

    def _is_lent(self, slot: int) -> bool:
        return bool(self._rows["ways"][slot] & BORROWED)

    def _tables(self) -> tuple[Any, ...]:
        return self._rows, self._choice.table, self._days, self._dates, self._worth[1]

    def _room(self, scores: F64) -> tuple[Any, Any, Any, Any]:
        """Where the kernel writes; memory that it does not touch costs nothing."""
        count = len(scores)
        return scores, np.empty(count, np.uint32), np.empty((count, 2)), np.full(1, np.nan, self._kernel.TOLD)

    def _walk(self, batch: MetricBatch, scores: F64) -> tuple[list[Transition], BandBatch | None]:
        found: list[Transition] = []
        frozen, at, bands = (new_rows(1), new_days(1, len(self._calendar.kinds))), 0, 0
        tables, samples, out = self._tables(), (batch.series, batch.at_ns, batch.value), self._room(scores)
        while at < len(batch):
            at, bands, event, where = self._kernel.run(tables, samples, (at, bands), out, frozen)
            if event:
                found.append(self._transition(self._inputs(batch, where, frozen)))
        if not bands:
            return found, None
        kept, edges = out[1][:bands], out[2][:bands]
        return found, BandBatch(batch.series[kept], batch.at_ns[kept], edges[:, 0].copy(), edges[:, 1].copy())

    def _known(self, slot: int) -> Series:
        series = self._watched.get(slot)
        if series is None:
            raise LookupError(f"slot {slot} is scored and was never told of")
        return series

    def _inputs(self, batch: MetricBatch, where: int, frozen: tuple[Rows, Days]) -> dict[str, Any]:
        series = self._known(int(batch.series[where]))
        inputs: dict[str, Any] = {
            "series": {"id": str(series.id), "entity": series.entity, "metric": series.metric, "unit": series.unit},
            "state": freeze(frozen[0], 0),
            "at_ns": int(batch.at_ns[where]),
            "value": float(batch.value[where]),
        }
        if frozen[0]["ways"][0] & BORROWED:
            inputs["peer"] = self._peers.lent.get(series.slot, "")
        day = self._calendar.at(inputs["at_ns"])
        if day:
            first = self._calendar.kinds.index(day) * HOURS
            inputs |= {"day": day, "days": frozen[1][0, first : first + HOURS].tolist()}
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
        if output["borrowed_from"]:
            labels["borrowed_from"] = output["borrowed_from"]
        if output["day"]:
            labels["day"] = output["day"]
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

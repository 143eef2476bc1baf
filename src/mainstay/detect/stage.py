"""The stage: asks the deployed versions, and turns what starts, worsens and ends into alerts and ledger entries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import get_args

import msgspec
import numpy as np

from mainstay.detect import bars, entries, floors
from mainstay.detect.book import MOST_PER_TICK, Book, Waiting, digest, key_of
from mainstay.detect.budget import PageBudget, Ruling
from mainstay.detect.learning import Learning
from mainstay.detect.rules import Rules
from mainstay.detect.watched import Watched
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import Budget, BudgetState, Floor
from mainstay.domain.calendar import NO_CALENDAR, Calendar
from mainstay.domain.effects import Effects
from mainstay.domain.entities import Topology
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import BandBatch, Models, StreamKind, Transition
from mainstay.domain.records import Command
from mainstay.domain.series import SeriesColumns
from mainstay.domain.signals import F64, MetricBatch, Normal
from mainstay.domain.state import pack, unpack
from mainstay.domain.verdicts import Verdict

FORMAT = 5
SILENT_MS = 300_000  # a firing series without a sample for this long has ended: its process was replaced or removed
SILENT = "no sample for five minutes"
STILL_BEATS, STILL_LEAST_MS, STILL_MS = 6, 30_000, 100_000
# a new process reports a counter or a histogram from its first event on: what was too high and was not reported six
# times in succession is none; where its rhythm is not known: longer than a slow scrape, shorter than a runbook waits
STILL = "it is not reported any more: nothing of the kind happened for {} s"
OF_EVENTS = (".rate", ".mean", ".p50", ".p95")  # what the normaliser makes of a counter or histogram, where it moved
KINDS: tuple[StreamKind, ...] = get_args(StreamKind)


class _Saved(msgspec.Struct):
    book: Book
    ids: bytes


class Detect:
    """Alerts from what detectors say (through `models`) and from users' own rules.

    A condition is told when it starts, when it worsens, and when it ends; a recurrence within 40 s continues the
    same alert. What an earlier verdict, a floor or the team's page budget holds back is an alert like any other, marked
    `suppressed` with the reason. Beyond 200 new alerts in five seconds the rest waits its turn, listed in the ledger.
    Users' own alerts pass unchanged, never held back, never capped.

    Args:
        models: Deployments; asked for `metrics`, `edges` and `logs`.
        budget: How many false pages a week each team accepts.
        limits: What is too small to care about.
        topology: Who is there and owned by whom, as known at the record at hand.
        calendar: Days that are not like others.

    Attributes:
        bands: Of the last record: expected bands worth keeping for charts.
        p_values: Of the last record's metric samples, as the detector gave them; may be empty.
        scores: Of the last record: the scores as bytes, for the ledger's digest.
        standing: Budgets and what was learned, as of the last tick; safe to read from any thread.
    """

    def __init__(
        self,
        models: Models,
        budget: Budget | None = None,
        limits: Sequence[Floor] = (),
        topology: Callable[[], Topology] = Topology,
        calendar: Calendar = NO_CALENDAR,
    ) -> None:
        self._models, self._policy, self._floors, self._topology = models, budget or Budget(), limits, topology
        self._calendar = calendar
        self.bands: Sequence[BandBatch] = ()
        self.scores: Sequence[bytes] = ()
        self.p_values: F64 = np.empty(0)
        self._take_up(_Saved(Book(), b""))

    @property
    def firing(self) -> Sequence[Alert]:
        """What is not as it should be now, by onset."""
        return sorted(self._book.firing.values(), key=lambda alert: (alert.since_ms, alert.id))

    def apply(self, normal: Normal, at_ms: int, effects: Effects) -> None:
        """One record: score what it holds, end what is over."""
        book = self._book
        is_tick = book.begin(at_ms)
        held_before = set(book.held)
        if normal.new_series:
            self._hear(SeriesColumns.of(normal.new_series))
        self._starved(normal.metrics, at_ms, is_tick=is_tick)
        normal = dataclasses.replace(normal, at_ns=at_ms * 1_000_000, calendar=self._calendar, worth=self._book.worth)
        self._score(normal, at_ms, effects)
        self._rules.apply(normal.alerts, at_ms, effects)
        self._silent(normal.metrics, at_ms, effects)
        for key, waiting in book.turns():
            self._tell(key, waiting, effects)
        held = [waiting.alert for key, waiting in book.held.items() if key not in held_before]
        if held:
            entry = entries.held_entry(held, book.lost, at_ms, effects.decided_seq, MOST_PER_TICK)
            effects.entries.append(entry)
        if is_tick or held:
            self.standing = self._stand(at_ms)

    def learn(self, verdict: Verdict, effects: Effects) -> None:
        """Take a person's word about an alert, or about an incident and every alert of ours in it."""
        self._learning.verdict(verdict, effects)
        self.standing = self._stand(verdict.at_ms)

    def unlearn(self, command: Command, effects: Effects) -> None:
        """Take back what a verdict taught of a condition, named by its fingerprint or one of its alerts."""
        self._learning.undo(command, effects)
        self.standing = self._stand(command.at_ms)

    def worked(self, incident: str) -> None:
        """A plan mended this incident, so it was a real one."""
        self._learning.worked(incident)

    def saw(self, effects: Effects) -> None:
        """After a record: which of the pages that the budget let through became incidents."""
        for incident in effects.incidents.values():
            self._budget.saw(incident.id, {grouping.alert for grouping in incident.groupings})

    def forgive(self) -> None:
        """What paged so far woke nobody (it was a rehearsal of the past): every place is free."""
        self._book.spending.sent.clear()

    def snapshot(self) -> bytes:
        return pack("detect", FORMAT, _Saved(self._book, self._ids.tobytes()))

    def restore(self, state: bytes) -> None:
        self._take_up(unpack("detect", FORMAT, state, _Saved))

    def _take_up(self, saved: _Saved) -> None:
        self._book, self._ids = saved.book, np.frombuffer(saved.ids, np.uint64).copy()
        self._rules = Rules(self._book)
        self._watched = Watched(self._topology, self._book.series)
        self._budget = PageBudget(self._policy, self._watched, self._book.spending)
        self._learning = Learning(self._book.bars, self._budget)
        self.standing = BudgetState()

    def _stand(self, at_ms: int) -> BudgetState:
        sizes, book = self._watched.sizes(), self._book
        return BudgetState(
            at_ms=at_ms,
            teams=tuple(self._budget.standing(team, sizes[team], at_ms) for team in sorted(sizes)),
            learned=tuple(book.bars.learned.values()),
            waiting=len(book.held),
            lost=book.lost,
        )

    def _hear(self, series: SeriesColumns) -> None:
        """After a restart the normaliser names all of them again: those count once."""
        more = int(series.slot.max()) + 1 - len(self._ids)
        if more > 0:
            self._ids = np.concatenate([self._ids, np.zeros(max(more, len(self._ids) // 4), np.uint64)])
        self._watched.heard(series, self._ids[series.slot] != series.id)
        self._book.starved.learn(series)
        self._ids[series.slot] = series.id

    def _starved(self, metrics: MetricBatch | None, at_ms: int, *, is_tick: bool) -> None:
        if metrics is not None:
            self._book.starved.observe(metrics)
        if is_tick:
            worth = self._book.starved.worth(self._topology(), at_ms)
            self._book.worth = {entity: round(share, 3) for entity, share in worth.items()}

    def _score(self, normal: Normal, at_ms: int, effects: Effects) -> None:
        bands: list[BandBatch] = []
        scores: list[bytes] = []
        for kind in KINDS:
            served = self._models.score(kind, normal)
            if kind == "metrics":
                self.p_values = served.scored.scores
            for told in served.scored.transitions:
                by = told.by or served.decided_by
                if told.firing:
                    self._started(kind, told, by, (at_ms, effects))
                else:
                    self._ended(told, by, at_ms, effects)
            if served.scored.bands is not None:
                bands.append(served.scored.bands)
            if served.scored.scores.size:
                scores.append(served.scored.scores.tobytes())
        self.bands, self.scores = bands, scores

    def _started(self, kind: StreamKind, told: Transition, by: VersionRef, moment: tuple[int, Effects]) -> None:
        key, book = key_of(told.subject, told.channel), self._book
        before, (at_ms, effects) = book.before(key), moment
        alert = _alert(kind, told, by, before)
        ruling = self._rule(key, alert, told, before, at_ms)
        if ruling.by:
            alert = msgspec.structs.replace(alert, suppressed=True, suppressed_by=ruling.by, suppressed_why=ruling.why)
        waiting = Waiting(alert=alert, inputs=told.inputs, output=told.output, figures=dict(ruling.figures))
        if book.admits(key, alert):
            book.held.pop(key, None)
            self._tell(key, waiting, effects)
        else:
            book.hold(key, waiting)
        for other in ruling.released:
            self._release(other, alert, at_ms, effects)

    def _rule(self, key: str, alert: Alert, told: Transition, before: Alert | None, at_ms: int) -> Ruling:
        """What holds it back, if anything: an earlier verdict, a floor, flapping, the budget."""
        effect = float(told.output.get("effect", 1.0))
        self._book.bars.note(alert, effect)
        bar = self._book.bars.under(alert, effect)
        if bar is not None:
            figures = {"verdict": bar.verdict, "effect": effect, "needed": bar.needed}
            return Ruling("verdict", bars.says(bar, effect), figures=figures)
        floor = floors.floor_under(alert, self._floors, self._watched)
        if floor is not None:
            return Ruling("floor", floors.says(floor), figures={"floor": msgspec.to_builtins(floor)})
        return self._budget.judge(key, alert, before, at_ms)

    def _release(self, key: str, because: Alert, at_ms: int, effects: Effects) -> None:
        """What was held back may page: more evidence came."""
        alert = self._book.firing.get(key)
        waiting = self._book.held.get(key)
        if waiting is not None:
            waiting.alert = _free(waiting.alert)
        if alert is None or not alert.suppressed:
            return
        alert = self._book.firing[key] = _free(alert)
        effects.alerts[alert.id] = alert
        why = f"more of it came: {because.summary or because.name}"
        effects.entries.append(entries.release_entry(alert, why, at_ms, effects.decided_seq))

    def _ended(self, told: Transition, by: VersionRef, at_ms: int, effects: Effects) -> None:
        key = key_of(told.subject, told.channel)
        self._book.held.pop(key, None)
        alert = self._book.firing.get(key)
        if alert is None:
            return
        ended_ms = max(told.at_ns // 1_000_000, alert.since_ms)
        alert = msgspec.structs.replace(alert, status="resolved", ended_ms=ended_ms, at_ms=at_ms)  # still its raiser's
        effects.entries.append(entries.alert_entry(alert, told.inputs, told.output, effects.decided_seq, by))
        self._over(key, alert, effects)

    def _tell(self, key: str, waiting: Waiting, effects: Effects) -> None:
        alert, seq = waiting.alert, effects.decided_seq
        self._book.ended.pop(key, None)
        self._book.firing[key] = alert
        if alert.subject.startswith("metric:"):
            self._book.seen[key] = alert.at_ms
        effects.alerts[alert.id] = alert
        entry = entries.alert_entry(alert, waiting.inputs, waiting.output, seq)
        effects.entries.append(entry)
        if alert.suppressed:
            verdict = waiting.figures.get("verdict")
            rests_on = [entry.id, *([f"verdict:{verdict}"] if verdict else [])]
            effects.entries.append(entries.suppression_entry(alert, rests_on, waiting.figures, seq))

    def _over(self, key: str, alert: Alert, effects: Effects) -> None:
        del self._book.firing[key]
        self._book.seen.pop(key, None)
        self._book.rhythm.pop(key, None)
        self._book.ended[key] = alert
        effects.alerts[alert.id] = alert

    def _silent(self, metrics: MetricBatch | None, at_ms: int, effects: Effects) -> None:
        book = self._book
        if not book.seen:
            return
        spoke: set[int] = set()
        if metrics is not None:
            spoke = set(self._ids[metrics.series[metrics.series < len(self._ids)]].tolist())
        for key, last_ms in list(book.seen.items()):
            alert = book.firing[key]
            if int(alert.subject.removeprefix("metric:")) in spoke:
                book.beats(key, at_ms)
                continue
            patience_ms, why = _still(book.rhythm.get(key)) if _is_of_events(alert) else (SILENT_MS, SILENT)
            if at_ms - last_ms >= patience_ms:
                alert = msgspec.structs.replace(alert, status="resolved", ended_ms=last_ms, at_ms=at_ms)
                effects.entries.append(entries.silence_entry(alert, why, effects.decided_seq))
                self._over(key, alert, effects)


def _still(rhythm_ms: int | None) -> tuple[int, str]:
    """How long a counter or histogram may be silent, and what is said then."""
    patience_ms = STILL_MS if rhythm_ms is None else min(max(STILL_BEATS * rhythm_ms, STILL_LEAST_MS), STILL_MS)
    return patience_ms, STILL.format(patience_ms // 1000)


def _is_of_events(alert: Alert) -> bool:
    """Of a counter that counted too much, or of calls that took too long."""
    return alert.labels.get("metric", "").endswith(OF_EVENTS) and (
        alert.band is None or alert.band.value > alert.band.high
    )


def _free(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, suppressed=False, suppressed_by="", suppressed_why="")


def _alert(kind: StreamKind, told: Transition, by: VersionRef, before: Alert | None) -> Alert:
    """A new alert, or the one before again: same id, same onset, news of now."""
    since_ms = told.since_ns // 1_000_000
    return Alert(
        id=before.id if before else digest(kind, told.subject, told.channel, since_ms),
        fingerprint=digest("detector", told.subject, told.channel),
        entity=told.entity,
        name=told.name,
        severity=told.severity,
        status="firing",
        since_ms=before.since_ms if before else since_ms,
        at_ms=told.at_ns // 1_000_000,
        decided_by=by,
        subject=told.subject,
        signal=told.signal,
        summary=told.summary,
        channel=told.channel,
        band=told.band,
        p_value=told.p_value,
        labels=told.labels,
    )

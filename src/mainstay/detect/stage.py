"""The stage: asks the deployed versions, and turns what starts, worsens and ends into alerts and ledger entries."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from mainstay.detect.book import Book, alert_entry, digest, held_entry, key_of, suppression_entry
from mainstay.detect.rules import Rules
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import BandBatch, Models, Transition
from mainstay.domain.signals import MetricBatch, Normal
from mainstay.domain.state import pack, unpack
from mainstay.domain.verdicts import Verdict

FORMAT = 1
SILENT_MS = 300_000  # a firing series without a sample for this long has ended: its process was replaced or removed
Kind = Literal["metrics", "edges", "logs"]
KINDS: tuple[Kind, ...] = ("metrics", "edges", "logs")


class _Saved(msgspec.Struct):
    book: Book
    slots: dict[int, int]


class Detect:
    """Alerts from what detectors say (through `models`) and from users' own rules.

    A condition is told when it starts, when it worsens, and when it ends; a recurrence within two minutes continues the
    same alert. Beyond 200 new alerts in five seconds the rest waits its turn (`held`), listed in the ledger. Users' own
    alerts pass unchanged, never capped.

    Attributes:
        bands: Of the last record: expected bands worth keeping for charts.
        scores: Of the last record: the scores as bytes, for the ledger's digest.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._book = Book()
        self._rules = Rules(self._book)
        self._slots: dict[int, int] = {}  # slot → durable id of the series
        self.bands: Sequence[BandBatch] = ()
        self.scores: Sequence[bytes] = ()

    @property
    def firing(self) -> Sequence[Alert]:
        """What is not as it should be now, by onset."""
        return sorted(self._book.firing.values(), key=lambda alert: (alert.since_ms, alert.id))

    @property
    def held(self) -> Sequence[Alert]:
        """What the cap holds back now."""
        return [waiting.alert for waiting in self._book.held.values()]

    @property
    def lost(self) -> int:
        """Alerts that did not even fit among those held back, since the beginning."""
        return self._book.lost

    def apply(self, normal: Normal, at_ms: int, effects: Effects) -> None:
        """One record: score what it holds, end what is over."""
        book = self._book
        book.begin(at_ms)
        held_before = set(book.held)
        normal = dataclasses.replace(normal, at_ns=at_ms * 1_000_000)
        self._slots.update({series.slot: series.id for series in normal.new_series})
        self._score(normal, at_ms, effects)
        self._rules.apply(normal.alerts, at_ms, effects)
        self._silent(normal.metrics, at_ms, effects)
        for key, waiting in book.turns():
            self._tell(key, waiting.alert, waiting.entry.inputs, waiting.entry.output, effects)
        held = [waiting.alert for key, waiting in book.held.items() if key not in held_before]
        if held:
            effects.entries.append(held_entry(held, book.lost, at_ms))

    def learn(self, verdict: Verdict) -> None:
        """Take a person's word: "not-anomaly" raises the bar for that alert's condition, "anomaly" takes it back.

        What stays below the bar is still an alert, listed, marked suppressed with the reason; critical ones pass.
        """
        if verdict.kind in ("not-anomaly", "anomaly"):
            self._book.judged(verdict.subject, is_anomaly=verdict.kind == "anomaly")

    def snapshot(self) -> bytes:
        return pack("detect", FORMAT, _Saved(self._book, self._slots))

    def restore(self, state: bytes) -> None:
        saved = unpack("detect", FORMAT, state, _Saved)
        self._book, self._slots = saved.book, saved.slots
        self._rules = Rules(self._book)

    def _score(self, normal: Normal, at_ms: int, effects: Effects) -> None:
        bands: list[BandBatch] = []
        scores: list[bytes] = []
        for kind in KINDS:
            served = self._models.score(kind, normal)
            for told in served.scored.transitions:
                if told.firing:
                    self._started(kind, told, served.decided_by, effects)
                else:
                    self._ended(told, served.decided_by, at_ms, effects)
            if served.scored.bands is not None:
                bands.append(served.scored.bands)
            if served.scored.scores.size:
                scores.append(served.scored.scores.tobytes())
        self.bands, self.scores = bands, scores

    def _started(self, kind: Kind, told: Transition, by: VersionRef, effects: Effects) -> None:
        key, book = key_of(told.subject, told.channel), self._book
        before = book.firing.get(key) or book.ended.get(key)
        waits = book.held.get(key)
        alert = _alert(kind, told, by, before or (waits.alert if waits else None))
        alert = book.barred(key, alert, float(told.output.get("effect", 1.0)))
        if key in book.firing or book.admits(key, alert):
            book.held.pop(key, None)
            self._tell(key, alert, told.inputs, told.output, effects)
        else:
            book.hold(key, alert, alert_entry(alert, told.inputs, told.output))

    def _ended(self, told: Transition, by: VersionRef, at_ms: int, effects: Effects) -> None:
        key = key_of(told.subject, told.channel)
        self._book.held.pop(key, None)
        alert = self._book.firing.get(key)
        if alert is not None:
            ended_ms = max(told.at_ns // 1_000_000, alert.since_ms)
            self._end(key, msgspec.structs.replace(alert, ended_ms=ended_ms, at_ms=at_ms, decided_by=by), told, effects)

    def _tell(
        self, key: str, alert: Alert, inputs: dict[str, Any] | None, output: dict[str, Any], effects: Effects
    ) -> None:
        self._book.ended.pop(key, None)
        self._book.firing[key] = alert
        if alert.subject.startswith("metric:"):
            self._book.seen[key] = alert.at_ms
        effects.alerts[alert.id] = alert
        entry = alert_entry(alert, inputs, output)
        effects.entries.append(entry)
        if alert.suppressed:
            effects.entries.append(suppression_entry(alert, entry.id))

    def _end(self, key: str, alert: Alert, told: Transition | None, effects: Effects) -> None:
        """Close an alert: the model says so (`told`), or its series does not speak any more."""
        alert = msgspec.structs.replace(alert, status="resolved")
        del self._book.firing[key]
        self._book.seen.pop(key, None)
        self._book.ended[key] = alert
        effects.alerts[alert.id] = alert
        silent = {"firing": False, "event": "silent", "summary": "no sample for five minutes"}
        effects.entries.append(alert_entry(alert, told.inputs if told else None, told.output if told else silent))

    def _silent(self, metrics: MetricBatch | None, at_ms: int, effects: Effects) -> None:
        book = self._book
        if not book.seen:
            return
        spoke = {self._slots.get(int(slot)) for slot in np.unique(metrics.series)} if metrics is not None else set()
        for key, last_ms in list(book.seen.items()):
            alert = book.firing[key]
            if int(alert.subject.removeprefix("metric:")) in spoke:
                book.seen[key] = at_ms
            elif at_ms - last_ms >= SILENT_MS:
                self._end(key, msgspec.structs.replace(alert, ended_ms=last_ms, at_ms=at_ms), None, effects)


def _alert(kind: Kind, told: Transition, by: VersionRef, before: Alert | None) -> Alert:
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

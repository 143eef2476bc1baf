"""The stage: asks the deployed versions, and turns what starts and ends into alerts and ledger entries."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from mainstay.detect.book import Book, alert_entry, digest, key_of
from mainstay.detect.rules import Rules
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.ledger import Entry
from mainstay.domain.models import VersionRef
from mainstay.domain.protocols import BandBatch, Models, Transition
from mainstay.domain.signals import MetricBatch, Normal
from mainstay.domain.state import pack, unpack
from mainstay.domain.verdicts import Verdict

FORMAT = 1
SILENT_MS = 300_000  # a firing series without a sample for this long has ended: its process was replaced or removed
STRICTER = 1.5  # after "not an anomaly" the same condition must be this much stronger to be told again
Kind = Literal["metrics", "edges", "logs"]


class _Saved(msgspec.Struct):
    book: Book
    slots: dict[int, int]


class Detect:
    """Alerts from what detectors say (through `models`) and from users' own rules.

    A condition is told once, when it starts, and once when it ends; a recurrence within two minutes continues the same
    alert. Beyond 200 new alerts in five seconds the rest waits its turn (`held`), listed in the ledger. Users' own alerts
    pass unchanged, never capped.
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
        self._book.begin(at_ms)
        normal = dataclasses.replace(normal, at_ns=at_ms * 1_000_000)
        self._slots.update({series.slot: series.id for series in normal.new_series})
        bands: list[BandBatch] = []
        scores: list[bytes] = []
        held_before = set(self._book.held)
        kinds: tuple[Kind, ...] = ("metrics", "edges", "logs")
        for kind in kinds:
            served = self._models.score(kind, normal)
            for transition in served.scored.transitions:
                self._turn(kind, transition, served.decided_by, at_ms, effects)
            if served.scored.bands is not None:
                bands.append(served.scored.bands)
            if served.scored.scores.size:
                scores.append(served.scored.scores.tobytes())
        self.bands, self.scores = bands, scores
        self._rules.apply(normal.alerts, at_ms, effects)
        self._silent(normal.metrics, at_ms, effects)
        self._release(effects)
        self._list_held(held_before, at_ms, effects)

    def learn(self, verdict: Verdict) -> None:
        """Take a person's word: "not-anomaly" raises the bar for that alert's condition, "anomaly" takes it back.

        What stays below the bar is still an alert, listed, marked suppressed with the reason; critical ones pass always.
        """
        book = self._book
        key = next((k for part in (book.firing, book.ended) for k, a in part.items() if a.id == verdict.subject), None)
        key = key or next((k for k in book.effects if k.endswith("#" + verdict.subject)), None)
        if key is None:
            return
        condition = key.rpartition("#")[0] if key in book.effects else key
        effect = book.effects.get(f"{condition}#{verdict.subject}", 1.0)
        if verdict.kind == "not-anomaly":
            book.bars[condition] = max(book.bars.get(condition, 0.0), STRICTER * effect)
        elif verdict.kind == "anomaly":
            book.bars.pop(condition, None)

    def snapshot(self) -> bytes:
        return pack("detect", FORMAT, _Saved(self._book, self._slots))

    def restore(self, state: bytes) -> None:
        saved = unpack("detect", FORMAT, state, _Saved)
        self._book, self._slots = saved.book, saved.slots
        self._rules = Rules(self._book)

    def _turn(self, kind: Kind, told: Transition, by: VersionRef, at_ms: int, effects: Effects) -> None:
        key = key_of(told.subject, told.channel)
        if told.firing:
            self._start(kind, key, told, by, effects)
            return
        self._book.held.pop(key, None)
        alert = self._book.firing.pop(key, None)
        if alert is not None:
            ended = msgspec.structs.replace(
                alert,
                status="resolved",
                ended_ms=max(told.at_ns // 1_000_000, alert.since_ms),
                at_ms=at_ms,
                decided_by=by,
            )
            self._end(key, ended, told.inputs, {**told.output, "says": told.summary}, effects)

    def _start(self, kind: Kind, key: str, told: Transition, by: VersionRef, effects: Effects) -> None:
        since_ms, before = told.since_ns // 1_000_000, self._book.ended.get(key)
        alert = Alert(
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
        effect = float(told.output.get("effect", 1.0))
        alert = self._barred(key, alert, effect)
        self._book.effects[f"{key}#{alert.id}"] = effect
        entry = alert_entry(alert, told.inputs, {**told.output, "alert": alert.id, "suppressed": alert.suppressed})
        if self._book.admits(key, alert):
            self._tell(key, alert, entry, effects)
        else:
            self._book.hold(key, alert, entry)

    def _tell(self, key: str, alert: Alert, entry: Entry, effects: Effects) -> None:
        self._book.ended.pop(key, None)
        self._book.firing[key] = alert
        if alert.subject.startswith("metric:"):
            self._book.seen[key] = alert.at_ms
        effects.alerts[alert.id] = alert
        effects.entries.append(entry)
        if alert.suppressed:
            effects.entries.append(
                Entry(
                    id=f"suppression-{alert.id}-{alert.at_ms}",
                    kind="suppression",
                    at_ms=alert.at_ms,
                    actor="mainstay",
                    subject=alert.id,
                    output={"why": alert.suppressed_why},
                    rests_on=(entry.id,),
                )
            )

    def _end(
        self, key: str, alert: Alert, inputs: dict[str, object] | None, output: dict[str, object], effects: Effects
    ) -> None:
        self._book.seen.pop(key, None)
        self._book.ended[key] = alert
        effects.alerts[alert.id] = alert
        effects.entries.append(alert_entry(alert, inputs, output))

    def _barred(self, key: str, alert: Alert, effect: float) -> Alert:
        bar = self._book.bars.get(key, 0.0)
        if alert.severity == "critical" or effect >= bar:
            return alert
        why = f"judged not an anomaly before; effect {effect:g} is below {bar:g}, where it would be told again"
        return msgspec.structs.replace(alert, suppressed=True, suppressed_why=why)

    def _silent(self, metrics: MetricBatch | None, at_ms: int, effects: Effects) -> None:
        """End alerts of series that do not speak any more."""
        book = self._book
        if not book.seen:
            return
        spoke = {self._slots.get(int(slot)) for slot in np.unique(metrics.series)} if metrics is not None else set()
        for key, last_ms in list(book.seen.items()):
            if int(book.firing[key].subject.removeprefix("metric:")) in spoke:
                book.seen[key] = at_ms
            elif at_ms - last_ms >= SILENT_MS:
                alert = msgspec.structs.replace(book.firing.pop(key), status="resolved", ended_ms=last_ms, at_ms=at_ms)
                self._end(
                    key,
                    alert,
                    None,
                    {"firing": False, "event": "silent", "says": "no sample for five minutes"},
                    effects,
                )

    def _release(self, effects: Effects) -> None:
        for key, waiting in self._book.turns():
            self._tell(key, waiting.alert, waiting.entry, effects)

    def _list_held(self, before: Iterable[str], at_ms: int, effects: Effects) -> None:
        """What the cap newly holds back stands in the ledger at once: nothing is dropped in silence."""
        new = [self._book.held[key].alert for key in self._book.held if key not in before]
        if new:
            effects.entries.append(
                Entry(
                    id=f"held-{at_ms}-{new[0].id}",
                    kind="suppression",
                    at_ms=at_ms,
                    actor="mainstay",
                    subject="storm",
                    output={
                        "why": "more than 200 new alerts in five seconds",
                        "count": len(new),
                        "lost": self._book.lost,
                        "held": [{"alert": a.id, "subject": a.subject, "severity": a.severity} for a in new[:1000]],
                    },
                )
            )

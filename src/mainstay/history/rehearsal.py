"""The past through the same pipeline, in a folder of its own: what would have been told, and models that have seen it.

Nothing leaves: no page, no plan, no action. What runs meanwhile is not touched.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mainstay.app.wiring import Line, wire
from mainstay.domain.alerts import Alert
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Incident
from mainstay.domain.records import Command, Record
from mainstay.domain.verdicts import Verdict
from mainstay.engine.snapshots import Snapshots
from mainstay.history.decided import Decided, Opened, Raised
from mainstay.history.plan import private_folder
from mainstay.history.recording import SAYS_EVERY_S, Told
from mainstay.history.slices import MS, Slice, Turn, webhook
from mainstay.replay import RecordedClock, batches
from mainstay.settings import Receiver, Settings

BATCH = 256
HOLDS_MS = 15 * 60_000
"""An alert that fires when the recording ends holds this much longer: it is over, or a live sender repeats it."""


Judge = Callable[[Decided], Sequence[Verdict]]


@dataclass(slots=True)
class _Course:
    """Counts, and when each alert was told first, gathered while the records pass."""

    records: int = 0
    samples: int = 0
    since_ms: int = 0
    until_ms: int = 0
    first_ms: dict[str, int] = field(default_factory=dict)

    def note(self, effects: Effects) -> None:
        for entry in effects.entries:
            if entry.kind == "alert":
                self.first_ms.setdefault(entry.subject, entry.at_ms)


def rehearse(parts: Iterator[Slice], folder: Path, settings: Settings, told: Told, judge: Judge) -> Decided:
    """Run the whole recording through a fresh platform in `folder`; its state is saved at the end.

    A rehearsal that was cut off begins again: the recording is there, and the replay is the fast part. What `judge`
    says of the outcome goes in as verdicts, at the end: a ticket that was missed is one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    began = said = time.monotonic()
    clock, course = RecordedClock(), _Course()
    quiet = msgspec.structs.replace(settings, receiver=Receiver(console_url=settings.receiver.console_url))
    line = wire(folder, quiet, clock)
    try:
        for part in parts:
            course.since_ms = course.since_ms or part.since_ms
            course.until_ms, course.samples = part.until_ms, course.samples + part.samples
            _run(line, clock, part.records(course.records), course)
            line.telemetry.seal(clock.at_ns)
            line.telemetry.expire(clock.at_ns)
            if time.monotonic() - said > SAYS_EVERY_S:
                said = time.monotonic()
                told(f"replayed {course.samples:,} samples, {len(course.first_ms)} alerts so far")
        _run(line, clock, _closing(line, course), course)
        decided = _decided(line, course, time.monotonic() - began)
        _run(line, clock, _verdicts(judge(decided), course), course)
        line.detect.forgive()
        Snapshots(folder / "state").save(line.pipeline.seq, line.pipeline.parts())
        return decided
    finally:
        line.close()


def _run(line: Line, clock: RecordedClock, records: Iterator[Record], course: _Course) -> None:
    for batch in batches(records, BATCH):
        clock.at_ns = batch[-1].received_ns
        course.note(line.pipeline.run(batch))
        course.records = batch[-1].seq


def _closing(line: Line, course: _Course) -> Iterator[Record]:
    """Alerts of users' rules that still fire get an end, in case their sender never speaks of them again."""
    still = [
        Turn(
            at_ms=course.until_ms,
            labels=alert.labels,
            since_ms=alert.since_ms,
            firing=True,
            until_ms=course.until_ms + HOLDS_MS,
        )
        for alert in line.detect.firing
        if alert.source != "detector"
    ]
    if still:
        yield Record(course.records + 1, "alerts", "alertmanager-webhook", course.until_ms * MS, webhook(still))


def _verdicts(verdicts: Sequence[Verdict], course: _Course) -> Iterator[Record]:
    for seq, verdict in enumerate(verdicts, course.records + 1):
        said = {"kind": verdict.kind, "target": verdict.target, "verdict": msgspec.json.encode(verdict).decode()}
        command = Command(kind="verdict", by=verdict.by, at_ms=verdict.at_ms, subject=verdict.subject, arguments=said)
        yield Record(seq, "control", "command", course.until_ms * MS, command.body())


def _decided(line: Line, course: _Course, took_s: float) -> Decided:
    alerts = line.control.alerts(limit=1_000_000)
    incidents = line.control.incidents(limit=1_000_000)
    return Decided(
        since_ms=course.since_ms,
        until_ms=course.until_ms,
        records=course.records,
        samples=course.samples,
        series=len(line.normalizer.series),
        took_s=round(took_s, 2),
        scores_sha256=line.pipeline.scores_digest,
        alerts=[_told(alert, course) for alert in sorted(alerts, key=lambda a: (a.since_ms, a.id))],
        incidents=[_opened(one) for one in sorted(incidents, key=lambda i: (i.opened_ms, i.id))],
        entities=sorted(line.normalizer.topology.entities),
    )


def _told(alert: Alert, course: _Course) -> Raised:
    return Raised(
        id=alert.id,
        name=alert.name,
        entity=alert.about,
        is_rule=alert.source != "detector",
        severity=alert.severity,
        first_ms=course.first_ms.get(alert.id, alert.at_ms),
        suppressed=alert.suppressed,
    )


def _opened(incident: Incident) -> Opened:
    return Opened(
        id=incident.id,
        title=incident.title,
        severity=incident.severity,
        entities=tuple(dict.fromkeys((*incident.entities, *incident.impact))),
        alerts=tuple(grouping.alert for grouping in incident.groupings),
        since_ms=incident.since_ms,
        opened_ms=incident.opened_ms,
        resolved_ms=incident.resolved_ms,
    )

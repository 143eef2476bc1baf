"""The whole line under silences: which pages leave, which wait, and that a restart or another batch changes none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.keys import same_key

from mainstay.app.wiring import wire
from mainstay.domain.records import Command, Record
from mainstay.domain.silences import Silence, Withholding
from mainstay.matching import matcher_of
from mainstay.replay import RecordedClock
from mainstay.settings import Receiver, Settings
from mainstay.store.mlops import ModelStore

T0_MS = 1_800_000_000_000
SETTINGS = Settings(receiver=Receiver(webhook_url="http://127.0.0.1:9/none"))


def at(seconds: float) -> int:
    return T0_MS + int(seconds * 1000)


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


class Story:
    """Records by the clock: a tick each five seconds, and what happens between."""

    def __init__(self, until_s: int) -> None:
        self._until_s, self._acts = until_s, list[tuple[float, str, bytes]]()

    def rule(self, at_s: float, ends_s: float | None = None, severity: str = "critical", name: str = "Slow") -> Story:
        """A rule of the user's own begins, or ends."""
        alert: dict[str, Any] = {
            "labels": {"alertname": name, "service": "cart", "severity": severity}, "startsAt": iso(at(10)),
            "endsAt": iso(at(9_999 if ends_s is None else ends_s)),
        }  # fmt: skip
        self._acts.append((at_s, "alertmanager-api", json.dumps([alert]).encode()))
        return self

    def silence(self, at_s: float, until_s: float, matcher: str = "service=cart") -> Story:
        made = Silence(id="S1", matchers=(matcher_of(matcher),), starts_ms=at(at_s), ends_ms=at(until_s), by="ada")
        return self.say(at_s, "silence", "S1", put=msgspec.json.encode(made).decode())

    def say(self, at_s: float, kind: str, subject: str, **arguments: str) -> Story:
        command = Command(kind=kind, by="ada", at_ms=at(at_s), subject=subject, arguments=arguments)  # type: ignore[arg-type]
        self._acts.append((at_s, "command", command.body()))
        return self

    def records(self) -> list[Record]:
        acts = [*self._acts, *((float(s), "tick", b"") for s in range(0, self._until_s + 1, 5))]
        lanes = {"tick": "control", "command": "control", "alertmanager-api": "alerts"}
        ordered = sorted(acts, key=lambda act: act[0])
        return [
            Record(seq=n, lane=lanes[source], source=source, received_ns=at(s) * 1_000_000, body=body)  # type: ignore[arg-type]
            for n, (s, source, body) in enumerate(ordered, 1)
        ]


class Told:
    """What a run left."""

    def __init__(self, folder: Path, records: Sequence[Record], batch: int = 64, restart: bool = False) -> None:
        same_key(folder)
        clock = RecordedClock()
        line = wire(folder, SETTINGS, clock)
        for begin in range(0, len(records), batch):
            part = records[begin : begin + batch]
            clock.at_ns = part[-1].received_ns
            line.pipeline.run(part)
            if restart:
                state = line.pipeline.snapshot()
                line.close()
                line = wire(folder, SETTINGS, clock)
                line.pipeline.restore(state)
        self.pages = [(page.key, (page.created_ms - T0_MS) / 1000) for page in line.control.pages("INC-1")]
        self.incident = line.control.incident("INC-1")
        self.alerts = line.control.alerts()
        self.entries = line.control.ledger(limit=10_000)
        self.held = ModelStore(line.control.database, line.control.tenant, line.control.feed).find(Withholding)
        assert line.control.verify_ledger().first_bad is None
        line.close()


def test_a_page_waits_for_the_end_of_the_silence_and_then_leaves_once(tmp_path: Path) -> None:
    told = Told(tmp_path, Story(200).silence(5, 100).rule(20).rule(150, ends_s=150).records())
    assert [key for key, _ in told.pages] == ["INC-1/webhook/open", "INC-1/webhook/resolved"]
    assert told.pages[0][1] == 100
    (record,) = told.held
    assert (record.by, record.status, record.pages) == ("silence", "released", 1)


def test_without_a_silence_it_leaves_at_once_and_a_later_one_takes_nothing_back(tmp_path: Path) -> None:
    told = Told(tmp_path, Story(120).rule(20).silence(40, 110).rule(80, ends_s=80).records())
    assert [key for key, _ in told.pages] == ["INC-1/webhook/open", "INC-1/webhook/resolved"]
    assert told.pages[0][1] == 20
    assert told.held == []


def test_becoming_worse_under_a_silence_is_told_when_it_ends(tmp_path: Path) -> None:
    story = Story(150).rule(20, severity="warning").silence(40, 100, "severity=critical").rule(50, name="Down")
    told = Told(tmp_path, story.records())
    assert told.incident is not None
    assert told.pages == [("INC-1/webhook/open", 20), ("INC-1/webhook/severity-critical", 100)]


def test_what_ends_in_silence_is_never_told_and_never_resolved_to_anybody(tmp_path: Path) -> None:
    told = Told(tmp_path, Story(150).silence(5, 140).rule(20).rule(60, ends_s=60).records())
    assert told.pages == []
    assert told.incident is not None
    assert told.incident.status == "resolved"
    assert told.held[0].status == "over"
    assert told.alerts[0].withheld is not None


@pytest.mark.parametrize(("batch", "restart"), [(1, False), (5, True)])
def test_neither_batches_nor_a_restart_change_a_page(tmp_path: Path, batch: int, restart: bool) -> None:
    story = Story(120).silence(5, 60).rule(20).rule(30, name="Down").say(45, "silence", "S1", ends_ms=str(at(80)))
    whole = Told(tmp_path / "whole", story.rule(100, ends_s=100).records())
    other = Told(tmp_path / "other", story.records(), batch, restart)
    assert whole.pages == other.pages
    assert whole.pages[0] == ("INC-1/webhook/open", 80)
    assert whole.held == other.held
    said = [(entry.id, entry.output) for entry in whole.entries if entry.kind in ("silence", "suppression")]
    assert said == [(entry.id, entry.output) for entry in other.entries if entry.kind in ("silence", "suppression")]

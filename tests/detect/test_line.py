"""Through the whole line: what is said reaches the stage in its place, and the ledger tells the whole story of it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.keys import same_key
from tests.scenarios.recording import Recording

from mainstay.app.wiring import wire
from mainstay.domain.budget import Budget
from mainstay.domain.verdicts import Verdict
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

BAD = Recording(170, slow="orders", from_s=100, to_s=150).deploy("orders", 98)
AT_MS = 1_800_000_000_000


def run(folder: Path, settings: Settings, batch: int) -> Any:
    """The line over the recording, then a verdict about the incident, then the undo of what it taught."""
    same_key(folder)
    clock = RecordedClock()
    line = wire(folder, settings, clock)
    verdict = Verdict(id="V-1", kind="not-anomaly", subject="INC-1", by="ada", at_ms=AT_MS + 165_000)
    said = {"kind": "not-anomaly", "verdict": msgspec.json.encode(verdict).decode()}
    records = BAD.command(165, kind="verdict", by="ada", subject="INC-1", arguments=said).records
    rest = iter(records)
    while part := list(islice(rest, batch)):
        clock.at_ns = part[-1].received_ns
        line.pipeline.run(part)
    return line


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = run(tmp_path_factory.mktemp("line"), Settings(budget=Budget(false_pages_per_week=3)), 500)
    yield found
    found.close()


def test_a_verdict_about_the_incident_taught_all_its_conditions(line: Any) -> None:
    [incident] = line.control.incidents()
    learned = [e for e in line.control.ledger(limit=100_000) if e.kind == "policy"]
    assert {e.rests_on[0] for e in learned} == {"verdict:V-1"}
    assert {e.subject for e in learned} <= {grouping.alert for grouping in incident.groupings}
    assert len(line.detect.standing.learned) == len(learned) >= 2
    assert line.control.ledger_entry("verdict:V-1").seq < learned[0].seq


def test_the_budget_of_the_settings_is_the_one_in_force(line: Any) -> None:
    [team] = line.detect.standing.teams
    assert (team.team, team.promised, team.used) == ("default", 3.0, 0)
    assert team.watched > 10


def test_ids_of_ledger_entries_end_in_their_record(line: Any) -> None:
    raised = [e for e in line.control.ledger(limit=100_000) if e.kind in {"alert", "alert-resolved", "suppression"}]
    assert raised
    assert all(int(e.id.rpartition("-")[2]) > 0 for e in raised)
    assert len({e.id for e in raised}) == len(raised)


def test_any_cut_gives_the_same(line: Any, tmp_path: Path) -> None:
    other = run(tmp_path, Settings(budget=Budget(false_pages_per_week=3)), 7)
    assert other.detect.snapshot() == line.detect.snapshot()
    assert other.detect.standing == line.detect.standing
    other.close()

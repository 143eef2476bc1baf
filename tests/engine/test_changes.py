"""A change through the whole line: assessed by a command, told by an event, both in the store and in the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from mainstay.app.wiring import wire
from mainstay.domain.changes import Change, ChangeForecast
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command, Record
from mainstay.ledger import canonical
from mainstay.settings import Settings
from mainstay.store.mlops import ModelStore

T0_NS = 1_795_356_000_000_000_000


class Still:
    def now_ns(self) -> int:
        return T0_NS


@pytest.fixture
def line(tmp_path: Path):
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text("- {name: pay, environment: prod, tier: 1}\n")
    one = wire(tmp_path / "data", Settings(catalog=str(catalog)), Still())
    yield one
    one.close()


def told(seq: int, service: str) -> Record:
    event = {
        "specversion": "1.0", "id": str(seq), "source": "/ci", "type": "deploy", "subject": service,
        "data": {"environment": "prod", "version": "v2"},
    }  # fmt: skip
    return Record(seq, "alerts", "cloudevents", T0_NS + seq * 1_000_000_000, json.dumps(event).encode())


def test_a_change_is_assessed_bound_and_in_the_ledger(line):
    planned = Change(id="plan", at_ms=T0_NS // 1_000_000, kind="deploy", subject="pay", environment="prod")
    said = {"change": msgspec.json.encode(planned).decode()}
    ask = Command(kind="assess-change", by="ada", at_ms=planned.at_ms, subject="forecast-7", arguments=said)
    line.pipeline.run([Record(1, "control", "command", T0_NS, ask.body()), told(2, "pay"), told(3, "nobody")])
    store = ModelStore(line.control.database, line.control.tenant, line.control.feed)
    [found] = store.find(ChangeForecast)
    changes = {one.subject: one for one in line.control.changes()}
    assert (found.id, found.change, found.by) == ("forecast-7", changes["pay"].id, "ada")
    assert found.planned.entity == changes["pay"].entity == "service:prod/pay"
    assert found.services[0].tier == 1
    assert changes["nobody"].entity == ""
    entry = line.control.ledger_entry("forecast-7")
    inputs = line.control.frozen(entry.inputs_digest)
    output = line.serving.reperform(VersionRef.parse(entry.actor), inputs)
    assert canonical(output) == canonical(entry.output)


def test_a_restart_goes_on_with_the_same_state(line):
    line.pipeline.run([told(1, "pay")])
    state = line.pipeline.snapshot()
    line.pipeline.run([told(2, "pay")])
    line.pipeline.restore(state)
    assert line.pipeline.snapshot() == state

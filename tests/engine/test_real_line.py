"""The real stages: a torn state is mended by restoring it, and a record set aside leaves no other trace."""

from dataclasses import replace

import pytest
from tests.engine.line import Rig
from tests.keys import same_key
from tests.scenarios.recording import Recording

from mainstay.app.wiring import wire
from mainstay.domain.errors import Corrupt
from mainstay.domain.records import SET_ASIDE
from mainstay.domain.state import parted
from mainstay.engine.snapshots import Snapshots
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

RECORDS = Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78).records
BAD = 90


class FailsAt:
    """Detection that raises in the middle of its work on records of one moment."""

    def __init__(self, detect, at_ns):
        self._detect, self._at_ms = detect, at_ns // 1_000_000

    def apply(self, normal, at_ms, effects):
        self._detect.apply(normal, at_ms, effects)
        if at_ms == self._at_ms:
            raise ZeroDivisionError("a stage fails")

    def __getattr__(self, name):
        return getattr(self._detect, name)


def outcome(line):
    return {
        "alerts": sorted((alert.id, alert.status) for alert in line.control.alerts(limit=1_000)),
        "incidents": line.control.incidents(limit=100),
        "entries": [(e.id, e.kind, e.output) for e in line.control.ledger(limit=100_000)],
        "rows": {name: line.telemetry.count(name) for name in ("points", "spans", "edge_windows")},
        "scores": line.pipeline.scores_digest,
    }


def test_a_state_restored_over_a_later_one_is_the_state(tmp_path):
    line = wire(tmp_path, Settings(), RecordedClock())
    half = len(RECORDS) // 2
    line.pipeline.run(RECORDS[:half])
    state = line.pipeline.snapshot()
    line.pipeline.run(RECORDS[half:])
    later = line.pipeline.snapshot()
    line.pipeline.restore(state)
    assert line.pipeline.snapshot() == state
    line.pipeline.run(RECORDS[half:])
    assert line.pipeline.snapshot() == later
    line.close()


def test_a_state_that_lacks_a_stage_is_of_another_release(tmp_path):
    line = wire(tmp_path, Settings(), RecordedClock())
    parts = list(parted(line.pipeline.snapshot()))
    with pytest.raises(Corrupt, match="holds nothing of past"):
        line.pipeline.restore_parts([part for part in parts if part[0] != "past"])
    with pytest.raises(Corrupt, match="begins with 'normalize/head'"):
        line.pipeline.restore_parts(parts[1:])
    line.pipeline.restore_parts([*parts, ("of another release", b"what nobody here asks for")])
    line.close()


def test_a_state_that_was_written_in_parts_is_the_state(tmp_path):
    line = wire(tmp_path, Settings(), RecordedClock())
    line.pipeline.run(RECORDS)
    taken, snapshots, names = line.pipeline.snapshot(), Snapshots(tmp_path / "state"), []
    snapshots.save(line.pipeline.seq, line.pipeline.parts())
    line.pipeline.run([replace(RECORDS[0], seq=RECORDS[-1].seq + 1)])
    seq, parts = snapshots.newest()
    line.pipeline.restore_parts(names.append(part[0]) or part for part in parts)
    assert (seq, line.pipeline.snapshot()) == (RECORDS[-1].seq, taken)
    assert names[:2] == ["pipeline", "normalize/head"]
    assert {"normalize/series", "serving/head", "serving/live|metrics|", "proposals"} <= set(names)
    line.close()


def test_the_first_state_is_empty_again(tmp_path):
    line = wire(tmp_path, Settings(), RecordedClock())
    first = line.pipeline.snapshot()
    line.pipeline.run(RECORDS)
    line.pipeline.restore(first)
    assert line.pipeline.snapshot() == first
    line.close()


def test_a_record_that_a_stage_cannot_take(tmp_path):
    bad = RECORDS[BAD]
    assert bad.source == "otlp-traces"
    same_key(tmp_path / "clean")
    same_key(tmp_path / "line")
    clean = wire(tmp_path / "clean", Settings(), RecordedClock())
    why = b"ZeroDivisionError: a stage fails"
    instead = replace(bad, source=SET_ASIDE, body=why)
    clean.pipeline.run([*RECORDS[:BAD], instead, *RECORDS[BAD + 1 :]])

    clock = RecordedClock()
    line = wire(tmp_path / "line", Settings(), clock)
    stages = line.pipeline._stages
    line.pipeline._stages = replace(stages, detect=FailsAt(stages.detect, bad.received_ns))
    with Rig(tmp_path / "line", line.pipeline, clock) as rig:
        for record in RECORDS:
            clock.at_ns = record.received_ns
            seq = rig.inbox.append(record.lane, record.source, record.body).result(10)
            assert seq == record.seq
        rig.until(len(RECORDS))
        assert len(rig.aside) == 1
    assert ("aside-91", "batch", {"set_aside": 91, "why": why.decode()}) in outcome(line)["entries"]
    assert outcome(line) == outcome(clean)
    assert outcome(line)["incidents"], "the recording shows a fault"
    line.close()
    clean.close()

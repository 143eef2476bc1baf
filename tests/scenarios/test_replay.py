"""The whole line over a recording: the same alerts and scores at any batch size, over a restart, and across a swap."""

from itertools import islice

import msgspec
import pytest
from tests.keys import same_key
from tests.scenarios.recording import Recording

from mainstay.app.wiring import wire
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Record
from mainstay.domain.verdicts import Verdict
from mainstay.ledger import canonical
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

BAD = Recording(200, slow="orders", from_s=100, to_s=160).deploy("orders", 98)


def run(folder, records, batch=64, restart_at=None):
    """What was decided, and the digest of all scores."""
    clock = RecordedClock()
    same_key(folder)
    line = wire(folder, Settings(), clock)
    rest = iter(records)
    while part := list(islice(rest, batch)):
        clock.at_ns = part[-1].received_ns
        line.pipeline.run(part)
        if restart_at is not None and line.pipeline.seq >= restart_at:
            state, restart_at = line.pipeline.snapshot(), None
            line.close()
            line = wire(folder, Settings(), clock)
            line.pipeline.restore(state)
    decided = {
        "alerts": sorted(line.control.alerts(limit=10_000), key=lambda a: (a.since_ms, a.id)),
        "incidents": line.control.incidents(limit=10_000),
        "plans": line.control.plans(),
        "scores": line.pipeline.scores_digest,
    }
    entries = line.control.ledger(limit=100_000)
    assert line.control.verify_ledger().first_bad is None
    line.close()
    return msgspec.to_builtins(decided), entries


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), BAD.records)


def test_a_bad_deploy_is_one_incident_with_its_cause_first(whole):
    decided, _ = whole
    [incident] = decided["incidents"]
    assert incident["suspects"][0]["entity"] == "service:test/orders"
    assert incident["suspects"][0]["cause"] == "deploy"
    assert incident["status"] == "resolved"
    assert incident["opened_ms"] - 1_800_000_100_000 < 60_000
    assert list(incident["impact"]) == ["service:test/gateway"]


def test_every_decision_names_its_version(whole):
    decided, entries = whole
    for alert in decided["alerts"]:
        assert alert["decided_by"]["model"]
    [incident] = decided["incidents"]
    for part in (incident, *incident["groupings"], *incident["suspects"], *decided["plans"]):
        assert part["decided_by"]["model"]
    taken_back = {e.id for e in entries if e.output.get("status") == "withdrawn"}  # by the stage, when a cause has gone
    decisions = [e for e in entries if e.kind in {"alert", "grouping", "diagnosis", "plan"} and e.id not in taken_back]
    assert decisions
    assert all("@" in e.actor for e in decisions)


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_any_batch_size_gives_the_same(tmp_path, whole, batch):
    decided, entries = run(tmp_path, BAD.records, batch)
    assert decided == whole[0]
    assert [e.hash for e in entries if e.kind != "version"][-1:] == [e.hash for e in whole[1] if e.kind != "version"][
        -1:
    ]


JUDGED = (
    (125, {"kind": "plan-outcome", "subject": "{plan}",
           "arguments": {"incident": "INC-1", "status": "succeeded", "runbook": "roll-back", "says": "it helped"}}),
    (126, {"kind": "verdict", "subject": "INC-1",
           "arguments": {"kind": "right-cause", "target": "", "verdict": "{verdict}"}}),
    (127, {"kind": "split", "subject": "INC-1", "arguments": {"alert": "{alert}"}}),
)  # fmt: skip


@pytest.fixture(scope="module")
def judged(whole):
    """The same fault with an outcome, a verdict and a split in the middle of it."""
    decided, _ = whole
    [incident] = decided["incidents"]
    said = Verdict(id="V-1", kind="right-cause", subject="INC-1", by="ada", at_ms=1_800_000_126_000)
    names = {
        "{plan}": decided["plans"][-1]["id"],
        "{verdict}": msgspec.json.encode(said).decode(),
        "{alert}": incident["groupings"][0]["alert"],
    }
    recording = Recording(200, slow="orders", from_s=100, to_s=160).deploy("orders", 98)
    for at_s, command in JUDGED:
        arguments = {key: names.get(value, value) for key, value in command["arguments"].items()}
        subject = names.get(command["subject"], command["subject"])
        recording.command(at_s, by="ada", kind=command["kind"], subject=subject, arguments=arguments)
    return recording.records


@pytest.fixture(scope="module")
def judged_one_by_one(judged, tmp_path_factory):
    return run(tmp_path_factory.mktemp("judged"), judged, 1)


@pytest.mark.parametrize("batch", [64, 5000])
def test_what_people_say_means_the_same_at_any_batch_size(tmp_path, judged, judged_one_by_one, batch):
    decided, entries = run(tmp_path, judged, batch)
    assert decided == judged_one_by_one[0]
    told = {"verdict", "label"}
    assert [e.output for e in entries if e.kind in told] == [e.output for e in judged_one_by_one[1] if e.kind in told]
    assert {e.subject for e in entries if e.kind == "verdict"} >= {"INC-1", decided["plans"][-1]["id"]}


def test_what_people_said_is_done_again_when_it_was_decided_already(tmp_path, judged, judged_one_by_one):
    """A crash after the commit and before the snapshot: the split happens again in memory, or it comes undone."""
    clock = RecordedClock()
    clock.at_ns = judged[-1].received_ns
    split = max(place for place, record in enumerate(judged) if record.source == "command")
    line = wire(tmp_path, Settings(), clock)
    for record in judged[: split + 1]:
        line.pipeline.run([record])
    line.close()
    line = wire(tmp_path, Settings(), clock)
    line.pipeline.run(judged)
    incidents = msgspec.to_builtins(line.control.incidents(limit=100))
    line.close()
    assert incidents == judged_one_by_one[0]["incidents"]


@pytest.mark.parametrize("restart_at", [40, 330, 400])
def test_a_restart_changes_nothing(tmp_path, whole, restart_at):
    decided, _ = run(tmp_path, BAD.records, 16, restart_at)
    assert decided == whole[0]


def test_a_replay_of_what_was_decided_adds_nothing(tmp_path, whole):
    """A crash after the commit and before the snapshot: everything comes again, and is dropped."""
    clock = RecordedClock()
    line = wire(tmp_path, Settings(), clock)
    clock.at_ns = BAD.records[-1].received_ns
    line.pipeline.run(BAD.records)
    before = line.control.ledger(limit=100_000)
    line.close()
    line = wire(tmp_path, Settings(), clock)
    line.pipeline.run(BAD.records)
    assert [e.hash for e in line.control.ledger(limit=100_000)] == [e.hash for e in before]
    line.close()


def test_quiet_traffic_is_silent(tmp_path):
    decided, _ = run(tmp_path, Recording(400, seed=7).records)
    assert decided["incidents"] == []


def test_a_swap_in_the_middle_is_seen_in_later_decisions(tmp_path):
    """Another version goes live at an exact place in the order; what is decided after carries it."""
    clock = RecordedClock()
    line = wire(tmp_path, Settings(), clock)
    ref = line.registry.vary(VersionRef("edges", 1), {"adopt_s": 14_000.0}, by="ada", why="test").ref
    line.close()
    swap = {"kind": "deploy", "by": "ada", "subject": "edges", "arguments": {"kind": "edges", "live": str(ref)}}
    records = Recording(200, slow="orders", from_s=100, to_s=160).command(60, **swap).records
    decided, _ = run(tmp_path, records)
    edges = [a for a in decided["alerts"] if a["subject"].startswith("edge:")]
    assert edges
    assert {a["decided_by"]["version"] for a in edges} == {ref.version}


def test_a_decision_can_be_taken_again_after_the_telemetry_is_gone(tmp_path):
    clock = RecordedClock()
    line = wire(tmp_path, Settings(retention_s=1), clock)
    clock.at_ns = BAD.records[-1].received_ns
    line.pipeline.run(BAD.records)
    line.telemetry.expire(clock.at_ns + 10**12)
    asked = 0
    for entry in line.control.ledger(limit=100_000):
        if entry.inputs_digest:
            inputs = line.control.frozen(entry.inputs_digest)
            output = line.serving.reperform(VersionRef.parse(entry.actor), inputs)
            assert canonical(output) == canonical(entry.output), entry.id
            asked += 1
    line.close()
    assert asked > 5


def test_records_are_in_order():
    assert [r.seq for r in BAD.records] == list(range(1, len(BAD.records) + 1))
    assert all(isinstance(r, Record) for r in BAD.records)

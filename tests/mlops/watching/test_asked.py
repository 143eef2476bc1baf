"""What people ask of a real line: cards, inventory, evenness, recall marks, evidence, and decisions taken again."""

import csv
import hashlib
import io
import json
import shutil
import subprocess

import pytest
import yaml
from tests.scenarios.recording import Recording

from mainstay.app.mlops.watching import Watching
from mainstay.app.platform import Platform
from mainstay.app.wiring import wire
from mainstay.domain.errors import BadInput, NotFound
from mainstay.domain.models import VersionRef
from mainstay.domain.verdicts import Verdict
from mainstay.mlops.trust.heads import sign_head
from mainstay.replay import RecordedClock
from mainstay.settings import Settings

EDGES = VersionRef("edges", 1)
RECORDS = Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78)


def governed(recording):
    recording.command(
        115, kind="govern", by="ada", subject="edges", arguments={"owner": '"bob"', "materiality": '"high"'}
    )
    recording.command(
        116, kind="govern", by="ada", subject="edges", arguments={"validator": '"ada"', "validated_ms": "1"}
    )
    return recording


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    made = wire(folder, Settings(), RecordedClock())
    made.pipeline.run(governed(RECORDS).records)
    yield made
    made.close()


@pytest.fixture
def watching(line):
    clock = RecordedClock()
    clock.at_ns = line.pipeline.at_ms * 1_000_000
    return Watching(line, clock)


def front(card):
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), body


def test_a_card_has_a_head_that_the_hub_reads_and_every_part(watching):
    head, body = front(watching.card(EDGES))
    assert head["library_name"] == "mainstay"
    assert "edges" in head["tags"]
    titles = [text[3:] for text in body.splitlines() if text.startswith("## ")]
    assert titles == [
        "In plain words", "Intended use", "Data", "Metrics", "Evenness", "Limits", "Drift history",
        "Approvals and changes", "Lineage",
    ]  # fmt: skip
    assert "Owner: bob. Materiality: high." in body
    assert "too few of its decisions were judged" in body


def test_a_card_of_a_version_that_is_not_there(watching):
    with pytest.raises(NotFound):
        watching.card(VersionRef("edges", 99))


def test_the_inventory_says_who_answers_and_what_is_overdue(watching):
    rows = {row.model: row for row in watching.inventory()}
    assert (rows["edges"].owner, rows["edges"].validator, rows["edges"].is_overdue) == ("bob", "ada", True)
    assert not rows["metrics"].is_overdue
    assert rows["metrics"].purpose


def test_the_inventory_as_csv_is_one_line_per_model(watching):
    from mainstay.mlops.governance.inventory import as_csv

    rows = list(csv.DictReader(io.StringIO(as_csv(watching.inventory()))))
    assert {row["model"] for row in rows} >= {"edges", "metrics", "planner"}
    assert next(row for row in rows if row["model"] == "edges")["is_overdue"] == "true"


def test_no_cell_of_the_csv_is_a_formula(watching):
    import msgspec

    from mainstay.mlops.governance.inventory import as_csv

    row = msgspec.structs.replace(watching.inventory()[0], owner="=HYPERLINK(1)")
    assert "'=HYPERLINK" in as_csv([row])


def test_an_overdue_validation_closes_automation_and_is_part_of_the_risk(watching):
    standing, risk = watching.standing(EDGES), watching.risk(EDGES)
    assert standing.reasons == ("overdue",)
    assert risk.value == sum(part.points for part in risk.parts)
    assert "overdue" in {part.name for part in risk.parts}


def test_plans_of_a_line_whose_model_is_overdue_say_so(tmp_path):
    recording = Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78)
    for at_s, arguments in ((1, {"owner": '"bob"'}), (2, {"validator": '"ada"', "validated_ms": "1"})):
        recording.command(at_s, kind="govern", by="ada", subject="edges", arguments=arguments)
    late = wire(tmp_path, Settings(), RecordedClock())
    late.pipeline.run(recording.records)
    plans = late.control.plans()
    late.close()
    assert plans
    assert all(any("validation of edges ran out" in says for says in plan.asks) for plan in plans)


def test_evenness_of_what_nobody_judged_is_too_few(watching):
    assert watching.bias(EDGES).status == "too_few"


def test_what_a_version_caused_is_marked_once_and_reviewed(watching, line):
    caused = watching.mark(EDGES, "ada", "deaf on Mondays")
    assert caused["alert"] >= 1
    assert watching.mark(EDGES, "ada", "again") == {}
    marks = watching.marks(EDGES)
    assert sum(caused.values()) == len(marks)
    reviewed = watching.review(marks[0].id, "wrong", "bob")
    assert (reviewed.status, reviewed.reviewed_by) == ("wrong", "bob")
    assert len(watching.marks(EDGES, "open")) == len(marks) - 1
    assert [entry.output["why"] for entry in line.control.ledger_page(kind="recall") if "why" in entry.output][-1] == (
        "deaf on Mondays"
    )
    assert line.control.verify_ledger().is_whole


def test_a_mark_that_is_not_there(watching):
    with pytest.raises(NotFound):
        watching.review("edges@1:none", "wrong", "bob")


def exported(watching, line, folder):
    watching.evidence(folder, sign_head(line.control.ledger_head(), line.keys))
    return folder


def test_the_evidence_is_proved_without_the_product(watching, line, tmp_path):
    folder = exported(watching, line, tmp_path / "evidence")
    for text in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = text.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    before, last = "0" * 64, None
    for seq, text in enumerate((folder / "ledger.jsonl").read_text().splitlines(), start=1):
        last = json.loads(text)
        entry = json.loads(last["entry"])
        assert hashlib.sha256(b"mainstay-ledger-1\n" + last["entry"].encode()).hexdigest() == last["hash"]
        assert (entry["seq"], entry["previous"]) == (seq, before)
        before = last["hash"]
    assert json.loads((folder / "head.json").read_text())["hash"] == before


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_openssl_checks_the_signed_head_as_the_readme_says(watching, line, tmp_path):
    folder = exported(watching, line, tmp_path / "evidence")
    command = next(text for text in (folder / "README.md").read_text().splitlines() if "openssl" in text).strip("` ")
    said = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False, text=True)
    assert "Verified Successfully" in said.stdout + said.stderr


def test_the_evidence_holds_a_card_and_a_statement_per_version(watching, line, tmp_path):
    folder = exported(watching, line, tmp_path / "evidence")
    names = {str(version.ref) for version in line.control.versions()}
    assert {path.stem for path in (folder / "cards").iterdir()} == names
    assert {path.stem for path in (folder / "attestations").iterdir()} == names
    assert (folder / "deployments.jsonl").read_text().count("\n") >= 7
    assert (folder / "inventory-changes.jsonl").read_text().count("\n") == 2


def test_evidence_goes_into_a_folder_of_its_own(watching, line, tmp_path):
    (tmp_path / "full").write_text("x")
    with pytest.raises(BadInput, match="not empty"):
        exported(watching, line, tmp_path)


def test_a_hundred_random_decisions_are_the_same_after_the_telemetry_is_gone(tmp_path):
    data, recording = tmp_path / "data", Recording(400, slow="orders", from_s=80, to_s=380).deploy("orders", 78)
    made = wire(data, Settings(), RecordedClock())
    made.pipeline.run(recording.records)
    made.close()
    shutil.rmtree(data / "telemetry")
    clock = RecordedClock()
    clock.at_ns = recording.records[-1].received_ns
    platform = Platform(data, Settings(tick_s=1000), clock)
    try:
        drawn = platform.watching.decisions(100, seed=4)
        assert drawn == platform.watching.decisions(100, seed=4)
        assert drawn != platform.watching.decisions(100, seed=5) or len(drawn) < 100
        assert [name for name in drawn if not platform.reperform(name).is_same] == []
        assert len(drawn) >= 20
    finally:
        platform.inbox.close()
        platform.line.close()


def test_verdicts_are_what_precision_is_counted_from(tmp_path):
    recording = Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78)
    made = wire(tmp_path, Settings(), RecordedClock())
    made.pipeline.run(recording.records)
    alert = next(one for one in made.control.alerts() if one.decided_by == EDGES)
    word = Verdict(id="V-1", kind="anomaly", subject=alert.id, by="ada", at_ms=alert.at_ms)
    later = Recording(125, slow="orders", from_s=80, to_s=110).deploy("orders", 78)
    arguments = {"kind": "anomaly", "target": "", "verdict": json.dumps({"id": "V-1", "kind": "anomaly",
                 "subject": alert.id, "by": "ada", "at_ms": alert.at_ms})}  # fmt: skip
    later.command(121, kind="verdict", by="ada", subject=alert.id, arguments=arguments)
    made.pipeline.run([one for one in later.records if one.seq > recording.records[-1].seq])
    clock = RecordedClock()
    clock.at_ns = made.pipeline.at_ms * 1_000_000
    judged = Watching(made, clock)._judgements(EDGES)
    made.close()
    assert (word.kind, judged.precision.hits, judged.precision.n) == ("anomaly", 1, 1)

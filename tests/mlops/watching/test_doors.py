"""The same over HTTP and from the command line, against a running platform."""

from __future__ import annotations

import json

import pytest
from tests.mlops.running import Running

from mainstay.cli.ledger import ledger
from mainstay.cli.mlops.models import models
from mainstay.domain.models import VersionRef

EDGES = "edges@1"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    one = Running(tmp_path_factory.mktemp("doors") / "data")
    yield one
    one.close()


def test_drift_says_that_there_is_none(running):
    assert "nothing has drifted" in running.run(models, "drift").output
    found = json.loads(running.run(models, "drift", "--json").output)
    assert found["findings"] == []


def test_a_card_is_printed_or_written(running, tmp_path):
    assert running.run(models, "card", EDGES).output.startswith("---\nlicense: other\n")
    assert "bytes" in running.run(models, "card", EDGES, "--out", str(tmp_path / "README.md")).output
    assert (tmp_path / "README.md").read_text(encoding="utf-8").startswith("---\n")


def test_the_inventory_is_written_down_and_exported(running, tmp_path):
    assert running.run(models, "inventory", "edges", "--owner", "bob", "--materiality", "high").exit_code == 0
    assert running.run(models, "inventory", "edges", "--validated").exit_code == 0
    running.settle()
    rows = json.loads(running.run(models, "inventory", "edges", "--json").output)
    assert [(row["owner"], row["materiality"], row["validator"]) for row in rows] == [("bob", "high", "admin")]
    running.run(models, "inventory", "--csv", str(tmp_path / "models.csv"))
    assert "edges" in (tmp_path / "models.csv").read_text()


def test_an_owner_validates_nothing(running):
    from mainstay.domain.errors import BadInput

    with pytest.raises(BadInput, match="cannot validate"):
        running.run(models, "inventory", "logs", "--owner", "admin", "--validated")


def test_too_few_verdicts_are_exit_3(running):
    answer = running.run(models, "bias", EDGES)
    assert answer.exit_code == 3
    assert "too few" in answer.output


def test_the_risk_is_a_sum(running):
    found = json.loads(running.run(models, "risk", EDGES, "--json").output)
    assert found["value"] == sum(part["points"] for part in found["parts"])
    assert "standing" in found


def test_a_recall_is_marked(running):
    answer = running.run(models, "recall", EDGES, "--mark", "--why", "a test")
    assert "marked for review" in answer.output
    marks = running.platform.watching.marks(VersionRef("edges", 1))
    assert {mark.by for mark in marks} == {"admin"}


def test_evidence_is_exported(running, tmp_path):
    counts = json.loads(running.run(ledger, "export", "--evidence", str(tmp_path / "e"), "--json").output)
    assert counts["ledger.jsonl"] > 10
    assert (tmp_path / "e" / "README.md").exists()


def test_decisions_are_taken_again(running):
    found = json.loads(running.run(ledger, "reperform", "--sample", "100", "--seed", "1", "--json").output)
    assert found["equal"] == found["sample"] > 10
    assert found["different"] == []


def test_one_decision_or_a_sample_and_not_both(running):
    assert running.run(ledger, "reperform").exit_code == 2
    assert running.run(ledger, "reperform", "x", "--sample", "3").exit_code == 2

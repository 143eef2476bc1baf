"""A model on somebody's server, watched over HTTP: predictions, late labels, its card, who answers for it, its gate."""

from __future__ import annotations

import json
import random

import httpx
import pytest
from tests.mlops.running import Running

from mainstay.cli.ledger import ledger
from mainstay.cli.mlops.models import models
from mainstay.domain.errors import BadInput, NotFound

ROWS = 1_200


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Fraud v12 has predicted, and was told what was true: of apac it knows nothing."""
    one = Running(tmp_path_factory.mktemp("served") / "data", empty=True)
    secret = one.platform.control.people.issue("ingest", "admin", "kserve", by="user:admin")[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{one.port}", headers={"Authorization": f"Bearer {secret}"}) as door:
        lots, predictions, labels = random.Random(3), [], []
        for number in range(ROWS):
            group, score = ("eu", "us", "apac")[number % 3], lots.random()
            is_true = lots.random() < (0.5 if group == "apac" else score)
            predictions.append({"id": f"p{number}", "score": score, "group": group, "features": {"amount": score}})
            labels.append({"id": f"p{number}", "value": int(is_true)})
        lots.shuffle(labels)
        said = {"version": "v12", "environment": "prod", "service": "payments", "predictions": predictions}
        assert door.post("/v1/models/fraud/predictions", json=said).json() == {"accepted": ROWS}
        late = [*labels, *labels[:5], {"id": "nobody", "value": 1}]
        assert door.post("/v1/models/fraud/labels", json={"environment": "prod", "labels": late}).is_success
    one.settle()
    yield one
    one.close()


def test_what_found_no_prediction_is_shown(running):
    (row,) = json.loads(running.run(models, "production", "--json").output)
    assert (row["predictions"], row["labelled"], row["unmatched"]) == (ROWS, ROWS, 6)
    assert "UNMATCHED" in running.run(models, "production").output


def test_the_group_that_it_serves_worse_is_named_and_a_gate_may_ask(running):
    answer = running.run(models, "bias", "fraud@v12")
    assert answer.exit_code == 1
    assert "apac: 1" in answer.output
    assert "worse" in answer.output
    assert running.run(models, "gate", "fraud@v12").exit_code == 0
    assert running.run(models, "gate", "fraud@v12", "--even").exit_code == 1
    assert running.run(models, "gate", "fraud@v12", "--labels", "9999").exit_code == 3
    assert json.loads(running.run(models, "bias", "fraud@v12", "--json").output)["status"] == "worse"


def test_who_answers_for_it_is_written_down_and_nobody_validates_their_own(running):
    ada = running.person("ada", "approver")
    assert (
        running.run(models, "inventory", "fraud", "--owner", "ada", "--materiality", "high", token=ada).exit_code == 0
    )
    running.settle()
    for words in (("--validated",), ("--owner", "bob", "--validated")):
        with pytest.raises(BadInput, match="ada owns production:fraud and cannot validate it"):
            running.run(models, "inventory", "fraud", *words, token=ada)
    running.run(models, "inventory", "fraud", "--validated", "--finding", "look at apac")
    running.settle()
    (row,) = json.loads(running.run(models, "inventory", "fraud", "--json").output)
    assert (row["kind"], row["owner"], row["validator"], row["open_findings"]) == (
        "production", "ada", "admin", ["look at apac"],
    )  # fmt: skip
    with pytest.raises(NotFound, match="neither ours nor in production"):
        running.run(models, "inventory", "nosuch", "--owner", "ada")


def test_its_card_and_its_place_in_the_validation_file(running, tmp_path):
    card = running.run(models, "card", "fraud@v12").output
    assert card.startswith("---\nlicense: other\n")
    assert "# fraud@v12" in card
    assert "labels that found no prediction: 6" in card
    assert "payments" in card
    counts = json.loads(running.run(ledger, "export", "--evidence", str(tmp_path / "e"), "--json").output)
    assert counts["cards"] > 10
    assert (tmp_path / "e" / "cards" / "prod_fraud@v12.md").read_text(encoding="utf-8").startswith("---\n")
    assert "fraud,production,fraud@v12" in (tmp_path / "e" / "inventory.csv").read_text(encoding="utf-8")


def test_one_that_never_predicted_is_said_so(running):
    for verb in ("card", "bias", "gate"):
        with pytest.raises(NotFound, match="there is no model in production 'fraud@v13'"):
            running.run(models, verb, "fraud@v13")

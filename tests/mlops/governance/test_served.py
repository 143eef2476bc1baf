"""Whom a model in production serves worse, how risky it is, its card, and what a pipeline's gate makes of it."""

from __future__ import annotations

import random

import pytest
import yaml

from mainstay.domain.alerts import Alert
from mainstay.domain.models import VersionRef
from mainstay.domain.predictions import FeatureDrift, GroupOutcome, InProduction
from mainstay.domain.watching import Governance
from mainstay.mlops.governance.bias import LEAST
from mainstay.mlops.governance.served import evenness, governed_as, risk_parts, rows
from mainstay.mlops.governance.served_card import ServedFacts, served_card
from mainstay.mlops.watching.health import Health
from mainstay.mlops.watching.production import gate

DAY_MS = 86_400_000


def outcome(group: str, labelled: int, wrong: int) -> GroupOutcome:
    return GroupOutcome(group=group, labelled=labelled, wrong=wrong, mean_loss=0.2)


def served(*groups: GroupOutcome, **known) -> InProduction:
    labelled = sum(one.labelled for one in groups)
    usual = {"entity": "model:prod/fraud", "version": "v12", "predictions": 5_000, "last_ms": 1_767_225_600_000}
    usual |= {"labelled": labelled, "is_known": True, "loss_now": 0.2, "loss_before": 0.19, "groups": groups}
    return InProduction(**{**usual, **known})


EVEN = (outcome("eu", 300, 30), outcome("us", 300, 33), outcome("apac", 300, 28))
WORSE = (outcome("eu", 300, 30), outcome("us", 300, 33), outcome("apac", 300, 90))


def test_the_group_that_it_serves_worse_is_named_with_its_interval():
    found = evenness(served(*WORSE))
    assert (found.status, [one.group for one in found.groups if one.is_worse]) == ("worse", ["apac"])
    assert found.says == "apac: 30% wrong [25%–35%], elsewhere 10%"


@pytest.mark.parametrize(
    ("groups", "status", "says"),
    [
        (EVEN, "none", "no group fares worse"),
        ((), "too_few", "there are no two groups"),
        ((outcome("", 900, 90),), "too_few", "there are no two groups"),
        ((outcome("eu", 900, 90),), "too_few", "there are no two groups"),
        ((outcome("eu", 900, 0), outcome("us", LEAST - 1, LEAST - 1)), "too_few", "too few labelled"),
        ((outcome("eu", 40_000, 400), outcome("us", 40_000, 2_400)), "none", "no group"),  # sure, but five points
        ((outcome("eu", 40_000, 400), outcome("us", 40_000, 8_000)), "worse", "us: 20% wrong"),
        ((outcome("eu", 40_000, 0), outcome("us", 40_000, 0)), "none", "no group"),
    ],
)
def test_sure_and_large_or_nothing(groups, status, says):
    found = evenness(served(*groups))
    assert found.status == status
    assert says in found.says


def test_equals_are_seldom_called_unequal():
    lots, named = random.Random(4), 0
    for _ in range(200):
        groups = [outcome(name, 150, sum(lots.random() < 0.2 for _ in range(150))) for name in ("a", "b", "c", "d")]
        named += evenness(served(*groups)).status == "worse"
    assert named <= 10


def test_a_gate_may_require_it_and_too_little_evidence_is_no_pass():
    enough = {"predictions": 600, "labels": 100}
    assert gate(served(*WORSE), **enough).verdict == "passed"
    for groups, verdict in ((WORSE, "failed"), (EVEN, "passed"), ((outcome("eu", 900, 9),), "not-enough")):
        assert gate(served(*groups), even=evenness(served(*groups)), **enough).verdict == verdict
    said = gate(served(*EVEN), is_overdue=True, **enough)
    assert (said.verdict, said.reasons) == ("failed", ("its validation ran out",))


def test_the_risk_is_a_sum_with_reasons():
    bare = {part.name: part.points for part in risk_parts(served(*EVEN), None, is_overdue=False)}
    assert bare == {"materiality": 10, "owner": 5}
    known = Governance(id="x", owner="bob", materiality="high", findings=("a", "b"))
    bad = served(*WORSE, firing=("accuracy", "score"), loss_now=None)
    assert {part.name: part.points for part in risk_parts(bad, known, is_overdue=True)} == {
        "materiality": 20, "accuracy": 25, "score": 10, "bias": 15, "evidence": 10, "overdue": 15, "validation": 10,
        "open findings": 10,
    }  # fmt: skip


def test_a_row_per_model_and_its_validation_runs_out():
    staging = served(*EVEN, entity="model:staging/fraud", version="v13", last_ms=1)
    validated = Governance(
        id=governed_as("fraud"), owner="bob", materiality="high", validator="ada", validated_ms=DAY_MS
    )
    health = Health(governance={validated.id: validated})
    for at_ms, is_overdue in ((90 * DAY_MS, False), (92 * DAY_MS, True)):
        (row,) = rows([served(*EVEN), staging], health, at_ms)
        assert (row.model, row.kind, row.live, row.versions) == ("fraud", "production", "fraud@v12", 2)
        assert (row.owner, row.validator, row.is_overdue) == ("bob", "ada", is_overdue)
    (other,) = rows([served(*EVEN)], Health(governance={"fraud": Governance(id="fraud", owner="eve")}), 0)
    assert other.owner == ""  # a model of the platform's own by the same name is another one


def test_a_card_says_what_is_known_and_what_is_not():
    alert = Alert(
        id="A-1", fingerprint="f", entity="model:prod/fraud", name="model input drifted", severity="minor",
        status="firing", since_ms=1_767_225_600_000, at_ms=1, decided_by=VersionRef("predictions", 1),
        summary="amount is not what it was",
    )  # fmt: skip
    drift = (FeatureDrift(feature="amount", psi=0.31, missing=0.02),)
    standing = served(*WORSE, drift=drift, unmatched=7)
    facts = ServedFacts(standing, evenness(standing), risk_parts(standing, None, is_overdue=False), alerts=[alert])
    card = served_card(facts)
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["model_name"] == "fraud@v12"
    assert [one["value"] for one in head["model-index"][0]["results"][0]["metrics"]] == [0.17, 0.2]
    for said in (
        "Of ten predictions about 8 are right: 900 have a label, and 153 of them were wrong (14.7% to 19.6%",
        "amount (PSI 0.31, 2% missing)",
        "share wrong: 0.17 [0.15–0.20] n=900",
        "labels that found no prediction: 7",
        "apac: 30% wrong",
        "amount is not what it was (open; decided by predictions@1)",
        "sees what it predicts, not how it was made",
        "Nobody has written down who answers for it.",
    ):
        assert said in card, said


def test_a_card_of_a_model_without_labels_guesses_nothing():
    standing = served(is_known=False, loss_now=None, loss_before=None)
    card = served_card(ServedFacts(standing, evenness(standing), risk_parts(standing, None, is_overdue=False)))
    assert "How often it is right is not known: 0 of its predictions have a label." in card
    assert "model-index" not in card

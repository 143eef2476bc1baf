"""A model that went wrong is blamed before the service that decides by it, and only where there is evidence."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.models.rca import Diagnoser

FRONT, DESK, MODEL = "service:p/front", "service:p/desk", "model:p/score"
ONSET = 1_000_000


def alert(name: str, entity: str, since_ms: int = ONSET, **more: Any) -> dict[str, Any]:
    return {"id": name, "entity": entity, "signal": "errors", "severity": "major", "since_ms": since_ms, **more}


DRIFTED = alert("a3", MODEL, ONSET + 30_000, signal="other", severity="minor", channel="score", summary="score moved")
WORSE = alert("a4", MODEL, ONSET + 50_000, channel="accuracy", summary="score 7 is wrong more often")


def case(*of_model: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The desk fails by itself; its call to whoever serves the model is fine."""
    failing = {"before_ms": 20, "now_ms": 20, "rate_before": 9, "rate_now": 9, "errors_now": 0.4}
    fine = {**failing, "errors_now": 0.0, "caller": DESK, "callee": "service:p/server"}
    return {
        "at_ms": ONSET + 60_000,
        "incident": "INC-1",
        "onset_ms": ONSET,
        "alerts": [
            alert("a1", "edge:front>desk", caller=FRONT, callee=DESK),
            alert("a2", "edge:>front", caller="", callee=FRONT),
            *of_model,
        ],
        "edges": [(FRONT, DESK), (DESK, "service:p/server"), (DESK, MODEL)],
        "calls": [
            {**failing, "caller": "", "callee": FRONT},
            {**failing, "caller": FRONT, "callee": DESK},
            fine,
        ],
        **more,
    }


def first(inputs: dict[str, Any]) -> dict[str, Any]:
    suspect: dict[str, Any] = Diagnoser({}).decide(inputs)["suspects"][0]
    return suspect


def test_without_a_word_of_the_model_the_service_is_the_first():
    assert first(case())["entity"] == DESK


@pytest.mark.parametrize("of_model", [(DRIFTED,), (WORSE,), (DRIFTED, WORSE)])
def test_a_model_that_is_not_what_it_was_is_the_first_suspect_of_what_its_service_suffers(of_model):
    suspect = first(case(*of_model))
    assert (suspect["entity"], suspect["cause"]) == (MODEL, "model")
    assert of_model[-1]["summary"] in suspect["says"]


def test_labels_make_it_surer():
    assert first(case(DRIFTED, WORSE))["probability"] > first(case(DRIFTED))["probability"] > 0.5


def test_a_drift_of_yesterday_is_not_the_cause_of_today():
    old = {**DRIFTED, "since_ms": ONSET - 86_400_000}
    assert first(case(old))["entity"] == DESK


def test_a_model_that_nobody_ill_goes_by_explains_nothing():
    edges = [(FRONT, DESK), (DESK, "service:p/server"), ("service:p/other", MODEL)]
    assert first(case(DRIFTED, edges=edges))["entity"] == DESK


def test_a_deploy_of_the_service_just_before_still_counts_against_it():
    change = {"id": "c1", "entity": DESK, "kind": "deploy", "at_ms": ONSET - 5_000, "version": "v2"}
    with_it = Diagnoser({}).decide(case(DRIFTED, changes=[change]))["suspects"]
    without = Diagnoser({}).decide(case(DRIFTED))["suspects"]
    of = {s["entity"]: s["probability"] for s in with_it}
    assert of[DESK] > {s["entity"]: s["probability"] for s in without}.get(DESK, 0.0)


def test_a_person_may_rule_the_model_out():
    assert first(case(DRIFTED, WORSE, ruled_out=[MODEL]))["entity"] != MODEL

"""The planner: the likeliest suspect for which something is allowed, or the reason why not."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.models.planning import Planner

PAY = "service:p/pay"
DEPLOY = {"entity": PAY, "cause": "deploy", "probability": 0.9, "change": "C-1", "says": "…", "decided_by": {}}
ROLL_BACK = {"name": "roll-back", "causes": ["deploy"], "min_probability": 0.5, "needs_change": True, "enabled": True}
RESTART = {"name": "restart", "causes": ["memory", "deploy"], "min_probability": 0.4}


def plan(*suspects: dict[str, Any], runbooks: list[dict[str, Any]] | None = None, **rest: Any) -> dict[str, Any]:
    return Planner({}).decide({"suspects": list(suspects), "runbooks": runbooks or [ROLL_BACK], **rest})


def test_it_names_runbook_suspect_and_reason() -> None:
    said = plan(DEPLOY, inventory={PAY: {"entity.name": "pay"}})
    assert (said["runbook"], said["suspect"], said["cause"], said["change"]) == ("roll-back", PAY, "deploy", "C-1")
    assert said["why"] == "pay is the cause with 90% (deploy)"


def test_parameters_are_facts_and_nothing_else() -> None:
    offer = {**ROLL_BACK, "parameters": {"service": "entity.name", "version": "change.previous_version"}}
    facts = {PAY: {"entity.name": "pay", "change.previous_version": "v41"}}
    assert plan(DEPLOY, runbooks=[offer], inventory=facts)["parameters"] == {"service": "pay", "version": "v41"}
    said = plan(DEPLOY, runbooks=[offer], inventory={PAY: {"entity.name": "pay"}})
    assert (said["runbook"], said["why"]) == (
        None,
        "runbook roll-back needs change.previous_version and it is not known",
    )


@pytest.mark.parametrize(
    ("suspect", "offer", "why"),
    [
        ({**DEPLOY, "cause": "cpu"}, ROLL_BACK, "no runbook for cause cpu"),
        ({**DEPLOY, "probability": 0.41}, ROLL_BACK, "probability 0.41 below 0.5 for roll-back"),
        ({**DEPLOY, "change": None}, ROLL_BACK, "runbook roll-back needs a change to undo and none is suspected"),
        (DEPLOY, {**ROLL_BACK, "enabled": False}, "runbook roll-back is switched off"),
        (DEPLOY, {**ROLL_BACK, "success": {"worked": 0, "failed": 9}}, "runbook roll-back worked 0 times and failed 9"),
    ],
)
def test_it_says_why_not(suspect: dict[str, Any], offer: dict[str, Any], why: str) -> None:
    said = plan(suspect, runbooks=[offer])
    assert (said["runbook"], said["why"]) == (None, why)


def test_what_was_tried_is_not_tried_again_and_the_better_record_wins() -> None:
    both = [ROLL_BACK, RESTART]
    assert plan(DEPLOY, runbooks=both, tried=["roll-back"])["runbook"] == "restart"
    assert plan(DEPLOY, runbooks=[ROLL_BACK, {**RESTART, "success": {"worked": 5}}])["runbook"] == "restart"
    assert plan(DEPLOY, runbooks=both) == plan(DEPLOY, runbooks=both[::-1])


def test_a_second_suspect_is_acted_on_only_if_it_is_sure_enough_itself() -> None:
    first = {**DEPLOY, "cause": "cpu", "probability": 0.5}
    second = {"entity": "service:p/b", "cause": "memory", "probability": 0.45}
    assert plan(first, second, runbooks=[RESTART])["suspect"] == "service:p/b"
    assert plan(first, {**second, "probability": 0.3}, runbooks=[RESTART])["runbook"] is None


def test_no_suspect_no_plan() -> None:
    assert plan()["why"] == "no suspect: there is not enough evidence yet"

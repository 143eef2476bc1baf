"""Every judge of the catalogue: a pure function of JSON, with a name and defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.models.shops_changed import question

from mainstay.domain.protocols import Judge
from mainstay.models.catalogue import JUDGES, build, defaults_of, state_of

ALERT = {
    "id": "a1",
    "entity": "service:lab/b",
    "signal": "latency",
    "severity": "critical",
    "since_ms": 1_000,
    "at_ms": 9_000,
}
INPUTS: dict[str, dict[str, Any]] = {
    "time-topology": {"at_ms": 9_000, "alert": ALERT, "edges": [["service:lab/a", "service:lab/b"]]},
    "placebo-did": question(),
    "beta-aggregated": {"entity": "service:lab/b", "kind": "deploy", "callers": [["service:lab/a", 1, 1]]},
    "dependency-order": {
        "at_ms": 9_000,
        "incident": "INC-2",
        "mode": "proposed",
        "alerts": [{**ALERT, "severity": "major"}],
        "candidates": [
            {
                "incident": "INC-1",
                "entity": "service:lab/c",
                "symptom": "service:lab/b",
                "hops": 1,
                "signal": "latency",
                "severity": "critical",
                "since_ms": 500,
            }
        ],
    },
    "tfidf-jaccard": {
        "incident": {"id": "INC-2", "words": ["slow"], "facts": ["cause:deploy"]},
        "past": [{"id": "INC-1", "words": ["slow"], "facts": ["cause:deploy"]}],
        "known": 1,
        "frequency": {"slow": 1},
    },
    "tried-forecast": {"values": [float(v % 7) for v in range(60)], "horizon": 7, "season": 7},
}
"""Least inputs per algorithm; those of the others stand in the tests of the rooms that they come from."""

pytestmark = pytest.mark.parametrize("algorithm", sorted(JUDGES))


def test_it_is_a_judge_with_a_name_and_defaults_and_no_state(algorithm):
    judge: Judge = build(algorithm, {})
    assert judge
    assert state_of(algorithm) == ""
    json.dumps(defaults_of(algorithm))


def test_the_same_inputs_give_the_same_bytes_and_leave_the_inputs_alone(algorithm):
    if algorithm not in INPUTS:
        pytest.skip("its inputs are tested where they are made")
    before = json.dumps(INPUTS[algorithm])
    outputs = {json.dumps(build(algorithm, {}).decide(json.loads(before)), sort_keys=True) for _ in range(3)}
    assert len(outputs) == 1
    judge = build(algorithm, defaults_of(algorithm))
    assert json.dumps(judge.decide(INPUTS[algorithm]), sort_keys=True) in outputs
    assert json.dumps(INPUTS[algorithm]) == before

"""The check of a bad model passes for nothing that did not happen."""

import msgspec
import pytest

from mainstay.demo.bad_model import POLICY, WORSE, BadModelReport
from mainstay.domain.rollouts import GatePolicy
from mainstay.models.traces.parameters import EdgeParameters

GOOD = {
    "variant": "deaf",
    "seed": 1,
    "window_s": 60.0,
    "reached_canary": True,
    "stage": "rolled_back",
    "windows_to_rollback": 4,
    "faults": 3,
    "missed_incidents": 0,
    "runbooks_from_canary": 0,
    "recall_is_exact": True,
    "ledger_verified": True,
}


def test_all_true():
    assert BadModelReport(**GOOD).untrue() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reached_canary", False),
        ("stage", "canary"),
        ("windows_to_rollback", 11),
        ("windows_to_rollback", None),
        ("faults", 0),
        ("missed_incidents", 1),
        ("missed_incidents", None),
        ("runbooks_from_canary", 1),
        ("recall_is_exact", False),
        ("ledger_verified", False),
    ],
)
def test_one_thing_that_is_not_true_is_named(field, value):
    assert len(BadModelReport(**GOOD | {field: value}).untrue()) == 1


@pytest.mark.parametrize("variant", WORSE)
def test_a_variant_is_a_version_of_the_shipped_detector(variant):
    changed = msgspec.convert(WORSE[variant], EdgeParameters)
    assert changed != EdgeParameters()


def test_the_policy_of_the_scenario_is_one():
    import yaml

    policy = msgspec.convert(yaml.safe_load(POLICY.format(window_s=60.0)), GatePolicy)
    assert policy.shadow.cases == 0
    assert policy.canary == GatePolicy().canary

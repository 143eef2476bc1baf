"""The check of the drift scenario passes for nothing that did not happen."""

import msgspec
import pytest
import yaml

from mainstay.demo.drift import POLICY, SETTINGS, DriftReport
from mainstay.domain.rollouts import GatePolicy
from mainstay.settings import Settings

GOOD = {
    "seed": 1,
    "drift_before": 0,
    "drift_found_s": 400.0,
    "retrain_by": "mainstay",
    "rollout": "live",
    "promoted_by": "mainstay",
    "pages_before": 2,
    "pages_after": 0,
    "leak_detected_s": 50.0,
    "leak_learned": 0,
    "ledger_verified": True,
}


def test_all_true():
    assert DriftReport(**GOOD).untrue() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("drift_before", 1),
        ("drift_found_s", None),
        ("retrain_by", "ada"),
        ("rollout", "canary"),
        ("promoted_by", "user:ada"),
        ("pages_after", None),
        ("leak_detected_s", None),
        ("leak_learned", 1),
        ("leak_learned", None),
        ("ledger_verified", False),
    ],
)
def test_one_thing_that_is_not_true_is_named(field, value):
    assert len(DriftReport(**GOOD | {field: value}).untrue()) == 1


def test_the_gates_are_the_shipped_ones_but_for_their_windows():
    policy = msgspec.convert(yaml.safe_load(POLICY.format(window_s=60.0)), GatePolicy)
    assert msgspec.structs.replace(policy, name="shipped") == GatePolicy()


def test_its_settings_are_settings():
    assert msgspec.convert(SETTINGS, Settings).watching.span_s == 300

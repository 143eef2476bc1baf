"""The check of a bad model passes for nothing that did not happen."""

import json
from urllib.request import Request, urlopen

import msgspec
import pytest

from mainstay.demo.bad_model import CALM_S, MODEL, POLICY, WORSE, BadModelReport
from mainstay.demo.pager import Pager
from mainstay.domain.rollouts import GatePolicy
from mainstay.mlops.training.knobs import checked, turned
from mainstay.models.catalogue import build, defaults_of

GOOD = {
    "variant": "deaf",
    "seed": 1,
    "window_s": 60.0,
    "reached_canary": True,
    "stage": "rolled_back",
    "rolled_back_by": "mainstay",
    "windows_to_rollback": 4,
    "faults": 3,
    "missed_incidents": 0,
    "runbooks_from_canary": 0,
    "plans_from_canary": 2,
    "plans_that_ask": 2,
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
        ("rolled_back_by", "user:ada"),
        ("plans_that_ask", 1),
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


@pytest.mark.parametrize(
    ("for_faults", "for_nothing", "is_true"), [(2, 2, True), (3, 2, True), (2, 0, False), (0, 2, False), (2, 7, False)]
)
def test_a_noisy_one_must_make_about_twice_the_pages(for_faults, for_nothing, is_true):
    seen = {"variant": "noisy", "pages_for_faults": for_faults, "pages_for_nothing": for_nothing}
    wanted = [] if is_true else ["it makes about twice the pages that there is reason for"]
    assert BadModelReport(**GOOD | seen).untrue() == wanted


def test_every_variant_has_its_pace():
    assert set(CALM_S) == set(WORSE)


@pytest.mark.parametrize("variant", WORSE)
def test_a_variant_is_a_version_of_the_shipped_detector(variant):
    shipped = defaults_of("robust-season")
    checked(MODEL, WORSE[variant])
    changed = turned(MODEL, shipped, WORSE[variant])
    assert changed != turned(MODEL, shipped, {})
    build("robust-season", changed)


def test_a_pager_keeps_what_it_got_once_and_knows_who_was_behind_it():
    with Pager() as pager:
        for key, versions in (("a", ["edges@1"]), ("b", ["edges@1", "metrics@2"]), ("b", ["edges@1", "metrics@2"])):
            body = json.dumps({"key": key, "decided_by": versions}).encode()
            with urlopen(Request(pager.url, body)) as answer:
                assert answer.status == 204
    assert set(pager.pages) == {"a", "b"}
    assert pager.from_version("metrics@2") == {"b"}


def test_the_policy_of_the_scenario_is_one():
    import yaml

    policy = msgspec.convert(yaml.safe_load(POLICY.format(window_s=60.0)), GatePolicy)
    assert policy.shadow.cases == 0
    assert policy.canary == GatePolicy().canary

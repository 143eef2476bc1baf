"""Models that users run: listed, shown by name and version, and judged for a delivery pipeline."""

import pytest
from tests.api.conftest import Client

from mainstay.domain.predictions import InProduction
from mainstay.mlops.watching.production import gate


def standing(**known):
    usual = {"entity": "m", "version": "1", "predictions": 900, "labelled": 200, "last_ms": 1, "is_known": True}
    return InProduction(**{**usual, **known})


def test_listed_shown_and_judged(viewer: Client) -> None:
    assert [one["entity"] for one in viewer.get("production-models")] == ["model:prod/fraud"]
    assert viewer.get("production-models/fraud@12")["predictions"] == 3
    assert viewer.get("production-models/fraud@12/gate")["verdict"] == "not-enough"


def test_one_that_has_never_predicted(viewer: Client) -> None:
    assert viewer.ask("GET", "/api/v1/production-models/fraud@13").status_code == 404


def test_a_version_of_the_platforms_own_is_judged_by_its_rollout(viewer: Client) -> None:
    said = viewer.get("models/metrics/versions/1/gate")
    assert (said["verdict"], said["reasons"]) == ("not_enough", ["no rollout has judged it"])
    assert viewer.ask("GET", "/api/v1/models/metrics/versions/99/gate").status_code == 404


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({}, "passed"),
        ({"labelled": 99}, "not-enough"),
        ({"is_known": False}, "not-enough"),
        ({"firing": ("accuracy",)}, "failed"),
        ({"firing": ("features",), "predictions": 1}, "failed"),
    ],
)
def test_too_little_evidence_is_no_pass(known, verdict):
    assert gate(standing(**known), predictions=600, labels=100).verdict == verdict

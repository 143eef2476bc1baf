"""Changes over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.store.control_samples import T0

from mainstay.domain.changes import (
    Change,
    ChangeForecast,
    ChangeImpact,
    PlaceboTally,
)
from mainstay.domain.effects import Effects
from mainstay.domain.incidents import Risk
from mainstay.domain.models import VersionRef
from mainstay.ingest import decode
from mainstay.store.mlops import ModelStore

PLACED = Change(id="change-1", at_ms=T0, kind="deploy", subject="pay", entity="service:prod/pay", version="v2")
LOST = Change(id="change-2", at_ms=T0 + 1, kind="flag", subject="nobody")


def impact() -> ChangeImpact:
    return ChangeImpact(
        id="change-1", entity=PLACED.entity, kind="deploy", at_ms=T0, judged_ms=T0 + 45_000, horizon_s=35.0,
        verdict="harmful", says="slower", decided_by=VersionRef("impact", 1),
    )  # fmt: skip


def forecast(name: str = "forecast-1", **more: Any) -> ChangeForecast:
    fields: dict[str, Any] = {
        "id": name, "planned": PLACED, "at_ms": T0, "by": "mainstay", "probability": 0.12, "services": (),
        "reasons": (), "risk": Risk(score=14, parts=()), "says": "12 %", "decided_by": VersionRef("change-risk", 1),
        "change": "change-1", "outcome": "harmful", "brier": 0.7744,
    }  # fmt: skip
    return ChangeForecast(**{**fields, **more})


@pytest.fixture
def responder(clients):
    return clients["responder"]


@pytest.fixture
def told(platform):
    platform.control.commit(Effects(decided_seq=1_000_000, changes={"change-1": PLACED, "change-2": LOST}))
    store = ModelStore(platform.control.database, platform.control.tenant, platform.control.feed)
    store.save(impact(), forecast(), PlaceboTally(judged=20, harmful=1, at_ms=T0))
    return platform


def test_a_list_says_what_was_foretold_and_found(told, viewer):
    rows = viewer.get("changes", since_ms=0)
    assert [(row["id"], row["verdict"], row["risk"], row["is_placed"]) for row in rows] == [
        ("change-2", "", None, False), ("change-1", "harmful", 14, True),
        ("C-1", "", None, True),
    ]  # fmt: skip
    assert viewer.get("changes", since_ms=0, entity=PLACED.entity)[0]["id"] == "change-1"


def test_one_change(told, viewer):
    page = viewer.get("changes/change-1")
    assert (page["change"]["version"], page["forecast"]["probability"], page["impact"]["says"]) == (
        "v2",
        0.12,
        "slower",
    )
    assert viewer.get("changes/change-2")["impact"] is None
    assert viewer.ask("GET", "/api/v1/changes/change-9").status_code == 404


def test_calibration(told, viewer):
    found = viewer.get("changes/calibration")
    assert (found["scored"], found["harmful"], found["brier"]) == (1, 1, 0.7744)
    assert found["placebo_false_positive_rate"] == 0.05


def test_changes_that_are_told_go_into_the_inbox(platform, responder):
    said = {"service": "pay", "kind": "flag", "at": "2026-01-01T00:00:00Z", "size": 3, "outcome": "failed", "id": "7"}
    answer = responder.ask("POST", "/api/v1/changes", json=[said, {"service": "cart"}])
    assert answer.status_code == 201, answer.text
    [(source, body)] = platform.kept
    first, second = decode(source, body, platform.clock.now_ns()).changes
    assert answer.json()["ids"] == [first.id, second.id]
    assert (first.subject, first.kind, first.size, first.outcome) == ("pay", "flag", 3, "failed")
    assert first.source.startswith("api/")
    assert (second.kind, second.at_ms) == ("deploy", platform.clock.now_ns() // 1_000_000)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"service": ""}, "service"),
        ({"service": "pay", "kind": "magic"}, "kind"),
        ({"service": "pay", "sevrice": "x"}, "sevrice"),
        ([{"service": "pay"}, {"service": "cart", "at": "soon"}], "at"),
        ([{"service": "pay"}, {"service": "cart", "at": "2100-01-02T00:00:00Z"}], "change 1 (cart): 1: time more than"),
        ([], "expected 1 to 1000 changes"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(platform, responder, said, says):
    answer = responder.ask("POST", "/api/v1/changes", json=said)
    assert answer.status_code == 400
    assert says in answer.text
    assert platform.kept == []


def test_an_assessment_is_a_command_in_its_place(platform, responder):
    answer = responder.ask("POST", "/api/v1/changes/assess", json={"service": "pay", "at": "2026-03-01T10:00:00+01:00"})
    assert answer.status_code == 503  # nothing decides here: it is asked to come again
    [command] = platform.told
    planned = msgspec.json.decode(command.arguments["change"], type=Change)
    assert (command.kind, planned.subject, planned.at_ms) == ("assess-change", "pay", 1_772_355_600_000)
    assert command.subject.startswith("forecast-")


def test_the_forecast_of_a_change_that_was_told_is_there(told, responder):
    answer = responder.ask("POST", "/api/v1/changes/change-1/assess")
    assert (answer.status_code, answer.json()["id"], told.told) == (201, "forecast-1", [])
    assert responder.ask("POST", "/api/v1/changes/change-9/assess").status_code == 404


def test_a_plan_without_a_zone_is_refused(responder):
    answer = responder.ask("POST", "/api/v1/changes/assess", json={"service": "pay", "at": "2026-03-01 10:00"})
    assert answer.status_code == 400
    assert "at: expected a time with its zone" in answer.text

"""Changes as CloudEvents, in the three modes of the HTTP binding."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.ingest.sender import JSON, NOW

from mainstay.ingest import decode

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
CHANGES = "/v1/changes"


def event(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "42", "source": "/ci", "type": "dev.mainstay.change.deploy", "subject": "payments",
        "time": "2026-11-22T14:00:00.123Z", "data": {"version": "1.4.0", "author": "ada"}, **changed,
    }  # fmt: skip


def read(*events: Any) -> Any:
    return decode("cloudevents", json.dumps(events).encode(), NOW)


def test_a_deploy():
    [change] = read(
        event(data={"version": 2, "previous_version": "1", "environment": "prod", "summary": "faster"})
    ).changes
    assert (change.kind, change.subject, change.environment) == ("deploy", "payments", "prod")
    assert (change.version, change.previous_version, change.summary) == ("2", "1", "faster")
    assert (change.at_ms, change.source, change.by_mainstay) == (1_795_356_000_123, "/ci", False)
    assert change.entity == ""


def test_an_event_is_known_by_source_and_id():
    first, again, other = read(event(), event(subject="said again"), event(id="43")).changes
    assert first.id == again.id != other.id


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("dev.cdevents.service.deployed.0.1.1", "deploy"), ("dev.cdevents.service.rolledback.0.1.1", "rollback"),
        ("dev.cdevents.service.upgraded.0.1.1", "deploy"), ("com.acme.config.changed", "config"),
        ("feature-flag.toggled", "flag"), ("scaled", "scale"), ("pod.restarted", "restart"),
        ("dev.cdevents.environment.modified.0.1.1", "infrastructure"), ("odd", "other"),
    ],
)  # fmt: skip
def test_kinds_by_type(event_type, kind):
    assert read(event(type=event_type)).changes[0].kind == kind


def test_data_may_say_the_kind_and_the_service():
    data = {"kind": "restart", "service": "cart"}
    [change] = read(event(subject="", data=data)).changes
    assert (change.kind, change.subject) == ("restart", "cart")


def test_the_echo_of_our_own_action_is_marked():
    assert read(event(mainstayplan="P-1")).changes[0].by_mainstay
    assert read(event(data={"by_mainstay": True})).changes[0].by_mainstay


def test_a_cdevent():
    content = {"environment": {"id": "prod"}, "artifactId": "pkg:oci/pay@1.4"}
    data = {"context": {}, "subject": {"id": "/shop/pay", "type": "service", "content": content}}
    [change] = read(event(type="dev.cdevents.service.deployed.0.1.1", data=data)).changes
    assert (change.subject, change.environment, change.version) == ("pay", "prod", "pkg:oci/pay@1.4")


def test_without_a_time_it_is_when_it_came():
    decoded = read(event(time=None))
    assert (decoded.changes[0].at_ms, decoded.is_clock_bound) == (NOW // 1_000_000, True)


def test_the_three_modes_mean_the_same(sender, kept):
    assert sender.post(CHANGES, json.dumps(event()).encode(), ONE).status == 200
    assert sender.post(CHANGES, json.dumps([event()]).encode(), BATCH).status == 200
    assert sender.post(CHANGES, json.dumps(event()).encode(), JSON).status == 200
    headers = {f"ce_{name}": value for name, value in event().items() if name != "data"}
    answer = sender.post(CHANGES, json.dumps(event()["data"]).encode(), "application/json; charset=utf-8", **headers)
    assert (answer.status, json.loads(answer.body)) == (200, {"accepted": 1})
    changes = [decode(record.source, record.body, NOW).changes for record in kept.records]
    assert changes[0] == changes[1] == changes[2] == changes[3]
    assert {record.lane for record in kept.records} == {"alerts"}


def test_binary_mode_with_escapes_and_with_data_that_is_not_json(sender, kept):
    headers = {f"ce_{name}": value for name, value in event(subject="caf%C3%A9").items() if name != "data"}
    assert sender.post(CHANGES, b"\x00\x01", "application/octet-stream", **headers).status == 200
    [change] = decode("cloudevents", kept.records[0].body, NOW).changes
    assert (change.subject, change.version) == ("café", "")
    assert sender.post(CHANGES, b"{", JSON, **headers).status == 400
    assert sender.post(CHANGES, b"", JSON, **{**headers, "ce_subject": "%FF"}).status == 400


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"specversion": "0.3"}, "specversion 1.0"),
        ({"id": ""}, "id"),
        ({"type": None}, "type"),
        ({"subject": ""}, "what was changed"),
        ({"time": "1969-07-20T20:17:00Z"}, "before 2000"),
        ({"time": "9999-01-01T00:00:00Z"}, "in the future"),
        ({"time": "noon"}, "time"),
        ({"time": "2026-11-22T14:00:00"}, "time"),
        ({"data": {"version": ["1"]}}, "expected text"),
    ],
)
def test_a_bad_event_is_refused_and_a_good_one_beside_it_kept(sender, kept, changed, reason):
    bad = event(**changed)
    answer = sender.post(CHANGES, json.dumps([bad, event()]).encode(), BATCH)
    told = json.loads(answer.body)
    assert (answer.status, told["accepted"], told["refused"]) == (200, 1, 1)
    assert reason in told["reason"]
    assert sender.post(CHANGES, json.dumps(bad).encode(), ONE).status == 400
    assert len(kept.records) == 1

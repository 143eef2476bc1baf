"""Alerts in: webhook and API; and being an Alertmanager for those who ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.ingest.sender import JSON, NOW, Sender

from mainstay.domain.alerts import Alert
from mainstay.domain.models import VersionRef
from mainstay.ingest import decode
from mainstay.matching import matcher_of, matches

NOW_MS = NOW // 1_000_000
API, WEBHOOK = "/api/v2/alerts", "/v1/alertmanager"


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def posted(**changed: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "Slow", "severity": "critical"}, "startsAt": iso(NOW_MS - 60_000), **changed}


def read(*alerts: dict[str, Any], source: str = "alertmanager-api") -> Any:
    document: Any = list(alerts)
    if source == "alertmanager-webhook":
        document = {"version": "4", "alerts": document}
    return decode(source, json.dumps(document).encode(), NOW)


def test_an_end_to_come_is_honoured_and_an_end_gone_by_is_resolved():
    [alert] = read(posted(endsAt=iso(NOW_MS + 60_000))).alerts
    assert (alert.status, alert.ended_ms) == ("firing", NOW_MS + 60_000)
    [alert] = read(posted(endsAt=iso(NOW_MS - 1000))).alerts
    assert (alert.status, alert.ended_ms) == ("resolved", NOW_MS - 1000)


def test_what_a_client_leaves_open_is_filled_as_alertmanager_does():
    [alert] = read({"labels": {"alertname": "X"}}).alerts
    assert (alert.since_ms, alert.ended_ms, alert.status) == (NOW_MS, NOW_MS + 300_000, "firing")
    [alert] = read({"labels": {"alertname": "X"}, "endsAt": iso(NOW_MS - 5000)}).alerts
    assert (alert.since_ms, alert.status) == (NOW_MS - 5000, "resolved")
    [alert] = read(posted(endsAt="0001-01-01T00:00:00Z")).alerts
    assert alert.ended_ms == NOW_MS + 300_000


def test_an_alert_sent_again_without_a_start_is_the_same_alert():
    body = json.dumps([{"labels": {"alertname": "X"}}]).encode()
    ids = {decode("alertmanager-api", body, NOW + n * 10**9).alerts[0].id for n in range(3)}
    assert ids == {""}, "whether it is the same one again, only detection knows"
    assert len(ids) == 1


def test_a_recurrence_is_another_alert_of_the_same_condition():
    first, second = read(posted(), posted(startsAt=iso(NOW_MS - 10))).alerts
    assert first.fingerprint == second.fingerprint
    assert first.id != second.id


def test_the_webhook_says_itself_what_is_resolved():
    alert = posted(status="resolved", endsAt=iso(NOW_MS - 10))
    assert read(alert, source="alertmanager-webhook").alerts[0].status == "resolved"
    alert = posted(status="firing", endsAt="0001-01-01T00:00:00Z")
    [firing] = read(alert, source="alertmanager-webhook").alerts
    assert (firing.status, firing.ended_ms) == ("firing", None)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", "critical"),
        ("page", "critical"),
        ("error", "major"),
        ("WARNING", "minor"),
        ("none", "info"),
        ("", "minor"),
    ],
)
def test_severities_in_the_users_words(word, severity):
    assert read(posted(labels={"alertname": "X", "severity": word})).alerts[0].severity == severity


@pytest.mark.parametrize(
    ("name", "signal"),
    [("HighRequestLatency", "latency"), ("Http5xx", "errors"), ("InstanceDown", "availability"),
     ("Node_CPU_High", "saturation"), ("TrafficDrop", "traffic"), ("Odd", "other")],
)  # fmt: skip
def test_what_kind_of_symptom_a_rule_is_about(name, signal):
    assert read(posted(labels={"alertname": name})).alerts[0].signal == signal


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (posted(labels={}), "without labels"),
        (posted(labels={"a": ""}), "without labels"),
        (posted(labels={"a": 1}), "not an alert"),
        ({"annotations": {}}, "labels"),
        (posted(startsAt="yesterday"), "not an alert"),
        (posted(startsAt="1969-07-20T20:17:00Z"), "before 2000"),
        (posted(startsAt="9999-01-01T00:00:00Z"), "future|ends before"),
        (posted(endsAt=iso(NOW_MS - 120_000)), "ends before it starts"),
        (posted(labels={f"l{n}": "x" for n in range(10_000)}), "more than 256 labels"),
        (17, "not an alert"),
    ],
)  # fmt: skip
def test_a_bad_alert_is_refused_and_a_good_one_beside_it_kept(sender, kept, bad, reason):
    answer = sender.post(API, json.dumps([bad, posted()]).encode(), JSON)
    assert answer.status == 200
    told = json.loads(answer.body)
    assert (told["accepted"], told["refused"]) == (1, 1)
    assert any(word in told["reason"] for word in reason.split("|"))
    assert sender.post(API, json.dumps([bad]).encode(), JSON).status == 400
    assert len(kept.records) == 1


def test_our_own_alerts_that_come_back_are_acknowledged_and_dropped(sender, kept):
    own = posted(labels={"alertname": "INC-7", "mainstay_incident": "INC-7"})
    for path, document in ((API, [own]), (WEBHOOK, {"version": "4", "alerts": [own]})):
        assert sender.post(path, json.dumps(document).encode(), JSON).status == 200
    assert kept.records == []
    assert sender.door.counts["own_alerts"] == 2
    sender.post(API, json.dumps([own, posted()]).encode(), JSON)
    assert len(decode("alertmanager-api", kept.records[0].body, NOW).alerts) == 1


def test_alerts_have_their_own_lane_and_are_read_again_as_of_their_own_time(sender, kept):
    sender.post(API, json.dumps([posted()]).encode(), JSON, authorization="Bearer acme")
    [record] = kept.records
    assert (record.lane, record.tenant, record.decoded) == ("alerts", "acme", None)


def test_a_webhook_of_another_version_is_not_guessed_at(sender):
    answer = sender.post(WEBHOOK, b'{"version": "3", "alerts": []}', JSON)
    assert answer.status == 400
    assert b'\\"version\\": \\"4\\"' in answer.body


def an_alert(**changed: Any) -> Alert:
    values: dict[str, Any] = {
        "id": "A-1", "fingerprint": "f", "entity": "service:prod/pay", "name": "latency high", "severity": "major",
        "status": "firing", "since_ms": NOW_MS, "at_ms": NOW_MS, "decided_by": VersionRef("edges", 3),
    }  # fmt: skip
    return Alert(**{**values, **changed})


@pytest.fixture
def alertmanager():
    rule = VersionRef("rule/Down", 0)
    labels = {"alertname": "Down", "job": "x"}
    alerts = [
        an_alert(),
        an_alert(id="A-2", name="Down", source="prometheus", labels=labels, decided_by=rule, suppressed=True),
        an_alert(id="A-3", status="resolved"),
    ]
    sender = Sender(alerts=alerts)
    yield sender
    sender.close()


def names(sender: Sender, query: str = "") -> list[str]:
    answer = sender.get(API, query)
    assert answer.status == 200, answer
    return [alert["labels"]["alertname"] for alert in json.loads(answer.body)]


def test_alerts_are_listed_as_alertmanager_lists_them(alertmanager):
    [first, second] = json.loads(alertmanager.get(API).body)
    assert first["labels"] == {
        "alertname": "latency high", "severity": "major", "entity": "service:prod/pay", "decided_by": "edges@3",
    }  # fmt: skip
    assert first["startsAt"] == iso(NOW_MS).replace("Z", ".000Z")
    assert first["status"]["state"] == "active"
    assert (second["status"]["state"], second["labels"]) == ("suppressed", {"alertname": "Down", "job": "x"})
    wanted = {"annotations", "endsAt", "fingerprint", "receivers", "startsAt", "status", "updatedAt"}
    assert wanted <= set(first)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("active=false", ["Down"]),
        ("silenced=false&inhibited=false", ["latency high"]),
        ("filter=job%3D%22x%22", ["Down"]),
        ("filter=severity%3D~%22maj.*%22", ["latency high"]),
        ("filter=job!%3D%22x%22", ["latency high"]),
        ("filter=job!~%22x%7Cy%22", ["latency high"]),
        ("filter=alertname%3DDown&filter=job%3Dz", []),
    ],
)
def test_filters(alertmanager, query, found):
    assert names(alertmanager, query) == found


@pytest.mark.parametrize("query", ["filter=nonsense", "filter=a%3D~%22(%22"])
def test_a_filter_that_cannot_be_read_is_400(alertmanager, query):
    answer = alertmanager.get(API, query)
    assert answer.status == 400
    assert b"matcher" in answer.body


@pytest.mark.timeout(20)
def test_a_filter_cannot_keep_the_platform_busy():
    assert not matches(matcher_of('summary=~"(a+)+b"'), {"summary": ("a" * 60_000,)})


def test_what_amtool_asks_for(alertmanager):
    status = json.loads(alertmanager.get("/api/v2/status").body)
    assert set(status) == {"cluster", "config", "uptime", "versionInfo"}
    assert "receiver: mainstay" in status["config"]["original"]
    assert json.loads(alertmanager.get("/api/v2/receivers").body) == [{"name": "mainstay"}]
    [group] = json.loads(alertmanager.get("/api/v2/alerts/groups").body)
    assert len(group["alerts"]) == 2
    assert alertmanager.get("/api/v2/other").status == 404
    assert alertmanager.post("/api/v2/status", b"{}", JSON).headers["allow"] == "GET"

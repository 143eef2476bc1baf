"""Which turn of an incident needs a page, and under which key."""

from __future__ import annotations

import msgspec
import pytest
from tests.automation.world import NOW_MS, FakeClock, alert, incident

from mainstay.domain.models import VersionRef
from mainstay.outbox import OWN_LABEL, escalation, notification, pages_for
from mainstay.settings import Receiver

BOTH = Receiver(
    alertmanager_url="http://127.0.0.1:9093", webhook_url="http://127.0.0.1:9000/hook", console_url="http://c:8080/"
)
OPEN = incident()


def turned(**fields):
    return msgspec.structs.replace(OPEN, **fields)


def keys(after, before):
    return [page.key for page in pages_for(after, before, BOTH)]


def test_an_incident_that_opens_is_paged_to_each_receiver():
    assert keys(OPEN, None) == ["INC-7/alertmanager/open", "INC-7/webhook/open"]


@pytest.mark.parametrize(
    ("after", "before"),
    [
        (turned(title="other"), OPEN),
        (turned(status="acknowledged"), OPEN),
        (turned(severity="minor"), OPEN),
        (turned(status="resolved"), None),
        (turned(status="resolved", title="x"), turned(status="resolved")),
        (turned(status="merged", merged_into="INC-1"), turned(status="resolved")),
    ],
)
def test_other_turns_page_nobody(after, before):
    assert keys(after, before) == []


def test_the_end_is_told_also_when_it_ends_in_another_incident():
    assert keys(turned(status="resolved"), OPEN) == ["INC-7/alertmanager/resolved", "INC-7/webhook/resolved"]
    assert keys(turned(status="merged", merged_into="INC-1"), OPEN)[0] == "INC-7/alertmanager/resolved"


def test_a_raise_of_severity_is_paged_once_per_severity():
    before = turned(severity="minor")
    assert keys(OPEN, before) == ["INC-7/alertmanager/severity-critical", "INC-7/webhook/severity-critical"]
    assert keys(OPEN, before) == keys(turned(title="again"), turned(severity="major"))


def test_nobody_configured_nobody_paged():
    assert pages_for(OPEN, None, Receiver()) == []
    assert [p.receiver for p in pages_for(OPEN, None, Receiver(webhook_url="http://x/"))] == ["webhook"]


def test_the_alert_is_recognisable_as_ours_and_leads_to_the_console():
    [page, _] = pages_for(OPEN, None, BOTH)
    alert = page.body["alert"]
    assert alert["labels"] == {
        "alertname": "MainstayIncident", "severity": "critical", OWN_LABEL: "INC-7", "service": "payments",
        "environment": "lab",
    }  # fmt: skip
    assert alert["generatorURL"] == "http://c:8080/#/incidents/INC-7"
    assert alert["annotations"]["summary"] == "INC-7: payments is slow"
    assert alert["startsAt"].endswith("Z")


def test_the_webhook_says_what_and_whom_it_is_about():
    [_, page] = pages_for(OPEN, None, BOTH)
    assert page.body["event"] == "incident.opened"
    assert page.body["incident"]["suspects"][0]["cause"] == "deploy"
    msgspec.json.encode(page.body)


def test_a_page_names_every_version_behind_it():
    raised = msgspec.structs.replace(alert(), decided_by=VersionRef("metrics", 7))
    [page, _] = pages_for(OPEN, None, BOTH, [raised])
    assert "metrics@7" in page.decided_by
    assert str(OPEN.decided_by) in page.decided_by
    assert {str(one.decided_by) for one in OPEN.suspects} <= set(page.decided_by)
    assert list(page.decided_by) == sorted(set(page.decided_by))


def test_an_escalation_has_a_key_per_plan():
    pages = escalation(OPEN, "PLAN-1", "still firing", NOW_MS, BOTH)
    assert [page.key.rpartition("-")[0] for page in pages] == [
        "INC-7/alertmanager/escalated-PLAN-1", "INC-7/webhook/escalated-PLAN-1",
    ]  # fmt: skip
    again = escalation(OPEN, "PLAN-1", "still firing", NOW_MS + 5, BOTH)
    other = escalation(OPEN, "PLAN-1", "undoing failed", NOW_MS, BOTH)
    assert pages[0].key == again[0].key != other[0].key
    assert pages[0].body["alert"]["labels"]["alertname"] == "MainstayEscalation"
    assert pages[1].body["says"] == "still firing"


def test_a_notification_of_one_step_is_one_page_however_often_it_is_said():
    first, again = (notification("k/do/0", "PLAN-1", "hello", BOTH, FakeClock(at)) for at in (1, 2))
    assert [page.key for page in first] == [page.key for page in again]
    assert first[0].body["alert"]["labels"][OWN_LABEL] == "PLAN-1"

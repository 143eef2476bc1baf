"""What is ahead, as it leaves: the soonest first, one by its id, and risks with the standing of who predicts them."""

from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import Outlook, OutlookState, RiskReason, RiskTally, ServiceRisk

DISK = Outlook(
    id="d1", entity="host:prod/db-1", resource="disk /var", metric="system.filesystem.usage", series=2**63 + 1,
    at_ms=5_000, value=80.0, limit=100.0, share=0.8, by="rise", expected_s=18_000.0, earliest_s=10_800.0,
    latest_s=32_400.0, per_h=4.0, is_believed=True, decided_by=VersionRef("forecaster", 1), severity="minor",
    alert="a1", says="disk /var of db-1: full in 5 h (3–9 h), because +4/h, 80 % used",
)  # fmt: skip
CERTIFICATE = Outlook(
    id="c1", entity="service:prod/shop", resource="certificate", metric="probe_ssl_earliest_cert_expiry", series=4,
    at_ms=5_000, value=9e8, says="certificate of shop: expires in 9 days", held="20 are open already",
)  # fmt: skip
RISK = ServiceRisk(
    entity="service:prod/shop", probability=0.4, usual=0.1,
    reasons=(RiskReason(name="change", odds=2.7, says="a recent change"),), is_flagged=True,
)  # fmt: skip
STATE = OutlookState(
    at_ms=5_000, outlooks=(DISK, CERTIFICATE), followed=7, risks_at_ms=4_000, horizon_s=3600.0, risks=(RISK,),
    predictor=VersionRef("predictor", 1), tally=RiskTally(days=4, flagged=6, came_true=2), standing="in shadow",
)  # fmt: skip


def test_resources_are_listed_and_found_by_id_and_by_alert(viewer, platform):
    platform.ahead = STATE
    page = viewer.get("outlook")
    assert [one["id"] for one in page["outlooks"]] == ["d1", "c1"]
    assert page["outlooks"][0]["series"] == str(2**63 + 1)  # JavaScript has no such number
    assert page["followed"] == 7
    assert "risks" not in page
    assert [one["id"] for one in viewer.get("outlook", entity="service:prod/shop")["outlooks"]] == ["c1"]
    assert viewer.get("outlook/d1") == viewer.get("outlook/a1") == page["outlooks"][0]
    assert viewer.ask("GET", "/api/v1/outlook/nothing").status_code == 404


def test_an_empty_alert_is_no_name(viewer, platform):
    platform.ahead = STATE
    assert viewer.ask("GET", "/api/v1/outlook/%20").status_code == 404


def test_risks_come_with_how_flags_came_out(viewer, platform):
    platform.ahead = STATE
    page = viewer.get("outlook/risks")
    assert page["risks"][0]["reasons"][0]["says"] == "a recent change"
    assert (page["predictor"], page["standing"], page["horizon_s"]) == ("predictor@1", "in shadow", 3600.0)
    assert page["tally"]["false_per_day"] == 1.0


def test_before_the_first_look_there_is_nothing_and_no_error(viewer):
    assert viewer.get("outlook")["outlooks"] == []
    assert viewer.get("outlook/risks")["predictor"] is None

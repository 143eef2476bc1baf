"""Services and similar incidents as they leave: the worst first, without an owner named, how each ended now."""

import json

import msgspec
import pytest
from tests.store.control_samples import T0

from mainstay.api.insight.services import by_priority
from mainstay.cli.insight import services as commands
from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.services import Burn, HealthReason, ServiceHealth
from mainstay.domain.similar import Ending, PastIncident, Portrait, SimilarIncident
from mainstay.store.mlops import ModelStore

ILL = ServiceHealth(
    entity="service:prod/payments", name="payments", environment="prod", status="unhealthy", at_ms=T0, health=40,
    reasons=(HealthReason(name="alerts", points=60, says="2 open alerts, the worst critical"),), tier=1, owner="money",
    alerts=2, burn=Burn(requests=100, errors=1, budget_left=0.5, rate_1h=1.0, rate_5m=1.0, since_ms=T0),
)  # fmt: skip
SILENT = ServiceHealth(
    entity="service:prod/mail", name="mail", environment="prod", status="unknown", at_ms=T0,
    reasons=(HealthReason(name="silence", points=0, says="nothing was ever heard of it"),),
)  # fmt: skip


class Answers:
    """A client of the API in memory."""

    def __init__(self, viewer):
        self._viewer = viewer

    def get(self, path, **query):
        return self._viewer.get(path, **query)


@pytest.fixture
def run(viewer, platform, capsys):
    platform.well = (ILL, SILENT)

    def call(command, **given):
        command.callback.__wrapped__(Answers(viewer), **{"as_json": False, **given})
        return capsys.readouterr().out

    return call


def test_services_come_worst_first_and_can_be_asked_by_owner(viewer, platform):
    platform.well = (ILL, SILENT)
    assert [one["health"] for one in viewer.get("services")] == [40, None]
    assert [one["name"] for one in viewer.get("services", owner="money")] == ["payments"]
    assert [one["name"] for one in viewer.get("services", owner="-")] == ["mail"]


def test_one_service_by_id_or_name_with_its_open_alerts(viewer, platform):
    platform.well = (ILL, SILENT)
    page = viewer.get("services/payments")
    assert page == viewer.get("services/service:prod/payments")
    assert page["service"]["reasons"][0]["points"] == 60
    assert {alert["status"] for alert in page["alerts"]} <= {"firing"}
    assert viewer.ask("GET", "/api/v1/services/nobody").status_code == 404


def test_alerts_sort_by_priority(viewer, platform):
    alerts = platform.control.alerts(limit=10)
    low, high = (msgspec.structs.replace(alerts[0], id=name, priority=p) for name, p in (("x", "P4"), ("y", "P1")))
    assert [one.id for one in by_priority([alerts[0], low, high])] == ["y", "x", alerts[0].id]
    assert len(viewer.get("alerts", sort="priority")) == len(viewer.get("alerts"))
    assert viewer.ask("GET", "/api/v1/alerts?sort=colour").status_code == 400


def test_similar_incidents_are_told_with_how_they_ended_now(viewer, platform):
    control = platform.control
    one = SimilarIncident(
        id="INC-0",
        title="slow",
        since_ms=T0,
        score=0.9,
        text=0.8,
        structure=1.0,
        decided_by=VersionRef("similarity", 1),
    )
    incident = control.incident("INC-1")
    changed = msgspec.structs.replace(incident, similar=(one,))
    control.commit(Effects(decided_seq=control.decided_seq + 1, incidents={"INC-1": changed}))
    assert viewer.get("incidents/INC-1/similar")[0]["says"] == ""
    ending = Ending(cause="deploy", entity="service:prod/payments", runbook="roll-back")
    past = PastIncident(id="INC-0", title="slow", since_ms=T0, portrait=Portrait(), ending=ending)
    ModelStore(control.database, control.tenant, control.feed).save(past)
    assert viewer.get("incidents/INC-1/similar")[0]["says"] == "deploy of payments; mended by roll-back"
    assert viewer.ask("GET", "/api/v1/incidents/INC-99/similar").status_code == 404


def test_a_terminal_shows_why_and_who_has_no_owner(run):
    says = run(commands.list_services, owner="", limit=10)
    assert "2 open alerts, the worst critical" in says
    assert "no owner is known of: mail" in says
    shown = run(commands.show_service, id="payments")
    assert "40 of 100, unhealthy" in shown
    assert "50.0% left of 30 days (default objective 99.9 %), 1 of 100 requests failed" in shown
    assert "unknown   tier not known, owner not known" in run(commands.show_service, id="mail")
    assert json.loads(run(commands.list_services, owner="", limit=10, as_json=True))[1]["health"] is None

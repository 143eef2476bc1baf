"""What the routes answer, over the real store."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import Client
from tests.api.fake_platform import FakePlatform
from tests.store import control_samples as some
from tests.store.control_samples import BIG_ID, T0


def test_an_incident_comes_with_everything_beside_it(viewer: Client, platform: FakePlatform) -> None:
    platform.control.save_approval(some.approval())
    platform.control.save_step(some.step())
    page = viewer.get("incidents/INC-1")
    assert page["incident"]["id"] == "INC-1"
    assert [a["id"] for a in page["alerts"]] == ["A-1"]
    assert [(p["id"], p["digest"]) for p in page["plans"]] == [("P-1", some.plan().digest)]
    assert [a["id"] for a in page["approvals"]] == ["AP-1"]
    assert [s["name"] for s in page["steps"]] == ["do"]
    assert [c["id"] for c in page["changes"]] == ["C-1"]
    assert [s["id"] for s in page["series"]] == [str(BIG_ID)]
    assert page["verdicts"] == []


def test_changes_of_other_services_or_of_last_week_are_not_related(viewer: Client, platform: FakePlatform) -> None:
    effects = some.effects(seq=2)
    effects.changes = {
        "C-2": some.change(2, entity="service:prod/other"),
        "C-3": some.change(3, at_ms=T0 - 7 * 86_400_000),
        "C-4": some.change(4, at_ms=T0 - 60_000),
    }
    platform.control.commit(effects)
    assert [c["id"] for c in viewer.get("incidents/INC-1")["changes"]] == ["C-1", "C-4"]


def test_lists_and_their_filters(viewer: Client) -> None:
    assert [i["id"] for i in viewer.get("incidents")] == ["INC-1"]
    assert viewer.get("incidents", status="resolved") == []
    [row] = viewer.get("incidents")
    assert row["suspects"][0]["cause"] == "deploy"
    assert not {"groupings", "evidence", "timeline", "summary", "impact"} & set(row)
    for words, count in (
        ("payments", 1),
        ("PAYMENTS  slow", 1),
        ("payments fast", 0),
        ("%", 0),
        ("_", 0),
        ("e1", 1),
        ("status", 0),
    ):
        assert len(viewer.get("incidents", q=words)) == count, words
    assert viewer.get("incidents", q="payments", before="INC-1") == []
    assert viewer.get("incidents", before="INC-1") == []
    assert viewer.get("incidents", before=str(T0 + 1)) == []
    assert len(viewer.get("incidents", before=str(T0 + 2))) == 1
    assert [a["id"] for a in viewer.get("alerts", status="firing", suppressed=False)] == ["A-1"]
    assert viewer.get("alerts", entity="service:prod/other") == []
    assert viewer.get("alerts/A-1")["band"]["unit"] == "ms"
    assert [c["id"] for c in viewer.get("changes")] == ["C-1"]
    assert [p["digest"] for p in viewer.get("approvals")] == [some.plan().digest]
    assert [p["id"] for p in viewer.get("plans", incident="INC-1")] == ["P-1"]
    assert viewer.get("plans", status="running") == []
    assert viewer.get("runbooks") == []
    assert viewer.get("unplaced") == [[["job", "node"]]]
    assert [e["id"] for e in viewer.get("entities")] == ["service:prod/gateway", "service:prod/payments"]
    assert viewer.get("edges")[0]["caller"] == "service:prod/gateway"
    assert [v["id"] for v in viewer.get("verdicts")] == ["V-1"]
    assert [v["id"] for v in viewer.get("labels", model="metrics")] == ["L-1"]
    assert viewer.get("status")["stages"][0]["name"] == "detect"


def test_an_entity_by_its_id_with_a_slash_quoted_or_not(viewer: Client) -> None:
    for path in ("entities/service:prod/payments", "entities/service%3Aprod%2Fpayments"):
        page = viewer.get(path)
        assert page["callers"] == ["service:prod/gateway"]
        assert [s["id"] for s in page["series"]] == [str(BIG_ID)]
        assert [a["id"] for a in page["alerts"]] == ["A-1"]
    assert viewer.post("entities/explain", {"labels": {"job": "x"}})["says"] == "no rule knows ['job']"


def test_points_with_the_band_that_held_at_each(viewer: Client) -> None:
    page = viewer.get(f"series/{BIG_ID}/points", since_ms=T0, until_ms=T0 + 5000)
    assert page["id"] == str(BIG_ID)
    assert page["at_ms"] == [T0 + n * 1000 for n in range(6)]
    assert page["value"] == [5.0, None, 5.0, 5.0, 5.0, 5.0]
    assert page["low"] == [None, None, 1.0, 1.0, 1.0, 1.0]
    assert page["high"] == [None, None, 9.0, 9.0, 9.0, 9.0]
    assert [s["metric"] for s in viewer.get("series", entity="service:prod/payments")] == [page["metric"]]


def test_values_of_a_template(viewer: Client) -> None:
    said = viewer.get("logs/templates", entity="service:prod/payments")
    assert said == [{"id": 7, "text": "took <*> ms", "numbered": "took <1> ms", "lines": 2}]
    found = viewer.get("logs/templates/7/values/1", until_ms=5)
    assert found["values"] == [{"value": "12", "lines": 2, "last_ms": 5}]
    assert (found["lines"], found["distinct"], found["other_lines"]) == (2, 1, 0)


def test_kept_traces_by_entity_and_by_incident(viewer: Client) -> None:
    found = viewer.get("traces", entity="service:prod/payments", since_ms=5, why="error")
    assert [(one["start_ms"], one["why"], one["entity"]) for one in found] == [(5.0, "error", "service:prod/payments")]
    assert viewer.get("traces", incident="INC-1")[0]["why"] == "alert"


def test_logs_and_traces(viewer: Client) -> None:
    assert viewer.get("logs", entity="service:prod/payments")[0]["body"] == "<img onerror=x>"
    assert viewer.get(f"traces/{'ab' * 16}")[0]["duration_ms"] == 3.25


def test_commands_go_to_the_pipeline_as_the_person_who_gave_them(
    clients: dict[str, Client], platform: FakePlatform
) -> None:
    platform.control.commit(some.effects(seq=2, number=2))
    responder = clients["responder"]
    assert responder.post("incidents/INC-1/acknowledge", {}, 202) == {"seq": 1}
    responder.post("incidents/INC-1/resolve", None, 202)
    responder.post("incidents/INC-1/merge", {"into": "INC-2"}, 202)
    responder.post("incidents/INC-1/split", {"alert": "A-1"}, 202)
    clients["admin"].post("models/metrics/deploy", {"version": 2, "role": "shadow"}, 202)
    platform.control.save_deployment(msgspec.structs.replace(some.deployment(2), previous=some.METRICS))
    responder.post("models/metrics/rollback?why=too+loud", {}, 202)
    assert [(c.kind, c.by, c.subject, c.arguments) for c in platform.told] == [
        ("acknowledge", "responder", "INC-1", {}),
        ("resolve", "responder", "INC-1", {}),
        ("merge", "responder", "INC-1", {"into": "INC-2"}),
        ("split", "responder", "INC-1", {"alert": "A-1"}),
        ("deploy", "admin", "metrics", {"kind": "metrics", "shadow": "metrics@2"}),
        ("rollback", "responder", "metrics", {"kind": "metrics", "from": "metrics@2", "why": "too loud"}),
    ]
    assert {c.at_ms for c in platform.told} == {T0}


def test_a_runbook_by_hand(clients: dict[str, Client]) -> None:
    responder = clients["responder"]
    wish = {"runbook": "roll-back", "parameters": {"version": "v1"}}
    plan = responder.post("incidents/INC-1/plans", wish, 201)
    assert (plan["incident"], plan["requested_by"], plan["parameters"]) == (
        "INC-1", "user:responder", {"version": "v1"},
    )  # fmt: skip
    assert plan["digest"] == responder.get(f"plans/{plan['id']}")["digest"]
    for path, body, role, status in (
        ("INC-1", wish, "viewer", 403),
        ("INC-9", wish, "responder", 404),
        ("INC-1", {"runbook": "coffee"}, "responder", 404),
        ("INC-1", {"entity": "x"}, "responder", 400),
        ("INC-1", {**wish, "digest": "x"}, "responder", 400),
    ):
        assert clients[role].ask("POST", f"/api/v1/incidents/{path}/plans", json=body).status_code == status


def test_a_plan_is_decided_by_its_digest(clients: dict[str, Client], platform: FakePlatform) -> None:
    approver, digest = clients["approver"], some.plan().digest
    assert clients["responder"].post("plans/P-1/dry-run") == {"says": ["would do P-1"]}
    changed = approver.ask("POST", "/api/v1/plans/P-1/approve", json={"digest": "0" * 64})
    assert (changed.status_code, "changed" in changed.json()["detail"]) == (403, True)
    approval = approver.post("plans/P-1/approve", {"digest": digest, "comment": "go"}, 201)
    assert (approval["by"], approval["decision"], approval["digest"]) == ("approver", "approved", digest)
    page = approver.get("plans/P-1")
    assert (page["digest"], page["approvals"][0]["comment"], page["results"]) == (digest, "go", [])
    assert approver.post("plans/P-1/reject", {"digest": digest}, 201)["decision"] == "rejected"


def test_models_with_versions_agreement_and_scores(viewer: Client) -> None:
    [model] = viewer.get("models")
    assert (model["name"], model["kind"], model["deployment"]["live"]["version"]) == ("metrics", "metrics", 1)
    assert [v["ref"]["version"] for v in model["versions"]] == [1, 2]
    assert model["agreement"] == {"judged": str(2**60), "agreed": 7}
    assert model["scorecard"][0]["precision"] == 0.75
    assert viewer.get("models/metrics") == model


def test_what_a_version_caused(viewer: Client) -> None:
    found = viewer.get("models/metrics/versions/1/recall")
    assert found["version"] == {"model": "metrics", "version": 1}
    assert sum(found["counts"].values()) == len(found["entries"])
    assert viewer.ask("GET", "/api/v1/models/metrics/versions/99/recall").status_code == 404


def test_versions_under_scrutiny_and_a_new_key(clients: dict[str, Client], platform: FakePlatform) -> None:
    assert {one["is_served"] for one in clients["viewer"].get("models-audit")} == {False}
    before = platform.keys.keyid
    assert clients["responder"].ask("POST", "/api/v1/models-key").status_code == 403
    assert clients["admin"].post("models-key", {}, 201)["keyid"] == platform.keys.keyid != before


def test_every_version_has_been_judged(viewer: Client) -> None:
    assert viewer.get("feedback")[0]["right"] == 3


def test_the_ledger_over_http(viewer: Client, platform: FakePlatform) -> None:
    platform.control.append(some.entry(50, subject="INC-1", kind="incident", inputs={"id": BIG_ID}, id="a/b"))
    assert viewer.get("ledger", subject="INC-1")[0]["id"] == "a/b"
    assert [e["kind"] for e in viewer.get("ledger", kind="incident")] == ["incident"]
    first, last = viewer.get("ledger", limit=1)[0], viewer.get("ledger", before=2)
    assert (first["id"], [e["seq"] for e in last]) == ("a/b", [1])
    for path in ("ledger/a/b", "ledger/a%2Fb"):
        assert viewer.get(path)["inputs"] == {"id": str(BIG_ID)}
        assert viewer.post(f"{path}/reperform")["output"] == {"a": str(2**63)}
    head = viewer.get("ledger/head")
    verified = viewer.post("ledger/verify")
    assert (verified["first_bad"], verified["head"]) == (None, {"seq": head["seq"], "hash": head["hash"]})
    assert viewer.post("ledger/verify", {"head": verified["head"]})["count"] == head["seq"]
    assert viewer.post("ledger/verify", {"envelope": head["envelope"]})["count"] == head["seq"]
    forged = {**head["envelope"], "payload": "e30="}
    assert viewer.ask("POST", "/api/v1/ledger/verify", json={"envelope": forged}).status_code == 403
    assert viewer.post("ledger/verify", {"head": {"seq": 999, "hash": "x"}})["first_bad"] == head["seq"] + 1
    with platform.control.database.writing() as connection:
        connection.exec_driver_sql("UPDATE ledger SET actor = 'eve' WHERE seq = 1")
    assert viewer.post("ledger/verify")["why"].startswith("edited")


VERDICTS: list[tuple[dict[str, Any], int]] = [
    ({"kind": "right-cause", "subject": "INC-1"}, 201),
    ({"kind": "not-anomaly", "subject": "A-1"}, 201),
    ({"kind": "not-anomaly", "subject": "INC-1"}, 201),
    ({"kind": "missed", "subject": "service:prod/payments", "since_ms": T0}, 201),
    ({"kind": "plan-worked", "subject": "P-1"}, 201),
    ({"kind": "split", "subject": "INC-1", "target": "A-1"}, 201),
    ({"kind": "missed", "subject": "service:prod/nobody"}, 404),
    ({"kind": "right-cause", "subject": "A-1"}, 404),
    ({"kind": "merge", "subject": "INC-1"}, 400),
    ({"kind": "merge", "subject": "INC-1", "target": "INC-9"}, 404),
    ({"kind": "superb", "subject": "INC-1"}, 400),
    ({"kind": "missed"}, 400),
    ({"kind": "right-cause", "subject": "INC-1", "by": "outcome"}, 400),
]


@pytest.mark.parametrize(("body", "status"), VERDICTS)
def test_verdicts(clients: dict[str, Client], body: dict[str, Any], status: int) -> None:
    answer = clients["responder"].ask("POST", "/api/v1/verdicts", json=body)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert (answer.json()["by"], answer.json()["about"][0]["model"]) == ("responder", "diagnoser")


NOT_THERE = [
    "incidents/INC-9", "alerts/A-9", "plans/P-9", "models/nothing", "ledger/nothing", "entities/service:prod/nobody",
    "series/17/points", "logs/templates/7/values/2", "traces?incident=INC-9", f"traces/{'00' * 16}",
    "incidents?before=INC-9",
]  # fmt: skip


@pytest.mark.parametrize("path", NOT_THERE)
def test_what_is_not_there_is_named(viewer: Client, path: str) -> None:
    answer = viewer.ask("GET", f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert "there is no" in answer.json()["detail"]


REFUSED = [
    ("GET", "incidents?limit=0"), ("GET", "incidents?limit=1001"), ("GET", "incidents?limit=many"),
    ("GET", f"incidents?q={'x' * 201}"),
    ("GET", "incidents?status=odd"), ("GET", "series/-1/points"), ("GET", f"series/{2**64}/points"),
    ("GET", "series/x/points"), ("GET", "series/²/points"), ("GET", "changes?since_ms=-1"), ("GET", "traces/zz"),
    ("GET", "logs"), ("GET", "ledger?kind=odd"), ("POST", "incidents/INC-1/merge"), ("POST", "plans/P-1/approve"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(admin: Client, method: str, path: str) -> None:
    answer = admin.ask(method, f"/api/v1/{path}", content=b"{" if method == "POST" else b"")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_input"), answer.text
    assert answer.json()["detail"]


def test_more_bad_input(clients: dict[str, Client], platform: FakePlatform) -> None:
    admin = clients["admin"]
    for path, body, status in (
        ("incidents/INC-1/merge", {"into": "INC-1"}, 400),
        ("incidents/INC-1/merge", {"into": "INC-9"}, 404),
        ("incidents/INC-1/split", {"alert": "A-9"}, 400),
        ("models/metrics/deploy", {"version": 9}, 404),
        ("models/metrics/deploy", {"version": 1, "role": "canary"}, 400),
        ("models/metrics/deploy", {"version": 1, "why": "x" * 501}, 400),
        ("models/metrics/deploy", {"version": 1, "role": "live"}, 400),
        ("models/metrics/deploy", {"version": 1, "scope": "nonsense=1"}, 400),
        ("models/metrics/rollback", {}, 403),
        (f"models/metrics/rollback?why={'x' * 501}", {}, 400),
        ("models/nothing/rollback", {}, 404),
        ("ledger/entry-1/undo", {}, 404),
        ("backup", {"to": "relative"}, 400),
    ):
        answer = admin.ask("POST", f"/api/v1/{path}", json=body)
        assert answer.status_code == status, (path, answer.text)
    assert admin.ask("POST", "/api/v1/verdicts", content=b"x" * (2 << 20)).status_code == 413
    assert admin.ask("PATCH", "/api/v1/incidents").status_code == 405
    assert platform.told == []


def test_a_full_inbox_is_503_with_the_time_to_come_back(clients: dict[str, Client], platform: FakePlatform) -> None:
    platform.is_full = True
    answer = clients["responder"].ask("POST", "/api/v1/incidents/INC-1/acknowledge")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["error"]) == (503, "7", "overloaded")


def test_backup_over_http(admin: Client, platform: FakePlatform, tmp_path: Any) -> None:
    made = admin.post("backup", {"to": str(tmp_path / "b")}, 201)
    assert made["head"] == msgspec.to_builtins(platform.control.ledger_head())
    assert made["files"] >= 1
    again = admin.ask("POST", "/api/v1/backup", json={"to": str(tmp_path / "b")})
    assert (again.status_code, "not empty" in again.json()["detail"]) == (400, True)


def test_health_and_readiness(clients: dict[str, Client], platform: FakePlatform) -> None:
    nobody = clients["nobody"]
    assert nobody.ask("GET", "/healthz").json() == {"ok": True, "why": ""}
    assert nobody.ask("GET", "/readyz").status_code == 200
    platform.is_ready = False
    answer = nobody.ask("GET", "/readyz")
    assert (answer.status_code, answer.json()["why"]) == (503, "detect stalls")


def test_metrics_are_prometheus_text(clients: dict[str, Client]) -> None:
    text = clients["sender"].ask("GET", "/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert 'mainstay_ingest_records_total{source="otlp\\"\\n\\\\"} 40' in lines
    assert 'mainstay_inbox_records{lane="signals"} 7' in lines
    assert 'mainstay_incidents{status="open"} 1' in lines
    assert 'mainstay_stage_lag_seconds{stage="detect"} 0.5' in lines
    assert 'mainstay_build_info{version="0.1.0"} 1' in lines
    assert next(float(line.split()[1]) for line in lines if line.startswith("mainstay_resident")) > 1e7
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_the_description_names_every_path(admin: Client) -> None:
    answer = admin.ask("GET", "/api/openapi.json")
    paths = json.loads(answer.text)["paths"]
    assert {"/api/v1/incidents", "/api/v1/plans/{plan}/approve", "/api/v1/stream", "/healthz"} <= set(paths)
    assert "description" in paths["/api/v1/incidents"]["get"]


TRICKS = ["<script>alert(1)</script>", "\u202egnp", "\x00", "'; --", "x" * 9999]
HOSTILE = st.text(max_size=60) | st.sampled_from(TRICKS)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HOSTILE)
def test_hostile_strings_come_out_as_they_went_in(viewer: Client, platform: FakePlatform, text: str) -> None:
    effects = some.effects(seq=platform.control.decided_seq + 1)
    effects.incidents = {"INC-1": some.incident(title=text, summary=text)}
    effects.entries = []
    platform.control.commit(effects)
    answer = viewer.ask("GET", "/api/v1/incidents/INC-1")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["incident"]["title"] == text

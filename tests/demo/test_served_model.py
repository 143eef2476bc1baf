"""The check of the served-model scenario passes for nothing that did not happen; the story reads what the API says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from mainstay.cli.demo import demo
from mainstay.demo.served_model import ServedModel, ServedModelReport
from mainstay.lab.fault import Cause, Fault
from mainstay.lab.shop import read_shop

GOOD: dict[str, Any] = {
    "seed": 1,
    "model": "credit@7",
    "gate_before": 0,
    "false_alerts": 0,
    "drift_detected_s": 60.0,
    "labels_confirm_s": 80.0,
    "incident": "INC-1",
    "incident_s": 30.0,
    "incident_holds_model": True,
    "root_cause_rank": 1,
    "cause": "model:lab/credit model 0.97: score of credit 7 has drifted: …",
    "gate_during": 1,
    "was_felt": True,
    "recovered": True,
    "ledger_verified": True,
}
CAUSE = Cause(("credit",), (("restart", "scoring"),), {}, ("loans",))
FAULT = Fault("f1", "model-degrades", "scoring", "2026-11-22T10:00:00Z", CAUSE)


def test_all_true():
    assert ServedModelReport(**GOOD).untrue() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gate_before", 3),
        ("gate_before", 1),
        ("false_alerts", 1),
        ("drift_detected_s", None),
        ("labels_confirm_s", None),
        ("incident_s", None),
        ("incident_holds_model", False),
        ("root_cause_rank", 2),
        ("root_cause_rank", None),
        ("cause", "model:lab/credit model 0.97: score of credit 71 has drifted"),
        ("cause", ""),
        ("gate_during", 0),
        ("gate_during", 3),
        ("was_felt", False),
        ("recovered", False),
        ("ledger_verified", False),
    ],
)
def test_each_figure_is_demanded(field, value):
    assert len(ServedModelReport(**{**GOOD, field: value}).untrue()) == 1


class Api:
    """What the platform says, as far as this story asks."""

    def __init__(self, alerts: list[dict[str, Any]], incidents: dict[str, dict[str, Any]]) -> None:
        self.alerts, self.incidents = alerts, incidents

    def get(self, path: str, **query: Any) -> Any:
        if path == "alerts":
            return [] if "before" in query else self.alerts
        if path == "incidents":
            return list(self.incidents.values())
        return {"incident": self.incidents[path.rpartition("/")[2]]}


def alert(name: str, entity: str, channel: str = "", at_ms: int = 0) -> dict[str, Any]:
    return {"id": name, "entity": entity, "channel": channel, "at_ms": at_ms, "summary": f"{channel} of credit 7"}


def incident(name: str, *alerts: str, merged_into: str = "", suspects: tuple[Any, ...] = ()) -> dict[str, Any]:
    groupings = [{"alert": one} for one in alerts]
    return {"id": name, "title": name, "opened_ms": 0, "groupings": groupings, "merged_into": merged_into,
            "suspects": list(suspects)}  # fmt: skip


def story(api: Api) -> ServedModel:
    lab = SimpleNamespace(shop=read_shop("lending"))
    return ServedModel(api, lab, Path("nowhere"), lambda words: None)


SUSPECTS = (
    {"entity": "model:lab/credit", "cause": "model", "probability": 0.9, "says": "score of credit 7 has drifted"},
    {"entity": "service:lab/loans", "cause": "unknown", "probability": 0.05, "says": ""},
)


def look(api: Api) -> ServedModelReport:
    report = ServedModelReport(seed=1, model="credit@7")
    model = read_shop("lending").service("scoring").serves
    story(api)._look(report, model, FAULT, set())
    return report


def test_an_incident_of_the_model_alone_is_not_what_the_shop_suffers():
    api = Api([alert("a1", "model:lab/credit", "score")], {"INC-1": incident("INC-1", "a1")})
    report = look(api)
    assert report.drift_detected_s is not None
    assert (report.labels_confirm_s, report.incident) == (None, "")


def test_drift_labels_and_incident_are_read_from_the_alerts():
    alerts = [alert("a1", "model:lab/credit", "score"), alert("a2", "edge:lab/front>loans"),
              alert("a3", "model:lab/credit", "accuracy")]  # fmt: skip
    report = look(Api(alerts, {"INC-1": incident("INC-1", "a1", "a2", "a3")}))
    assert (report.drift_says, report.labels_say) == ("score of credit 7", "accuracy of credit 7")
    assert report.incident == "INC-1"


def test_another_model_counts_for_nothing():
    report = look(Api([alert("a1", "model:lab/credit-cards", "score")], {}))
    assert report.drift_detected_s is None


def test_the_suspects_are_judged_by_the_truth_in_the_incident_that_is_left():
    alerts = [alert("a1", "model:lab/credit", "score"), alert("a2", "edge:lab/front>loans")]
    api = Api(alerts, {"INC-1": incident("INC-1", "a2", merged_into="INC-2"),
                       "INC-2": incident("INC-2", "a1", "a2", suspects=SUSPECTS)})  # fmt: skip
    report = ServedModelReport(seed=1, model="credit@7", incident="INC-1")
    story(api)._judge(report, FAULT)
    assert (report.incident, report.root_cause_rank, report.incident_holds_model) == ("INC-2", 1, True)
    assert report.cause.startswith("model:lab/credit model 0.90")


def test_without_onnxruntime_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(demo, ["--scenario", "served-model", "--check"])
    assert done.exit_code == 1
    assert done.output == "Error: shop lending serves an ONNX model: pip install 'mainstay[onnx]'\n"

"""Drift is found where the character of much has changed, and nowhere else; a fault is not drift."""

import msgspec
from tests.mlops.watching.scene import LIVE, METRICS, SERVICES, SPAN_S, Scene, entity

from mainstay.domain.incidents import Incident, Suspect
from mainstay.domain.models import Deployment, VersionRef
from mainstay.domain.verdicts import Label


def moved(scene: Scene, services, metrics, factor: float) -> None:
    for service in services:
        for metric in metrics:
            scene.level[service, metric] *= factor


def learned(seed: int = 1) -> Scene:
    scene = Scene(seed)
    scene.run(SPAN_S * 2)
    return scene


def test_nothing_is_found_where_nothing_changes():
    scene = learned()
    scene.run(SPAN_S * 4)
    assert scene.findings == []


def test_a_change_everywhere_is_drift_with_its_impact():
    scene = learned()
    moved(scene, SERVICES, ("cpu", "rate"), 1.5)
    scene.alert("cart", "cpu", 150.0)
    scene.run(SPAN_S * 2)
    assert "data_drift metrics@1 *" in scene.open()
    finding = next(one for one in scene.findings if one.measure == "data_drift")
    assert finding.impact.asks == "retrain"
    assert "12 bands" in finding.impact.retrain
    assert finding.impact.alert_count == 1
    assert "of 1 alerts raised there since, 1 would lie inside" in finding.impact.retrain
    assert "service=cart" in finding.impact.scopes
    assert finding.value >= finding.threshold


def test_a_slow_leak_is_no_drift():
    scene = learned()
    scene.slope["payments", "memory"] = 0.5
    scene.run(SPAN_S * 4)
    assert not [one for one in scene.findings if one.measure == "data_drift"]


def test_leaks_everywhere_are_no_drift_either_while_they_climb():
    scene = learned()
    for service in SERVICES:
        scene.slope[service, "memory"] = scene.slope[service, "latency"] = 0.5
    scene.run(SPAN_S * 4)
    assert not [one for one in scene.findings if one.measure == "data_drift"]


def test_what_changed_in_an_incident_is_the_incidents():
    scene = learned()
    for service in SERVICES:
        scene.incident(service)
    moved(scene, SERVICES, METRICS, 1.5)
    scene.run(SPAN_S * 3)
    assert not [one for one in scene.findings if one.measure == "data_drift"]


def test_and_what_stays_so_a_span_after_its_end_is_drift():
    scene = learned()
    for service in SERVICES:
        scene.incident(service)
    moved(scene, SERVICES, METRICS, 1.5)
    scene.run(SPAN_S)
    for service in SERVICES:
        scene.incident(service, "resolved")
    scene.run(SPAN_S * 2)
    assert "data_drift metrics@1 *" in scene.open()


def test_more_demand_from_outside_is_drift_whatever_incidents_it_opens():
    scene = learned()
    for service in SERVICES:
        scene.incident(service)
    moved(scene, SERVICES, METRICS, 1.5)
    scene.demand = 100.0
    scene.run(SPAN_S * 2)
    assert {"data_drift metrics@1 *", "data_drift edges@1 *"} <= set(scene.open())
    assert "what comes from outside has grown" in scene.findings[0].says


def test_one_service_that_changed_altogether_is_drift_of_that_service():
    scene = learned()
    moved(scene, ["search"], METRICS, 1.5)
    scene.run(SPAN_S * 2)
    assert scene.open() == ["data_drift metrics@1 service=search"]


def test_a_single_series_is_left_to_the_detectors():
    scene = learned()
    moved(scene, ["search"], ["cpu"], 1.5)
    scene.run(SPAN_S * 2)
    assert scene.findings == []


def test_what_comes_back_is_over_and_the_ledger_says_both():
    scene = learned()
    moved(scene, SERVICES, METRICS, 1.5)
    scene.run(SPAN_S * 2)
    moved(scene, SERVICES, METRICS, 1 / 1.5)
    scene.run(SPAN_S * 2)
    assert scene.open() == []
    raised, over = (one for one in scene.findings if one.measure == "data_drift")
    assert (over.id, over.ended_why) == (raised.id, "it is again as it was")
    assert [entry.id for entry in scene.entries if entry.output["measure"] == "data_drift"] == [
        f"finding:{raised.id}", f"finding:{raised.id}:over",
    ]  # fmt: skip


def test_a_new_version_begins_with_what_is_usual_now():
    scene = learned()
    moved(scene, SERVICES, METRICS, 1.5)
    scene.run(SPAN_S * 2)
    deployment = Deployment(kind="metrics", live=VersionRef("metrics", 2), previous=LIVE, since_ms=scene.at_ms)
    scene.step(deployments={"metrics": deployment})
    assert scene.open() == []
    assert scene.findings[-1].ended_why == "metrics@2 took over"
    scene.run(SPAN_S * 2)
    assert scene.open() == []


def test_the_version_before_has_its_own_past_when_it_comes_back():
    scene = learned()
    moved(scene, SERVICES, METRICS, 1.5)
    scene.run(SPAN_S * 2)
    for number in (2, 1):
        scene.step(deployments={"metrics": Deployment(kind="metrics", live=VersionRef("metrics", number))})
        scene.run(SPAN_S)
    assert "data_drift metrics@1 *" in scene.open()


def test_a_model_that_finds_everything_strange_drifts_in_concept_and_in_its_scores():
    scene = learned()
    scene.run(SPAN_S * 3)
    scene.models.strange = 0.3
    scene.run(SPAN_S * 3)
    assert {"concept_drift metrics@1 *", "score_drift metrics@1 *"} <= set(scene.open())
    scene.models.strange = 0.0
    scene.run(SPAN_S * 4)
    assert scene.open() == []


def test_what_is_strange_in_an_incident_counts_for_nothing():
    scene = learned()
    scene.run(SPAN_S * 3)
    for service in SERVICES:
        scene.incident(service)
    scene.models.strange = 0.3
    scene.run(SPAN_S * 2)
    assert scene.findings == []


def test_a_restart_changes_nothing():
    one, other = learned(3), learned(3)
    for scene in (one, other):
        moved(scene, SERVICES, METRICS, 1.5)
        scene.run(SPAN_S // 2)
    other.watch.restore(other.watch.snapshot())
    for scene in (one, other):
        scene.run(SPAN_S * 2)
    assert one.findings == other.findings
    assert one.findings
    assert one.watch.snapshot() == other.watch.snapshot()


def test_the_sample_is_bounded_and_does_not_depend_on_the_order():
    few = msgspec.structs.replace(Scene().watch.policy, series=16)
    one, other = Scene(policy=few), Scene(policy=few)
    other.level = dict(reversed(other.level.items()))
    for scene in (one, other):
        scene.run(60)
    keys = [{source.key for source in s.watch._characters["metrics"].sources} for s in (one, other)]
    assert len(keys[0]) == 16
    assert keys[0] == keys[1]


def test_what_is_told_of_it_names_the_farthest():
    scene = learned()
    moved(scene, ["search"], METRICS, 1.5)
    scene.run(SPAN_S * 2)
    told = scene.watch.told["metrics"]
    assert told["version"] == "metrics@1"
    assert told["sources"] == {"same": 20, "moved": 4}
    assert {one["entity"] for one in told["farthest"][:4]} == {entity("search")}


def judged(scene: Scene, number: int, probability: float, *, is_right: bool) -> None:
    by, name = VersionRef("diagnoser", 1), f"INC-{number}"
    scene.watch.decide("diagnoser", {})
    times = {"since_ms": scene.at_ms, "opened_ms": scene.at_ms, "updated_ms": scene.at_ms}
    first = Suspect(entity=entity("cart"), cause="cpu", probability=probability, decided_by=by)
    facts = {"id": name, "severity": "minor", "title": "t", "decided_by": by, "suspects": (first,)}
    scene.step(incidents={name: Incident(status="resolved", **times, **facts)})
    label = Label(
        id=f"L-{number}", model="diagnoser", version=1, subject=name, is_true=is_right, kind="cause",
        from_verdict="V", by="ada", at_ms=scene.at_ms,
    )  # fmt: skip
    scene.step(labels={label.id: label})


def test_a_diagnoser_that_is_surer_than_it_is_right_is_not_calibrated():
    scene = Scene()
    for number in range(40):
        judged(scene, number, 0.9, is_right=number % 2 == 0)
    scene.run(180)
    assert "calibration diagnoser@1 *" in scene.open()
    assert "says 90% of its first suspects and is right in 0.50" in scene.findings[-1].says


def test_one_that_is_as_sure_as_it_is_right_is_calibrated():
    scene = Scene()
    for number in range(40):
        judged(scene, number, 0.5, is_right=number % 2 == 0)
    scene.run(180)
    assert scene.open() == []


def test_a_version_that_is_mostly_wrong_is_not_accurate():
    scene = Scene()
    for number in range(40):
        judged(scene, number, 0.2, is_right=number % 10 == 0)
    scene.run(180)
    assert "accuracy diagnoser@1 *" in scene.open()


def test_a_version_that_turns_wrong_drifts_in_concept():
    scene = Scene()
    for number in range(120):
        judged(scene, number, 0.7, is_right=number < 60)
    assert "concept_drift diagnoser@1 *" in scene.open()

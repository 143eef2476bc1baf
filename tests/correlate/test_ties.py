"""Ties between alerts and incidents: passing over what cannot be the strongest changes nothing that is said."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.models.correlation import Correlator
from mainstay.models.correlation.graph import Graph, meeting
from mainstay.models.correlation.inputs import AlertSketch, IncidentSketch, Member, scene_of
from mainstay.models.correlation.nearness import Nearness
from mainstay.models.correlation.ties import NO_LINK, Bounds, Link

NAMES = [*(f"service:p/{name}" for name in "abcdefg"), "queue:p/h"]
SIGNALS = ["latency", "errors", "saturation", "logs"]
WEIGHTS = Correlator.DEFAULTS
SOME_MS = st.one_of(st.integers(0, 12_000), st.integers(0, 400_000))


@st.composite
def alerts(draw: st.DrawFn, number: int = 0) -> dict[str, Any]:
    entity, peer = draw(st.sampled_from(NAMES)), draw(st.sampled_from(["", *NAMES]))
    since_ms = draw(SOME_MS)
    return {
        "id": f"a{number}", "entity": entity, "peer": "" if peer == entity else peer, "since_ms": since_ms,
        "subject": draw(st.sampled_from([f"edge:{peer}>{entity}", "metric:1"])), "at_ms": since_ms + 15_000,
        "signal": draw(st.sampled_from(SIGNALS)), "severity": draw(st.sampled_from(["critical", "major", "minor"])),
        "own": draw(st.sampled_from([None, 0.2, 0.9])), "is_rule": draw(st.booleans()),
        "symptom": "s", "fingerprint": "f",
    }  # fmt: skip


@st.composite
def incidents(draw: st.DrawFn, name: str) -> dict[str, Any]:
    members = []
    for entity in draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True)):
        first_ms = draw(SOME_MS)
        flood = {"burst_ms": first_ms, "tellings": 1000, "pause_ms": 100} if draw(st.booleans()) else {}
        members.append({
            "entity": entity, "first_ms": first_ms, "last_ms": first_ms + draw(st.sampled_from([0, 30_000])),
            "is_saturated": draw(st.booleans()), "is_about": draw(st.booleans()),
            "own": draw(st.sampled_from([0.0, 0.9])), **flood,
        })  # fmt: skip
    return {"id": name, "members": members, "cause": draw(st.sampled_from(["", "", *NAMES]))}


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
    change = {"id": "c1", "entity": draw(st.sampled_from(NAMES)), "at_ms": -5_000}
    return {
        "at_ms": 500_000,
        "alert": draw(alerts()),
        "incidents": [draw(incidents(f"INC-{n}")) for n in range(1, draw(st.integers(1, 4)))],
        "pending": [draw(alerts(n)) for n in range(1, draw(st.integers(1, 4)))],
        "edges": sorted(draw(st.lists(pairs, max_size=12, unique=True))),
        "hosts": dict.fromkeys(NAMES[:3], "h1") if draw(st.booleans()) else {},
        "changes": [change] if draw(st.booleans()) else [],
    }


def bounds(weights: dict[str, float], **fields: float) -> Bounds:
    return msgspec.structs.replace(Bounds.of(weights), **fields)


@settings(max_examples=150, deadline=None)
@given(scenes(), st.sampled_from([{}, {"per_hop": 1.2}, {"unconnected": 0.97}, {"witness": 0.95}, {"tau_s": 2000.0}]))
def test_what_is_passed_over_was_not_the_strongest(inputs: dict[str, Any], other: dict[str, float]) -> None:
    scene, weights = scene_of(inputs), {**WEIGHTS, **other}
    thorough = bounds(weights, same=math.inf, other=math.inf, aside=math.inf, noticed=math.inf)
    quick, slow = Nearness.of(scene, weights, Bounds.of(weights)), Nearness.of(scene, weights, thorough)
    for alert in (scene.alert, *scene.pending):
        for incident in scene.incidents:
            assert told(quick.to_incident(alert, incident)) == told(slow.to_incident(alert, incident))
        for one in scene.pending:
            assert told(quick.to_alert(alert, one)) == told(slow.to_alert(alert, one))


def told(link: Link) -> tuple[float, str, int, bool]:
    return link.score, link.why, link.gap_ms, link.is_victim


@settings(max_examples=80, deadline=None)
@given(scenes())
def test_no_tie_is_stronger_than_its_bound(inputs: dict[str, Any]) -> None:
    scene, most = scene_of(inputs), Bounds.of(WEIGHTS)
    near = Nearness.of(scene, WEIGHTS, most)
    for incident in scene.incidents:
        for member in incident.members:
            link = near.to_incident(scene.alert, msgspec.structs.replace(incident, members=(member,)))
            closest = most.same if member.entity in scene.alert.places else most.other
            assert link.score <= max(closest * math.exp(-link.gap_ms / 1000 / most.tau_s), most.noticed)


def test_words_are_put_together_as_they_are_named() -> None:
    assert Link(0.5, "{} depends on {}", 0, names=("service:p/a{b}", "host")).why == "a{b} depends on host"
    assert Link(0.5, "both follow change {9}", 0).why == "both follow change {9}"


def test_of_ties_that_are_as_strong_the_first_is_told() -> None:
    scene = scene_of(
        {"at_ms": 0, "alert": {**SKETCH, "entity": "service:p/a"}, "edges": [NAMES[:2], [NAMES[0], NAMES[2]]]}
    )
    near = Nearness.of(scene, WEIGHTS, Bounds.of(WEIGHTS))
    members = tuple(Member(entity=name, first_ms=0, last_ms=0) for name in NAMES[1:3])
    for ordered in (members, members[::-1]):
        incident = IncidentSketch(id="INC-1", members=ordered)
        assert near.to_incident(scene.alert, incident).names == (NAMES[0], ordered[0].entity)
    assert near.to_incident(scene.alert, IncidentSketch(id="INC-1", members=())) == NO_LINK


SKETCH = {"id": "a", "entity": NAMES[0], "signal": "latency", "severity": "major", "since_ms": 0, "at_ms": 0}


@pytest.mark.parametrize(("gap_s", "is_tied"), [(0, True), (1_000, True), (2_000, False)])
def test_after_the_longest_gap_nothing_is_tied(gap_s: int, is_tied: bool) -> None:
    near = Nearness.of(scene_of({"at_ms": 0, "alert": SKETCH}), WEIGHTS, Bounds.of(WEIGHTS))
    incident = IncidentSketch(id="INC-1", members=(Member(entity=NAMES[0], first_ms=0, last_ms=0),))
    alert = msgspec.convert({**SKETCH, "since_ms": gap_s * 1000}, AlertSketch)
    assert (near.to_incident(alert, incident).score >= WEIGHTS["join_at"]) is is_tied


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=14))
def test_who_is_below_has_whom_it_is_below_above(pairs: list[tuple[str, str]]) -> None:
    graph = Graph(pairs)
    for one in NAMES:
        for other in NAMES:
            assert graph.below(one).get(other) == graph.above(other).get(one)
            assert graph.depends(one, other) is (other in graph.below(one))


def test_two_meet_at_the_nearest_and_then_at_the_first_by_name() -> None:
    assert meeting({"a": 0, "c": 1, "d": 2}, {"b": 0, "c": 2, "d": 1}) == (3, "c")
    assert meeting({"a": 0, "b": 1}, {"b": 0}) is None

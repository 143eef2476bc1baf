"""What a person reads: severity, risk with its parts, impact, title, and a summary that cites its evidence."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scenarios.drill import Drill, Fault, deploy, metric, ms, slow, storm
from tests.scenarios.shops import WIDE, entity

from mainstay.domain.alerts import Band
from mainstay.domain.entities import Topology
from mainstay.domain.incidents import Incident
from mainstay.domain.signals import Normal
from mainstay.intelligence import assess
from mainstay.intelligence.symptoms import amount, says
from mainstay.intelligence.wording import lasted, listed


def assessed(drill: Drill, at_s: float = 180, name: str = "INC-1") -> Incident:
    return assess(drill.incidents[name], drill.topology, drill.stage.alerts_of(name), drill.stage.changes, ms(at_s))


@pytest.fixture(scope="module")
def story() -> Incident:
    drill, fault = Drill(WIDE), Fault("pricing", extra_ms=400)
    drill.run(until_s=180, faults=[fault], script=[(112, deploy("pricing", 112)), *storm(WIDE, fault)])
    return assessed(drill)


def test_the_title_says_what_since_when_and_why(story: Incident) -> None:
    assert re.fullmatch(r"pricing slow since \d\d:\d\d — deploy pricing@v42 \(\d\d %\)", story.title)


def test_the_summary_is_short_and_cites_only_evidence_that_is_there(story: Incident) -> None:
    sentences = [s for s in re.split(r"\.(?: |$)", story.summary) if s]
    assert 3 <= len(sentences) <= 5
    cited = set(re.findall(r"\[(E\d+)\]", story.summary))
    assert cited
    assert cited <= {item.id for item in story.evidence}
    assert "a bad deploy of pricing" in story.summary
    assert story.summary.startswith("Users feel it: front latency 900 ms, expected at most 90 ms")


def test_the_risk_is_the_sum_of_its_parts(story: Incident) -> None:
    assert story.risk is not None
    assert story.risk.score == min(100, sum(part.points for part in story.risk.parts))
    assert [part.name for part in story.risk.parts] == ["blast", "tier", "users", "burn", "trend", "past"]
    assert all(part.says for part in story.risk.parts)


def test_victims_are_the_impact_and_the_cause_is_not(story: Incident) -> None:
    assert set(story.impact) == {entity("cart"), entity("front")}


def test_users_of_a_tier_1_service_raise_the_severity(story: Incident) -> None:
    assert story.severity == "critical"
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("search", "index", 5, 20), slow("front", "search", 6, 20)])
    assert assessed(drill, 30).severity == "major"


def test_without_a_suspect_it_says_so() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("", "front", 5, 20)])
    bare = msgspec.structs.replace(drill.incidents["INC-1"], suspects=())
    found = assess(bare, drill.topology, drill.stage.alerts_of("INC-1"), (), ms(30))
    assert found.title.endswith("— cause not known yet")
    assert "not enough evidence" in found.summary


def test_a_resolved_incident_keeps_its_worst_severity_and_says_how_long_it_took() -> None:
    drill = Drill(WIDE)
    drill.record(Normal(), 20, [slow("", "front", 5, 20, severity="critical")])
    drill.record(Normal(), 60, [slow("", "front", 5, 60, severity="critical", ended_s=60)])
    drill.record(Normal(), 81)
    found = assessed(drill, 81)
    assert found.severity == "critical"
    assert "was resolved after 76 s" in found.summary
    assert found.summary.startswith("Users felt it: ")
    assert found.summary.endswith("its alert is calm.")


def test_it_is_pure_and_needs_no_topology(story: Incident) -> None:
    drill = Drill(WIDE, topology=Topology())
    drill.record(Normal(), 20, [slow("cart", "pricing", 5, 20, severity="critical"), metric("x", "disk.usage", 4, 20)])
    once, twice = assessed(drill, 30), assessed(drill, 30)
    assert once == twice
    assert assess(story, Topology(), (), (), ms(200)) == story


@settings(max_examples=200)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), st.text(max_size=8))
def test_any_number_in_any_unit_can_be_said(value: float, unit: str) -> None:
    assert amount(value, unit)


def test_an_alert_without_a_band_speaks_for_itself() -> None:
    bare = msgspec.structs.replace(slow("cart", "pricing", 5, 20), band=None)
    assert says(bare) == "pricing latency seen by cart"
    low = msgspec.structs.replace(bare, signal="traffic", band=Band(low=40, high=80, value=0, unit="1"), summary="")
    assert "expected at least" in says(low)


@pytest.mark.parametrize(("ms_", "said"), [(0, "0 s"), (-5, "0 s"), (89_999, "89 s"), (5_400_000, "1 h 30 min")])
def test_durations(ms_: int, said: str) -> None:
    assert lasted(ms_) == said


def test_lists() -> None:
    assert listed([]) == "nothing"
    assert listed(["a", "b"]) == "a and b"

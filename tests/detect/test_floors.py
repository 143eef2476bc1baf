"""Below 5 ms I do not care: where it holds, what it is compared with, and what it never touches."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.spoken import AT_MS, Spoken, applied, only, turn
from tests.detect.test_rules import rule

from mainstay.detect import Detect
from mainstay.detect.floors import converted
from mainstay.domain.alerts import Band
from mainstay.domain.budget import Floor
from mainstay.domain.entities import Entity, Topology
from mainstay.domain.signals import Normal

OWNED = Topology(
    entities={
        "service:lab/b": Entity(id="service:lab/b", kind="service", name="b", environment="lab", owner="payments")
    }
)


def told(*floors: Floor, **more: Any) -> Any:
    models = Spoken()
    models.say(
        "edges",
        turn(True, **{"subject": "edge:>service:lab/b", "band": Band(low=1.0, high=2.0, value=4.0, unit="ms"), **more}),
    )
    return only(applied(Detect(models, None, floors, lambda: OWNED)))


@pytest.mark.parametrize(
    ("floor", "is_held"),
    [
        (Floor(below=5, unit="ms"), True),
        (Floor(below=0.005, unit="s"), True),
        (Floor(below=4, unit="ms"), False),
        (Floor(below=3, unit="ms"), False),
        (Floor(below=5, unit="MiB"), False),
        (Floor(below=5, unit="ms", metric="calls.*"), True),
        (Floor(below=5, unit="ms", metric="calls.errors"), False),
        (Floor(below=5, unit="ms", service="b"), True),
        (Floor(below=5, unit="ms", service="service:lab/b"), True),
        (Floor(below=5, unit="ms", service="c"), False),
        (Floor(below=5, unit="ms", team="payments", environment="lab"), True),
        (Floor(below=5, unit="ms", team="search"), False),
        (Floor(below=5, unit="ms", environment="prod"), False),
    ],
)
def test_a_floor_holds_in_its_scope_and_in_any_unit_of_the_same_kind(floor: Floor, is_held: bool) -> None:
    alert = told(floor)
    assert (alert.suppressed, alert.suppressed_by) == ((True, "floor") if is_held else (False, ""))


def test_it_says_which_floor_and_the_ledger_has_it() -> None:
    models = Spoken()
    models.say("edges", turn(True, subject="edge:>service:lab/b"))
    effects = applied(Detect(models, None, [Floor(below=5, unit="ms", service="b")]))
    assert only(effects).suppressed_why == "below 5 ms nobody cares: * of b"
    assert effects.entries[1].output["floor"]["below"] == 5


def test_it_is_the_word_of_the_people_and_holds_for_critical_ones_too() -> None:
    assert told(Floor(below=5, unit="ms"), severity="critical").suppressed_by == "floor"


def test_what_fell_is_never_too_small_and_what_has_no_band_is_not_measured() -> None:
    assert not told(Floor(below=5, unit="ms"), band=Band(low=5.0, high=9.0, value=0.0, unit="ms")).suppressed
    assert not told(Floor(below=5), band=None).suppressed


def test_a_rule_of_the_user_knows_no_floor() -> None:
    stage = Detect(Spoken(), None, [Floor(below=1e12)])
    assert not only(applied(stage, Normal(alerts=(rule(),)), AT_MS)).suppressed


@pytest.mark.parametrize(
    ("subject", "labels", "name"),
    [
        ("metric:7", {"metric": "process.memory.usage"}, "process.memory.*"),
        ("log:service:lab/b#9", {}, "logs.latency"),
    ],
)
def test_metrics_and_logs_have_names_too(subject: str, labels: dict[str, str], name: str) -> None:
    assert told(Floor(below=5, unit="ms", metric=name), subject=subject, labels=labels).suppressed


@given(st.floats(1e-6, 1e6), st.sampled_from(["s", "ms", "us", "ns", "min", "h"]))
def test_conversion_there_and_back(value: float, unit: str) -> None:
    assert converted(converted(value, unit, "s"), "s", unit) == pytest.approx(value)


def test_an_unknown_word_in_a_floor_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"below": 5, "metrc": "x"}, Floor)

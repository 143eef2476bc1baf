"""A version that became slow is found; more to do a call, or less, is no slowness."""

import msgspec
from tests.mlops.watching.scene import LIVE, Scene

from mainstay.domain.effects import Effects
from mainstay.domain.models import VersionRef
from mainstay.domain.records import Command
from mainstay.domain.watching import Pace
from mainstay.mlops.timing import Meter, Race, Took, p95_ms


def pace(items=100, cost_us=20.0, call_ms=0.5, calls=12):
    """Minutes of calls that cost something each, and something an item."""
    ms = call_ms + items * cost_us / 1e3
    return Pace(calls=calls, us_per_item=1e3 * ms / items, ms_per_call=ms, p95_ms=1.5 * ms)


class Minutes(Scene):
    def say(self, one, kind="metrics"):
        command = Command(
            kind="runtime", by="mainstay", at_ms=self.at_ms, subject="models",
            arguments={kind: msgspec.json.encode(one).decode()},
        )  # fmt: skip
        self.watch.ran(command)

    def minutes(self, number, one):
        for _ in range(number):
            self.say(one)
        self.run(240)  # four looks


def slow(scene):
    return [one for one in scene.findings if one.measure == "runtime"]


def test_a_version_that_takes_three_times_as_long_is_found_and_is_over_when_it_does_not():
    scene = Minutes()
    scene.run(10)
    scene.minutes(60, pace())
    assert scene.watch.told["metrics"]["pace_at_first"]["calls"] == 12
    scene.minutes(30, pace(cost_us=60.0, call_ms=1.5))
    found = slow(scene)
    assert [(one.version, one.status, one.impact.asks) for one in found] == [(LIVE, "open", "look")]
    assert "7.5 ms a call, 2.5 when it began to serve; 75.0 µs an item, 25.0 then" in found[0].says
    assert scene.watch.told["metrics"]["pace"]["ms_per_call"] == 7.5
    scene.minutes(30, pace())
    assert slow(scene)[-1].status == "over"


def test_more_to_do_and_less_to_do_are_no_slowness():
    for other in (pace(items=1000), pace(items=10)):
        scene = Minutes()
        scene.run(10)
        scene.minutes(60, pace())
        scene.minutes(30, other)
        assert slow(scene) == []


def test_calls_of_some_microseconds_are_nobodys_trouble():
    scene = Minutes()
    scene.run(10)
    scene.minutes(60, pace(cost_us=0.1, call_ms=0.01))
    scene.minutes(30, pace(cost_us=0.9, call_ms=0.09))
    assert slow(scene) == []


def test_half_an_hour_of_minutes_is_too_few_and_a_new_version_begins_anew():
    scene = Minutes()
    scene.run(10)
    scene.minutes(60, pace())
    scene.minutes(29, pace(cost_us=90, call_ms=4))
    assert slow(scene) == []
    scene.watch._chosen("metrics", VersionRef("metrics", 2), Effects())
    scene.minutes(30, pace(cost_us=90, call_ms=4))
    assert slow(scene) == []


def test_a_restart_keeps_the_first_hour():
    scene, other = Minutes(), Minutes()
    scene.run(10)
    scene.minutes(60, pace())
    other.watch.restore(scene.watch.snapshot())
    other.at_ms, other.steps = scene.at_ms, scene.steps
    other.minutes(30, pace(cost_us=90, call_ms=4))
    assert len(slow(other)) == 1


def test_a_kind_that_nobody_serves_is_not_heard_of():
    scene = Minutes()
    scene.say(pace(), kind="nothing")
    scene.run(10)
    assert "nothing" not in scene.watch.told


def test_a_meter_says_what_came_since():
    meter = Meter()
    before = meter.now()
    assert meter.since(before) is None
    for _ in range(20):
        meter.add(Took(0.001, 0.002), 50)
    meter.add(Took(5.0, 5.0), 0)  # nothing to look at: nothing is learned of its pace
    found = meter.since(before)
    assert found is not None
    assert (found.calls, round(found.us_per_item, 6), round(found.ms_per_call, 6)) == (20, 20.0, 1.0)
    assert found.p95_ms == 2.0
    assert meter.since(meter.now()) is None


def test_a_race_of_nothing_has_no_figures():
    assert Race().figures() == {}
    assert p95_ms([0.003]) == 3.0

"""A disk fills: told in time, graver when little is left, over with a reason; what is a habit or noise tells nobody."""

import msgspec
import numpy as np
import pytest
from tests.outlook.estate import GIB, T0_MS, Estate, disk

from mainstay.domain.entities import labels_of
from mainstay.domain.errors import Corrupt
from mainstay.domain.outlook import OutlookPolicy
from mainstay.domain.signals import Series
from mainstay.outlook import Outlooks
from mainstay.outlook.looking import Looker
from mainstay.outlook.telling import CALM_LOOKS, FREED

VAR, SIZE = disk(1), disk(2, metric="limit")
NOISE = np.random.default_rng(7).standard_normal(5000) * 1e6


def filling(estate, since=40, per_step=0.5 * GIB, most=100 * GIB):
    """30 GiB used of 100 until step `since`; then it grows."""
    return lambda step: {VAR: min(30 * GIB + max(step - since, 0) * per_step, most) + NOISE[step], SIZE: 100 * GIB}


def states(estate):
    return [(alert.status, alert.severity) for alert in estate.told]


def test_a_disk_that_fills_is_warned_of_and_then_paged():
    estate = Estate()
    values = filling(estate)
    estate.run(values, 160)
    assert states(estate)[:2] == [("firing", "minor"), ("firing", "major")]
    warning, page = estate.told[:2]
    assert warning.id == page.id
    assert warning.since_ms == page.since_ms
    assert page.labels["near_exhaustion"] == "true"
    assert "near_exhaustion" not in warning.labels
    full_ms = T0_MS + (40 + 140) * 15_000
    assert warning.at_ms < T0_MS + 72 * 15_000  # a rise is believed for four times as long as it has lasted
    assert page.at_ms < full_ms
    assert "disk /var of db-1: full in" in warning.summary
    assert warning.decided_by.model == "forecaster"
    assert warning.subject == f"metric:{VAR.id}"
    assert page.band.high == pytest.approx(100 * GIB)


def test_the_interval_holds_the_truth_and_the_sentence_says_why():
    estate = Estate()
    estate.run(filling(estate), 90)
    (one,) = [o for o in estate.stage.standing.outlooks if o.alert]
    left_s = (100 - 30 - 49 * 0.5) / 0.5 * 15
    assert one.earliest_s <= left_s <= one.latest_s
    assert one.expected_s == pytest.approx(left_s, rel=0.1)
    assert one.per_h == pytest.approx(120 * GIB, rel=0.05)
    assert "because +120 GiB/h" in one.says
    assert one.share == pytest.approx(0.545, abs=0.01)


def test_what_half_is_used_of_pages_nobody_however_fast():
    estate = Estate()
    estate.run(filling(estate, per_step=0.3 * GIB), 100)
    assert states(estate) == [("firing", "minor")]


@pytest.mark.parametrize(("page_s", "gravest"), [(0, "minor"), (3600, "major")])
def test_a_limit_of_your_own_that_never_pages_does_not_even_when_it_is_full(tmp_path, page_s, gravest):
    own = tmp_path / "limits.yaml"
    own.write_text(
        f"limits:\n  - {{name: disk, metric: system.filesystem.usage, full: {100 * GIB:.0f}, page_s: {page_s}}}\n"
    )
    estate = Estate(OutlookPolicy(limits=str(own)))
    estate.run(filling(estate), 400)
    assert {severity for _, severity in states(estate)} <= {"minor", gravest}
    assert ("firing", gravest) in states(estate)


def test_it_is_over_at_once_when_room_was_made():
    estate = Estate()
    estate.run(filling(estate), 130)
    assert states(estate)[-1] == ("firing", "major")
    estate.run(lambda step: {VAR: 30 * GIB + NOISE[step], SIZE: 100 * GIB}, 3)
    assert states(estate)[-1] == ("resolved", "major")
    assert "became free" in estate.told[-1].summary
    assert estate.told[-1].ended_ms <= estate.at_ms
    assert not estate.stage.firing


def test_it_is_over_when_it_does_not_grow_any_more_and_not_sooner():
    estate = Estate()
    estate.run(filling(estate, most=62 * GIB), 104)  # it stops at 62 %
    assert states(estate)[-1][0] == "firing"
    estate.run(lambda step: {VAR: 62 * GIB + NOISE[step], SIZE: 100 * GIB}, 80)
    assert states(estate)[-1][0] == "resolved"
    assert "any more" in estate.told[-1].summary
    firsts = [alert.at_ms for alert in estate.told if alert.status == "resolved"]
    assert len(firsts) == 1
    assert firsts[0] - (T0_MS + 104 * 15_000) >= (CALM_LOOKS - 1) * 10_000


def test_a_series_that_falls_silent_ends_what_was_told_of_it():
    estate = Estate()
    estate.run(filling(estate), 80)
    assert estate.stage.firing
    for _ in range(70):
        estate.say({})
        estate.wait(15)
    assert states(estate)[-1][0] == "resolved"
    assert estate.effects.entries[-1].output["event"] == "silent"


@pytest.mark.parametrize("shape", ["flat", "noise", "heap", "daily"])
def test_what_is_no_rise_or_a_habit_tells_nobody(shape):
    draw = np.random.default_rng(5)
    shapes = {
        "flat": lambda step: 60.0,
        "noise": lambda step: 60 + 8 * draw.standard_normal(),
        "heap": lambda step: 50 + 1.5 * (step % 30),  # collected every 30 steps
        "daily": lambda step: 60 + 25 * np.sin(step / 5760 * 6.2832),
    }
    estate = Estate()
    estate.run(lambda step: {VAR: shapes[shape](step) * GIB, SIZE: 100 * GIB}, 700 if shape != "daily" else 1500, 15)
    if shape in {"heap", "daily"}:  # it is a rise until it was seen to be a habit: a warning it may be, a page never
        assert {alert.severity for alert in estate.told} <= {"minor"}
        assert len({alert.id for alert in estate.told}) <= 1
    else:
        assert not estate.told


def test_a_restart_in_between_changes_nothing():
    whole, first = Estate(), Estate()
    values = filling(whole)
    whole.run(values, 130)
    first.run(values, 60)
    second = first.restarted()
    second.run(lambda step: values(step + 60), 70)
    assert states(first) + states(second) == states(whole)
    assert [a.id for a in first.told + second.told] == [a.id for a in whole.told]
    assert second.stage.snapshot() == whole.stage.snapshot()


def test_a_state_of_another_format_is_refused():
    with pytest.raises(Corrupt):
        Estate().stage.restore(b"\x00")


def test_every_entry_is_decided_again_from_what_was_frozen_beside_it():
    estate = Estate()
    estate.run(filling(estate), 130)
    entries = [entry for entry in estate.effects.entries if entry.kind in {"alert", "alert-resolved"}]
    assert len(entries) >= 2
    for entry in entries:
        assert entry.rests_on == ("version-forecaster@1",)
        again = estate.judges.decide("forecaster", msgspec.json.decode(msgspec.json.encode(entry.inputs)))
        assert msgspec.json.encode(again.output) == msgspec.json.encode(entry.output)


def test_a_hundred_disks_at_once_are_no_flood():
    estate = Estate(OutlookPolicy(alerts=3, forecasts_per_look=200))
    disks = [(disk(2 * i, mount=f"/d{i}"), disk(2 * i + 1, mount=f"/d{i}", metric="limit")) for i in range(40)]
    slow = lambda step: {  # noqa: E731
        one: value
        for used, size in disks
        for one, value in ((used, (20 + max(step - 30, 0) * 0.25) * GIB + NOISE[step]), (size, 70 * GIB))
    }
    estate.run(slow, 84)
    assert len(estate.stage.firing) == 3
    held = [one for one in estate.stage.standing.outlooks if one.held]
    assert len(held) == 37
    assert "3 predictive alerts are open already" in held[0].held


def test_no_more_is_forecast_at_a_look_than_is_allowed_and_all_get_their_turn():
    estate = Estate(OutlookPolicy(forecasts_per_look=5))
    disks = [(disk(2 * i, mount=f"/d{i}"), disk(2 * i + 1, mount=f"/d{i}", metric="limit")) for i in range(20)]
    seen = []
    for step in range(120):
        values = {used: (30 + max(step - 30, 0) * 0.3) * GIB + NOISE[step] for used, _ in disks}
        before = len(estate.judges.asked)
        estate.say({**values, **{size: 100 * GIB for _, size in disks}})
        seen.append(len(estate.judges.asked) - before)
        estate.wait(10)
    assert max(seen) <= 5 * 3  # of each resource up to three histories
    assert len(estate.stage.standing.outlooks) == 20
    assert len(estate.stage.firing) == 20


def test_beyond_its_room_series_are_counted_and_a_silent_one_makes_room():
    estate = Estate(OutlookPolicy(series=2))
    one, two, three = (disk(i, mount=f"/d{i}") for i in (1, 2, 3))
    estate.say({one: 1.0, two: 1.0, three: 1.0})
    estate.wait(10)
    estate.say({two: 1.0})
    assert (estate.stage.standing.followed, estate.stage.standing.beyond) == (2, 1)
    estate.wait(1000)
    estate.say({two: 1.0, disk(4, mount="/d4"): 1.0})
    assert estate.stage.standing.followed == 2
    assert estate.stage.standing.beyond == 1


def test_of_two_series_of_one_disk_one_speaks():
    share = Series(5, 99, VAR.entity, "system.filesystem.utilization", VAR.labels, "1")
    estate = Estate()
    values = filling(estate)
    estate.run(lambda step: {**values(step), share: values(step)[VAR] / (100 * GIB)}, 80)
    assert {alert.subject for alert in estate.told} == {f"metric:{VAR.id}"}


def test_free_space_runs_out_by_falling():
    labels = labels_of({"instance": "a:9100", "mountpoint": "/"})
    free = Series(1, 11, "host:prod/a", "node_filesystem_avail_bytes", labels, "By")
    size = Series(2, 12, "host:prod/a", "node_filesystem_size_bytes", labels, "By")
    estate = Estate()
    estate.run(lambda step: {free: (70 - max(step - 30, 0) * 0.5) * GIB + NOISE[step], size: 100 * GIB}, 70)
    (alert,) = estate.stage.firing
    assert "empty in" in alert.summary
    assert "−120 GiB/h" in alert.summary
    (one,) = [o for o in estate.stage.standing.outlooks if o.alert]
    assert one.share == pytest.approx(1 - one.value / (100 * GIB))


def test_a_certificate_is_told_by_the_time_that_is_left():
    labels = labels_of({"instance": "https://shop"})
    series = Series(1, 11, "service:prod/shop", "probe_ssl_earliest_cert_expiry", labels, "s")
    estate = Estate()
    day = 86_400
    for left_days in (100, 20, 13, 13, 1.5, 1.5, -1, -1, 300, 300, 300, 300):
        estate.say({series: estate.at_ms / 1000 + left_days * day})
        estate.wait(400)
    assert states(estate) == [("firing", "minor"), ("firing", "major"), ("resolved", "major")]
    assert "expires in 13 days" in estate.told[0].summary
    assert estate.told[0].decided_by.model == "forecaster"


def test_without_a_limit_it_is_listed_and_not_told():
    lag = Series(1, 11, "queue:prod/orders", "kafka_consumergroup_lag", labels_of({"topic": "orders"}))
    estate = Estate()
    estate.run(lambda step: {lag: 100.0 * step}, 60)
    assert not estate.told
    assert estate.stage.standing.followed == 1


def test_a_limit_of_nothing_is_none_and_numbers_that_are_none_do_no_harm():
    estate = Estate()
    odd = [0.0, -5.0, np.nan, np.inf, 1e300]
    estate.run(lambda step: {VAR: odd[step % 5], SIZE: odd[(step + 2) % 5]}, 60)
    assert all(alert.severity in {"minor", "major"} for alert in estate.told)
    estate.stage.restore(estate.stage.snapshot())


def test_what_was_freed_is_seen_before_the_next_forecast_is_due():
    assert 0 < FREED < 0.5
    stage = Outlooks(Estate().judges, OutlookPolicy())
    assert stage.standing.outlooks == ()


def test_only_what_is_told_and_has_a_season_is_worth_a_costlier_forecast():
    estate = Estate()
    estate.run(lambda step: {VAR: (30 + 0.05 * step) * GIB, SIZE: 100 * GIB}, 72, 600.0)
    resources = estate.stage._resources
    resources.history.condense()
    looker, now = Looker(estate.judges, resources), resources.now(estate.at_ms)
    estate.judges.asked.clear()
    for matters in (True, False):
        looker.look(0, now, (0, 2), estate.at_ms, matters=matters)
    asked = [one for _, one in estate.judges.asked]
    assert [one.get("matters", False) for one in asked if one["season"] > 1] == [True, False]
    assert not any("matters" in one for one in asked if one["season"] == 1)

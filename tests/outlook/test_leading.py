"""Leading indicators: what happened to a service, as numbers, the same however it was cut; and what fades."""

import math

import msgspec
import numpy as np
import pytest
from tests.outlook.estate import T0_MS, services

from mainstay.domain.alerts import Alert
from mainstay.domain.changes import Change
from mainstay.domain.incidents import Incident, Suspect, belongs_to
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import Outlook
from mainstay.domain.signals import EdgeWindow, MetricBatch, Series, TemplateWindow
from mainstay.outlook.leading import FEATURES, SAYS, Leading, State

SHOP, PAY = "service:prod/shop", "service:prod/pay"
TOWN = services("shop", "pay")  # the shop calls pay
BY = VersionRef("metrics", 1)


def fresh():
    leading = Leading(3600.0)
    leading.hear([Series(0, 10, SHOP, "a"), Series(1, 11, PAY, "b")])
    leading.rows([], TOWN, (), T0_MS)
    return leading


def row(leading, service=SHOP, at_ms=T0_MS, outlooks=()):
    return dict(zip(FEATURES, leading.rows([service], TOWN, outlooks, at_ms)[0].tolist(), strict=True))


def alert(status="firing", severity="minor"):
    return Alert(
        id="a",
        fingerprint="f",
        entity=SHOP,
        name="n",
        severity=severity,
        status=status,
        since_ms=0,
        at_ms=0,
        decided_by=BY,
    )


def window(errors, count=100, callee=SHOP):
    return EdgeWindow("", callee, 0, 5_000_000_000, count, errors, np.empty(0), np.empty(0))


def incident(**how):
    return Incident(
        id="INC-1",
        status="open",
        severity="major",
        title="",
        since_ms=0,
        opened_ms=0,
        updated_ms=0,
        decided_by=BY,
        **how,
    )


def test_nothing_known_is_nothing():
    assert set(row(fresh()).values()) == {0.0}
    assert set(SAYS) == set(FEATURES)


def test_values_that_are_nearly_anomalies_count_for_their_service_and_its_callers_and_fade():
    leading = fresh()
    leading.samples(
        MetricBatch(np.array([0, 1, 1], np.uint32), np.zeros(3, np.int64), np.zeros(3)), np.array([0.5, 1e-4, 1e-2])
    )
    assert row(leading, PAY)["odd"] == pytest.approx(4.0)
    shop = row(leading)
    assert (shop["odd"], shop["callee_odd"]) == (0.0, pytest.approx(4.0))
    assert row(leading, PAY, T0_MS + 450_000)["odd"] == pytest.approx(4 * math.exp(-1))
    assert row(leading, PAY, T0_MS + 36_000_000)["odd"] < 0.01


def say(leading, *p_values, slot=1):
    count = len(p_values)
    leading.samples(
        MetricBatch(np.full(count, slot, np.uint32), np.zeros(count, np.int64), np.zeros(count)), np.array(p_values)
    )


def looked(leading, *p_values, looks=60, every_ms=60_000):
    """The same p-values of the one service, look by look; its row and its caller's at the end."""
    for number in range(looks):
        say(leading, *p_values)
        leading.rows([PAY], TOWN, (), T0_MS + (number + 1) * every_ms)
    at_ms = T0_MS + looks * every_ms
    return row(leading, PAY, at_ms), row(leading, SHOP, at_ms)


def test_what_stays_odd_is_stranger_than_what_was_odd_once():
    stays, caller = looked(fresh(), 1e-3)
    once = fresh()
    say(once, 1e-3)
    was, _ = looked(once, 0.5)
    assert stays["strange"] > 2
    assert was["strange"] < 0.5
    assert caller["callee_strange"] == stays["strange"]
    assert caller["strange"] == 0.0


def test_the_oddest_of_many_is_not_strange():
    calm = np.random.default_rng(1).uniform(size=1000).tolist()
    many, _ = looked(fresh(), *calm, looks=20)
    assert many["odd"] > 2.5
    assert many["strange"] < 1.5


def test_many_values_that_are_a_little_unusual_are_a_drift():
    calm, unusual = (np.random.default_rng(1).uniform(high=high, size=400).tolist() for high in (1.0, 0.3))
    assert looked(fresh(), *calm)[0]["drift"] < 0.05
    assert looked(fresh(), *unusual)[0]["drift"] > 0.15
    assert looked(fresh(), *unusual)[0]["odd"] < 4


def test_what_is_strange_after_a_change_counts_more():
    leading = fresh()
    leading.changes([Change(id="c", kind="deploy", subject="pay", entity=PAY, at_ms=T0_MS)])
    found, _ = looked(leading, 1e-3, looks=10)
    assert found["change_strange"] == pytest.approx(found["change"] * found["strange"])


def test_what_fills_up_counts_before_its_end_is_in_sight():
    one = Outlook(id="x", entity=SHOP, resource="disk", metric="m", series=1, at_ms=0, value=1.0, says="", share=0.85)
    assert row(fresh(), outlooks=[one])["filling"] == pytest.approx(0.5)
    assert row(fresh(), outlooks=[msgspec.structs.replace(one, share=0.6)])["filling"] == 0.0
    assert row(fresh(), outlooks=[msgspec.structs.replace(one, share=7.0)])["filling"] == 1.0
    slow = msgspec.structs.replace(one, signal="latency", is_believed=True, expected_s=10.0)
    found = row(fresh(), outlooks=[slow])  # how long answers take is no resource
    assert (found["filling"], found["runs_out"]) == (0.0, 0.0)


def test_errors_of_hours_are_remembered_when_the_last_minutes_are_calm():
    leading = fresh()
    leading.calls([window(1)] * 4000)
    leading.calls([window(0)] * 400)
    assert row(leading)["burn_slow"] > 0.5
    assert row(leading)["burn"] < 0.2


def test_oddness_mounts_look_by_look_and_wanes_within_a_calm_horizon():
    stays, _ = looked(fresh(), 1e-3, looks=20)  # 2 more than calm, a twelfth of a horizon is five looks
    assert stays["mounting"] == pytest.approx(math.log1p(2 * 20 / 5))
    often = looked(fresh(), 1e-3, looks=40, every_ms=30_000)[0]
    assert often["mounting"] == pytest.approx(stays["mounting"]), "however often is looked"
    most = fresh()
    assert looked(most, 1e-6, looks=120)[0]["mounting"] == pytest.approx(math.log1p(12))
    most.rows([PAY], TOWN, (), T0_MS + 7_200_000)
    say(most, 0.9)
    for minute in range(62):
        found = row(most, PAY, T0_MS + 7_200_000 + minute * 60_000)
    assert found["mounting"] == 0.0


def test_alerts_that_come_and_go_make_a_service_restless():
    leading = fresh()
    for number in range(3):
        one = msgspec.structs.replace(alert(), id=f"a{number}")
        leading.alerts([one, one, msgspec.structs.replace(one, status="resolved")])
    found = row(leading)
    assert (found["alerts"], found["restless"]) == (0.0, pytest.approx(math.log(4)))
    assert row(leading, at_ms=T0_MS + 7_200_000)["restless"] == pytest.approx(math.log1p(3 * math.exp(-1)))


def lines(count, severity=13):
    return TemplateWindow(SHOP, 1, "pool is <*> full", severity, 0, 5_000_000_000, count, is_new=False)


def test_more_warnings_than_usual_count_and_an_error_counts_as_three():
    usual, more, grave = fresh(), fresh(), fresh()
    for one in (usual, more, grave):
        one.says([lines(2)])
    assert row(usual, at_ms=T0_MS + 60_000)["warnings"] == 0.0, "the first lines are not more than usual"
    for minute in range(2, 60 * 24):
        for one in (usual, more, grave):
            one.says([lines(2), lines(50, severity=9)])
            last = row(one, at_ms=T0_MS + minute * 60_000)
    assert last["warnings"] < 0.1
    for minute in range(60 * 24, 60 * 24 + 20):
        usual.says([lines(2)])
        more.says([lines(6)])
        grave.says([lines(2, severity=17)])
        found = [row(one, at_ms=T0_MS + minute * 60_000)["warnings"] for one in (usual, more, grave)]
    assert found[0] < 0.1
    assert 0.7 < found[1] < math.log(3)
    assert found[2] == pytest.approx(found[1])


def test_a_change_counts_more_where_changes_did_harm():
    tame, harmed = fresh(), fresh()
    for number in range(10):
        at_ms = T0_MS + number * 86_400_000
        for one in (tame, harmed):
            one.changes([Change(id=f"c{number}", kind="deploy", subject="shop", entity=SHOP, at_ms=at_ms)])
            one.changes([Change(id=f"d{number}", kind="deploy", subject="shop", entity=SHOP, at_ms=at_ms)])
        if number < 9:
            harmed.incident(SHOP, at_ms + 1_800_000)
            harmed.incident(SHOP, at_ms + 1_900_000)  # one change does harm once
            tame.incident(SHOP, at_ms + 7_200_000)  # too late to be of the change
    assert row(tame, at_ms=at_ms)["change_harm"] == pytest.approx(0.1 / 12)
    assert row(harmed, at_ms=at_ms)["change_harm"] == pytest.approx(9.1 / 12)
    assert row(fresh(), at_ms=at_ms)["change_harm"] == 0.0


def test_how_samples_are_cut_changes_nothing():
    p_values = np.random.default_rng(3).uniform(size=500)
    p_values[::50] = np.nan
    whole, parts = fresh(), fresh()
    say(whole, *p_values)
    for at in range(0, 500, 7):
        say(parts, *p_values[at : at + 7])
        if at == 210:
            parts = Leading(3600.0, msgspec.msgpack.decode(msgspec.msgpack.encode(parts.saved()), type=State))
    later = T0_MS + 60_000
    assert parts.rows([PAY, SHOP], TOWN, (), later).tobytes() == whole.rows([PAY, SHOP], TOWN, (), later).tobytes()


def test_scores_that_are_not_of_these_samples_are_not_taken():
    leading = fresh()
    leading.samples(MetricBatch(np.array([0], np.uint32), np.zeros(1, np.int64), np.zeros(1)), np.empty(0))
    leading.samples(MetricBatch(np.array([0], np.uint32), np.zeros(1, np.int64), np.zeros(1)), np.array([np.nan]))
    assert row(leading)["odd"] == 0.0


def test_an_alert_counts_while_it_fires():
    leading = fresh()
    leading.alerts([alert()])
    leading.alerts([alert(severity="major")])
    assert row(leading)["alerts"] == pytest.approx(math.log1p(2.0))
    leading.alerts([alert("resolved")])
    assert row(leading)["alerts"] == 0.0


def test_a_change_fades_and_our_own_is_none():
    leading = fresh()
    leading.changes([Change(id="c", kind="deploy", subject="pay", entity=PAY, at_ms=T0_MS)])
    leading.changes([Change(id="d", kind="deploy", subject="shop", entity=SHOP, at_ms=T0_MS, by_mainstay=True)])
    assert row(leading, PAY)["change"] == 1.0
    assert row(leading)["change"] == 0.0
    assert row(leading)["callee_change"] == 1.0
    assert row(leading, PAY, T0_MS + 1_800_000)["change"] == pytest.approx(math.exp(-1))


def test_errors_are_measured_against_the_objective_and_smoothed():
    leading = fresh()
    leading.calls([window(1)] * 400)
    assert row(leading)["burn"] == pytest.approx(math.log1p(10.0), rel=0.02)
    leading.calls([window(0)] * 800)
    assert row(leading)["burn"] < 0.1
    leading.calls([window(5, count=0)])


def test_what_runs_out_counts_when_it_is_believed():
    one = Outlook(
        id="x", entity=SHOP, resource="disk", metric="m", series=1, at_ms=0, value=1.0, says="", expected_s=3600.0
    )
    assert row(fresh(), outlooks=[one])["runs_out"] == 0.0
    sure = msgspec.structs.replace(one, is_believed=True)
    assert row(fresh(), outlooks=[sure])["runs_out"] == pytest.approx(math.exp(-1))


def test_past_incidents_count_less_the_older_they_are_and_give_the_baseline():
    leading = fresh()
    week = 7 * 86_400_000
    for back in (0, week):
        leading.incident(SHOP, T0_MS + week - back)
    assert leading.past(SHOP, T0_MS + week) == pytest.approx(1 + math.exp(-1))
    often = leading.usual(SHOP, T0_MS + week)
    assert often == pytest.approx(1 - math.exp(-(1 + math.exp(-1)) / (168 * (1 - math.exp(-1)))))
    assert leading.usual(PAY, T0_MS + week) == 0.0


def test_the_state_comes_back():
    leading = fresh()
    leading.samples(MetricBatch(np.array([1], np.uint32), np.zeros(1, np.int64), np.zeros(1)), np.array([1e-3]))
    leading.alerts([alert()])
    leading.incident(SHOP, T0_MS)
    kept = msgspec.msgpack.encode(leading.saved())
    other = Leading(3600.0, msgspec.msgpack.decode(kept, type=State))
    names = [SHOP, PAY]
    later = T0_MS + 60_000
    assert other.rows(names, TOWN, (), later).tolist() == leading.rows(names, TOWN, (), later).tolist()
    other.hear([Series(2, 12, "service:prod/new", "c")])
    other.samples(MetricBatch(np.array([2], np.uint32), np.zeros(1, np.int64), np.zeros(1)), np.array([1e-3]))
    assert other.rows(["service:prod/new"], TOWN, (), later)[0, 0] == pytest.approx(3.0)


def test_an_incident_belongs_to_its_first_suspect_or_to_where_it_was_seen():
    suspects = (Suspect(entity=PAY, cause="deploy", probability=0.6, decided_by=BY),)
    assert belongs_to(incident(entities=(SHOP,), suspects=suspects)) == PAY
    assert belongs_to(incident(entities=(SHOP,))) == SHOP
    assert belongs_to(incident()) == ""

"""A service becomes slower: told before its objective is passed, and when; waves, spikes and steps tell nobody."""

import msgspec
import numpy as np
import pytest
from tests.outlook.estate import Estate

from mainstay.domain.entities import Entity, Topology
from mainstay.domain.outlook import OutlookPolicy
from mainstay.domain.signals import Series

CART = "service:prod/cart"
P95 = Series(1, 77, CART, "service.latency.p95", (), "ms")
OBJECTIVE = 300.0


def shop(objective=OBJECTIVE):
    return Topology(entities={CART: Entity(id=CART, kind="service", name="cart", latency_ms=objective)})


def estate(policy=None, objective=OBJECTIVE):
    return Estate(policy or OutlookPolicy(risk_every_s=1e9), shop(objective))


def heard(level, hours, step_s, seed=3):
    """What is heard of a latency: its level, by 8 % to and fro, and one in a hundred far above."""
    draw = np.random.default_rng(seed)
    at_h = np.arange(int(hours * 3600 / step_s)) * step_s / 3600
    far = 1 + (draw.random(len(at_h)) < 0.01) * draw.exponential(2, len(at_h))
    return at_h, level(at_h) * np.exp(0.08 * draw.standard_normal(len(at_h))) * far


def climbing(at_h):
    return 150 + 75 * np.maximum(at_h - 2, 0)  # it passes 300 after four hours


def fed(level, hours, step_s=60.0, **rest):
    one = estate(**rest)
    _, values = heard(level, hours, step_s)
    one.run(lambda step: {P95: values[step]}, len(values), step_s)
    return one


@pytest.mark.parametrize(
    ("level", "hours", "step_s", "passes_h"),
    [
        (climbing, 3.5, 60.0, 4.0),
        (lambda h: 150 + 450 * np.maximum(h - 1, 0), 1.3, 5.0, 1 + 1 / 3),
        (lambda h: 150 + 15 * np.maximum(h - 30, 0), 36.0, 180.0, 40.0),
    ],
    ids=["hours", "minutes", "half a day"],
)
def test_a_climb_is_told_before_the_objective_is_passed_and_the_interval_holds_it(level, hours, step_s, passes_h):
    one = estate()
    began_ms = one.at_ms
    for value in heard(level, hours, step_s)[1]:
        one.say({P95: value})
        if one.told:
            break
        one.wait(step_s)
    (alert,) = one.told
    assert (alert.severity, alert.signal, alert.name) == ("minor", "latency", "latency will pass its objective")
    assert alert.subject == f"metric:{P95.id}"
    assert "near_exhaustion" not in alert.labels
    assert alert.decided_by.model == "forecaster"
    assert "latency of cart: will pass its objective of 300 ms in " in alert.summary
    (outlook,) = one.stage.standing.outlooks
    left_s = passes_h * 3600 - (one.at_ms - began_ms) / 1000
    assert 0 < outlook.earliest_s <= left_s <= outlook.latest_s


@pytest.mark.parametrize(
    ("level", "hours", "step_s"),
    [
        (lambda h: np.full(len(h), 180.0), 10, 60.0),
        (lambda h: 170 + 70 * np.sin(2 * np.pi * h / 24), 60, 180.0),
        (lambda h: 170 - 70 * np.sin(2 * np.pi * h / 24), 60, 180.0),
        (lambda h: np.where((h > 5) & (h < 5.1), 900.0, 180.0), 8, 60.0),
        (lambda h: np.where(h > 5, 270.0, 180.0), 8, 60.0),
        (lambda h: np.where(h > 5, 400.0, 180.0), 8, 60.0),
    ],
    ids=["stable", "daily", "daily, from noon", "spike", "step", "past it at once"],
)
def test_what_is_no_climb_tells_nobody(level, hours, step_s):
    one = fed(level, hours, step_s)
    assert not one.told
    assert len(one.stage.standing.outlooks) == 1  # it is listed


def test_the_slow_rise_of_a_first_day_may_be_the_time_of_day():
    one = fed(lambda h: 150 + 20 * np.maximum(h - 8, 0), 15, 120.0)
    assert not one.told
    assert any("not a day of it is known" in said for said in one.said)


def test_without_an_objective_nothing_is_followed():
    one = fed(climbing, 3.5, objective=None)
    assert not one.told
    assert one.stage.standing.followed == 0


def test_the_objective_is_in_the_unit_of_the_series(tmp_path):
    own = tmp_path / "limits.yaml"
    own.write_text("limits:\n  - {name: answers, metric: http.server.request.duration.p95, objective: latency_ms}\n")
    one = estate(OutlookPolicy(limits=str(own)))
    seconds = Series(1, 5, CART, "http.server.request.duration.p95", (), "s")
    unknown = Series(2, 6, CART, "http.server.request.duration.p95", (), "")
    one.run(lambda _: {seconds: 0.24, unknown: 240.0}, 3)
    assert one.stage.standing.followed == 1
    (outlook,) = one.stage.standing.outlooks
    assert (outlook.limit, outlook.share) == (0.3, pytest.approx(0.8))
    assert outlook.says == "answers of cart: p95 240 ms, 80 % of its objective, it does not come nearer to it"


def test_what_was_foretold_stays_told_when_it_came_and_ends_with_a_reason():
    one = fed(lambda h: np.where(h < 5, np.minimum(climbing(h), 320), 180.0), 4.9)
    assert [alert.status for alert in one.told] == ["firing"]
    assert one.stage.standing.outlooks[0].says.startswith("latency of cart: p95 3")
    assert "its objective is 300 ms" in one.stage.standing.outlooks[0].says
    _, values = heard(lambda h: np.full(len(h), 180.0), 1, 60.0)
    one.run(lambda step: {P95: values[step]}, len(values), 60.0)
    assert [alert.status for alert in one.told] == ["firing", "resolved"]
    assert one.told[-1].summary.startswith("it does not come nearer to its objective any more: latency of cart: p95 ")


def test_a_restart_in_between_changes_nothing():
    _, values = heard(climbing, 3.5, 60.0)
    whole, first = estate(), estate()
    whole.run(lambda step: {P95: values[step]}, 210, 60.0)
    first.run(lambda step: {P95: values[step]}, 171, 60.0)
    second = first.restarted(OutlookPolicy(risk_every_s=1e9))
    second.run(lambda step: {P95: values[step + 171]}, 39, 60.0)
    assert [alert.id for alert in whole.told] == [alert.id for alert in first.told + second.told]
    assert whole.stage.snapshot() == second.stage.snapshot()
    assert whole.told


def test_every_entry_is_decided_again_from_what_was_frozen_beside_it():
    one = fed(climbing, 3.4)
    entries = [entry for entry in one.effects.entries if entry.kind == "alert"]
    assert entries
    for entry in entries:
        again = one.judges.decide("forecaster", msgspec.json.decode(msgspec.json.encode(entry.inputs)))
        assert msgspec.json.encode(again.output) == msgspec.json.encode(entry.output)


def test_once_told_it_stays_told_until_it_passes():
    one = fed(climbing, 4.1)
    assert [alert.status for alert in one.told] == ["firing"]

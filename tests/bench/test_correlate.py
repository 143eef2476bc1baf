"""The bench of correlation opens what it says, groups it, and counts waiting as latency."""

from __future__ import annotations

import pytest

from mainstay.bench.correlate import Estate, Storms, _latency, correlate


def test_the_figures_are_of_alerts_that_became_incidents() -> None:
    found = correlate(Estate(services=100, opened=400, timed=200))
    assert found["open_alerts"] == 400
    assert 0 < found["open_incidents"] < 600
    assert found["alerts_per_s"] > 0
    assert "at_100_open_alerts_per_s" in found


def test_storms_stay_within_a_system_and_are_the_same_again() -> None:
    one, two = Storms(Estate(100), seed=1), Storms(Estate(100), seed=1)
    assert one.alerts(50, 0, 1000) == two.alerts(50, 0, 1000)
    number = {entity: int(entity.rpartition("/s")[2]) for entity in one.topology.entities}
    assert all(number[e.caller] // 25 == number[e.callee] // 25 for e in one.topology.edges)


def test_an_alert_that_waits_for_others_is_late() -> None:
    assert _latency([1.0, 9.0, 1.0]).tolist() == pytest.approx([1.0, 9.0, 6.0])

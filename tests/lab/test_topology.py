"""What follows from a shop's calls."""

import pytest

from mainstay.lab.shop import read_shop
from mainstay.lab.shop.topology import felt_share, height, nominal_ms, rates_per_s

SHOP = read_shop("default")


def test_rates_follow_the_journeys():
    rates = rates_per_s(SHOP)
    visits = SHOP.traffic.journeys_per_s
    assert rates["gateway"] == pytest.approx(visits * (0.45 * 2 + 0.30 * 2 + 0.25))
    assert rates["payments"] == rates["shipping"] == rates["parcel-queue"] == pytest.approx(visits * 0.30)


def test_what_may_fail_is_not_felt():
    felt = felt_share(SHOP)
    assert felt["gateway"] == 1
    assert felt["recommendations"] == felt["shipping"] == 0
    assert 0 < felt["payments"] < felt["inventory"] < 1


def test_timeouts_grow_from_the_leaves_up():
    assert height(SHOP, "payments") == 0
    assert height(SHOP, "gateway") > height(SHOP, "checkout") > height(SHOP, "orders") > 0


def test_a_route_takes_as_long_as_what_it_calls():
    charge = nominal_ms(SHOP, "payments", "POST", "/charges")
    assert nominal_ms(SHOP, "checkout", "POST", "/checkout") > charge > 20

"""Faults of a recording as incidents to be foretold: from when they were put in, and from when they were told."""

import numpy as np

from mainstay.domain.incidents import Incident
from mainstay.domain.models import VersionRef
from mainstay.domain.outlook import LEADING, RiskLook
from mainstay.evaluate.prediction import OVER_MS, Watched, opened_at, take

CART, PAY = "service:shop/cart", "service:shop/pay"


def incident(opened_ms, *entities):
    return Incident(
        id=f"INC-{opened_ms}", status="open", severity="major", title="", since_ms=opened_ms, opened_ms=opened_ms,
        updated_ms=opened_ms, decided_by=VersionRef("correlator", 1), entities=entities,
    )  # fmt: skip


def look(at_ms):
    rows = np.zeros((2, len(LEADING.columns))).tolist()
    return RiskLook(at_ms, 120.0, LEADING.version, (CART, PAY), rows, [0.0] * 2, [0.0] * 2, (False, False))


def test_a_fault_is_told_by_the_first_incident_that_is_about_it_while_it_lasts():
    told = [incident(9_000, CART), incident(40_000, CART), incident(20_000, CART, PAY), incident(15_000, PAY)]
    assert opened_at(told, CART, 10_000, 50_000) == 20_000
    assert opened_at(told, CART, 50_000, 60_000) == 0
    assert opened_at([incident(60_000 + OVER_MS, CART)], CART, 10_000, 60_000) == 60_000 + OVER_MS
    assert opened_at([incident(60_001 + OVER_MS, CART)], CART, 10_000, 60_000) == 0


def test_looks_at_a_service_in_trouble_count_for_nothing_and_those_at_others_do():
    watched = Watched()
    faults = [(CART, 50_000, 60_000), (CART, 900_000, 950_000), ("service:x/y", 1, 2)]  # the second: after the end
    take(watched, 0, [look(at) for at in range(0, 200_000, 10_000)], faults)
    cart, pay = watched.names[0, CART], watched.names[0, PAY]
    seen = {
        place: [at for who, at in zip(watched.service, watched.at_ms, strict=True) if who == place]
        for place in (cart, pay)
    }
    assert seen[cart] == [*range(0, 60_000, 10_000), *range(130_000, 200_000, 10_000)]
    assert len(seen[pay]) == 20
    assert watched.begins == {cart: [50_000]}
    assert watched.span_ms == [(0, 190_000)]


def test_services_of_two_recordings_are_not_one():
    watched = Watched()
    for recording in range(2):
        take(watched, recording, [look(recording * 1_000_000)], [(PAY, recording * 1_000_000 - 5_000, 9_000_000)])
    assert watched.recordings == 2
    assert len(watched.names) == 4
    assert sorted(at for begins in watched.begins.values() for at in begins) == [-5_000, 995_000]

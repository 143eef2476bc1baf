"""A campaign's figures hold only what was opened, against the truth."""

import pytest

from mainstay.demo.campaign import figures
from mainstay.lab.fault import Fault
from mainstay.lab.fault.cause import Cause
from mainstay.lab.operate.changes import utc_text

START_S = 1_800_000_000.0


def fault(kind, service, at_s, lasts_s=60.0, was_felt=True):
    return Fault(
        f"{kind}-{at_s}",
        kind,
        service,
        utc_text(START_S + at_s),
        Cause((service,), mends=(), signs={}),
        ended_at=utc_text(START_S + at_s + lasts_s),
        ended_by="the campaign",
        was_felt=was_felt,
    )


def incident(name, at_s, *suspects):
    found = [{"entity": f"service:lab/{s}", "probability": 0.9 - 0.1 * place} for place, s in enumerate(suspects)]
    return {"id": name, "opened_ms": (START_S + at_s) * 1000, "suspects": found}


def test_found_missed_and_false():
    faults = [
        fault("db-locked", "orders", 100),
        fault("cpu-hog", "cart", 300),
        fault("cpu-hog", "search", 500, was_felt=False),
    ]
    opened = [incident("A", 50, "cart"), incident("B", 112, "orders"), incident("C", 385, "search", "cart")]
    found = figures(faults, opened, hours=0.5)
    assert found["faults"] == 3
    assert found["recall"] == pytest.approx(0.667)
    assert found["recall_felt"] == 1.0
    assert found["detection_delay_s_p50"] == 48.5  # of 12 and 85
    assert found["root_cause_first"] == pytest.approx(0.333)
    assert (found["false_incidents"], found["false_incidents_per_h"]) == (1, 2.0)
    assert found["by_kind"]["db-locked"] == {
        "recall": 1.0,
        "detection_delay_s_p50": 12.0,
        "detection_delay_s_p95": 12.0,
        "root_cause_first": 1.0,
    }
    assert found["missed"] == ["cpu-hog at search"]


def test_an_incident_long_after_the_end_is_not_of_this_fault():
    found = figures([fault("db-locked", "orders", 100)], [incident("A", 100 + 60 + 31, "orders")], hours=1)
    assert (found["recall"], found["false_incidents"]) == (0.0, 1)


def test_two_incidents_of_one_fault_are_not_false():
    found = figures([fault("db-locked", "orders", 100)], [incident("A", 110), incident("B", 120)], hours=1)
    assert (found["recall"], found["root_cause_first"], found["false_incidents"]) == (1.0, 0.0, 0)


def test_nothing_opened():
    found = figures([fault("disk-full", "orders", 100)], [], hours=1)
    assert (found["recall"], found["detection_delay_s_p95"], found["false_incidents_per_h"]) == (0.0, None, 0.0)

"""A campaign's figures hold only what was opened, against the truth."""

import pytest

from mainstay.demo.attribution import attribute, final_incident, grouping_figures
from mainstay.demo.campaign import Seen, figures
from mainstay.lab.fault import Fault
from mainstay.lab.fault.cause import Cause
from mainstay.lab.operate.changes import utc_text
from mainstay.lab.shop import read_shop
from mainstay.lab.shop.topology import depends_on, reached_by

START_S = 1_800_000_000.0
SHOP = read_shop("default")


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


def alert(name, at_s, entity, subject=""):
    return {"id": name, "since_ms": (START_S + at_s) * 1000, "entity": f"service:lab/{entity}", "subject": subject}


def incident(name, at_s, *suspects, alerts=()):
    found = [{"entity": f"service:lab/{s}", "probability": 0.9 - 0.1 * place} for place, s in enumerate(suspects)]
    groupings = [{"alert": one} for one in alerts]
    return {"id": name, "opened_ms": (START_S + at_s) * 1000, "suspects": found, "groupings": groupings}


def judged(faults, incidents, alerts=(), hours=1.0):
    return figures(faults, Seen(alerts, incidents), SHOP, hours)


def test_found_missed_and_false():
    faults = [
        fault("db-locked", "orders", 100),
        fault("cpu-hog", "cart", 300),
        fault("cpu-hog", "search", 500, was_felt=False),
    ]
    opened = [incident("A", 50, "cart"), incident("B", 112, "orders"), incident("C", 385, "search", "cart")]
    found = judged(faults, opened, hours=0.5)
    assert found["faults"] == 3
    assert found["recall"] == pytest.approx(0.667)
    assert found["recall_felt"] == 1.0
    assert found["detection_delay_s_p50"] == 48.5  # of 12 and 85
    assert (found["ac1"], found["ac3"]) == (pytest.approx(0.333), pytest.approx(0.667))
    assert (found["false_incidents"], found["false_incidents_per_h"]) == (1, 2.0)
    assert found["by_kind"]["db-locked"] == {
        "recall": 1.0,
        "detection_delay_s_p50": 12.0,
        "detection_delay_s_p95": 12.0,
        "ac1": 1.0,
        "ac3": 1.0,
    }
    assert found["missed"] == ["cpu-hog at search"]
    assert found["wrong_cause"] == ["cpu-hog at cart: C, place 2"]


def test_an_incident_long_after_the_end_is_not_of_this_fault():
    found = judged([fault("db-locked", "orders", 100)], [incident("A", 100 + 60 + 31, "orders")])
    assert (found["recall"], found["false_incidents"]) == (0.0, 1)


def test_two_incidents_of_one_fault_are_not_false():
    found = judged([fault("db-locked", "orders", 100)], [incident("A", 110), incident("B", 120)])
    assert (found["recall"], found["ac1"], found["false_incidents"]) == (1.0, 0.0, 0)


def test_nothing_opened():
    found = judged([fault("disk-full", "orders", 100)], [])
    assert (found["recall"], found["detection_delay_s_p95"], found["false_incidents_per_h"]) == (0.0, None, 0.0)


def leaves():
    """Two services that nothing but the entry has in common."""
    names = [n for n in SHOP.names if n != SHOP.entry.name and not depends_on(SHOP, n)]
    return names[0], names[1]


def test_of_two_faults_at_once_each_alert_is_of_the_one_that_reaches_it():
    a, b = leaves()
    faults = [fault("cpu-hog", a, 100), fault("disk-full", b, 110)]
    alerts = [
        alert("1", 115, a),
        alert("2", 115, SHOP.entry.name, f"edge:service:lab/{SHOP.entry.name}>service:lab/{b}"),
        alert("3", 116, SHOP.entry.name),
        alert("4", 20, a),
    ]
    assert attribute(alerts, faults, SHOP) == {"1": faults[0].id, "2": faults[1].id, "3": None, "4": ""}


def test_two_faults_in_one_incident_are_both_found_and_merged_wrongly():
    a, b = leaves()
    alerts = [alert("1", 115, a), alert("2", 118, b)]
    both = [fault("cpu-hog", a, 100), fault("disk-full", b, 110)]
    found = judged(both, [incident("A", 116, a, alerts=("1", "2"))], alerts)
    assert (found["recall"], found["ac1"], found["merged_wrong"], found["pairwise_f1"]) == (1.0, 0.5, 1, 0.0)


def test_an_entity_is_reached_from_below_and_not_from_above():
    entry = SHOP.entry.name
    assert all(entry in reached_by(SHOP, {name}) for name in depends_on(SHOP, entry))
    assert reached_by(SHOP, {entry}) == {entry}


def test_pairs_splits_and_what_ended_in_no_incident():
    cause = {"1": "f", "2": "f", "3": "f", "4": "g", "5": "", "6": None}
    found = grouping_figures(cause, {"1": "A", "2": "A", "3": "B", "5": "A", "6": "A"})
    assert found["pairwise_precision"] == pytest.approx(1 / 3, abs=1e-3)  # of 12, 15, 25
    assert found["pairwise_recall"] == pytest.approx(1 / 3, abs=1e-3)  # of 12, 13, 23
    assert (found["split"], found["merged_wrong"], found["ambiguous_alerts"]) == (1, 0, 1)
    assert (found["suppressed_true"], found["compression"]) == (0.25, 0.6)


def test_the_cause_is_looked_for_where_it_stands_and_the_delay_is_until_the_first():
    a, _ = leaves()
    merged = {**incident("A", 112, alerts=("1",)), "merged_into": "B"}
    found = judged([fault("cpu-hog", a, 100)], [merged, incident("B", 118, a, alerts=("1",))], [alert("1", 111, a)])
    assert (found["ac1"], found["detection_delay_s_p50"]) == (1.0, 12.0)


def test_a_merged_incident_counts_as_what_it_became():
    merged = {**incident("A", 1, alerts=("1",)), "merged_into": "B"}
    assert final_incident([merged, incident("B", 2, alerts=("2",))]) == {"1": "B", "2": "B"}

"""The report counts what it says it counts: found, missed, first, unlabelled; and nothing of the learned part."""

import pytest

from mainstay.history.decided import Decided, Opened, Raised
from mainstay.history.report import report
from mainstay.history.tickets import Ticket

MIN = 60_000
ORDERS, STOCK = "service:prod/orders", "service:prod/stock_api"


def raised(name, at_min, *, is_rule=False, entity=ORDERS, suppressed=False):
    return Raised(id=name, name=name, entity=entity, is_rule=is_rule, severity="major", first_ms=at_min * MIN,
                  suppressed=suppressed)  # fmt: skip


def opened(name, at_min, until_min, *alerts, entities=(ORDERS,)):
    return Opened(id=name, title=name, severity="major", entities=entities, alerts=alerts, since_ms=at_min * MIN,
                  opened_ms=at_min * MIN, resolved_ms=until_min and until_min * MIN)  # fmt: skip


def decided(alerts, incidents, until_min=2000):
    return Decided(since_ms=0, until_ms=until_min * MIN, records=1, samples=1, series=1, took_s=1, scores_sha256="",
                   alerts=list(alerts), incidents=list(incidents), entities=[ORDERS, STOCK])  # fmt: skip


def ticket(name, at_min, service="orders", until_min=None):
    return Ticket(id=name, opened_ms=at_min * MIN, resolved_ms=until_min and until_min * MIN, service=service)


PAST = decided(
    [
        raised("early", 100), raised("a1", 1010), raised("a2", 1012), raised("r1", 1016, is_rule=True),
        raised("r2", 1200, is_rule=True), raised("b1", 1401), raised("r3", 1400, is_rule=True),
        raised("lonely", 1600), raised("quiet", 1700, suppressed=True),
    ],
    [
        opened("learned", 100, 110, "early"), opened("A", 1010, 1030, "a1", "a2", "r1"), opened("B", 1200, 1210, "r2"),
        opened("C", 1400, 1410, "b1", "r3", entities=(STOCK,)), opened("D", 1600, 1620, "lonely"),
    ],
)  # fmt: skip


def test_alerts_become_fewer_and_the_learned_part_does_not_count():
    made = report(PAST, [], 1000 * MIN)
    assert (made.alerts, made.rule_alerts, made.own_alerts, made.suppressed_alerts) == (8, 3, 5, 1)
    assert made.incidents == 4
    assert made.noise_reduction == 0.5
    assert report(PAST, [], 0).incidents == 5


def test_who_was_first():
    made = report(PAST, [], 1000 * MIN)
    assert (made.rule_incidents, made.rule_incidents_first, made.rule_incidents_unseen) == (3, 1, 1)
    assert made.rule_lead_min == 2.5  # 6 before and 1 after
    assert made.unlabelled_incidents == 1
    assert "median 2.5 min before your rule" in made.lines()[1]


@pytest.mark.parametrize(
    ("given", "fate", "incident"),
    [
        (ticket("T", 1020), "found", "A"),
        (ticket("T", 1085), "found", "A"),  # within the hour after its end
        (ticket("T", 1095), "missed", ""),
        (ticket("T", 950), "missed", ""),  # before the judged part: not compared at all
        (ticket("T", 1000, until_min=1009), "missed", ""),
        (ticket("T", 1000, until_min=1011), "found", "A"),
        (ticket("T", 1000, until_min=9999), "found", "A"),
        (ticket("T", 1135, until_min=1990), "rule-only", "B"),  # what came more than four hours later is another thing
        (ticket("T", 1205), "rule-only", "B"),
        (ticket("T", 1405, service="orders", until_min=1500), "missed", ""),  # another service was in trouble
        (ticket("T", 1405, service="Stock API", until_min=1500), "found", "C"),
        (ticket("T", 1405, service="who knows", until_min=1500), "found", "C"),
        (ticket("T", 1750, until_min=1760), "missed", ""),
    ],
)
def test_what_became_of_a_ticket(given, fate, incident):
    made = report(PAST, [given], 1000 * MIN)
    if given.opened_ms < 1000 * MIN:
        assert made.fates == ()
        return
    [found] = made.fates
    assert (found.fate, found.incident) == (fate, incident)
    assert made.tickets_missed == (fate == "missed")
    assert found.by_time_only == (given.service == "who knows")
    assert found.entity == {"orders": ORDERS, "Stock API": STOCK, "who knows": ""}[given.service]


def test_the_miss_rate_stands_beside_the_noise_reduction():
    made = report(PAST, [ticket("T1", 1020), ticket("T2", 1205), ticket("T3", 1500, until_min=1510)], 1000 * MIN)
    assert (made.tickets, made.tickets_missed, made.tickets_rule_only) == (3, 1, 1)
    assert made.miss_rate == pytest.approx(1 / 3, abs=1e-4)
    assert made.ticket_lead_min == 10
    lines = made.lines()
    assert lines[1].startswith("8 alerts → 4 incidents; 1 of 3 tickets missed (the others told 10 min before")
    assert "noise reduction 50 %, miss rate 33 %" in lines[3]
    assert [line.split()[0] for line in lines if line.endswith(" ")] == ["rule-only:", "missed:"]


def test_nothing_happened():
    made = report(decided([], []), [], 1000 * MIN)
    assert made.noise_reduction is None
    assert made.rule_lead_min is None
    assert "no tickets to compare with" in made.lines()[1]
    assert "noise reduction unknown, miss rate unknown" in made.lines()[3]


def test_an_incident_that_still_stands_counts():
    past = decided([raised("a", 1010)], [opened("A", 1010, None, "a")])
    assert report(past, [ticket("T", 1500)], 1000 * MIN).fates[0].fate == "found"


def test_a_suppressed_alert_finds_no_ticket():
    past = decided([raised("a", 1010, suppressed=True)], [opened("A", 1010, 1100, "a")])
    assert report(past, [ticket("T", 1015)], 1000 * MIN).fates[0].fate == "rule-only"

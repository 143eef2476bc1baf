"""Days of a calendar: expected to look like earlier days of their kind, and told so."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.calendar import NO_CALENDAR, Calendar
from mainstay.domain.protocols import Transition
from mainstay.domain.signals import MetricBatch, Normal, Series
from mainstay.models.anomaly.days import carried, day_at, day_near, new_days, table_of
from mainstay.models.anomaly.metrics import RobustSeason
from mainstay.models.anomaly.state import HOURS, SLOTS, UNSEEN

MINUTE_NS, HOUR_NS, DAY_NS = 60 * 10**9, 3600 * 10**9, 86_400 * 10**9
MONDAY_NS = 1_772_409_600 * 10**9  # 2026-03-02
STEP_NS = 5 * MINUTE_NS
DAILY = DAY_NS // STEP_NS


def calendar(*days: int, kind: str = "payday") -> Calendar:
    """These days, counted from the Monday, are of one kind."""
    since = MONDAY_NS + np.array(sorted(days), np.int64) * DAY_NS
    return Calendar((kind,), since, since + DAY_NS, np.zeros(len(days), np.uint8))


def watching(
    detector: RobustSeason | None = None, metric: str = "orders.rate", direction: str = "both"
) -> RobustSeason:
    detector = detector or RobustSeason({})
    detector.score(Normal(new_series=(Series(0, 7, "service:shop/web", metric, (), "", direction),)))
    return detector


def traffic(days: int, seed: int = 1, **factors: float) -> np.ndarray:
    """Orders with a rhythm of the day; `d17=4.0` makes day 17 four times as busy."""
    at = np.arange(days * DAILY)
    value = 100 + 60 * np.sin(2 * np.pi * at / DAILY) + np.random.default_rng(seed).normal(0, 4, len(at))
    for day, factor in factors.items():
        value[int(day[1:]) * DAILY : (int(day[1:]) + 1) * DAILY] *= factor
    return value


def feed(detector: RobustSeason, values, known: Calendar, start_ns: int = MONDAY_NS) -> list[Transition]:
    at = start_ns + np.arange(len(values)) * STEP_NS
    batch = MetricBatch(np.zeros(len(values), np.uint32), at, np.asarray(values, float))
    return list(detector.score(Normal(metrics=batch, calendar=known)).transitions)


def on_day(told: list[Transition], day: int) -> list[Transition]:
    return [t for t in told if t.firing and MONDAY_NS + day * DAY_NS <= t.at_ns < MONDAY_NS + (day + 1) * DAY_NS]


PAYDAYS = (14, 28, 42)
BUSY = {f"d{day}": 3.0 for day in PAYDAYS}


def test_a_payday_is_expected_to_look_like_the_paydays_before():
    values, days = traffic(44, **BUSY), calendar(*PAYDAYS)
    with_it, without = feed(watching(), values, days), feed(watching(), values, NO_CALENDAR)
    assert on_day(without, 42)
    assert on_day(with_it, 42) == []


def test_the_day_after_is_an_ordinary_one():
    values = traffic(44, **BUSY, d43=3.0)
    told = on_day(feed(watching(), values, calendar(*PAYDAYS)), 43)
    assert told
    assert told[-1].output["day"] == ""


def test_a_quiet_payday_is_told_once_busy_ones_are_known():
    values = traffic(44, d14=6.0, d28=6.0)
    told = on_day(feed(watching(), values, calendar(*PAYDAYS)), 42)
    assert told
    assert told[0].labels["day"] == "payday"
    assert told[0].output["day_is_known"]
    assert "as on earlier days of the kind payday" in told[0].summary


def test_the_first_day_of_a_kind_has_a_wider_band_and_says_so():
    values = traffic(15, d14=2.2)
    assert on_day(feed(watching(), values, NO_CALENDAR), 14)
    assert on_day(feed(watching(), values, calendar(14)), 14) == []
    told = on_day(feed(watching(), traffic(15, d14=9.0), calendar(14)), 14)
    assert "of which none is known: twice as much as usual" in told[0].summary
    assert not told[0].output["day_is_known"]


def test_a_holiday_may_look_like_a_weekend():
    at = np.arange(25 * DAILY)
    day = at // DAILY % 7
    value = np.where(day >= 5, 20.0, 120.0) + np.random.default_rng(3).normal(0, 3, len(at))
    value[23 * DAILY : 24 * DAILY] -= 100  # a Wednesday
    assert on_day(feed(watching(), value, calendar(23, kind="holiday")), 23) == []


def test_a_strange_payday_says_nothing_of_the_days_after():
    values = traffic(44, d14=6.0, d28=6.0)
    assert on_day(feed(watching(), values, calendar(*PAYDAYS)), 43) == []


def test_a_decision_on_such_a_day_is_repeated_from_its_inputs():
    detector = watching()
    values = traffic(44, d14=6.0, d28=6.0)
    for told in feed(detector, values, calendar(*PAYDAYS)):
        inputs = msgspec.json.decode(msgspec.json.encode(told.inputs))
        assert RobustSeason({}).decide(inputs) == told.output


@pytest.mark.parametrize("cut", [1, 97, 1000])
def test_a_batch_and_its_pieces_agree_bit_for_bit(cut):
    values, days = traffic(16, d14=3.0), calendar(14)
    whole, pieces = watching(), watching()
    feed(whole, values, days)
    tail = 13 * DAILY  # the first days in one piece: only the calendar's day is of interest
    feed(pieces, values[:tail], days)
    for at in range(tail, len(values), cut):
        feed(pieces, values[at : at + cut], days, MONDAY_NS + at * STEP_NS)
    assert pieces._rows.tobytes() == whole._rows.tobytes()
    assert pieces._days.tobytes() == whole._days.tobytes()


def test_what_is_known_of_days_survives_a_restart():
    values, days = traffic(44, **BUSY), calendar(*PAYDAYS)
    detector = watching()
    feed(detector, values[: 40 * DAILY], days)
    again = RobustSeason({})
    again.restore(detector.snapshot())
    rest, start = values[40 * DAILY :], MONDAY_NS + 40 * DAY_NS
    assert feed(again, rest, days, start) == feed(detector, rest, days, start)
    assert again.snapshot() == detector.snapshot()


def test_without_a_calendar_nothing_stands_beside_the_row():
    detector = watching()
    feed(detector, traffic(4), NO_CALENDAR)
    assert detector._days.nbytes == 0
    feed(detector, traffic(1), calendar(90), MONDAY_NS + 4 * DAY_NS)
    assert detector._days.shape == (len(detector._rows), HOURS)


def test_another_series_in_a_slot_knows_no_days():
    detector = watching()
    feed(detector, traffic(16, d14=3.0), calendar(14))
    assert (detector._days[0] != UNSEEN).any()
    detector.score(Normal(new_series=(Series(0, 8, "service:shop/web", "orders.rate", (), "", "both"),)))
    assert (detector._days[0] == UNSEEN).all()


def test_another_calendar_keeps_the_kinds_that_it_still_has():
    days = new_days(2, 2)
    days[:, :HOURS], days[:, HOURS:] = 3, 4
    moved = carried(days, ("payday", "holiday"), ("month end", "payday"))
    assert (moved[:, :HOURS] == UNSEEN).all()
    assert (moved[:, HOURS:] == 3).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=12), st.integers(-5, 60))
def test_the_kernel_finds_the_day_that_the_calendar_names(days, at):
    """Stretches of a length of one; whatever was found holds from `since` to `until`."""
    chosen = dict(days)
    since = np.array(sorted(chosen), np.int64)
    kind = np.array([chosen[int(s)] for s in since], np.uint8)
    whole = Calendar(("a", "b", "c"), since, since + 1, kind)
    found, low, high = day_at(table_of(whole), at)
    assert low <= at < high
    assert whole.at(at) == ("" if found == 0 else whole.kinds[found - 1])
    for other in range(max(low, -5), min(high, 60)):
        assert day_at(table_of(whole), other)[0] == found


def test_an_unknown_day_expects_what_an_ordinary_one_explains_best():
    season, days = np.full(SLOTS, UNSEEN, np.int8), np.full(HOURS, UNSEEN, np.int8)
    season[0], season[HOURS] = 50, -20
    noon = MONDAY_NS + 30 * MINUTE_NS
    assert day_near((season, days), 1.0, (1, noon), 45.0) == (50.0, False)
    assert day_near((season, days), 1.0, (1, noon), -45.0) == (-20.0, False)
    days[0] = 9
    assert day_near((season, days), 1.0, (1, noon), 45.0) == (9.0, True)

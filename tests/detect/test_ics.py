"""Calendar files: days of a kind, or one sentence with file, line and what was expected."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detect.spoken import AT_MS, Spoken, applied

from mainstay.detect import Detect, read_calendar
from mainstay.detect.ics import MOST_KINDS, calendar_of
from mainstay.domain.errors import BadFile
from mainstay.domain.signals import Normal


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def file(*events: str, zone: str = "") -> str:
    """Events, each given as its lines."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", *([f"X-WR-TIMEZONE:{zone}"] if zone else [])]
    body = [line for event in events for line in ("BEGIN:VEVENT", *event.splitlines(), "END:VEVENT")]
    return "\r\n".join([*head, *body, "END:VCALENDAR", ""])


MONTH_END = "SUMMARY:Month end\nDTSTART;VALUE=DATE:20260131\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1"
PAYDAY = "SUMMARY:Payday\nDTSTART;VALUE=DATE:20260130\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"
CHRISTMAS = "SUMMARY:Christmas\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\nRRULE:FREQ=YEARLY"


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        ("2026-02-28T00:00:00", "Month end"),
        ("2026-02-28T23:59:59", "Month end"),
        ("2026-03-01T00:00:00", ""),
        ("2028-02-29T12:00:00", "Month end"),
        ("2026-02-27T12:00:00", "Payday"),
        ("2026-12-26T12:00:00", "holiday"),
        ("2027-12-27T00:00:00", ""),
        ("2026-03-31T12:00:00", "Month end"),  # also the last working day: the first in the file holds
    ],
)
def test_days_of_a_kind(at, kind):
    assert calendar_of(file(MONTH_END, PAYDAY, CHRISTMAS), "x.ics").at(ns(at)) == kind


def test_a_day_begins_at_midnight_of_the_calendars_zone_in_summer_and_winter():
    days = calendar_of(file(MONTH_END, zone="Europe/Berlin"), "x.ics")
    assert days.at(ns("2026-01-30T22:59:59")) == ""
    assert days.at(ns("2026-01-30T23:00:00")) == "Month end"
    assert days.at(ns("2026-07-30T22:00:00")) == "Month end"
    assert days.at(ns("2026-07-31T22:00:00")) == ""


def test_a_category_says_the_kind():
    days = calendar_of(file("SUMMARY:Black Friday\nCATEGORIES:sale,shop\nDTSTART;VALUE=DATE:20261127"), "x.ics")
    assert days.kinds == ("sale",)


def test_times_exceptions_additions_and_durations():
    event = "SUMMARY:Backup\nDTSTART:20260105T020000Z\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=3"
    days = calendar_of(file(event + "\nEXDATE:20260112T020000Z\nRDATE:20260114T020000Z"), "x.ics")
    told = [days.at(ns(f"2026-01-{day:02}T03:59:00")) for day in (5, 12, 14, 19, 26)]
    assert told == ["Backup", "", "Backup", "Backup", ""]
    assert days.at(ns("2026-01-05T04:00:00")) == ""


def test_a_time_in_a_zone_of_its_own():
    event = "SUMMARY:x\nDTSTART;TZID=America/New_York:20260105T090000\nDTEND;TZID=America/New_York:20260105T100000"
    assert calendar_of(file(event), "x.ics").at(ns("2026-01-05T14:30:00")) == "holiday"


def test_an_end_of_a_rule_includes_its_day():
    event = "SUMMARY:d\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY;UNTIL=20260103"
    days = calendar_of(file(event), "x.ics")
    assert [days.at(ns(f"2026-01-{d:02}T12:00:00")) for d in (1, 3, 4)] == ["d", "d", ""]


def test_a_cancelled_event_and_long_lines_folded():
    gone = "SUMMARY:gone\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20260101"
    folded = "SUMMARY:Month\r\n  end\nDTSTART;VALUE=DATE:20260131\nRRULE:FREQ=MONTHLY\r\n ;BYMONTHDAY=-1"
    assert calendar_of(file(gone, folded), "x.ics").kinds == ("Month end",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "x.ics:1: expected a calendar"),
        ("hello", "x.ics:1: expected NAME:VALUE; got 'hello'"),
        (file("DTSTART:soon"), "x.ics:4: expected a date"),
        (file("DTSTART:20260230"), "x.ics:4: expected a date"),
        (file("DTSTART:18990101"), "x.ics:4: expected a year from 1970 to 2099"),
        (file("SUMMARY:x"), "x.ics:3: expected a DTSTART"),
        (file("DTSTART:20260101\nDTEND:20251231"), "x.ics:5: expected an end"),
        (file("DTSTART:20260101T100000Z"), "x.ics:4: expected an end"),
        (file("DTSTART:20260101\nDURATION:long"), "x.ics:5: expected a duration"),
        (file("DTSTART:20260101\nRRULE:FREQ=MONTHLY;BYMONTHDAY=x"), "x.ics:5: expected a recurrence rule"),
        (file("DTSTART:20260101\nRRULE:FREQ=HOURLY"), "x.ics:5: expected a rule with FREQ=DAILY"),
        (file("DTSTART:20260101\nRRULE:FREQ=DAILY"), "x.ics:5: expected at most 20000 days of one rule"),
        (file("DTSTART;TZID=Mars/Olympus:20260101T100000"), "x.ics:4: expected a time zone"),
        (file("DTSTART:20260101", zone="nowhere"), "x.ics:3: expected a time zone"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "x.ics:2: expected END:VEVENT"),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n", "x.ics:2: expected BEGIN:VEVENT"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VEVENT\n", "x.ics:3: expected END:VEVENT"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, says):
    with pytest.raises(BadFile) as refused:
        calendar_of(text, "x.ics")
    assert str(refused.value).startswith(says)


def test_more_kinds_than_a_series_can_learn_are_refused():
    events = [f"CATEGORIES:k{i}\nDTSTART;VALUE=DATE:202601{i + 1:02}" for i in range(MOST_KINDS + 1)]
    with pytest.raises(BadFile, match="expected at most 8 kinds"):
        calendar_of(file(*events), "x.ics")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BadFile, match="cannot be read"):
        read_calendar(str(tmp_path / "none.ics"))
    assert read_calendar("").kinds == ()


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=300), st.integers(0, 400))
def test_whatever_stands_in_a_file_it_is_read_or_refused(noise, at):
    whole = file(MONTH_END, CHRISTMAS)
    for text in (noise, whole[:at] + noise + whole[at:]):
        with contextlib.suppress(BadFile):
            days = calendar_of(text, "x.ics")
            assert (days.since_ns < days.until_ns).all()
            assert (days.since_ns[1:] >= days.until_ns[:-1]).all()


def test_the_stage_gives_its_calendar_to_the_models():
    models, days = Spoken(), calendar_of(file(MONTH_END), "x.ics")
    applied(Detect(models, calendar=days), Normal(), AT_MS)
    assert all(heard.calendar is days for heard in models.heard)


@pytest.mark.parametrize(
    "lines",
    [
        "RRULE:FREQ=YEARLY;INTERVAL=0;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=YEARLY;INTERVAL=-1;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=YEARLY;INTERVAL= 0;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;COUNT=1000000000",
        "RRULE:FREQ=YEARLY;BYEASTER=99999",
        "RRULE:FREQ=YEARLY;BYDAY=99999999999MO",
        "DURATION:P99999999999999999W",
        "DURATION:P999999999W",
    ],
)
def test_a_rule_without_end_and_a_number_without_measure_are_refused(lines):
    with pytest.raises(BadFile):
        calendar_of(file(f"DTSTART;VALUE=DATE:20260101\n{lines}"), "x.ics")


def test_a_year_in_raised_digits_is_no_year():
    with pytest.raises(BadFile):
        calendar_of(file("DTSTART;VALUE=DATE:²²²²0101"), "x.ics")

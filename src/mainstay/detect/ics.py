"""A calendar file (iCalendar, RFC 5545) into days of a kind; what cannot be read is refused with file and line.

Read of each VEVENT: DTSTART, DTEND or DURATION, RRULE, RDATE, EXDATE, CATEGORIES, SUMMARY, STATUS. Recurrence is
expanded by dateutil, from the first occurrence to the end of 2099.

The kind of a day is its first CATEGORIES value; without one, the SUMMARY of what recurs within a year ("Month end"),
and `holiday` for what comes once or once a year (each of them would be a kind with one day a year otherwise).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import islice, pairwise, takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from mainstay.domain.calendar import Calendar
from mainstay.domain.errors import BadFile

MOST_KINDS, MOST_DAYS = 8, 20_000
HORIZON = datetime(2100, 1, 1, tzinfo=UTC)
HOLIDAY = "holiday"
_DURATION = re.compile(r"P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$")
_INTERVAL = re.compile(r"INTERVAL=0*[1-9][0-9]{0,3}", re.IGNORECASE)
_READ = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "CATEGORIES", "SUMMARY", "STATUS")


def read_calendar(path: str) -> Calendar:
    """The days that a calendar file names; an empty path is no calendar.

    Raises:
        BadFile: It cannot be read, or is no calendar that we understand; with the line and what was expected there.
    """
    if not path:
        return Calendar()
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, 1, f"cannot be read: {error}") from None
    return calendar_of(text, path)


def calendar_of(text: str, name: str) -> Calendar:
    """The days that the text of a calendar names; where two meet, the event that stands first in the file holds.

    Raises:
        BadFile: With the line and what was expected there.
    """
    kinds: list[str] = []
    taken: list[tuple[int, int, int]] = []
    for event in _events(text, name):
        if event.first("STATUS") == "CANCELLED":
            continue
        kind = event.kind()
        if kind not in kinds:
            if len(kinds) == MOST_KINDS:
                says = f"expected at most {MOST_KINDS} kinds of days; {kind!r} is one more: group them by CATEGORIES"
                raise BadFile(name, event.line, says)
            kinds.append(kind)
        taken += [(since, until, kinds.index(kind)) for since, until in event.stretches()]
        if len(taken) > MOST_DAYS:
            raise BadFile(name, event.line, f"expected at most {MOST_DAYS} days in all; give the rule an end (UNTIL)")
    whole = _parted(taken)
    columns = [np.array([part[i] for part in whole], np.int64) for i in range(3)]
    return Calendar(tuple(kinds), columns[0], columns[1], columns[2].astype(np.uint8))


@dataclass(frozen=True, slots=True)
class _Line:
    """One content line, unfolded: `DTSTART;VALUE=DATE:20260101`."""

    number: int
    name: str
    parameters: dict[str, str]
    value: str


@dataclass(slots=True)
class _Event:
    file: str
    line: int
    zone: tzinfo
    lines: list[_Line] = field(default_factory=list)

    def first(self, name: str) -> str:
        return next((line.value for line in self.lines if line.name == name), "")

    def bad(self, line: _Line | None, expected: str) -> BadFile:
        got = f"; got {line.value[:80]!r}" if line else ""
        return BadFile(self.file, line.number if line else self.line, f"expected {expected}{got}")

    def kind(self) -> str:
        category = self.first("CATEGORIES").split(",")[0].strip()
        if category:
            return category[:40]
        rule = self.first("RRULE").upper()
        recurs = rule and "FREQ=YEARLY" not in rule
        return (self.first("SUMMARY").strip() or HOLIDAY)[:40] if recurs else HOLIDAY

    def stretches(self) -> Iterator[tuple[int, int]]:
        """(since, until) in ns of each time that it takes place."""
        start = next((line for line in self.lines if line.name == "DTSTART"), None)
        if start is None:
            raise self.bad(None, "a DTSTART in this VEVENT")
        begin = self._moment(start)
        length, is_day = self._length(start, begin), len(start.value.strip()) == 8
        without = {moment for line in self.lines if line.name == "EXDATE" for moment in self._moments(line)}
        for at in sorted({*self._recurring(begin), *self._added()} - without):
            # a day is as long as its clocks say, also when they are changed
            until = _local(at.replace(tzinfo=None) + length, at.tzinfo) if is_day else at + length
            yield _ns(at), _ns(until)

    def _recurring(self, begin: datetime) -> Iterator[datetime]:
        from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

        line = next((line for line in self.lines if line.name == "RRULE"), None)
        if line is None:
            yield begin
            return
        if not re.search(r"FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)\b", line.value, re.IGNORECASE):
            raise self.bad(line, "a rule with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
        # Wall clock time: a day begins at midnight in summer and in winter.
        text = re.sub(r"UNTIL=(\d{8})(T\d{6})?Z?", self._until(begin), line.value, flags=re.IGNORECASE)
        if not all(
            _INTERVAL.fullmatch(part) for part in text.split(";") if part.strip().upper().startswith("INTERVAL")
        ):
            raise self.bad(line, "an INTERVAL from 1 to 9999")  # dateutil never ends where a rule does not move on
        try:
            rule = rrulestr(text, dtstart=begin.replace(tzinfo=None))
            days = list(islice(takewhile(lambda at: at.year < HORIZON.year, rule), MOST_DAYS + 1))
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise self.bad(line, f"a recurrence rule as of RFC 5545 ({error})") from None
        if len(days) > MOST_DAYS:
            raise self.bad(line, f"at most {MOST_DAYS} days of one rule; give it an end (UNTIL)")
        yield from (_local(at, begin.tzinfo) for at in days)

    @staticmethod
    def _until(begin: datetime) -> str:
        """The rule is expanded without a zone, so its end has none; a day's end includes the day."""
        return r"UNTIL=\1\2" if begin.time() != time() else r"UNTIL=\1T235959"

    def _added(self) -> Iterator[datetime]:
        for line in self.lines:
            if line.name == "RDATE":
                yield from self._moments(line)

    def _length(self, start: _Line, begin: datetime) -> timedelta:
        end = next((line for line in self.lines if line.name == "DTEND"), None)
        duration = next((line for line in self.lines if line.name == "DURATION"), None)
        is_day = len(start.value.strip()) == 8
        length = timedelta(days=1) if is_day else timedelta(0)
        if end is not None:
            length = self._moment(end).replace(tzinfo=None) - begin.replace(tzinfo=None)
        elif duration is not None:
            match = _DURATION.match(duration.value.strip())
            if match is None:
                raise self.bad(duration, "a duration such as P1D or PT8H")
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
            whole = days + 7 * weeks  # more of them than a timedelta holds are refused below, too
            length = timedelta(days=min(whole, 999), hours=hours, minutes=minutes, seconds=seconds)
        if not timedelta(0) < length <= timedelta(days=366):
            raise self.bad(end or duration or start, "an end (DTEND) after its begin, by at most a year")
        return length

    def _moments(self, line: _Line) -> list[datetime]:
        parts = line.value.split(",")
        return [self._moment(_Line(line.number, line.name, line.parameters, part)) for part in parts]

    def _moment(self, line: _Line) -> datetime:
        """A day (its midnight) or a time: in UTC, in the TZID given, else in the zone of the calendar."""
        text, zone = line.value.strip(), self.zone
        if text[:4].isdecimal() and not 1970 <= int(text[:4]) < HORIZON.year:
            raise self.bad(line, "a year from 1970 to 2099")
        if "TZID" in line.parameters:
            zone = _zone(line.parameters["TZID"], self.file, line.number)
        try:
            if len(text) == 8:
                day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 (the zone follows)
                return _local(datetime.combine(day, time()), zone)
            if text.endswith("Z"):
                return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return _local(datetime.strptime(text, "%Y%m%dT%H%M%S"), zone)  # noqa: DTZ007
        except ValueError:
            raise self.bad(line, "a date (20261224) or a time (20261224T180000Z)") from None


def _events(text: str, name: str) -> Iterator[_Event]:
    """Every VEVENT with the lines that matter."""
    zone: tzinfo = UTC
    event: _Event | None = None
    lines = list(_unfolded(text, name))
    if not lines or (lines[0].name, lines[0].value.upper()) != ("BEGIN", "VCALENDAR"):
        raise BadFile(name, 1, "expected a calendar, which begins with BEGIN:VCALENDAR")
    for line in lines:
        if line.name == "X-WR-TIMEZONE":
            zone = _zone(line.value, name, line.number)
        elif (line.name, line.value.upper()) == ("BEGIN", "VEVENT"):
            if event is not None:
                raise BadFile(name, line.number, f"expected END:VEVENT of the event that begins in line {event.line}")
            event = _Event(name, line.number, zone)
        elif (line.name, line.value.upper()) == ("END", "VEVENT"):
            if event is None:
                raise BadFile(name, line.number, "expected BEGIN:VEVENT before END:VEVENT")
            yield event
            event = None
        elif event is not None and line.name in _READ:
            event.lines.append(line)
    if event is not None:
        raise BadFile(name, event.line, "expected END:VEVENT before the end of the file")


def _unfolded(text: str, name: str) -> Iterator[_Line]:
    """Content lines; one that begins with a blank continues the one before (RFC 5545, section 3.1)."""
    whole: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw[:1] in (" ", "\t") and whole:
            whole[-1] = whole[-1][0], whole[-1][1] + raw[1:]
        elif raw.strip():
            whole.append((number, raw))
    for number, line in whole:
        head, colon, value = line.partition(":")
        words = head.split(";")
        if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", words[0]):
            raise BadFile(name, number, f"expected NAME:VALUE; got {line[:80]!r}")
        parameters = {k.upper(): v.strip('"') for k, _, v in (word.partition("=") for word in words[1:])}
        yield _Line(number, words[0].upper(), parameters, value)


def _zone(named: str, file: str, line: int) -> tzinfo:
    try:
        return ZoneInfo(named.strip())
    except (KeyError, ValueError, OSError):
        raise BadFile(file, line, f"expected a time zone such as Europe/Berlin; got {named[:80]!r}") from None


def _local(at: datetime, zone: tzinfo | None) -> datetime:
    return at.replace(tzinfo=zone or UTC)


def _ns(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1000


def _parted(taken: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Rising and without overlap: at every time the kind that came first in the file."""
    borders = sorted({border for since, until, _ in taken for border in (since, until)})
    first: dict[int, int] = {}
    ends: dict[int, int] = dict(pairwise(borders))
    for since, until, kind in taken:
        at = since
        while at < until:
            first.setdefault(at, kind)
            at = ends[at]
    whole: list[tuple[int, int, int]] = []
    for at in sorted(first):
        if whole and whole[-1][1] == at and whole[-1][2] == first[at]:
            whole[-1] = whole[-1][0], ends[at], first[at]
        else:
            whole.append((at, ends[at], first[at]))
    return whole

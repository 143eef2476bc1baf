"""What the mappings of exports share: columns that are found by their names, and how times are meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.files import Document

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Times(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How times are written.

    Attributes:
        zone: Of times that do not name theirs, e.g. `Europe/Berlin`.
        formats: Tried in order: `strptime` patterns, or `iso`.
        ambiguous: Which one is meant of the two equal hours in autumn. The hour that spring leaves out is refused.
    """

    zone: str = "UTC"
    formats: tuple[str, ...] = ("iso",)
    ambiguous: Literal["earlier", "later"] = "earlier"

    def within(self, zone: str) -> Times:
        """The same in another zone; "" leaves it."""
        return msgspec.structs.replace(self, zone=zone) if zone else self


def places(columns: msgspec.Struct, header: Sequence[str]) -> dict[str, int]:
    """The place of each field (names of columns, the preferred one first) in this header; one without is missing."""
    at: dict[str, int] = {}
    for number, name in enumerate(header):
        at.setdefault(name.strip().casefold(), number)  # Jira repeats a column per value: the first one counts
    found: dict[str, int] = {}
    for field in msgspec.structs.fields(columns):
        names: tuple[str, ...] = getattr(columns, field.name)
        place = next((at[name.casefold()] for name in names if name.casefold() in at), None)
        if place is not None:
            found[field.name] = place
    return found


def listed(header: Sequence[str]) -> str:
    """The names that are there, for whoever looks for another."""
    return ", ".join(name.strip() for name in header)[:400]


def check(document: Document, columns: msgspec.Struct, times: Times, needed: Sequence[str]) -> None:
    """Whether a mapping names what is needed.

    Raises:
        BadFile: With the line, and what was expected there.
    """
    for name in needed:
        if not getattr(columns, name):
            raise document.bad(["columns", name], f"expected at least one column for {name}")
    try:
        zone(times.zone)
    except BadInput as error:
        raise document.bad(["times", "zone"], str(error)) from None


def check_pattern(document: Document, place: Sequence[str], pattern: str) -> None:
    """Whether a regular expression of a mapping is one.

    Raises:
        BadFile: With its line.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise document.bad(place, f"not a regular expression: {error}") from None


def zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        BadInput: There is none of that name on this machine.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"expected a time zone such as Europe/Berlin, got {name[:60]!r}") from None


def moment_ms(text: str, times: Times) -> int:
    """A time of the export in milliseconds since 1970.

    >>> moment_ms("2026-07-01 12:00:00", Times(zone="Europe/Berlin", formats=("%Y-%m-%d %H:%M:%S",)))
    1782900000000

    Raises:
        BadInput: It is no time in any of the formats, or one that never was.
    """
    for pattern in times.formats:
        try:
            found = datetime.fromisoformat(text) if pattern == "iso" else datetime.strptime(text, pattern)  # noqa: DTZ007
            break
        except ValueError:
            continue
    else:
        raise BadInput(f"expected a time like {', '.join(times.formats)}; got {text[:40]!r}")
    if found.tzinfo is None:
        found = _in_zone(found, times)
    if not EARLIEST <= found <= LATEST:
        raise BadInput(f"expected a time between 2000 and 2100, got {text[:40]!r}")
    return (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _in_zone(naive: datetime, times: Times) -> datetime:
    local = naive.replace(tzinfo=zone(times.zone), fold=1 if times.ambiguous == "later" else 0)
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None, fold=0) != naive:
        raise BadInput(f"{naive} never was in {times.zone}: the clock was put forward over it")
    return local

"""Which column of an export is what, and how its times are meant: a YAML file that a person can read and correct."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.files import Document

SHIPPED = Path(__file__).parent / "mappings"
NEEDED = ("id", "opened")
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of columns, the preferred one first."""

    id: tuple[str, ...]
    opened: tuple[str, ...]
    resolved: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()


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


class TicketMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One system's exports."""

    format_version: Literal[1]
    name: str
    columns: Columns
    times: Times = Times()
    only: dict[str, str] = {}

    @classmethod
    def load(cls, path: Path) -> TicketMapping:
        """Read and check one.

        Raises:
            BadFile: With the line, and what was expected there.
        """
        document = Document.open(path)
        found = document.read(cls)
        for needed in NEEDED:
            if not getattr(found.columns, needed):
                raise document.bad(["columns", needed], f"expected at least one column for {needed}")
        try:
            zone(found.times.zone)
        except BadInput as error:
            raise document.bad(["times", "zone"], str(error)) from None
        for column, pattern in found.only.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise document.bad(["only", column], f"not a regular expression: {error}") from None
        return found

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """The column of each field in this header; fields without one are missing."""
        at: dict[str, int] = {}
        for number, name in enumerate(header):
            at.setdefault(name.strip().casefold(), number)  # Jira repeats a column per value: the first one counts
        found: dict[str, int] = {}
        for field in msgspec.structs.fields(Columns):
            names: tuple[str, ...] = getattr(self.columns, field.name)
            place = next((at[name.casefold()] for name in names if name.casefold() in at), None)
            if place is not None:
                found[field.name] = place
        return found

    def fits(self, header: Sequence[str]) -> bool:
        """Whether the columns that are needed are there."""
        return set(NEEDED) <= set(self.places(header))


def zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        BadInput: There is none of that name on this machine.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"expected a time zone such as Europe/Berlin, got {name[:60]!r}") from None


def shipped() -> list[TicketMapping]:
    """The mappings that come with Mainstay."""
    return [TicketMapping.load(path) for path in sorted(SHIPPED.glob("*.yaml"))]


def fitting(header: Sequence[str], mappings: Iterable[TicketMapping]) -> TicketMapping:
    """The first mapping whose needed columns are in the header; of several the one that finds most.

    Raises:
        BadInput: None fits; says what was looked for and what is there.
    """
    known = list(mappings)
    fit = [mapping for mapping in known if mapping.fits(header)]
    if not fit:
        wanted = "; ".join(f"{m.name}: {' or '.join(m.columns.id)}, {' or '.join(m.columns.opened)}" for m in known)
        there = ", ".join(name.strip() for name in header)[:400]
        raise BadInput(f"no mapping fits these columns: {there}. Needed: {wanted}. Write your own with --mapping")
    return max(fit, key=lambda mapping: len(mapping.places(header)))


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

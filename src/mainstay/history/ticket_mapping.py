"""Which column of an export of tickets is what: a YAML file that a person can read and correct."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from mainstay.domain.errors import BadInput
from mainstay.files import Document
from mainstay.history.columns import Times, check, check_pattern, listed, places

SHIPPED = Path(__file__).parent / "mappings"
NEEDED = ("id", "opened")


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of columns, the preferred one first."""

    id: tuple[str, ...]
    opened: tuple[str, ...]
    resolved: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()


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
        check(document, found.columns, found.times, NEEDED)
        for column, pattern in found.only.items():
            check_pattern(document, ["only", column], pattern)
        return found

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """The column of each field in this header; fields without one are missing."""
        return places(self.columns, header)

    def fits(self, header: Sequence[str]) -> bool:
        """Whether the columns that are needed are there."""
        return set(NEEDED) <= set(self.places(header))


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
        raise BadInput(
            f"no mapping fits these columns: {listed(header)}. Needed: {wanted}. Write your own with --mapping"
        )
    return max(fit, key=lambda mapping: len(mapping.places(header)))

"""Tickets of people, from an export: the good rows are kept, the bad ones are listed with line and reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import msgspec

from mainstay.domain.errors import BadFile, BadInput, MainstayError
from mainstay.domain.similar import Ticket
from mainstay.history.columns import moment_ms
from mainstay.history.export_file import GARBLED, csv_rows, is_garbled, text_of
from mainstay.history.plan import private_folder
from mainstay.history.ticket_mapping import TicketMapping, fitting, shipped
from mainstay.normalize.masking import mask
from mainstay.written import write_whole

FILE = "tickets.json"
MOST_BYTES = 256 << 20
MOST_TEXT = 500


@dataclass(slots=True)
class Export:
    """What a file held: tickets, bad rows as (line, reason), and rows that are no tickets (`only` of the mapping)."""

    mapping: str = ""
    tickets: list[Ticket] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    left_out: int = 0


def read_export(path: Path, mapping: TicketMapping | None = None, zone: str = "") -> Export:
    """The tickets of a CSV file; without a mapping by the shipped one that fits its header.

    `zone` stands in place of the mapping's, for times that do not name theirs.

    Raises:
        BadFile: It is no CSV with a header, or none of the mappings fits.
    """
    rows = csv_rows(text_of(path, MOST_BYTES))
    header = next((row for _, row in rows if isinstance(row, list) and any(row)), None)
    if header is None:
        raise BadFile(str(path), 1, "expected a CSV with a line of column names first")
    try:
        mapping = mapping or fitting(header, shipped())
        reader = _Reader(mapping, header, zone)
    except BadInput as error:
        raise BadFile(str(path), 1, str(error)) from None
    export = Export(mapping.name)
    for line, row in rows:
        reader.take(line, row, export)
    return export


def keep(folder: Path, tickets: list[Ticket]) -> list[Ticket]:
    """Add tickets to those of earlier exports, by id; the newer one holds. All of them, by time."""
    merged = {ticket.id: ticket for ticket in chain(kept(folder), tickets)}
    everything = sorted(merged.values(), key=lambda ticket: (ticket.opened_ms, ticket.id))
    write_whole(private_folder(folder) / FILE, msgspec.json.encode(everything))
    return everything


def kept(folder: Path) -> list[Ticket]:
    """The tickets that were imported into this folder.

    Raises:
        MainstayError: The file is damaged.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=list[Ticket])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise MainstayError(
            f"{folder / FILE} cannot be read ({error}): remove it and import the tickets again"
        ) from None


class _Reader:
    """One header, one mapping: a row becomes a ticket, or a reason why not."""

    def __init__(self, mapping: TicketMapping, header: list[str], zone: str) -> None:
        self._times = mapping.times.within(zone)
        self._width, self._places = len(header), mapping.places(header)
        if not mapping.fits(header):
            fitting(header, [mapping])  # says what is missing
        names = [name.strip().casefold() for name in header]
        self._only = [
            (names.index(column.casefold()), re.compile(pattern))
            for column, pattern in mapping.only.items()
            if column.casefold() in names
        ]
        self._seen: dict[str, int] = {}

    def take(self, line: int, row: list[str] | str, export: Export) -> None:
        if isinstance(row, str):
            export.bad.append((line, row))
            return
        if not any(cell.strip() for cell in row):
            return
        try:
            ticket = self._judged(line, row)
        except BadInput as error:
            export.bad.append((line, str(error)))
            return
        if ticket is None:
            export.left_out += 1
        else:
            export.tickets.append(ticket)

    def _judged(self, line: int, row: list[str]) -> Ticket | None:
        """The ticket; None when the mapping leaves this row out. BadInput says what is wrong with it."""
        if len(row) != self._width:
            raise BadInput(f"expected {self._width} columns as in the first line, got {len(row)}")
        if any(not pattern.fullmatch(row[place].strip()) for place, pattern in self._only):
            return None
        ticket = self._ticket(row)
        if (first := self._seen.setdefault(ticket.id, line)) != line:
            raise BadInput(f"{ticket.id[:80]} stands in line {first} already; that one is kept")
        return ticket

    def _ticket(self, row: list[str]) -> Ticket:
        said = {name: row[place].strip()[:MOST_TEXT] for name, place in self._places.items()}
        if not said["id"]:
            raise BadInput("no id")
        if any(map(is_garbled, said.values())):
            raise BadInput(GARBLED)
        opened_ms = moment_ms(said["opened"], self._times)
        resolved_ms = moment_ms(said["resolved"], self._times) if said.get("resolved") else None
        if resolved_ms is not None and resolved_ms < opened_ms:
            raise BadInput(f"resolved ({said['resolved']}) before it was opened ({said['opened']})")
        words = {name: mask(said.get(name, "")) for name in ("title", "service", "severity")}
        return Ticket(id=said["id"], opened_ms=opened_ms, resolved_ms=resolved_ms, **words)

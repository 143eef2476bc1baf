"""Changes out of a CSV or JSON export; what does not parse is said with line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mainstay.domain.changes import PlannedChange
from mainstay.domain.errors import BadFile, BadInput
from mainstay.history.changes.mapping import SHIPPED, ChangeMapping
from mainstay.history.columns import moment_ms
from mainstay.history.export_file import GARBLED, csv_rows, is_garbled, text_of

MOST_BYTES = 64 << 20
LISTS = re.compile(r'^\s*(?:\{\s*"(?:result|records)"\s*:\s*)?\[')
"""A list by itself, or what ServiceNow's table API (`result`) and its JSON export (`records`) write."""
SPACE = re.compile(r"[\s,]*")


class Fault(NamedTuple):
    """What is wrong where."""

    line: int
    field: str
    says: str


@dataclass(slots=True)
class ChangeExport:
    """What a file held."""

    mapping: str = ""
    changes: list[PlannedChange] = field(default_factory=list)
    bad: list[Fault] = field(default_factory=list)


def read_changes(path: Path, mapping: ChangeMapping | None = None, zone: str = "") -> ChangeExport:
    """The changes of an export, and the rows that are none. `zone` stands in place of the mapping's.

    Raises:
        BadFile: It is neither CSV nor JSON, or columns that are needed are missing; with the line.
    """
    mapping = mapping or ChangeMapping.load(SHIPPED)
    mapping = msgspec.structs.replace(mapping, times=mapping.times.within(zone))
    text = text_of(path, MOST_BYTES)
    is_json = text.lstrip()[:1] in ("[", "{")
    rows = _objects(text, path) if is_json else _rows(text, path)
    export = ChangeExport(mapping.name)
    seen: dict[str, int] = {}
    places: dict[str, str] = {}
    for line, row in rows:
        try:
            places = places or mapping.places(row)
        except BadInput as error:
            raise BadFile(str(path), line if is_json else 1, str(error)) from None
        try:
            change = _change(row, places, mapping)
        except _Bad as error:
            export.bad.append(Fault(line, error.field, str(error)))
            continue
        first = seen.setdefault(change.id, line)
        if first == line:
            export.changes.append(change)
        else:
            export.bad.append(Fault(line, "id", f"{change.id[:80]} stands in line {first} already"))
    return export


class _Bad(BadInput):
    def __init__(self, name: str, says: str) -> None:
        super().__init__(says)
        self.field = name


def _change(row: dict[str, Any], places: dict[str, str], mapping: ChangeMapping) -> PlannedChange:
    said = {name: _said(name, row.get(column)) for name, column in places.items()}
    for needed in ("id", "at", "service"):
        if not said[needed]:
            raise _Bad(needed, f"expected something in column {places[needed]}, it is empty")
    try:
        at_ms = moment_ms(said["at"], mapping.times)
    except BadInput as error:
        raise _Bad("at", str(error)) from None
    size = said.get("size", "") or "0"
    if not (size.isascii() and size.isdigit()):
        raise _Bad("size", f"expected how many files were touched, got {size[:40]!r}")
    texts = {name: said.get(name, "") for name in ("environment", "version", "previous_version", "author", "summary")}
    try:
        return msgspec.convert(
            {
                **texts,
                "id": said["id"],
                "service": said["service"],
                "at": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
                "kind": mapping.kind(said.get("kind", "")),
                "outcome": mapping.outcome(said.get("outcome", "")),
                "size": int(size),
                "source": mapping.source,
            },
            PlannedChange,
        )
    except msgspec.ValidationError as error:
        says, _, where = str(error).partition(" - at `$.")
        raise _Bad(where.rstrip("`") or "row", says) from None


def _said(name: str, value: Any) -> str:
    """Text of a cell; ServiceNow writes `{"display_value": …, "value": …}` when it is asked for both."""
    if isinstance(value, dict):
        value = value.get("display_value", value.get("value"))
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Bad(name, f"expected text, got {type(value).__name__}")
    text = str(value).strip()
    if is_garbled(text):
        raise _Bad(name, GARBLED)
    return text


def _rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, row) of a CSV with a line of names first."""
    header: list[str] = []
    for line, row in csv_rows(text):
        if isinstance(row, str):
            raise BadFile(str(path), line, row)
        if not header:
            header = row if any(row) else []
        elif len(row) == len(header):
            yield line, dict(zip(header, row, strict=True))
        elif any(row):
            raise BadFile(str(path), line, f"expected {len(header)} columns as in the first line, got {len(row)}")
    if not header:
        raise BadFile(str(path), 1, "expected a line of column names first")


def _objects(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, record) of a JSON list."""
    found = LISTS.match(text)
    if found is None:
        raise BadFile(str(path), 1, 'expected a list of records, or {"result": [...]} or {"records": [...]}')
    decoder, place, line, counted = json.JSONDecoder(), found.end(), 1, 0
    while True:
        place = SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing at the least
        line, counted = line + text.count("\n", counted, place), place
        if text[place : place + 1] == "]":
            return
        try:
            record, place = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError) as error:
            at = getattr(error, "lineno", line)
            raise BadFile(str(path), at, f"not JSON: {getattr(error, 'msg', 'nested too deeply')}") from None
        if not isinstance(record, dict):
            raise BadFile(str(path), line, f"expected a record, got {type(record).__name__}")
        yield line, record

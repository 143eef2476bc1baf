"""How lists are printed: aligned for a person, JSON for a program."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click


def dump(found: Any) -> None:
    """Print an answer for a program: JSON, its text as it is."""
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


def show(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], as_json: bool, empty: str = "none") -> None:
    """Print rows; `columns` maps a heading to a field (dots go deeper)."""
    if as_json:
        dump(list(rows))
        return
    if not rows:
        click.echo(empty)
        return
    cells = [[_cell(row, field) for field in columns.values()] for row in rows]
    widths = [max(len(head), *(len(line[i]) for line in cells)) for i, head in enumerate(columns)]
    for line in [list(columns), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def ago(at_ms: int | None) -> str:
    """A moment as a person reads it.

    >>> ago(None)
    '-'
    """
    if not at_ms:
        return "-"
    seconds = max(0, int(time.time() - at_ms / 1000))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _cell(row: Mapping[str, Any], field: str) -> str:
    value: Any = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if field.endswith("_ms"):
        return ago(value)
    if isinstance(value, Mapping) and {"model", "version"} <= set(value):
        return f"{value['model']}@{value['version']}"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else "·" for char in text)[:120]
